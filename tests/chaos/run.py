"""Faults at random over many jobs, then the verdict."""

import pathlib
import random
import time

from . import aws, clips, faults, local, uploads
from .verdict import Verdict
from .watch import Events, Watch

PRESET = pathlib.Path(__file__).with_name("tiny.toml")
#: Deaths count as receives: the queue must bear more of them than a run has (docs/RELIABILITY.md).
RECEIVES = 1000
#: After the last fault, work that does not get on for so long never will.
STUCK_AFTER_S = 120
#: A message waits a minute at most before it comes again: the clock is moved so far where nothing else is left to do.
WAITS_S = 61
MOVE_AFTER_S = 6
TELL_EVERY_S = 30
GONE = (OSError, aws.Refused, aws.http.client.HTTPException)


class Arena:
    """A stack, workers, the watch."""

    def __init__(self, programs, folder, workers):
        self.folder, self.programs, self.events = folder, programs, Events()
        self.stack = local.Stack(programs, folder / "data")
        self.stack.sqs().allow_receives(RECEIVES)
        self.disk = local.SmallDisk(folder / "worker-0" / "scratch")
        self.workers = [
            local.Worker(f"worker-{n}", self.stack, folder / f"worker-{n}", self.events, PRESET) for n in range(workers)
        ]
        self.watch = Watch(self.stack, self.events)

    def drain(self, patience_s=STUCK_AFTER_S):
        """Waits until no message is left; false where nothing gets on any more."""
        least, calm = self.stack.sqs().count(), 0
        got_on = moved = time.monotonic()
        while calm < 3:
            time.sleep(0.5)
            now, left = time.monotonic(), self.stack.sqs().count()
            calm = calm + 1 if left == 0 else 0
            if left < least:
                least, got_on, moved = left, now, now
            if now > got_on + patience_s:
                return False
            if left and now > moved + MOVE_AFTER_S:
                # What waits for a dead worker's hold, or for its next try, need not: time passes.
                self.stack.advance(WAITS_S)
                moved = now
        return True

    def close(self):
        """Stops everything; judges what is left."""
        for worker in self.workers:
            if not worker.stop():
                self.events.breach(f"{worker.name}: does not stop by SIGTERM")
        self.watch.stop()
        self.disk.free(self.workers[0])

    def end(self):
        self.stack.stop()
        self.disk.close()


def main(args, programs, folder):
    print(f"seed {args.seed}: {args.kills} kills in {args.seconds} s over {args.jobs} uploads, {args.workers} workers")
    base = clips.make(folder)
    jobs = uploads.planned(args.jobs, base, args.seed)
    begun = time.monotonic()
    arena = Arena(programs, folder, args.workers)
    print(f"full disk by {'a tmpfs of %d MB' % local.SmallDisk.SIZE_MB if arena.disk.mounted else 'RLIMIT_FSIZE'}")
    try:
        chaos = faults.Chaos(args.seed, arena.stack, arena.workers, arena.disk, arena.events)
        storm(args, arena, chaos, jobs)
        chaos.end()
        stormed = time.monotonic() - begun
        if not arena.drain():
            arena.events.breach(f"{arena.stack.sqs().count()} messages are left, and none of them gets on without a fault")
        if dead := arena.stack.sqs().count(aws.QUEUE + "-dlq"):
            arena.events.breach(f"{dead} dead letters")
        arena.close()
        verdict = Verdict(arena.stack, arena.events, arena.watch, programs)
        verdict.uploads(jobs)
        verdict.history()
        work = verdict.work(arena.workers)
        verdict.leftovers(arena.workers, folder)
    finally:
        arena.end()
    print(table(arena, verdict, work, chaos.kills()))
    print(f"storm {stormed:.0f} s, all {time.monotonic() - begun:.0f} s, seed {args.seed}")
    if chaos.kills() < args.kills:
        arena.events.breach(f"only {chaos.kills()} of {args.kills} kills came about in the time")
    return 1 if arena.events.breaches else 0


def storm(args, arena, chaos, jobs):
    """Uploads and faults, side by side, until all came about or the time is over."""
    chance = random.Random(args.seed + 1)
    # On a machine that is busy with other things, deaths at a request come late.
    deadline = time.monotonic() + 2 * args.seconds
    total = sum(len(job.contents) for job in jobs)
    next_fault = next_upload = time.monotonic()
    share = sum(weight for fault, weight in faults.WEIGHTS.items() if fault in faults.KILLS) / sum(faults.WEIGHTS.values())
    # Some faults find nobody to hit: a little faster than the count asks for.
    every_s = args.seconds / args.kills * share * 0.6
    waiting = list(jobs)
    told = begun = time.monotonic()
    while time.monotonic() < deadline and (chaos.kills() < args.kills or waiting):
        now = time.monotonic()
        if now > told + TELL_EVERY_S:
            told = now
            print(f"{now - begun:4.0f} s: {chaos.kills()} kills, {len(arena.events.writes)} episodes published", flush=True)
        try:
            if waiting and now >= next_upload:
                job = chance.choice(waiting)
                job.send(arena.stack.s3())
                waiting = [job for job in waiting if job.waits]
                sent = sum(len(job.tags) for job in jobs)
                # A quarter at once, so that workers have a backlog; the rest over nine tenths of the time.
                next_upload = now if sent < total / 4 else now + args.seconds * 1.2 / total
            if now >= next_fault:
                chaos.one()
                next_fault = now + every_s * chance.uniform(0.5, 1.5)
        except GONE:
            pass
        time.sleep(0.01)
    for job in waiting:
        while job.waits:
            job.send(arena.stack.s3())


def table(arena, verdict, work, kills):
    """Fault → injected → outcome."""
    events, (begun, committed, again, most) = arena.events, work
    lines = ["", f"{'fault':<62}injected"]
    lines += [f"{fault:<62}{events.faults.get(fault, 0):>8}" for fault in faults.WEIGHTS]
    lines += ["", "spoilt at: " + ", ".join(f"{kind} {count}" for kind, count in sorted(events.steps.items())), ""]
    outcome = ", ".join(f"{count} {what}" for what, count in sorted(verdict.outcomes.items()))
    writes = sum(len(moves) for moves in events.writes.values())
    lines += [
        f"{kills} kills: {outcome}",
        f"{writes} pointer writes, {arena.watch.looks} looks at pointers and all that they lead to",
        f"{begun} chunks begun for {committed} committed: {again} again, at most {most} by the faults",
        f"conditions refused by S3: {events.refused}",
        f"breaches: {len(events.breaches)}",
    ]
    return "\n".join(lines + [f"  {breach}" for breach in events.breaches])


def sabotage(args, programs, folder):
    """A segment is taken away from what is published: the watch must find that, or it would find nothing."""
    base = clips.make(folder)
    arena = Arena(programs, folder, 1)
    try:
        job = uploads.Upload("uploads/job-000.mp4", [(uploads.GOOD, base["short"])])
        job.send(arena.stack.s3())
        arena.drain(60)
        s3 = arena.stack.s3()
        segment = next(key for key in s3.list("vod/job-000/") if key.endswith(".m4s"))
        s3.ask("DELETE", segment)
        deadline = time.monotonic() + 20
        while not arena.events.breaches and time.monotonic() < deadline:
            time.sleep(0.2)
        arena.close()
    finally:
        arena.end()
    found = any("half-published" in breach for breach in arena.events.breaches)
    print("the watch found it" if found else "the watch found nothing: it is worth nothing")
    return 0 if found else 1
