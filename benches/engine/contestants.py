"""Whoever encodes the ladder: a command, and where its playlist is. Peers here; ours in ours.py."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CHUNKED = Path(__file__).with_name("chunked.sh")
# The expert adds to `veryfast` what it lacks most for its price.
EXPERT = ("-trellis", "1", "-rc-lookahead", "40")
# x264's own presets, cheapest first.
X264_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower")


@dataclass(frozen=True)
class Contestant:
    """A way to make the ladder."""

    name: str
    # The command that writes into a folder.
    argv: Callable[[Path], list]
    # The multivariant playlist, below that folder.
    main: str
    # All that decides the result besides the command and the source: hashes of programs and presets.
    decided_by: tuple[str, ...] = ()

    def key(self, source_hash):
        """What its result is kept under."""
        return [[str(a) for a in self.argv(Path("OUT"))], source_hash, *self.decided_by]


def crfs_of(ladder, offset=0):
    """The ladder's own CRF for each height, moved by an offset."""
    return {rung.height: rung.crf + offset for rung in ladder.rungs}


def encoder_options(ladder, crfs, x264_preset, extra=()):
    """libx264's options of every rung, for one ffmpeg command with an output stream for each.

    The second and later options of a kind carry the number of their stream: `-crf:v:1`."""
    options = ["-c:v", "libx264", "-preset", x264_preset, *extra, "-profile:v", "high", "-pix_fmt", "yuv420p"]
    options += ["-g", ladder.gop_frames, "-keyint_min", ladder.gop_frames, "-sc_threshold", 0]
    for i, rung in enumerate(ladder.rungs):
        options += [f"-crf:v:{i}", round(crfs[rung.height], 2)]
        options += [f"-maxrate:v:{i}", f"{rung.max_kbps}k", f"-bufsize:v:{i}", f"{rung.buffer_kbit}k"]
    return options


def scaling(ladder, source, cascade):
    """A filter graph with the outputs [v0], [v1], …: each rung from the source or, in cascade, from the one above.

    >>> from types import SimpleNamespace as N
    >>> ladder = N(rungs=[N(width=1920, height=1080), N(width=1280, height=720), N(width=640, height=360)])
    >>> source = N(width=1920, height=1080)
    >>> scaling(ladder, source, cascade=False)
    '[0:v:0]split=3[s0][s1][s2];[s0]null[v0];[s1]scale=1280:720[v1];[s2]scale=640:360[v2]'
    >>> scaling(ladder, source, cascade=True)
    '[0:v:0]null,split=2[v0][s1];[s1]scale=1280:720,split=2[v1][s2];[s2]scale=640:360[v2]'
    """
    last = len(ladder.rungs) - 1
    parts = []
    for i, rung in enumerate(ladder.rungs):
        is_native = (rung.width, rung.height) == (source.width, source.height)
        scale = "null" if is_native else f"scale={rung.width}:{rung.height}"
        if not cascade:
            parts.append(f"[s{i}]{scale}[v{i}]")
            continue
        entry = f"[s{i}]" if i else "[0:v:0]"
        parts.append(f"{entry}{scale}" + (f"[v{i}]" if i == last else f",split=2[v{i}][s{i + 1}]"))
    if not cascade:
        parts.insert(0, f"[0:v:0]split={last + 1}" + "".join(f"[s{i}]" for i in range(last + 1)))
    return ";".join(parts)


def sound(ladder):
    """Options of the sound."""
    rate = ("-ar", ladder.audio_rate, "-ac", ladder.audio_channels)
    return ["-c:a", "aac", "-b:a", f"{ladder.audio_kbps}k", *rate]


def hls(ladder, source, out):
    """The end of an ffmpeg command that writes HLS with separate sound."""
    streams = [f"v:{i}" + (",agroup:sound" if source.has_audio else "") for i in range(len(ladder.rungs))]
    if source.has_audio:
        streams.insert(0, "a:0,agroup:sound")
    return [
        "-f", "hls", "-hls_time", ladder.segment_s, "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4",
        "-hls_flags", "independent_segments", "-master_pl_name", "main.m3u8", "-var_stream_map", " ".join(streams),
        "-hls_segment_filename", out / "%v/%05d.m4s", out / "%v/index.m3u8",
    ]  # fmt: skip


def one_command(name, ffmpeg, source, ladder, crfs, x264_preset, extra=(), cascade=False):
    """One ffmpeg command for everything."""

    def argv(out):
        command = [ffmpeg, "-nostdin", "-loglevel", "error", "-i", source.path]
        command += ["-filter_complex", scaling(ladder, source, cascade)]
        for i in range(len(ladder.rungs)):
            command += ["-map", f"[v{i}]"]
        command += encoder_options(ladder, crfs, x264_preset, extra)
        if source.has_audio:
            command += ["-map", "0:a:0", *sound(ladder)]
        return command + hls(ladder, source, out)

    return Contestant(name, argv, "main.m3u8")


def expert(ffmpeg, source, ladder, crfs):
    """The command of somebody who knows x264 well."""
    return one_command("expert's command", ffmpeg, source, ladder, crfs, "veryfast", EXPERT, cascade=True)


def chunked(ffmpeg, source, ladder, crfs, x264_preset, jobs):
    """Split at keyframes, GNU parallel over the parts with one thread each, joined and packaged."""

    def argv(out):
        names = " ".join(f"v{i}" for i in range(len(ladder.rungs)))
        audio = ["-map", f"{len(ladder.rungs)}:a:0", *sound(ladder)] if source.has_audio else []
        video = encoder_options(ladder, crfs, x264_preset)
        graph = scaling(ladder, source, cascade=True)
        return [
            "bash", CHUNKED, ffmpeg, source.path, out, jobs, graph, names,
            len(video), *video, *audio, *hls(ladder, source, out),
        ]  # fmt: skip

    return Contestant(f"GNU parallel, {x264_preset}", argv, "main.m3u8", (CHUNKED.read_text(),))


def shaka_streamer(program, configs, source, ladder, kbps):
    """Shaka Streamer with its own programs. It knows rates, not CRF, and has its own choice of preset."""
    names = {rung.height: f"rung-{rung.height}" for rung in ladder.rungs}
    inputs = [{"name": str(source.path), "media_type": "video"}]
    if source.has_audio:
        inputs.append({"name": str(source.path), "media_type": "audio"})
    pipeline = {
        "streaming_mode": "vod",
        "resolutions": list(names.values()),
        "channel_layouts": ["stereo"],
        "audio_codecs": ["aac"],
        "video_codecs": ["h264"],
        "manifest_format": ["hls"],
        "hls_output": "main.m3u8",
        # One group of pictures for each of its segments.
        "segment_size": ladder.gop_frames / float(source.frames_per_s),
        "quiet": True,
    }
    rates = {
        "audio_channel_layouts": {
            "stereo": {"max_channels": 2, "bitrates": {"aac": f"{ladder.audio_kbps}k"}}
        },
        "video_resolutions": {
            names[rung.height]: {
                "max_width": rung.width,
                "max_height": rung.height,
                "bitrates": {"h264": f"{round(kbps[rung.height])}k"},
            }
            for rung in ladder.rungs
        },
    }
    configs.mkdir(parents=True, exist_ok=True)
    files = {"-i": {"inputs": inputs}, "-p": pipeline, "-b": rates}
    arguments = []
    for option, content in files.items():
        # JSON is YAML too.
        file = configs / f"shaka{option}.json"
        file.write_text(json.dumps(content))
        arguments += [option, file]
    return Contestant(
        "Shaka Streamer",
        lambda out: [program, *arguments, "-o", out, "--skip-deps-check"],
        "main.m3u8",
        (json.dumps(files),),
    )
