"""A proxy between one worker and one service, which sees every request and can spoil the next of a kind.

Requests go on as they came, the `Host` header too: it is signed.
"""

import json
import socket
import struct
import threading
import time

from . import aws, kinds

#: A request or answer that takes longer is given up.
PATIENCE_S = 60
CHUNK = 1 << 16


class Broken(Exception):
    """The other side went away in the middle."""


class Message:
    """One HTTP/1.1 request or answer."""

    def __init__(self, start, headers, body):
        self.start, self.headers, self.body = start, headers, body

    def get(self, name):
        return next((value for known, value in self.headers if known.lower() == name), None)

    def bytes(self):
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return f"{self.start}\r\n{head}\r\n".encode("latin-1") + self.body


class Stream:
    """Reads messages from a socket."""

    def __init__(self, connection):
        self.socket, self.buffer = connection, b""
        connection.settimeout(PATIENCE_S)

    def more(self):
        read = self.socket.recv(CHUNK)
        if not read:
            raise Broken
        self.buffer += read

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def message(self, has_body=lambda _: True):
        """The next message, or None where the other side is done. `has_body` is asked with the start line."""
        while b"\r\n\r\n" not in self.buffer:
            try:
                self.more()
            except Broken:
                if self.buffer:
                    raise
                return None
        start, *lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        message = Message(start, headers, b"")
        if (message.get("expect") or "").lower() == "100-continue":
            message.headers = [(name, value) for name, value in headers if name.lower() != "expect"]
            self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not has_body(start):
            return message
        if "chunked" in (message.get("transfer-encoding") or "").lower():
            message.body = self.chunked()
        else:
            message.body = self.exactly(int(message.get("content-length") or 0))
        return message

    def chunked(self):
        """A chunked body as it is on the wire, with its chunk headers."""
        whole = b""
        while True:
            line = self.until(b"\r\n")
            size = int(line.split(b";")[0], 16)
            whole += line + b"\r\n" + self.exactly(size + 2)
            if size == 0:
                return whole


class Rule:
    """Spoils the next request of one of `kinds` in one way, once."""

    def __init__(self, fault, kinds_, spoil):
        self.fault, self.kinds, self.spoil = fault, kinds_, spoil


def refusal(status, service):
    """An error of AWS's form."""
    code = {409: "ConditionalRequestConflict", 412: "PreconditionFailed", 503: "SlowDown"}.get(status, "InternalError")
    if service == "sqs":
        body = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "chaos"}).encode()
    else:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>chaos</Message></Error>".encode()
    return Message(f"HTTP/1.1 {status} Chaos", [("Content-Length", str(len(body)))], body)


def accepted():
    """An answer of success to a request that went nowhere."""
    return Message("HTTP/1.1 200 OK", [("Content-Length", "2"), ("ETag", '"0"')], b"{}")


class Proxy:
    """Listens for one worker on 127.0.0.1. `events` is told of every request; `upstream` says where the service is now."""

    def __init__(self, service, upstream, events):
        self.service, self.upstream, self.events = service, upstream, events
        self.rules, self.lock = [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    def arm(self, rule):
        with self.lock:
            self.rules.append(rule)

    def disarm(self):
        with self.lock:
            self.rules.clear()

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        stream = Stream(connection)
        try:
            while (request := stream.message()) is not None:
                if not self.answer(request, connection):
                    break
        except (Broken, OSError):
            pass
        finally:
            connection.close()

    def classify(self, request):
        method, target, _ = request.start.split(" ")
        if self.service == "s3":
            return (method, *kinds.of_s3(method, target, aws.BUCKET))
        operation = (request.get("x-amz-target") or "").rpartition(".")[2]
        return method, kinds.of_sqs(operation, json.loads(request.body or b"{}")), ""

    def pick(self, kind):
        with self.lock:
            rule = next((rule for rule in self.rules if kind in rule.kinds), None)
            if rule is not None:
                self.rules.remove(rule)
            return rule

    def answer(self, request, connection):
        """Serves one request; false where the connection ends with it."""
        method, kind, key = self.classify(request)
        rule = self.pick(kind)
        if rule is None:
            return self.give(self.forward(request, method, kind, key), connection)
        self.events.injected(rule.fault, kind)
        return rule.spoil(self, request, method, kind, key, connection)

    def give(self, answer, connection):
        if answer is None:
            return False
        connection.sendall(answer.bytes())
        return True

    def forward(self, request, method, kind, key):
        """The service's own answer; None where it is away."""
        try:
            with socket.create_connection(self.upstream(), timeout=PATIENCE_S) as upstream:
                upstream.sendall(request.bytes())
                bodiless = method == "HEAD"
                answer = Stream(upstream).message(
                    lambda start: not bodiless and start.split(" ")[1] not in ("204", "304")
                )
        except (Broken, OSError):
            answer = None
        status = int(answer.start.split(" ")[1]) if answer else None
        self.events.forwarded(kind, key, status, request, answer)
        return answer

    # The ways to spoil a request. Each gives whether the connection goes on.

    @staticmethod
    def before(act):
        """`act` happens instead of the request."""
        def spoil(proxy, request, method, kind, key, connection):
            act()
            return False
        return spoil

    @staticmethod
    def after(act):
        """The request is done, `act` happens, and nobody is told of the answer."""
        def spoil(proxy, request, method, kind, key, connection):
            proxy.forward(request, method, kind, key)
            act()
            return False
        return spoil

    @staticmethod
    def status(code, done=False):
        """Answers with an error; where `done`, the request was carried out all the same."""
        def spoil(proxy, request, method, kind, key, connection):
            if done:
                proxy.forward(request, method, kind, key)
            answer = refusal(code, proxy.service)
            if method == "HEAD":
                answer.body = b""
            return proxy.give(answer, connection)
        return spoil

    @staticmethod
    def half(reset):
        """Half of the answer's body, then the connection ends: reset, or closed as if all were said."""
        def spoil(proxy, request, method, kind, key, connection):
            answer = proxy.forward(request, method, kind, key)
            if answer is not None:
                whole = answer.bytes()
                connection.sendall(whole[:len(whole) - (len(answer.body) + 1) // 2])
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        return spoil

    @staticmethod
    def shortened(proxy, request, method, kind, key, connection):
        """Half of the body, with a length that says that this is all."""
        answer = proxy.forward(request, method, kind, key)
        if answer is not None and answer.body:
            answer.body = answer.body[:len(answer.body) // 2]
            answer.headers = [
                (name, str(len(answer.body)) if name.lower() == "content-length" else value)
                for name, value in answer.headers
            ]
        return proxy.give(answer, connection)

    @staticmethod
    def flipped(proxy, request, method, kind, key, connection):
        """One bit of the body is another."""
        answer = proxy.forward(request, method, kind, key)
        if answer is not None and answer.body:
            middle = len(answer.body) // 2
            answer.body = answer.body[:middle] + bytes([answer.body[middle] ^ 1]) + answer.body[middle + 1:]
        return proxy.give(answer, connection)

    @staticmethod
    def unheard(proxy, request, method, kind, key, connection):
        """Success is answered, and nothing was done."""
        return proxy.give(accepted(), connection)

    @staticmethod
    def late(seconds):
        """The request waits."""
        def spoil(proxy, request, method, kind, key, connection):
            time.sleep(seconds)
            return proxy.give(proxy.forward(request, method, kind, key), connection)
        return spoil
