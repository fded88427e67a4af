"""The programs under test, each a process that can be killed alone: the stand-ins, and workers behind proxies."""

import json
import os
import pathlib
import shutil
import subprocess
import threading
import time

from . import aws, kinds
from .proxy import Proxy

#: A debug build on a busy machine starts within this.
STARTED_WITHIN_S = 60
STOPPED_WITHIN_S = 30

#: What ops put on the bucket: no worker, however it dies, may need what it denies.
POLICY = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "bucket-policy.json"

#: Each start of a media child leaves a line: the path of its task, below the scratch folder of its job.
CHILD = """#!/bin/sh
echo "$2" >>'{log}'
exec '{worker}' "$@"
"""

#: The kernel ends the program where the thread that started it ends: no run leaves one behind.
OURS = ("setpriv", "--pdeathsig", "KILL", "--")


class Programs:
    """The built programs."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        for name in ("flodrama-worker", "flodrama-edge", "flodrama-local-aws", "flodrama"):
            if not (self.folder / name).is_file():
                raise SystemExit(f"{self.folder / name} is missing: cargo build --workspace --bins")

    def __getattr__(self, name):
        return str(self.folder / {"worker": "flodrama-worker", "edge": "flodrama-edge",
                                  "stack": "flodrama-local-aws", "flodrama": "flodrama"}[name])


class Stack:
    """S3, SQS, the CDN and Cognito in one process over one folder."""

    def __init__(self, programs, data, *edge):
        self.programs, self.data, self.edge = programs, data, edge
        self.lock = threading.Lock()
        self.process = self.at = None
        #: Seconds that its clock is ahead; a new process would begin with the right time, and messages would wait for it.
        self.ahead_s = 0
        self.start()
        identity = json.loads((data / "identity.json").read_text())
        self.identity = identity
        keys = identity["credentials"]
        self.key_id, self.secret = keys["access_key"], keys["secret_key"]
        self.s3().hold_to(POLICY.read_bytes())

    def start(self):
        with self.lock:
            self.process = subprocess.Popen(
                # It ends with its standard input, and so with this program.
                [self.programs.stack, str(self.data), *self.edge],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit("the local stack does not start")
            if self.ahead_s:
                self.say(f"advance {self.ahead_s}")
            self.at = json.loads(line)

    def kill(self):
        """SIGKILL, then a new start over the same folder."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.start()

    def advance(self, seconds):
        """Moves its clock forwards: holds and pauses end."""
        with self.lock:
            self.ahead_s += seconds
            self.say(f"advance {seconds}")

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(STOPPED_WITHIN_S)
        self.process.stdout.close()

    def s3(self):
        return aws.S3(self.address("s3"), self.key_id, self.secret)

    def sqs(self):
        return aws.Sqs(self.address("sqs"))

    def address(self, service):
        """Where a service is, whenever that is asked."""
        return lambda: aws.split(self.at[service])


class Worker:
    """A worker, its proxies, its scratch folder. It is started again wherever it ends, as a service manager does."""

    def __init__(self, name, stack, folder, events, preset, jobs=1):
        self.name, self.stack, self.folder, self.events = name, stack, folder, events
        self.scratch, self.children = folder / "scratch", folder / "children"
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.children.touch()
        child = folder / "child"
        child.write_text(CHILD.format(log=self.children, worker=stack.programs.worker))
        child.chmod(0o755)
        self.s3 = Proxy("s3", stack.address("s3"), events)
        self.sqs = Proxy("sqs", stack.address("sqs"), events)
        s3, sqs = ("http://%s:%s" % proxy.address for proxy in (self.s3, self.sqs))
        (folder / "worker.toml").write_text(f"""
[s3]
bucket = "{aws.BUCKET}"
endpoint_url = "{s3}"
[queue]
url = "{sqs}/{aws.ACCOUNT}/{aws.QUEUE}"
endpoint_url = "{sqs}"
visibility_timeout_s = {kinds.VISIBILITY_S}
[work]
scratch = "{self.scratch}"
jobs = {jobs}
preset = "{preset}"
families = []
child = "{child}"
""")
        self.lock, self.wanted, self.process = threading.Lock(), True, None
        #: Ends that nobody asked for, by their exit status.
        self.crashes = []
        self.asked = False
        self.launch()
        threading.Thread(target=self.keep, daemon=True).start()

    def launch(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*OURS, self.stack.programs.worker, "--config", str(self.folder / "worker.toml"), "run"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": os.environ["PATH"], "AWS_REGION": aws.REGION, "AWS_ACCESS_KEY_ID": self.stack.key_id,
                     "AWS_SECRET_ACCESS_KEY": self.stack.secret},
            )

    def keep(self):
        # The kernel ends the worker with the thread that started it, so this one lasts as long as the worker does.
        while True:
            status = self.process.poll()
            if status is not None:
                with self.lock:
                    if not self.wanted:
                        return
                    if not self.asked:
                        self.crashes.append(status)
                    self.asked = False
                    self.launch()
            time.sleep(0.02)

    def signal(self, number):
        try:
            os.kill(self.process.pid, number)
        except ProcessLookupError:
            pass

    def kill(self):
        """SIGKILL."""
        with self.lock:
            if self.process.poll() is None:
                self.asked = True
                self.process.kill()

    def media_children(self):
        """Ids of its media children now."""
        pid = self.process.pid
        try:
            tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
            return [int(child) for task in tasks for child in (task / "children").read_text().split()]
        except OSError:
            return []

    def stop(self):
        """SIGTERM; true where it ended well and in time."""
        with self.lock:
            self.wanted = False
            self.process.terminate()
        try:
            ended = self.process.wait(STOPPED_WITHIN_S) == 0
        except subprocess.TimeoutExpired:
            self.process.kill()
            ended = False
        self.s3.close()
        self.sqs.close()
        return ended

    def encodes(self):
        """Chunks that were begun: task names below job folders."""
        return [line for line in self.children.read_text().splitlines() if "/chunk" in line]


class SmallDisk:
    """A scratch folder that can be full: a small tmpfs where root may mount, a limit on the size of files elsewhere."""

    SIZE_MB = 64

    def __init__(self, folder):
        self.folder, self.mounted = folder, False
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0 and shutil.which("mount"):
            options = ["-t", "tmpfs", "-o", f"size={self.SIZE_MB}m,mode=700", "chaos", str(folder)]
            self.mounted = subprocess.run(["mount", *options], stderr=subprocess.DEVNULL).returncode == 0

    def fill(self, worker):
        if self.mounted:
            try:
                with open(self.folder / "ballast", "wb") as ballast:
                    for _ in range(self.SIZE_MB * 16):
                        ballast.write(bytes(1 << 16))
            except OSError:
                pass
        else:
            subprocess.run(["prlimit", f"--pid={worker.process.pid}", "--fsize=4096:unlimited"], check=False)

    def free(self, worker):
        if self.mounted:
            (self.folder / "ballast").unlink(missing_ok=True)
        else:
            subprocess.run(["prlimit", f"--pid={worker.process.pid}", "--fsize=unlimited:unlimited"], check=False,
                           stderr=subprocess.DEVNULL)

    def close(self):
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False)
