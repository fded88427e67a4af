"""What is encoded: a file as it is, or a longer one put together from several."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from . import tools

VIDEO_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".ts", ".mts", ".mpg", ".mxf", ".avi"}
TIMELINE_SIZE = (1920, 1080)
TIMELINE_FRAMES_PER_S = 24
SAMPLES_PER_S = 48000
# High quality, so that what is measured is what the contestants lose; and quick to make.
# Colours are tagged, not converted: nobody has to guess, and nobody has a reason to change them.
TAGS = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
MEZZANINE = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "10", "-pix_fmt", "yuv420p")


@dataclass(frozen=True)
class Source:
    """A file with a constant frame rate and square pixels."""

    path: Path
    name: str
    width: int
    height: int
    frames_per_s: Fraction
    duration_s: float
    has_audio: bool


def describe(tool, path, name=None):
    """The source in a file."""
    told = tools.probe(tool.ffprobe, path)
    video = next(s for s in told["streams"] if s["codec_type"] == "video")
    return Source(
        path=Path(path),
        name=name or Path(path).name,
        width=video["width"],
        height=video["height"],
        frames_per_s=Fraction(video["avg_frame_rate"]),
        duration_s=float(video.get("duration") or told["format"]["duration"]),
        has_audio=any(s["codec_type"] == "audio" for s in told["streams"]),
    )


def timeline(tool, store, paths, seconds, clip_seconds):
    """The clips one after another, each at most `clip_seconds` long, over and over until `seconds` are full: 1080p24
    and stereo, made anew at high quality."""
    key = ["timeline", [store.hash_of(p) for p in paths], seconds, clip_seconds, TAGS, MEZZANINE]

    def make(path):
        work = path.with_suffix(".parts")
        work.mkdir(parents=True, exist_ok=True)
        parts = [timeline_part(tool, p, work / f"{i:02}", clip_seconds) for i, p in enumerate(paths)]
        played, order = 0.0, []
        while played < seconds:
            part = parts[len(order) % len(parts)]
            order.append(part)
            played += part[2]
        lists = []
        for stream in (0, 1):
            lists.append(work / f"list-{stream}.txt")
            lists[-1].write_text("".join(f"file '{part[stream].resolve()}'\n" for part in order))
        inputs = [a for entry in lists for a in ("-f", "concat", "-safe", "0", "-i", entry)]
        tools.quietly(
            tool.newest_ffmpeg, "-y", *inputs, "-map", "0:v", "-map", "1:a", "-c:v", "copy",
            "-c:a", "aac", "-b:a", "192k", "-f", "mp4", path,
        )  # fmt: skip
        for file in work.iterdir():
            file.unlink()
        work.rmdir()

    path = store.kept_file(key, ".mp4", make)
    names = " + ".join(p.stem for p in paths[:3]) + (" + …" if len(paths) > 3 else "")
    found = describe(tool, path)
    return describe(tool, path, name=f"{names}, {found.duration_s:.0f} s 1080p24")


def timeline_part(tool, path, stem, clip_seconds):
    """A clip's picture and sound, of exactly the same length so that nothing drifts where parts are joined."""
    video, audio = stem.with_suffix(".mp4"), stem.with_suffix(".wav")
    width, height = TIMELINE_SIZE
    fitted = (
        f"fps={TIMELINE_FRAMES_PER_S},scale={width}:{height}:force_original_aspect_ratio=decrease,"
        f"pad={width}:{height}:-1:-1,setsar=1,{TAGS}"
    )
    tools.quietly(
        tool.newest_ffmpeg, "-y", "-i", path, "-map", "0:v:0", "-t", clip_seconds, "-vf", fitted, *MEZZANINE, "-an",
        video,
    )  # fmt: skip
    made = tools.probe(tool.ffprobe, video)["streams"][0]
    frames = int(made["nb_frames"])
    samples = frames * SAMPLES_PER_S // TIMELINE_FRAMES_PER_S
    has_audio = any(s["codec_type"] == "audio" for s in tools.probe(tool.ffprobe, path)["streams"])
    sound = ("-i", path, "-map", "0:a:0") if has_audio else ("-f", "lavfi", "-i", "anullsrc=cl=stereo")
    tools.quietly(
        tool.newest_ffmpeg, "-y", *sound, "-ac", "2", "-ar", SAMPLES_PER_S,
        "-af", f"apad,atrim=end_sample={samples}", "-c:a", "pcm_s16le", audio,
    )  # fmt: skip
    return video, audio, frames / TIMELINE_FRAMES_PER_S


def clip(tool, store, path, clip_seconds):
    """The beginning of a clip in its own size, at a constant rate, made anew at high quality."""
    key = ["clip", store.hash_of(path), clip_seconds, TAGS, MEZZANINE]

    def make(part):
        tools.quietly(
            tool.newest_ffmpeg, "-y", "-i", path, "-map", "0:v:0", "-map", "0:a:0?", "-t", clip_seconds,
            "-vf", f"scale=trunc(iw*sar/2)*2:trunc(ih/2)*2,setsar=1,{TAGS}", "-fps_mode", "cfr", *MEZZANINE,
            "-c:a", "aac", "-ac", "2", "-b:a", "192k", "-f", "mp4", part,
        )  # fmt: skip

    return describe(tool, store.kept_file(key, ".mp4", make), name=Path(path).stem)


def folder_of_clips(tool, folder, least_seconds=5, least_height=540):
    """The clips of a folder that a comparison of picture quality can use: upright, progressive, 8 bits, in
    BT.709, large and long enough."""
    found = []
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            continue
        try:
            told = tools.probe(tool.ffprobe, path)
        except tools.Failed:
            continue
        if suits(told, least_seconds, least_height):
            found.append(path)
    return found


def suits(told, least_seconds, least_height):
    """Whether ffprobe's answer describes such a clip.

    >>> video = {"codec_type": "video", "pix_fmt": "yuv420p", "width": 1280, "height": 720}
    >>> told = {"streams": [video], "format": {"duration": "9.5"}}
    >>> suits(told, 5, 540), suits(told, 10, 540), suits(told, 5, 800)
    (True, False, False)
    >>> suits({"streams": [video | {"field_order": "tt"}], "format": {"duration": "9.5"}}, 5, 540)
    False
    """
    video = next((s for s in told["streams"] if s["codec_type"] == "video"), None)
    return bool(
        video
        and float(told["format"].get("duration", 0)) >= least_seconds
        and min(video["width"], video["height"]) >= least_height
        and video.get("pix_fmt") == "yuv420p"
        and video.get("color_space", "unknown") in ("unknown", "bt709")
        and video.get("field_order", "progressive") in ("progressive", "unknown")
        and not video.get("side_data_list")
    )
