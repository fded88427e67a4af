"""Attackers, on the load's core: floods of tokens that do not hold, and clients that dawdle."""

import base64
import json
import secrets
import signal
import socket
import subprocess
import threading

from engine.tools import Failed

from .load import Load, command, parse

FLOOD_PER_S, SLOW = 1_000, 400
CONNECTIONS = 20
DISTINCT = 5_000
# Another address than the viewers': what one client may have is counted by address.
SLOW_FROM = "127.0.0.2"


class Attack:
    """Goes on while it is used by `with`."""

    def __init__(self, folder, tokens, paths, port, given):
        self.port, self.given, self.floods = port, given, []
        with tokens.open() as lines:
            real = [line.strip() for _, line in zip(range(100), lines)]
        for name, spoilt in (("keys", of_nobodys_key), ("signatures", forged)):
            found = folder / f"{name}.txt"
            found.write_text("".join(f"{spoilt(real[n % len(real)])}\n" for n in range(DISTINCT)))
            delay_ms = CONNECTIONS * 1000 // FLOOD_PER_S
            # Longer than what it disturbs: it is ended with that.
            self.floods.append(Load("POST", paths, found, CONNECTIONS, given.seconds * 10, delay_ms))

    def __enter__(self):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        argvs = [command(load, self.port, self.given.load_core) for load in self.floods]
        self.running = [subprocess.Popen(argv, **pipes) for argv in argvs]
        self.over, self.dawdlers = threading.Event(), Dawdlers()
        self.slow = threading.Thread(target=self.dawdlers.run, args=(self.port, self.over))
        self.slow.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.slow.join()
        for wrk in self.running:
            # It sums up where it is interrupted.
            wrk.send_signal(signal.SIGINT)
        self.said = [wrk.communicate()[0] for wrk in self.running]

    def refused(self):
        """How many requests were refused: all of them, or the edge is broken."""
        if self.dawdlers.most < SLOW:
            raise Failed(f"of {SLOW} clients that dawdle {self.dawdlers.most} were connected")
        results = [parse(said, 0) for said in self.said]
        for result in results:
            if result.requests != result.refused or result.broken or not result.requests:
                raise Failed(f"of the attackers' requests some were accepted, or not answered: {result}")
        return sum(result.refused for result in results)


def of_nobodys_key(token):
    """The token under a key id that no pool has.

    >>> of_nobodys_key("a.b.c").split(".")[1:]
    ['b', 'c']
    """
    header = json.dumps({"alg": "RS256", "kid": secrets.token_urlsafe(32)}).encode()
    return ".".join([base64.urlsafe_b64encode(header).rstrip(b"=").decode(), *token.split(".")[1:]])


def forged(token):
    """The token with a signature of nobody's.

    >>> len(forged("a.b." + "c" * 342).split(".")[2])
    342
    """
    return f"{token.rpartition('.')[0]}.{base64.urlsafe_b64encode(secrets.token_bytes(256)).rstrip(b'=').decode()}"


class Dawdlers:
    """Clients that hold connections whose heads never end, and open others for those that are closed."""

    def __init__(self):
        #: Connections that took a byte within one second, at most.
        self.most = 0

    def run(self, port, over):
        """Until it is over."""
        held = [None] * SLOW
        while not over.wait(1):
            held = [self.step(connection, port) for connection in held]
            self.most = max(self.most, sum(connection is not None for connection in held))
        for connection in filter(None, held):
            connection.close()

    @staticmethod
    def step(connection, port):
        """The connection after another byte, a new one where there was none; None where it was closed."""
        try:
            if connection is None:
                connection = socket.socket()
                connection.bind((SLOW_FROM, 0))
                connection.connect(("127.0.0.1", port))
                connection.send(b"GET /v1/assets HTTP/1.1\r\nX-Slow: ")
            connection.send(b"a")
            return connection
        except OSError:
            if connection is not None:
                connection.close()
            return None
