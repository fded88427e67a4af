"""Episodes of two and three seconds, and files that are none."""

import struct
import subprocess


def make(folder):
    """Base clips by name: each in chunks of a second, so two or three."""
    clips = {}
    for name, seconds, pitch in (("short", 2, 440), ("long", 3, 880)):
        path = folder / f"{name}.mp4"
        subprocess.run(
            ["ffmpeg", "-loglevel", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=10:duration={seconds}",
             "-f", "lavfi", "-i", f"sine=frequency={pitch}:duration={seconds}", "-c:v", "libx264", "-preset", "ultrafast",
             "-pix_fmt", "yuv420p", "-g", "10", "-c:a", "aac", "-shortest", str(path)],
            check=True,
        )
        clips[name] = path.read_bytes()
    return clips


def marked(clip, number):
    """The same clip as another file: a `free` box at its end, which every reader passes over (ISO/IEC 14496-12, 8.1.2)."""
    said = b"chaos %08d" % number
    return clip + struct.pack(">I4s", 8 + len(said), b"free") + said


def broken(number):
    """What an editor drops by mistake: a text, a cut-off clip, nothing at all."""
    return [b"Remember the milk %d." % number, b"\0\0\0\x20ftypisom" + b"\xff" * (100 + number)][number % 2]
