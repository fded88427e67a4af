"""The engine without its ideas: plain capped CRF by one of x264's presets, against one command and against x264."""

from .. import contestants, measure, presets, sources, tools
from ..arena import median_cost, rotated, say
from ..goals import at_most, not_run


def plain_preset(bench, x264):
    """The preset for plain encoding: the one that was named, else the first with everything of ours taken away."""
    if bench.plain_preset and x264 == bench.plain_x264:
        return presets.load(bench.plain_preset)
    return presets.plain(bench.preset, x264)


def same_preset(bench):
    """CPU at the same preset, plain CRF, against one command."""
    figure = f"CPU at x264's `{bench.plain_x264}` and plain CRF, against one ffmpeg command"
    preset = plain_preset(bench, bench.plain_x264)
    if why := bench.ours.refusal(bench.source, preset):
        return [not_run("plain", figure, "≤ 0.92", f"the worker refuses the plain preset: {why}")]
    ladder = bench.ladder(preset)
    programs = {"Debian's ffmpeg": bench.arena.tool.debian_ffmpeg, "newest ffmpeg": bench.arena.tool.newest_ffmpeg}
    crfs = contestants.crfs_of(ladder)
    peers = [
        contestants.one_command(f"{who}, {bench.plain_x264}", ffmpeg, bench.source, ladder, crfs, bench.plain_x264)
        for who, ffmpeg in programs.items()
    ]
    ours, *theirs = bench.arena.contest([bench.our_contestant(preset, "ours, plain"), *peers], bench.source)
    best = min(cost["cpu_s"] for cost in theirs)
    walls = ours["wall_s"] / min(cost["wall_s"] for cost in theirs)
    measured = f"{ours['cpu_s']:.1f} s : {best:.1f} s"
    return [at_most("plain", figure, ours["cpu_s"] / best, 0.92, measured, f"wall time {walls:.2f}")]


def overhead(bench):
    """CPU beyond the plain sum of encoder CPU, at two presets."""
    source = sources.clip(bench.arena.tool, bench.arena.store, bench.source.path, bench.overhead_seconds)
    out = []
    for x264, goal in (("veryfast", 0.25), ("medium", 0.12)):
        figure = f"CPU beyond the encoders' own sum, x264's `{x264}`"
        preset = plain_preset(bench, x264)
        if why := bench.ours.refusal(source, preset):
            out.append(not_run("overhead", figure, f"≤ {goal:.2f}", f"the worker refuses the plain preset: {why}"))
            continue
        ours, encoders = overhead_costs(bench, source, preset, x264)
        note = f"share of the encoders' CPU; source cut to {source.duration_s:.0f} s"
        measured = f"{ours:.1f} s − {encoders:.1f} s"
        out.append(at_most("overhead", figure, ours / encoders - 1, goal, measured, note))
    return out


def overhead_costs(bench, source, preset, x264):
    """Median CPU seconds of our whole run, and of the encoders alone."""
    arena, ladder = bench.arena, bench.ladder(preset, source)
    us = bench.our_contestant(preset, f"ours, plain {x264}", source)
    ours_key = us.key(arena.store.hash_of(source.path))
    rounds = []
    for number in range(arena.runs):

        def make(scratch, number=number):
            costs = {}
            for step in rotated(["ours", *ladder.rungs], number):
                if step == "ours":
                    say(f"round {number + 1}: {us.name}")
                    costs["ours"] = measure.run(us.argv(scratch / "out"), scratch / "log").cpu_s
                else:
                    say(f"round {number + 1}: x264 alone, {x264} {step.height}p")
                    costs[step.height] = encoder_cpu_s(arena, source, ladder, step, x264, scratch)
            return {"ours": costs.pop("ours"), "encoders": sum(costs.values())}

        rounds.append(arena.store.result(arena.key("overhead", ours_key, x264, number), make))
    median = median_cost(rounds)
    return median["ours"], median["encoders"]


def encoder_cpu_s(arena, source, ladder, rung, x264, scratch):
    """CPU seconds of x264 alone for a rung: one thread, from raw pictures; what reading those costs is taken off."""
    ffmpeg, raw = arena.tool.debian_ffmpeg, scratch / "raw.y4m"
    read = [ffmpeg, "-nostdin", "-y", "-loglevel", "error"]
    tools.quietly(
        *read, "-i", source.path, "-map", "0:v:0", "-vf", f"scale={rung.width}:{rung.height}",
        "-pix_fmt", "yuv420p", raw,
    )  # fmt: skip
    options = [
        "-c:v", "libx264", "-threads", 1, "-preset", x264, "-profile:v", "high", "-crf", rung.crf,
        "-g", ladder.gop_frames, "-keyint_min", ladder.gop_frames, "-sc_threshold", 0,
        "-maxrate", f"{rung.max_kbps}k", "-bufsize", f"{rung.buffer_kbit}k",
    ]  # fmt: skip
    nothing = measure.run([*read, "-i", raw, "-c:v", "wrapped_avframe", "-f", "null", "-"], scratch / "log")
    encoding = measure.run([*read, "-i", raw, *options, "-f", "null", "-"], scratch / "log")
    raw.unlink()
    return encoding.cpu_s - nothing.cpu_s
