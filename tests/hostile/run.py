"""Gives files that mean harm to flodrama-worker, and sees what becomes of them.

Each file is probed; of those that are accepted some are transcoded too. For each: the worker ends by itself with 0 or 1,
in its time and its memory, with a sentence where it refuses; nothing of a secret file is in what it wrote or said, the
secret was not read, nobody was connected to. Files: those written here that point elsewhere, those of a corpus
(FLODRAMA_MEDIA), and damaged clips, from seed to seed.
"""

import argparse
import collections
import concurrent.futures
import os
import random
import re
import secrets
import shutil
import socket
import string
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import mutate
import pointing

ROOT = Path(__file__).resolve().parent.parent.parent
# What a child may use in this run.
MEMORY_MIB, CPU_S, WALL_S = 1024, 30, 60
SETTINGS = {
    "FLODRAMA_WORK__CHILD_MEMORY_MIB": str(MEMORY_MIB),
    "FLODRAMA_WORK__CHILD_CPU_S": str(CPU_S),
    "FLODRAMA_WORK__CHILD_WALL_S": str(WALL_S),
    "FLODRAMA_WORK__STALL_AFTER_S": str(WALL_S),
    "FLODRAMA_WORK__FAMILIES": "[]",
    "FLODRAMA_LIMITS__MAX_DURATION_S": "600",
    "FLODRAMA_LIMITS__MAX_PIXELS": str(1920 * 1080),
    "FLODRAMA_LIMITS__MAX_STREAMS": "20",
}
# A file becomes a few renditions by a few children: more than this, and a limit did not hold.
MOST_S = 4 * WALL_S
# What files of the corpus point at: a listener, and a secret in the temporary folder.
PORT, SECRET_NAME = b"127.0.0.1:18080", "media_canary"
SECRET_PATH = re.compile(rb"/\w+/%b\.txt" % SECRET_NAME.encode())

# Sentences that name no fault of the file: it was not refused, it failed. Listed, so that somebody can look.
OWN_FAULTS = ["The video could not be processed", "The finished stream did not pass", "The program that reads"]


class Listener:
    """Counts who connects."""

    def __init__(self):
        self.hits = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            peer, _ = self.socket.accept()
            peer.settimeout(1)
            try:
                self.hits.append(peer.recv(200))
            except OSError:
                self.hits.append(b"")
            peer.close()


class Secret:
    """A file that nobody has to read. Its name is as long as the one that the corpus was made with."""

    def __init__(self):
        name = "".join(random.SystemRandom().choices(string.ascii_lowercase, k=len(SECRET_NAME)))
        self.path = Path(tempfile.gettempdir()) / f"{name}.txt"
        self.token = secrets.token_hex(16)
        self.path.write_text(f"{self.token}\n" * 100)
        self.forget()

    def forget(self):
        now = time.time()
        os.utime(self.path, (now - 1000, now - 500))
        self.read_at = self.path.stat().st_atime_ns

    def was_read(self):
        return self.path.stat().st_atime_ns != self.read_at


def controls(listener, secret):
    """The judges work: a connection is counted, a read is seen."""
    socket.create_connection(("127.0.0.1", listener.port)).sendall(b"control")
    secret.path.read_text()
    time.sleep(0.2)
    if not listener.hits:
        sys.exit("the listener does not count")
    if not secret.was_read():
        print("note: this file system keeps no times of access; opens are judged by what is written alone")
    listener.hits.clear()
    secret.forget()


def worker(binary, command, files, limit_s):
    """Exit code, output, seconds and peak MiB of the worker with its children."""
    process = subprocess.Popen(
        ["timeout", "--kill-after=5", str(limit_s), binary, command, *map(str, files)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **SETTINGS},
    )
    begun = time.monotonic()
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, said, time.monotonic() - begun, usage.ru_maxrss / 1024


def judge(kind, code, said, seconds, peak_mib, token):
    """What is wrong with how the worker took a file, if anything."""
    text = said.decode(errors="replace")
    if code not in (0, 1):
        return f"ended with {code}: {text[-300:]}"
    if token.encode() in said:
        return "said the secret"
    if code == 1 and not text.strip():
        return "refused without a word"
    if kind == "whole" and code:
        return f"a file that nobody damaged was refused: {text[-300:]}"
    if "settings are not valid" in text:
        return f"nothing was tried: {text}"
    if "panicked" in text:
        return f"panicked: {text[-300:]}"
    if "sandbox:" in text:
        return f"tried to leave: {text[-300:]}"
    if seconds > MOST_S:
        return f"took {seconds:.0f} s"
    if peak_mib > MEMORY_MIB * 1.25:
        return f"took {peak_mib:.0f} MiB"
    return None


def reason(code, said):
    """The sentence that an editor reads."""
    lines = [line for line in said.decode(errors="replace").splitlines() if line.endswith(".")]
    sentence = lines[0] if lines else said.decode(errors="replace").strip().splitlines()[-1]
    return "accepted" if code == 0 else "".join("N" if c.isdigit() else c for c in sentence)[:90]


def last(said):
    """The cause that engineers read."""
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else ""


def corpus(listener, secret):
    """Files of FLODRAMA_MEDIA that mean harm, pointed at our own listener and secret."""
    folder = Path(os.environ.get("FLODRAMA_MEDIA", "")) / "hostile"
    if not os.environ.get("FLODRAMA_MEDIA") or not folder.is_dir():
        print("FLODRAMA_MEDIA names no folder with hostile files: the corpus was NOT run")
        return
    own = f"127.0.0.1:{listener.port}".encode()
    assert len(own) == len(PORT), "ports that are given out have five digits"
    target = str(secret.path).encode()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes().replace(PORT, own)
        if any(len(found) != len(target) for found in SECRET_PATH.findall(data)):
            sys.exit(f"{path.name} points into a temporary folder with a longer or shorter name: set TMPDIR to such a one")
        yield path.name, SECRET_PATH.sub(lambda _: target, data)


def one(options, folder, secret, kind, name, data, transcode):
    """Gives one file to the worker; what is to be told of it."""
    path = folder / f"{kind}-{name}"[-200:]
    path.write_bytes(data)
    code, said, seconds, peak = worker(options.worker, "probe", [path], MOST_S)
    wrong = judge(kind, code, said, seconds, peak, secret.token)
    told = [(kind, "probe", name, reason(code, said), seconds, peak, wrong, last(said))]
    if code == 0 and transcode and not wrong:
        out = folder / f"{path.name}.out"
        preset = ROOT / "tests/hostile/smallest.toml"
        code, said, seconds, peak = worker(options.worker, "transcode", [path, out, "--preset", preset], MOST_S)
        wrong = judge(kind, code, said, seconds, peak, secret.token)
        for written in out.rglob("*") if out.exists() else ():
            if written.is_symlink() or (written.is_file() and secret.token.encode() in written.read_bytes()):
                wrong = f"{written.name} holds what is not its own"
        told.append((kind, "transcode", name, reason(code, said), seconds, peak, wrong, last(said)))
        shutil.rmtree(out, ignore_errors=True)
    path.unlink()
    return told


def table(results):
    """Rows by kind of file and step, and every reason that was given."""
    groups = collections.defaultdict(list)
    for kind, step, _, sentence, seconds, peak, *_ in results:
        groups[kind, step].append((sentence, seconds, peak))
    print(f"\n{'files':10} {'step':10} {'count':>6} {'accepted':>9} {'mean s':>7} {'most s':>7} {'most MiB':>9}")
    for (kind, step), rows in sorted(groups.items()):
        accepted = sum(sentence == "accepted" for sentence, *_ in rows)
        times, peaks = [s for _, s, _ in rows], [p for *_, p in rows]
        mean = sum(times) / len(times)
        print(f"{kind:10} {step:10} {len(rows):6} {accepted:9} {mean:7.2f} {max(times):7.2f} {max(peaks):9.0f}")
    for sentence in OWN_FAULTS:
        for _, step, name, said, *_, detail in (row for row in results if row[3].startswith(sentence)):
            print(f"{step} {name}: {sentence} {detail}")
    print("\nreasons (N stands for digits):")
    for sentence, count in collections.Counter(row[3] for row in results).most_common():
        print(f"{count:6}  {sentence}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", required=True, help="the flodrama-worker to try")
    parser.add_argument("--files", type=int, default=2000, help="how many damaged clips")
    parser.add_argument("--seed", type=int, default=1, help="of the first")
    parser.add_argument("--transcode-every", type=int, default=8, help="accepted damaged clips that are transcoded too")
    parser.add_argument("--without-corpus", action="store_true", help="not the files of FLODRAMA_MEDIA")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="files at a time")
    options = parser.parse_args()
    listener, secret = Listener(), Secret()
    print(f"seeds {options.seed} to {options.seed + options.files - 1}, {MEMORY_MIB} MiB and {CPU_S} s of CPU a child")
    begun, results = time.monotonic(), []
    try:
        controls(listener, secret)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            seeds = {path.name: path.read_bytes() for path in mutate.make_seeds(folder)}
            files = [("whole", name, data, True) for name, data in seeds.items()]
            files += [("pointing", n, d, True) for n, d in pointing.files(listener.port, secret.path, seeds)]
            if not options.without_corpus:
                files += [("corpus", n, d, True) for n, d in corpus(listener, secret)]
            for seed in range(options.seed, options.seed + options.files):
                files.append(("damaged", *mutate.mutated(seeds, seed), seed % options.transcode_every == 0))
            with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
                for told in pool.map(lambda file: one(options, folder, secret, *file), files):
                    results += told
        table(results)
        wrong = [(name, step, why) for _, step, name, _, _, _, why, _ in results if why]
        wrong += [("the listener", "any", f"was connected to: {hit!r}") for hit in listener.hits]
        if secret.was_read():
            wrong.append(("the secret", "any", "was read"))
        for row in wrong:
            print("WRONG:", *row)
        tried = len({(kind, name) for kind, _, name, *_ in results})
        print(f"\n{tried} files in {time.monotonic() - begun:.0f} s: {len(wrong)} wrong, {len(listener.hits)} connections")
    finally:
        secret.path.unlink()
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
