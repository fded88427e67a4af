"""Servers on a core of their own: started, waited for, weighed, ended."""

import http.client
import os
import signal
import subprocess
import time
from pathlib import Path

from engine.measure import descendants, usage_of
from engine.tools import Failed

STARTS_WITHIN_S = 20
ENDS_WITHIN_S = 10
SETTLES_WITHIN_S = 60


class Server:
    """A program that serves until it is ended. Use it by `with`."""

    def __init__(self, name, argv, log, core=None, env=None, stdin=None, stdout=None):
        """`core`: the one core that it may use. What it logs goes to the file `log`."""
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        pinned = ["taskset", "--cpu-list", str(core)] if core is not None else []
        with log.open("wb") as out:
            self.started_at = time.monotonic()
            self.process = subprocess.Popen(
                [*pinned, *map(str, argv)],
                stdin=stdin or subprocess.DEVNULL,
                stdout=stdout or out,
                stderr=out,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """Asks it to end, then insists."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def answered(self, port, method, path, headers=None, every_s=0.0005):
        """Asks until there is an answer; gives its status and the seconds since the start."""
        while time.monotonic() - self.started_at < STARTS_WITHIN_S:
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode}: {self.said()}")
            try:
                status, _ = ask(port, method, path, headers)
                return status, time.monotonic() - self.started_at
            except (ConnectionError, http.client.HTTPException):
                time.sleep(every_s)
        raise Failed(f"{self.name} does not answer: {self.said()}")

    def said(self):
        """The end of its log."""
        return self.log.read_text(errors="replace")[-1500:]

    def cpu_s(self):
        """CPU seconds of it and its children so far."""
        return sum(usage[0] for pid in descendants(self.process.pid) if (usage := usage_of(pid)))

    def cpu_ms(self):
        """Milliseconds of CPU of the process alone, finer than `cpu_s`."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(schedstat.read_text().split()[0]) for schedstat in threads) / 1e6

    def settle(self):
        """Waits until it has nothing left to do: what it still answers to nobody would cost whoever is measured next."""
        deadline, before = time.monotonic() + SETTLES_WITHIN_S, -1.0
        while (now := self.cpu_s()) != before:
            if time.monotonic() > deadline:
                raise Failed(f"{self.name} is still busy long after its load ended")
            before = now
            time.sleep(0.25)

    def resident_mib(self):
        """Resident memory of the process."""
        return usage_of(self.process.pid)[1] / 1024 / 1024


def ask(port, method, path, headers=None):
    """One request on a connection of its own: status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def free_port():
    """A port that nobody has just now."""
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
