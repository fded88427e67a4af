"""A stand-in for AWS Lambda's runtime API, for one function and one event (AWS: "Lambda runtime API")."""

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
ROOT = "/2018-06-01/runtime"


def event(method, path, query="", headers=None):
    """A request as a function URL sends it (payload format 2.0)."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "function.example.com", **(headers or {})},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "function",
            "domainName": "function.example.com",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "x"},
            "requestId": ID,
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1767225600000,
        },
        "isBase64Encoded": False,
    }


class RuntimeApi:
    """Hands out one event and takes the answer. Use it by `with`."""

    def __init__(self, what):
        self.event, self.handed_out, self.answers = json.dumps(what).encode(), False, queue.Queue()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path != f"{ROOT}/invocation/next":
                    return self.reply(404, b"{}")
                if api.handed_out:
                    # As Lambda does: nothing comes until there is another event, and there is none.
                    api.ended.wait(30)
                    self.close_connection = True
                    return None
                api.handed_out = True
                until = str(int(time.time() * 1000) + 30_000)
                arn = "arn:aws:lambda:eu-west-3:123456789012:function:edge"
                return self.reply(200, api.event, {
                    "Lambda-Runtime-Aws-Request-Id": ID,
                    "Lambda-Runtime-Deadline-Ms": until,
                    "Lambda-Runtime-Invoked-Function-Arn": arn,
                    "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
                })  # fmt: skip

            def do_POST(self):
                if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                    body = b"".join(iter(self.chunk, b""))
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                api.answers.put((time.monotonic(), self.path, body))
                self.reply(202, b'{"status":"OK"}')

            def chunk(self):
                size = int(self.rfile.readline().split(b";")[0], 16)
                data = self.rfile.read(size)
                self.rfile.readline()
                return data

            def reply(self, status, body, headers=None):
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.ended = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self):
        """As in `AWS_LAMBDA_RUNTIME_API`."""
        return f"127.0.0.1:{self.server.server_port}"

    def answer(self, within_s):
        """When the answer came (`time.monotonic`), its status and headers; None where none comes."""
        try:
            at, path, body = self.answers.get(timeout=within_s)
        except queue.Empty:
            return None
        if not path.endswith("/response"):
            return at, f"{path}: {body[:300]!r}"
        return at, json.loads(body.split(b"\0" * 8)[0]).get("statusCode")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
