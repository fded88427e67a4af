"""Our engine as a contestant: `flodrama-worker transcode`."""

import json
import os
import subprocess

from . import presets
from .contestants import Contestant


class Ours:
    """The worker's program, with any preset."""

    def __init__(self, worker, store):
        self.worker, self.store = worker, store

    def command(self, source, out, preset, jobs=None, json_lines=False):
        """The command line, for a preset as a dictionary."""
        file = presets.write(preset, self.store.folder / "presets")
        command = [self.worker, "transcode", source.path, out, "--preset", file]
        command += ["--jobs", jobs or cores()]
        return command + (["--json"] if json_lines else [])

    def contestant(self, name, source, preset, jobs=None):
        """The whole tree that we would publish: also trick play, storyboard and posters, all of it proven."""
        return Contestant(
            name,
            lambda out: self.command(source, out / "tree", preset, jobs),
            "tree/main.m3u8",
            (self.store.hash_of(self.worker), presets.to_toml(preset)),
        )

    def refusal(self, source, preset):
        """Why this worker does not take the preset; None if it does."""
        file = presets.write(preset, self.store.folder / "presets")
        command = [self.worker, "plan", source.path, "--preset", file]
        done = subprocess.run([str(a) for a in command], capture_output=True, text=True)
        return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def report(out):
    """`report.json` of a tree; None of a peer's."""
    path = out / "tree" / "report.json"
    return json.loads(path.read_text()) if path.exists() else None


def cores():
    """Cores that we may use."""
    return len(os.sched_getaffinity(0))
