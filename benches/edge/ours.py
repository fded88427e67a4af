"""Our side: the edge, over the local stack's S3 and a key document."""

import functools
import http.server
import json
import subprocess
import threading
from pathlib import Path

from engine.tools import Failed, output

from . import titles
from .s3 import Bucket
from .servers import Server, ask, free_port

ISSUER, CLIENT, KEY_PAIR = "https://cognito.example.com/pool", "the-app", "KBENCH"
CDN = "https://cdn.example.com"
NODE = Path(__file__).with_name("node")


class Surroundings:
    """What an edge needs around it. Use it by `with`."""

    def __init__(self, given, folder):
        self.given, self.folder = given, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.key = folder / "cloudfront-key.pem"
        if not self.key.exists():
            output("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.key)
        self.tokens = folder / "tokens.txt"
        output("node", NODE / "tokens.mjs", folder, given.tokens, ISSUER, CLIENT)
        self.stack = Server(
            "the stack",
            [given.stack, folder / "stack"],
            folder / "stack.log",
            core=given.load_core,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.access = json.loads(self.stack.process.stdout.readline() or b"null")
        self.bucket = Bucket(self.access)
        handler = functools.partial(Quiet, directory=str(folder))
        self.keys = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.keys.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.keys.shutdown()
        self.stack.process.stdin.close()
        self.stack.process.wait(timeout=20)

    def first_token(self):
        """The token of one viewer."""
        with self.tokens.open() as lines:
            return lines.readline().strip()

    def calls(self, folder, asset, viewers):
        """Files for wrk: the address that gives links to an asset, and the tokens of so many viewers."""
        folder.mkdir(parents=True, exist_ok=True)
        paths, tokens = folder / "paths.txt", folder / "some-tokens.txt"
        paths.write_text(f"/v1/assets/{asset}/playback\n")
        with self.tokens.open() as lines:
            tokens.write_text("".join(line for _, line in zip(range(viewers), lines)))
        return paths, tokens

    def settings(self, port):
        """The settings of an edge, by the environment. Everything else as it comes."""
        return {
            "FLODRAMA_SERVER__LISTEN": f"127.0.0.1:{port}",
            "FLODRAMA_S3__BUCKET": self.access["bucket"],
            "FLODRAMA_S3__ENDPOINT_URL": self.access["s3"],
            "FLODRAMA_COGNITO__ISSUER": ISSUER,
            "FLODRAMA_COGNITO__JWKS_URL": f"http://127.0.0.1:{self.keys.server_port}/jwks.json",
            "FLODRAMA_COGNITO__CLIENT_IDS": CLIENT,
            "FLODRAMA_CDN__BASE_URL": CDN,
            "FLODRAMA_CDN__KEY_PAIR_ID": KEY_PAIR,
            "FLODRAMA_CDN__PRIVATE_KEY_FILE": str(self.key),
            "AWS_REGION": self.access["region"],
            "AWS_ACCESS_KEY_ID": self.access["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.access["secret_access_key"],
        } | dict(pair.split("=", 1) for pair in self.given.setting)

    def edge(self, name="edge", **settings):
        """An edge that listens, and its port; `settings` are variables beside the usual ones."""
        port = free_port()
        env, log = {**self.settings(port), **settings}, self.folder / f"{name}.log"
        server = Server(name, [self.given.edge, "serve"], log, core=self.given.server_core, env=env)
        server.answered(port, "GET", "/static/favicon.svg", every_s=0.01)
        return server, port

    def link(self, port, asset):
        """Path and query of the signed playlist of an asset."""
        status, body = ask(
            port, "POST", f"/v1/assets/{asset}/playback", {"Authorization": f"Bearer {self.first_token()}"}
        )
        if status != 200:
            raise Failed(f"no link to {asset}: {status} {body[:300]!r}")
        url = json.loads(body)["manifest_url"]
        return url.removeprefix(CDN).replace("/main.m3u8?", f"/{titles.RUNG}?", 1)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing about it."""

    def log_message(self, *_):
        pass
