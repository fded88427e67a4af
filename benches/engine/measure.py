"""Runs a command and says what it cost: seconds of CPU of all its processes, seconds on the clock, memory."""

import os
import signal
import subprocess
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .tools import Failed

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MIB = 1024 * 1024


@dataclass
class Sample:
    """What the processes of a run had used at a moment."""

    at_s: float
    cpu_s: float
    # Seconds in which a thread was ready to run and had no core: more than a few mean that others use the machine.
    waited_s: float
    processes: int


@dataclass
class Cost:
    """What a run cost."""

    wall_s: float
    cpu_s: float
    # The largest single process, and the most that all of them held together when looked at.
    largest_mib: float
    together_mib: float
    samples: list[Sample] = field(default_factory=list, repr=False)

    def as_dict(self):
        """Without the samples, which are many."""
        return {k: round(v, 3) for k, v in asdict(self).items() if k != "samples"}


def run(argv, log, cwd=None, on_start=None, sample_every_s=0.25):
    """Runs the command to its end, all it says going to the file `log`.

    `wait4` counts what the command's own children used too, once it has waited for them: all contestants do."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        started = time.monotonic()
        process = subprocess.Popen(
            [str(a) for a in argv],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watch = Watch(process.pid, started, sample_every_s)
        try:
            if on_start:
                on_start(process)
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            end_group(process.pid)
            raise
        finally:
            watch.stop()
        wall_s = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        end = log.read_text(errors="replace")[-1500:]
        raise Failed(f"{Path(argv[0]).name} ended with {process.returncode}: {end}")
    return Cost(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        largest_mib=usage.ru_maxrss / 1024,
        together_mib=watch.together_bytes / MIB,
        samples=watch.samples,
    )


def end_group(pid):
    """Ends a command that was started by `run`, with all its children."""
    try:
        os.killpg(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass


class Watch:
    """Looks at a process and its descendants now and then."""

    def __init__(self, pid, started, every_s):
        self.pid, self.started, self.every_s = pid, started, every_s
        self.samples, self.together_bytes = [], 0
        # Of processes that have ended, nobody else remembers how long they waited.
        self.waited_s = {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.ended.wait(self.every_s):
            used = []
            for pid in descendants(self.pid):
                if usage := usage_of(pid):
                    used.append(usage)
                    self.waited_s[pid] = waited_s_of(pid)
            self.together_bytes = max(self.together_bytes, sum(bytes_ for _, bytes_ in used))
            at_s, cpu_s = time.monotonic() - self.started, sum(cpu_s for cpu_s, _ in used)
            self.samples.append(Sample(at_s, cpu_s, sum(self.waited_s.values()), len(used)))

    def stop(self):
        self.ended.set()
        self.thread.join()


def descendants(pid):
    """The process and everything below it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue
    return found


def usage_of(pid):
    """CPU seconds of a process and of its children that have ended, and resident bytes; None if it is gone."""
    try:
        return parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except OSError:
        return None


def waited_s_of(pid):
    """Seconds that the threads of a process were ready to run without a core; 0 where the kernel does not tell."""
    total_ns = 0
    for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total_ns += int(schedstat.read_text().split()[1])
        except (OSError, IndexError):
            continue
    return total_ns / 1e9


def parse_stat(text):
    """CPU seconds and resident bytes out of /proc/PID/stat.

    >>> cpu_s, bytes_ = parse_stat("7 (a) b) S 1 1 1 0 -1 4 0 0 0 0 100 20 3 4 20 0 1 0 5 9 25 18")
    >>> cpu_s == 127 / TICKS_PER_S, bytes_ == 25 * PAGE_BYTES
    (True, True)
    """
    # The name, in parentheses, may hold anything: count fields from its end.
    fields = text.rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS_PER_S, int(fields[21]) * PAGE_BYTES
