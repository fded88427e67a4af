"""Whether all came out right, judged by the bucket and by the processes that are left."""

import collections
import hashlib
import pathlib
import subprocess
import tempfile

from . import faults
from .uploads import BAD, GOOD
from .watch import history_breaches

#: What one fault may cost, in chunks that are encoded again. A death costs the chunk at work, one of each worker. Where a
#: hold ends under a worker that goes on, two work on one episode, of three chunks at most; where an answer is lost or an
#: error, the job may end with its chunk not committed.
EPISODE_CHUNKS = 3
CHECKED_WITHIN_S = 120


def allowed(events, workers):
    both = EPISODE_CHUNKS
    costs = collections.defaultdict(lambda: 1, {
        faults.KILL_STACK: workers * both, faults.CLOCK: workers * both, faults.STOP: both, faults.HEARTBEATS: both,
        faults.AGAIN: both, faults.DISK: both,
    })
    return sum(costs[fault] * count for fault, count in events.faults.items())


class Verdict:
    """Collects what holds and what does not."""

    def __init__(self, stack, events, watch, programs):
        self.stack, self.events, self.watch, self.programs = stack, events, watch, programs
        self.outcomes = collections.Counter()
        self.segments = {}

    def uploads(self, jobs):
        """Each last upload of a name is live or has failed with a reason, and no good one is called bad."""
        s3 = self.stack.s3()
        for job in jobs:
            pointer, failures = s3.document(f"vod/{job.asset}/current.json"), self.failures(s3, job)
            live, newest = pointer and pointer["source"]["etag"], job.tags[-1]
            if job.contents[-1][0] == GOOD:
                self.good(s3, job, pointer, live == newest)
            else:
                said = [failure for failure in failures if failure["source"]["etag"] == newest]
                if not any(failure["message"].endswith(".") for failure in said):
                    self.events.breach(f"{job.asset}: a bad file has no record of its failure")
                elif live == newest:
                    self.events.breach(f"{job.asset}: a bad file is published")
                else:
                    self.outcomes["failed with a reason"] += 1
            self.outcomes["replaced by a newer upload"] += len(job.tags) - 1
            bad = {tag for (kind, _), tag in zip(job.contents, job.tags) if kind == BAD}
            for failure in failures:
                if failure["source"]["etag"] not in bad:
                    why = f"{failure['code']} {failure.get('detail')}"
                    self.events.breach(f"{job.asset}: a good file is recorded as failed: {why}")

    def good(self, s3, job, pointer, is_newest):
        if pointer is None:
            self.events.breach(f"{job.asset}: lost: uploaded, and not published")
        elif not is_newest:
            self.events.breach(f"{job.asset}: another upload than the newest one is live")
        else:
            self.outcomes["published"] += 1
            self.tree(s3, job.asset, pointer["version"])

    def failures(self, s3, job):
        keys = [key for key in s3.list(f"jobs/{job.asset}/") if key.endswith("/failure.json")]
        return [s3.document(key) for key in keys]

    def tree(self, s3, asset, version):
        """`flodrama check` finds nothing wrong, and segments are the bytes that the same clip gave elsewhere."""
        root = f"vod/{asset}/{version}/"
        with tempfile.TemporaryDirectory() as folder:
            hashes = []
            for key in sorted(s3.list(root)):
                path = pathlib.Path(folder, key.removeprefix(root))
                path.parent.mkdir(parents=True, exist_ok=True)
                body = s3.get(key)
                path.write_bytes(body)
                if key.endswith((".m4s", ".mp4")):
                    hashes.append((key.removeprefix(root), hashlib.sha256(body).hexdigest()))
            check = [self.programs.flodrama, "check", folder]
            done = subprocess.run(check, capture_output=True, text=True, timeout=CHECKED_WITHIN_S)
            if done.returncode != 0:
                said = f"{done.stdout[-400:]}{done.stderr[-200:]}"
                self.events.breach(f"{asset}: {version} does not pass `flodrama check`: {said}")
            same = self.segments.setdefault(len(hashes), hashes)
            if same != hashes:
                self.events.breach(f"{asset}: {version} has other segments than the same clip gave elsewhere")

    def history(self):
        for what in history_breaches(self.events, self.watch):
            self.events.breach(what)

    def work(self, workers):
        """Chunks that were begun, against those that were committed."""
        begun = sum(len(worker.encodes()) for worker in workers)
        committed = sum("/commits/chunk" in key for key in self.events.commits)
        again, most = begun - committed, allowed(self.events, len(workers))
        if again > most:
            self.events.breach(f"{again} chunks were encoded again, at most {most} is what the faults explain")
        return begun, committed, again, most

    def leftovers(self, workers, folder):
        """After the workers stopped: scratch is empty, no process is left."""
        for worker in workers:
            left = sorted(path.name for path in worker.scratch.iterdir())
            if left:
                self.events.breach(f"{worker.name}: {len(left)} left in its scratch folder: {left[:3]}")
            if worker.crashes:
                self.events.breach(f"{worker.name}: ended by itself, status {worker.crashes}")
        for process in pathlib.Path("/proc").iterdir():
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if process.name.isdigit() and f"{folder}/worker" in command:
                self.events.breach(f"a process is left: {command}")
