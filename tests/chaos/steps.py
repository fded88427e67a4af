"""A death at each request of a job, before it is sent and after it is done: the job goes on, and costs a chunk at most."""

import time

from . import clips, faults, kinds, uploads
from .proxy import Proxy, Rule
from .run import Arena
from .verdict import Verdict

#: One job on one worker, deaths included.
JOB_WITHIN_S = 120
#: What every job asks for; `failure` is one of a bad file.
OF_GOOD = tuple(kind for kind in kinds.KINDS if kind not in ("heartbeat", "restore", "give-back", "failure", "other"))


def main(args, programs, folder):
    base = clips.make(folder)
    arena = Arena(programs, folder, 1)
    worker, jobs, rows = arena.workers[0], [], []
    try:
        for kind in OF_GOOD + ("failure",):
            for fault, spoil in ((faults.KILL_BEFORE, Proxy.before), (faults.KILL_AFTER, Proxy.after)):
                number = len(jobs)
                content = (uploads.GOOD, clips.marked(base["long"], number))
                if kind == "failure":
                    content = (uploads.BAD, clips.broken(number))
                job = uploads.Upload(f"uploads/step-{number:03}.mp4", [content])
                jobs.append(job)
                rows.append((kind, fault, *one(arena, worker, job, Rule(fault, (kind,), spoil(worker.kill)))))
        arena.close()
        verdict = Verdict(arena.stack, arena.events, arena.watch, programs)
        verdict.uploads(jobs)
        verdict.history()
        verdict.leftovers(arena.workers, folder)
    finally:
        arena.end()
    print(f"{'step':<14}{'death':<56}{'chunks again':>12}{'seconds':>9}")
    for kind, fault, again, took in rows:
        print(f"{kind:<14}{fault:<56}{again:>12}{took:>9.1f}")
    print(f"{len(rows)} deaths: {dict(verdict.outcomes)}; breaches: {len(arena.events.breaches)}")
    return 1 if arena.events.breaches else 0


def one(arena, worker, job, rule):
    """A job with one death: chunks that were encoded again, seconds until no message was left."""
    begun, events = len(worker.encodes()), arena.events
    before = events.faults.get(rule.fault, 0)
    for proxy in (worker.s3, worker.sqs):
        proxy.disarm()
        proxy.arm(rule)
    if "receive" in rule.kinds:
        # It waits for a message in a request that was made before the rule.
        worker.kill()
    at = time.monotonic()
    job.send(arena.stack.s3())
    died = done = False
    while not done and time.monotonic() < at + JOB_WITHIN_S:
        time.sleep(0.05)
        if not died and events.faults.get(rule.fault, 0) > before:
            died = True
            # What this worker held, nobody holds now: time passes.
            time.sleep(0.2)
            arena.stack.advance(kinds.VISIBILITY_S + 1)
        done = arena.stack.sqs().count() == 0 and died
    took = time.monotonic() - at
    if not died:
        events.breach(f"{job.asset}: no request to die at: {rule.kinds[0]}")
    elif not done:
        events.breach(f"{job.asset}: not done {JOB_WITHIN_S} s after {rule.fault} at {rule.kinds[0]}")
    chunks = sum("/commits/chunk" in key for key in events.commits if f"/{job.asset}/" in key)
    again = len(worker.encodes()) - begun - chunks
    if again > 1:
        events.breach(f"{job.asset}: {again} chunks were encoded again for one death at {rule.kinds[0]}")
    return again, took
