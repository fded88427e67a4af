"""The programs of others that take part, and what they say of themselves."""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


class Failed(Exception):
    """A program failed; the message ends with what it said."""


@dataclass(frozen=True)
class Tools:
    """Paths of programs."""

    # Debian's, and the newest that the package registry of Python ships; the latter measures VMAF.
    debian_ffmpeg: str
    newest_ffmpeg: str
    ffprobe: str
    shaka_streamer: str
    parallel: str


def find():
    """Finds the programs that scripts/bench installs."""
    import imageio_ffmpeg

    return Tools(
        debian_ffmpeg=on_path("ffmpeg"),
        newest_ffmpeg=imageio_ffmpeg.get_ffmpeg_exe(),
        ffprobe=on_path("ffprobe"),
        shaka_streamer=str(Path(sys.executable).with_name("shaka-streamer")),
        parallel=on_path("parallel"),
    )


def on_path(name):
    path = shutil.which(name)
    if not path:
        sys.exit(f"{name} is missing: start this by scripts/bench, which installs it.")
    return path


def output(*argv):
    """What a command prints."""
    return done(argv).stdout


def quietly(*argv):
    """Runs a command that matters for what it does; gives what it says on the way."""
    return done(argv).stderr


def done(argv):
    """The command, after its end."""
    ended = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if ended.returncode:
        raise Failed(f"{Path(argv[0]).name} ended with {ended.returncode}: {ended.stderr[-1500:]}")
    return ended


def version_of_ffmpeg(path):
    """Such as `5.1.9`."""
    return re.match(r"ffmpeg version n?([\d.]+)", output(path, "-version")).group(1)


def version_of_package(name):
    """Version of a Python package."""
    return importlib.metadata.version(name)


def machine():
    """The machine, in words."""
    cpus = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory_kib = int(re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text()).group(1))
    return {
        "cpu": cpus[0] if cpus else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory_kib / 1024 / 1024),
        "system": system_name(),
    }


def system_name():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def probe(ffprobe, path):
    """Streams and format of a file, as ffprobe tells them."""
    arguments = ("-v", "error", "-show_streams", "-show_format", "-of", "json")
    return json.loads(output(ffprobe, *arguments, path))
