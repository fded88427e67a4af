"""What happens to workers and services. Each fault has a name, a weight, and a way to do it to one worker."""

import os
import random
import signal
import threading
import time

from . import kinds
from .proxy import Proxy, Rule

#: Faults that are deaths: what `--kills` counts.
KILL_WORKER = "SIGKILL of a worker"
KILL_BEFORE = "SIGKILL of a worker before a request is sent"
KILL_AFTER = "SIGKILL of a worker after a request, before its answer"
KILL_CHILD = "SIGKILL of a media child"
KILL_STACK = "SIGKILL of S3 and SQS, started again over the same data"
KILLS = (KILL_WORKER, KILL_BEFORE, KILL_AFTER, KILL_CHILD, KILL_STACK)

STOP = "SIGSTOP past the visibility timeout, then SIGCONT"
HEARTBEATS = "heartbeats answered 200 and lost"
DELETE = "DeleteMessage answers 500, nothing done"
DELETE_DONE = "DeleteMessage done, answers 500"
S500, S503 = "S3 answers 500, the request done", "S3 answers 503 SlowDown"
S409, S412 = "S3 answers 409 to a conditional write", "S3 answers 412 to a write that it did"
RESET, CUT = "connection reset in the middle of an answer", "GET body cut off"
SHORT = "GET of an upload or a segment shortened, length and all"
FLIPPED = "GET of an upload or a segment with one bit changed"
LATE = "a request that takes 3 s longer"
AGAIN = "an event delivered again, often an older one"
DISK = "scratch disk full for 2 s"
CLOCK = "SQS's clock jumps 1 h ahead: every hold ends"

#: How often each is chosen.
WEIGHTS = {
    KILL_WORKER: 20, KILL_BEFORE: 18, KILL_AFTER: 18, KILL_CHILD: 12, KILL_STACK: 2,
    STOP: 2, HEARTBEATS: 2, DELETE: 2, DELETE_DONE: 2, S500: 4, S503: 4, S409: 3, S412: 3, RESET: 4, CUT: 3,
    SHORT: 2, FLIPPED: 2, LATE: 4, AGAIN: 5, DISK: 1, CLOCK: 1,
}

READS = ("download", "commits", "restore", "pointer-read", "sidecars")
WRITES = ("segment", "commit", "text", "plan", "report", "pointer", "progress", "preview")
CONDITIONAL = ("commit", "pointer")
#: The SDK asks three times in all before it gives up.
TRIES = 3


class Chaos:
    """Does one fault after the other to workers at random, by a seed."""

    def __init__(self, seed, stack, workers, disk, events):
        self.chance = random.Random(seed)
        self.stack, self.workers, self.disk, self.events = stack, workers, disk, events
        #: Workers that are stopped, or whose disk is full, at the moment: they are left alone.
        self.busy = set()
        self.threads = []

    def kills(self):
        return sum(self.events.faults.get(fault, 0) for fault in KILLS)

    def one(self, only=None):
        """Does or prepares one fault."""
        names = [name for name in WEIGHTS if only is None or name in only]
        fault = self.chance.choices(names, [WEIGHTS[name] for name in names])[0]
        free = [worker for worker in self.workers if worker.name not in self.busy]
        # A death counts for more where there is work to lose.
        at_work = [worker for worker in free if worker.media_children()] if fault in (KILL_WORKER, KILL_CHILD) else []
        if free:
            self.do(fault, self.chance.choice(at_work or free))

    def do(self, fault, worker):
        s3, sqs = worker.s3, worker.sqs
        done = self.events.injected
        if fault == KILL_WORKER:
            worker.kill()
            done(fault)
        elif fault in (KILL_BEFORE, KILL_AFTER):
            kind = self.chance.choice(kinds.KINDS[:-1])
            spoil = Proxy.before if fault == KILL_BEFORE else Proxy.after
            for proxy in (s3, sqs):
                # One worker waits for one death at a time.
                proxy.disarm()
                proxy.arm(Rule(fault, (kind,), spoil(worker.kill)))
        elif fault == KILL_CHILD:
            if children := worker.media_children():
                try:
                    os.kill(self.chance.choice(children), signal.SIGKILL)
                    done(fault)
                except ProcessLookupError:
                    pass
        elif fault == KILL_STACK:
            self.stack.kill()
            done(fault)
        elif fault == STOP:
            self.meanwhile(worker, self.stop, fault)
        elif fault == DISK:
            if worker is self.workers[0]:
                self.meanwhile(worker, self.fill, fault)
        elif fault == CLOCK:
            self.stack.advance(3600)
            done(fault)
        elif fault == AGAIN:
            if self.events.bodies:
                self.stack.sqs().ask("SendMessage", MessageBody=self.chance.choice(self.events.bodies))
                done(fault)
        elif fault == HEARTBEATS:
            self.arm(sqs, fault, ("heartbeat",), Proxy.unheard, 4)
        elif fault == DELETE:
            self.arm(sqs, fault, ("delete",), Proxy.status(500), TRIES)
        elif fault == DELETE_DONE:
            self.arm(sqs, fault, ("delete",), Proxy.status(500, done=True))
        elif fault == S500:
            self.arm(s3, fault, WRITES, Proxy.status(500, done=True))
        elif fault == S503:
            self.arm(s3, fault, READS + WRITES, Proxy.status(503), self.chance.choice((1, TRIES)))
        elif fault == S409:
            self.arm(s3, fault, CONDITIONAL, Proxy.status(409))
        elif fault == S412:
            self.arm(s3, fault, CONDITIONAL, Proxy.status(412, done=True))
        elif fault == RESET:
            self.arm(s3, fault, READS + WRITES, Proxy.half(reset=True))
        elif fault == CUT:
            self.arm(s3, fault, READS, Proxy.half(reset=False), self.chance.choice((1, TRIES)))
        elif fault == SHORT:
            self.arm(s3, fault, ("download", "restore"), Proxy.shortened)
        elif fault == FLIPPED:
            self.arm(s3, fault, ("download", "restore"), Proxy.flipped)
        elif fault == LATE:
            self.arm(s3, fault, READS + WRITES, Proxy.late(3))

    def arm(self, proxy, fault, of, spoil, count=1):
        """The next requests of one kind out of `of`."""
        kind = self.chance.choice(of)
        for _ in range(count):
            proxy.arm(Rule(fault, (kind,), spoil))

    def meanwhile(self, worker, act, fault):
        self.busy.add(worker.name)

        def run():
            try:
                act(worker)
                self.events.injected(fault)
            finally:
                self.busy.discard(worker.name)

        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()

    def stop(self, worker):
        worker.signal(signal.SIGSTOP)
        time.sleep(kinds.VISIBILITY_S + 2)
        worker.signal(signal.SIGCONT)

    def fill(self, worker):
        self.disk.fill(worker)
        time.sleep(2)
        self.disk.free(worker)

    def end(self):
        """Nothing more happens."""
        for worker in self.workers:
            worker.s3.disarm()
            worker.sqs.disarm()
        for thread in self.threads:
            thread.join()
