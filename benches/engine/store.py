"""What was measured already, so that a run that was broken off goes on. One JSON file for each result, named by a hash
of all that decides it: command, contents of programs, presets and source."""

import hashlib
import json
import shutil
from pathlib import Path

# Counts up whenever a result changes its shape or its meaning: older ones are then measured anew.
FORMAT = 1


class Store:
    """Results and scratch files below one folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.hashes = {}

    def result(self, key, make):
        """The result of this key; `make(scratch)` finds it where it is not known, in an empty folder that is deleted
        afterwards."""
        digest = digest_of([FORMAT, key])
        path = self.folder / "results" / f"{digest}.json"
        if path.exists():
            return json.loads(path.read_text())["result"]
        scratch = self.folder / "scratch" / digest
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        try:
            result = make(scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps({"key": key, "result": result}, indent=1))
        part.rename(path)
        return result

    def kept_file(self, key, suffix, make):
        """A file that is made once and kept, such as a source put together; `make(path)` writes it."""
        path = self.folder / "sources" / f"{digest_of(key)}{suffix}"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"part-{path.name}")
            make(part)
            part.rename(path)
        return path

    def hash_of(self, path):
        """A hash of a file's content."""
        path = Path(path).resolve()
        if path not in self.hashes:
            with path.open("rb") as file:
                self.hashes[path] = hashlib.file_digest(file, "sha256").hexdigest()[:24]
        return self.hashes[path]


def digest_of(key):
    """A short name for a key of lists and scalars."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
