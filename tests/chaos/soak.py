"""Steady jobs and steady viewers, and what the programs hold meanwhile: what only grows is a leak."""

import json
import os
import pathlib
import socket
import statistics
import subprocess
import time
import urllib.parse

from . import aws, clips, local, uploads
from .run import PRESET
from .verdict import Verdict
from .watch import Events, Watch, leads_to

SAMPLE_S = 5
JOB_EVERY_S = 6
VIEW_EVERY_S = 0.5
#: No more jobs wait at a time, so that a slow machine ends in time too.
BACKLOG = 4
#: Playlists of new episodes fill the edge's cache up to its bound: here that is soon.
CACHE_BYTES = 1 << 20
DONE_WITHIN_S = 120
#: Caches and allocators fill at first: the first part of a run says nothing of a leak.
WARM_UP = 0.4
#: What may grow by the minute, at most, after the warm-up: the median of all slopes between two samples (Theil and Sen).
#: A worker that leaked one source of 2 s would lose more in each job, one descriptor or thread a job ten in a minute.
BOUNDS = {"resident KiB": 512.0, "descriptors": 0.5, "threads": 0.5, "scratch KiB": 64.0}


def main(args, programs, folder):
    clip = clips.make(folder)["short"]
    edge_port, key = free_port(), folder / "key.pem"
    edge_url = f"http://127.0.0.1:{edge_port}"
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key],
                   check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", folder / "public.pem"], check=True)
    stack = local.Stack(programs, folder / "data", edge_url, "KCHAOS", str(folder / "public.pem"))
    events = Events()
    worker = local.Worker("worker", stack, folder / "worker", events, PRESET)
    edge = start_edge(programs, stack, folder, edge_port, key)
    watch, jobs = Watch(stack, events), []
    try:
        viewer = Viewer(stack, edge_url)
        processes = {"worker": (worker.process.pid, worker.scratch), "edge": (edge.pid, None)}
        samples = load(args.minutes * 60, stack, clip, jobs, viewer, processes)
        deadline = time.monotonic() + DONE_WITHIN_S
        while stack.sqs().count() and time.monotonic() < deadline:
            time.sleep(0.5)
        edge.terminate()
        if edge.wait(local.STOPPED_WITHIN_S) != 0:
            events.breach("the edge does not stop well")
        if not worker.stop():
            events.breach("the worker does not stop well")
        watch.stop()
        verdict = Verdict(stack, events, watch, programs)
        verdict.uploads(jobs)
        verdict.history()
        verdict.leftovers([worker], folder)
    finally:
        edge.kill()
        stack.stop()
    (folder / "samples.json").write_text(json.dumps(samples))
    return report(args, samples, jobs, viewer, events)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def start_edge(programs, stack, folder, port, key):
    at = stack.at
    config = folder / "edge.toml"
    config.write_text(f"""
[server]
listen = "127.0.0.1:{port}"
cache_bytes = {CACHE_BYTES}
[s3]
bucket = "{aws.BUCKET}"
endpoint_url = "{at['s3']}"
[cognito]
issuer = "{at['issuer']}"
jwks_url = "{at['jwks']}"
client_ids = ["{stack.identity['client_id']}"]
[cdn]
base_url = "{at['cdn']}"
key_pair_id = "KCHAOS"
private_key_file = "{key}"
[cookies]
same_site = "lax"
secure = false
""")
    with open(folder / "edge.log", "wb") as log:
        process = subprocess.Popen(
            [*local.OURS, programs.edge, "--config", str(config), "serve"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={"PATH": os.environ["PATH"], "AWS_REGION": aws.REGION, "AWS_ACCESS_KEY_ID": stack.key_id,
                 "AWS_SECRET_ACCESS_KEY": stack.secret},
        )
    deadline = time.monotonic() + local.STARTED_WITHIN_S
    while True:
        try:
            if aws.send(("127.0.0.1", port), "GET", "/healthz", {})[0] == 200:
                return process
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the edge does not start: {(folder / 'edge.log').read_text()[-400:]}")
        time.sleep(0.1)


class Viewer:
    """Signs in, asks for an asset, follows its playlists through the CDN to the segments."""

    def __init__(self, stack, edge_url):
        self.stack, self.edge_url = stack, edge_url
        self.played = self.bytes = 0
        identity = stack.identity
        body = json.dumps({
            "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": identity["client_id"],
            "AuthParameters": {"USERNAME": identity["viewer_name"], "PASSWORD": identity["viewer_password"]},
        }).encode()
        target = "AWSCognitoIdentityProviderService.InitiateAuth"
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": target}
        answer = aws.send(aws.split(stack.at["cognito"]), "POST", "/", headers, body)[2]
        self.token = json.loads(answer)["AuthenticationResult"]["AccessToken"]

    def get(self, url):
        parts = urllib.parse.urlsplit(url)
        target = f"{parts.path}?{parts.query}"
        status, _, body = aws.send((parts.hostname, parts.port), "GET", target, {})
        if status != 200:
            raise SystemExit(f"a viewer was answered {status} for {parts.path}")
        self.bytes += len(body)
        return body

    def play(self, asset):
        status, _, body = aws.send(aws.split(self.edge_url), "POST", f"/v1/assets/{asset}/playback",
                                   {"authorization": f"Bearer {self.token}"})
        if status != 200:
            raise SystemExit(f"a viewer of {asset} was answered {status}: {body[:200]}")
        main = json.loads(body)["manifest_url"]
        for playlist in {urllib.parse.urljoin(main, uri) for uri in leads_to(self.get(main).decode())}:
            for uri in leads_to(self.get(playlist).decode()):
                self.get(urllib.parse.urljoin(playlist, uri))
        self.played += 1


def load(seconds, stack, clip, jobs, viewer, processes):
    """Jobs and viewers for so long; gives samples by program."""
    samples = {name: [] for name in processes}
    begun = time.monotonic()
    next_job = next_view = next_sample = begun
    published = set()
    while (now := time.monotonic()) < begun + seconds:
        if now >= next_job and stack.sqs().count() < BACKLOG:
            job = uploads.Upload(f"uploads/soak-{len(jobs):04}.mp4", [(uploads.GOOD, clips.marked(clip, len(jobs)))])
            job.send(stack.s3())
            jobs.append(job)
            next_job = now + JOB_EVERY_S
        if now >= next_view:
            keys = stack.s3().list("vod/")
            published = sorted(key.split("/")[1] for key in keys if key.endswith("/current.json"))
            if published:
                viewer.play(published[viewer.played % len(published)])
            next_view = now + VIEW_EVERY_S
        if now >= next_sample:
            for name, (pid, scratch) in processes.items():
                samples[name].append((now - begun, *sample(pid, scratch)))
            next_sample = now + SAMPLE_S
        time.sleep(0.02)
    return samples


def sample(pid, scratch):
    """Resident memory in KiB, descriptors, threads, KiB of scratch. proc(5)."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    field = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if len(line.split()) > 1}
    size = 0
    for folder, _, files in os.walk(scratch) if scratch else ():
        for file in files:
            try:
                size += os.path.getsize(os.path.join(folder, file))
            except OSError:
                pass
    return int(field["VmRSS"]), len(os.listdir(f"/proc/{pid}/fd")), int(field["Threads"]), size / 1024


def slope(times, values):
    """By the minute: the median of the slopes between any two samples, which single jobs do not move."""
    pairs = [(b - a, y - x) for i, (a, x) in enumerate(zip(times, values)) for b, y in zip(times[i + 1:], values[i + 1:])]
    return 60 * statistics.median(rise / run for run, rise in pairs) if pairs else 0.0


def report(args, samples, jobs, viewer, events):
    print(f"\n{args.minutes:g} min: {len(jobs)} jobs, {viewer.played} viewings, {viewer.bytes >> 20} MiB\n")
    print(f"{'program':<9}{'holds':<14}{'first':>9}{'least':>9}{'most':>9}{'last':>9}{'by the minute':>15}{'at most':>9}")
    for name, rows in samples.items():
        warm = rows[int(len(rows) * WARM_UP):]
        times = [row[0] for row in warm]
        for column, (what, most) in enumerate(BOUNDS.items(), 1):
            values = [row[column] for row in rows]
            grows = slope(times, [row[column] for row in warm])
            if what.startswith("scratch") and name == "edge":
                continue
            print(f"{name:<9}{what:<14}{values[0]:>9.0f}{min(values):>9.0f}{max(values):>9.0f}{values[-1]:>9.0f}"
                  f"{grows:>15.2f}{most:>9.1f}")
            if grows > most:
                events.breach(f"{name}: {what} grow by {grows:.2f} a minute, at most {most}")
    print(f"\nbreaches: {len(events.breaches)}")
    return 1 if events.breaches else 0
