"""Load by wrk, on the other core, and what it cost the server."""

import json
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from engine.tools import Failed

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """What one run sends."""

    method: str
    # Files with one path and query a line, and one token a line.
    paths: Path
    tokens: Path | None = None
    connections: int = 32
    seconds: float = 4
    # How long each connection waits between requests; 0: not at all.
    delay_ms: int = 0
    # Requests in all; 0: as many as fit.
    count: int = 0


@dataclass
class Result:
    """What it was answered, and the server's CPU seconds meanwhile."""

    requests: int
    seconds: float
    bytes: int
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int
    cpu_s: float

    @property
    def per_s(self):
        """Answers for each second on the clock."""
        return self.requests / self.seconds

    @property
    def per_cpu_s(self):
        """Answers for each second of the server's CPU: what one core of its own would give."""
        return self.requests / self.cpu_s if self.cpu_s else 0.0

    @property
    def busy(self):
        """The share of a core that the server had."""
        return self.cpu_s / self.seconds


def command(load, port, core):
    """wrk with what it sends, on a core."""
    argv = ["taskset", "--cpu-list", str(core), "wrk", "--threads", "1", "--connections", str(load.connections)]
    argv += ["--duration", f"{max(1, round(load.seconds))}s", "--timeout", "60s", "--script", str(SCRIPT)]
    argv += [f"http://127.0.0.1:{port}/", "--", load.method, str(load.paths), str(load.tokens or "-")]
    return [*argv, str(load.delay_ms), str(load.count)]


def run(load, server, port, core):
    """Loads a server from another core."""
    before = server.cpu_s()
    with subprocess.Popen(
        command(load, port, core), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as wrk:
        said = ""
        for line in wrk.stdout:
            said += line
            if line == "STOPPED\n":
                wrk.send_signal(signal.SIGINT)
    cpu_s = server.cpu_s() - before
    if wrk.returncode:
        raise Failed(f"wrk ended with {wrk.returncode}: {said[-500:]}")
    result = parse(said, cpu_s)
    if result.refused or result.broken or not result.requests:
        raise Failed(f"{server.name}: {result} {server.said()}")
    return result


def parse(text, cpu_s):
    """What load.lua printed.

    >>> said = '{"requests": 10, "seconds": 2, "bytes": 9, "p50_ms": 1, "p99_ms": 2, "refused": 0, "broken": 0}'
    >>> result = parse(f"Running\\nRESULT {said}\\n", 0.5)
    >>> result.per_s, result.per_cpu_s, result.busy
    (5.0, 20.0, 0.25)
    """
    found = re.search(r"^RESULT (.*)$", text, re.MULTILINE)
    if not found:
        raise Failed(f"wrk said: {text[-500:]}")
    return Result(**json.loads(found.group(1)), cpu_s=cpu_s)


def middle(results):
    """Medians of several runs: answers each second, each CPU second, p99, share of a core.

    >>> runs = [parse('RESULT {"requests": %d, "seconds": 1, "bytes": 1, "p50_ms": 1, "p99_ms": %d, "refused": 0, '
    ...     '"broken": 0}' % pair, 1) for pair in [(30, 3), (10, 9), (20, 1)]]
    >>> middle(runs)
    {'per_s': 20.0, 'per_cpu_s': 20.0, 'p99_ms': 3, 'busy': 1.0}
    """
    names = ("per_s", "per_cpu_s", "p99_ms", "busy")
    return {name: median(getattr(result, name) for result in results) for name in names}


def turns(names, rounds):
    """Who is measured when: each round begins with somebody else.

    >>> list(turns(["a", "b", "c"], 2))
    ['a', 'b', 'c', 'b', 'c', 'a']
    """
    for n in range(rounds):
        at = n % len(names)
        yield from [*names[at:], *names[:at]]
