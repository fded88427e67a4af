"""A source whose top rung already keeps our rules: repackaged, against encoded again."""

from .. import presets, sources, tools
from ..goals import at_most, not_run

FIGURE = "CPU of a conforming source, top rung passed through, against encoding it again"
GOAL = 0.55


def rows(bench):
    """Our engine with and without passthrough, on a source that conforms."""
    source = conforming(bench)
    through = presets.with_video_field(bench.preset, bench.passthrough_field, True)
    again = presets.with_video_field(bench.preset, bench.passthrough_field, False)
    for preset in (through, again):
        if why := bench.ours.refusal(source, preset):
            why = f"the worker knows no preset field video.{bench.passthrough_field}: {why}"
            return [not_run("passthrough", FIGURE, f"≤ {GOAL}", why)]
    ours, other = bench.arena.contest(
        [
            bench.our_contestant(through, "ours, passed through", source),
            bench.our_contestant(again, "ours, encoded again", source),
        ],
        source,
    )
    measured = f"{ours['cpu_s']:.1f} s : {other['cpu_s']:.1f} s"
    note = f"wall time {ours['wall_s'] / other['wall_s']:.2f}"
    return [at_most("passthrough", FIGURE, ours["cpu_s"] / other["cpu_s"], GOAL, measured, note)]


def conforming(bench):
    """The source encoded as our top rung would be: High profile, closed groups of our length, rate within the cap."""
    arena, ladder = bench.arena, bench.ladder()
    top = ladder.rungs[0]
    options = [
        "-vf", f"scale={top.width}:{top.height}", "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high",
        "-pix_fmt", "yuv420p", "-crf", top.crf, "-maxrate", f"{top.max_kbps}k", "-bufsize", f"{top.buffer_kbit}k",
        "-g", ladder.gop_frames, "-keyint_min", ladder.gop_frames, "-sc_threshold", 0,
        "-c:a", "aac", "-ac", ladder.audio_channels, "-ar", ladder.audio_rate, "-b:a", f"{ladder.audio_kbps}k",
    ]  # fmt: skip

    def make(path):
        command = [arena.tool.debian_ffmpeg, "-y", "-i", bench.source.path, "-map", "0:v:0", "-map", "0:a:0?"]
        tools.quietly(*command, *options, "-movflags", "+faststart", "-f", "mp4", path)

    key = ["conforming", arena.store.hash_of(bench.source.path), [str(o) for o in options]]
    path = arena.store.kept_file(key, ".mp4", make)
    return sources.describe(arena.tool, path, name=f"{bench.source.name}, conforming")
