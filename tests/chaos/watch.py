"""Judges the bucket from outside, all the while: whoever finds a pointer must find everything that it leads to."""

import json
import posixpath
import re
import threading
import time

from . import aws

URI = re.compile(r'URI="([^"]+)"')


def leads_to(text):
    """Every URI of a playlist: lines, and attributes of tags."""
    for line in text.splitlines():
        if line.startswith("#"):
            yield from URI.findall(line)
        elif line.strip():
            yield line.strip()


def missing(s3, asset, version):
    """What a published version leads to and what is not there, or is empty."""
    root = f"vod/{asset}/{version}/"
    sizes = s3.list(root)
    open_, seen, gone = ["main.m3u8"], {"main.m3u8", "asset.json"}, []
    while open_:
        path = open_.pop()
        text = s3.get(root + path)
        if text is None:
            gone.append(path)
            continue
        for uri in leads_to(text.decode()):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), uri))
            if target not in seen:
                seen.add(target)
                if target.endswith(".m3u8"):
                    open_.append(target)
    gone += [path for path in sorted(seen) if sizes.get(root + path, 0) == 0 and path not in gone]
    return gone


class Events:
    """What the proxies saw, and what the watch found. Shared by all threads."""

    def __init__(self):
        self.lock = threading.Lock()
        #: fault → how often it was injected
        self.faults = {}
        #: kind of request that was spoilt → how often
        self.steps = {}
        #: asset → [(version, sequencer)] in the order of writes that S3 acknowledged
        self.writes = {}
        #: bodies of messages, for those who send them again
        self.bodies = []
        #: keys of commit records that S3 took
        self.commits = set()
        #: requests that S3 refused by a condition
        self.refused = {409: 0, 412: 0}
        #: asset, version of pointers that wait for a look
        self.fresh = []
        self.breaches = []

    def injected(self, fault, kind=None):
        with self.lock:
            self.faults[fault] = self.faults.get(fault, 0) + 1
            if kind is not None:
                self.steps[kind] = self.steps.get(kind, 0) + 1

    def breach(self, what):
        with self.lock:
            if what not in self.breaches:
                self.breaches.append(what)
                print(f"BREACH {what}", flush=True)

    def forwarded(self, kind, key, status, request, answer):
        """What a service answered to a request that reached it; `status` is None where it was away."""
        with self.lock:
            if status in self.refused:
                self.refused[status] += 1
            if kind == "commit" and status == 200:
                self.commits.add(key)
            if kind == "receive" and status == 200:
                messages = json.loads(answer.body or b"{}").get("Messages", [])
                self.bodies += [message["Body"] for message in messages if "Records" in message["Body"]]
            if kind == "pointer" and status == 200:
                # Between the marks of a body in chunks lies one document.
                body = request.body
                pointer = json.loads(body[body.index(b"{"):body.rindex(b"}") + 1])
                asset = key.split("/")[1]
                self.writes.setdefault(asset, []).append((pointer["version"], pointer["source"].get("sequencer")))
                self.fresh.append(asset)


class Watch:
    """Looks at each new pointer at once, and at all pointers all the time."""

    PAUSE_S = 0.2
    ROUND_S = 2

    def __init__(self, stack, events):
        self.stack, self.events = stack, events
        self.ended = threading.Event()
        self.looks = 0
        #: asset → versions in the order in which they were seen live
        self.seen = {}
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        round_at = time.monotonic()
        while not self.ended.is_set():
            with self.events.lock:
                assets, self.events.fresh = self.events.fresh, []
            try:
                if time.monotonic() >= round_at:
                    assets = self.assets()
                    round_at = time.monotonic() + self.ROUND_S
                for asset in assets:
                    self.look(asset)
            except (OSError, aws.Refused, aws.http.client.HTTPException):
                # The stack was killed; the next round looks again.
                pass
            self.ended.wait(self.PAUSE_S)

    def assets(self):
        keys = self.stack.s3().list("vod/")
        return [key.split("/")[1] for key in keys if key.endswith("/current.json")]

    def look(self, asset):
        """Follows one pointer."""
        s3 = self.stack.s3()
        pointer = s3.document(f"vod/{asset}/current.json")
        if pointer is None:
            return self.events.breach(f"{asset}: its pointer is gone")
        version, order = pointer["version"], self.seen.setdefault(asset, [])
        self.looks += 1
        if gone := missing(s3, asset, version):
            self.events.breach(f"{asset}: {version} is half-published: {', '.join(gone[:5])}")
        if not order or order[-1][0] != version:
            order.append((version, pointer["source"].get("sequencer")))
        return None

    def stop(self):
        self.ended.set()
        self.thread.join()


def history_breaches(events, watch):
    """What is wrong with the order in which pointers moved."""
    for how, history in (("written", events.writes), ("seen", watch.seen)):
        for asset, moves in history.items():
            versions = [version for version, _ in moves]
            for version in sorted(set(versions)):
                if versions.count(version) > 1:
                    yield f"{asset}: {version} was {how} {versions.count(version)} times"
            order = [sequencer for _, sequencer in moves if sequencer]
            if order != sorted(order):
                yield f"{asset}: an older upload stood over a newer one ({how}: {order})"
