"""Our ladder against the cheapest x264 preset that equals it, and against the expert's command: CPU and wall time."""

from .. import contestants, presets
from ..goals import at_most, not_run
from ..matching import Curves, Lead, at_our_bits, curves

# Wall times of short sources say little: the last chunk leaves cores idle.
LEAST_SECONDS = 60


def rows(bench):
    """For each of our presets: CPU and wall time, against the equal preset and against the expert."""
    return [row for name, preset in bench.presets.items() for row in rows_of_preset(bench, name, preset)]


def rows_of_preset(bench, name, preset):
    arena, source = bench.arena, bench.source
    ladder = bench.ladder(preset)
    ours = our_curve(bench, name, preset)
    us = bench.our_contestant(preset)
    our_rungs = arena.assess(us, source)["rungs"]
    missing = {rung.height for rung in ladder.rungs} ^ set(our_rungs)
    if missing:
        why = f"{name} does not encode the ladder of its preset: {sorted(missing)} differ"
        return [not_run("ladder", f"CPU and wall time, {name}", "≤ 0.50", why)]

    equal = cheapest_equal(bench, ladder, our_rungs)
    expert = curves(
        arena,
        source,
        "expert's command",
        lambda crfs: contestants.expert(arena.tool.debian_ffmpeg, source, ladder, crfs),
        contestants.crfs_of(ladder),
        bench.crf_offsets,
    )
    rivals = [Rival.of(bench, equal, ladder, our_rungs), Rival.of(bench, expert, ladder, our_rungs)]
    for found in (equal, expert):
        bench.curves[found.name] = found
    note_bd_rates(bench, name, ours, [equal, expert])

    entered = [us] + [c for rival in rivals for c in rival.commands]
    costs = arena.contest(entered, source)
    out, at = [], 1
    for rival, goals in zip(rivals, ((0.50, 0.52), (0.70, 0.72))):
        theirs = costs[at : at + len(rival.commands)]
        at += len(rival.commands)
        out += judge(bench, name, rival, costs[0], theirs, goals)
    return out


def our_curve(bench, name, preset):
    """Our own curve, for the picture and for BD-rates: the preset with its CRF moved."""
    found = Curves(name, None)
    for offset in sorted(bench.crf_offsets, key=abs):
        varied = presets.with_crf_offset(preset, offset)
        assessed = bench.arena.assess(bench.our_contestant(varied, f"ours {name} CRF {offset:+g}"), bench.source)
        crfs = contestants.crfs_of(bench.ladder(varied))
        if set(crfs) == set(assessed["rungs"]):
            found.add(crfs, assessed)
    bench.curves[name] = found
    return found


def cheapest_equal(bench, ladder, our_rungs):
    """The curves of the cheapest x264 preset that reaches our mean VMAF at our bits; of the slowest one that was
    allowed, where none does."""
    arena, source = bench.arena, bench.source
    equal = None
    for x264 in sorted(bench.x264_presets, key=contestants.X264_PRESETS.index):
        found = curves(
            arena,
            source,
            x264,
            lambda crfs, x264=x264: contestants.one_command(
                f"one command, {x264}", arena.tool.debian_ffmpeg, source, ladder, crfs, x264
            ),
            contestants.crfs_of(ladder),
            bench.crf_offsets,
        )
        bench.curves[x264] = found
        if equal is None or not reached(equal, our_rungs):
            equal = found
        if reached(equal, our_rungs) and not bench.all_x264_presets:
            break
    return equal


def reached(found, our_rungs):
    return Lead.over(our_rungs, found.at_bits_of(our_rungs)).reached()


class Rival:
    """A way to encode that has our bits, by Debian's ffmpeg and by the newest."""

    def __init__(self, name, commands, lead, shares):
        self.name, self.commands, self.lead, self.shares = name, commands, lead, shares

    @classmethod
    def of(cls, bench, found, ladder, our_rungs):
        arena, source = bench.arena, bench.source
        matched, shares = at_our_bits(arena, source, found, our_rungs)
        lead = Lead.over(our_rungs, found.at_bits_of(our_rungs))
        # The same command by the newest ffmpeg: only the program differs.
        newest = contestants.Contestant(
            f"{matched.name}, newest ffmpeg",
            lambda out: [arena.tool.newest_ffmpeg, *matched.argv(out)[1:]],
            matched.main,
        )
        return cls(found.name, [matched, newest], lead, shares)


def judge(bench, name, rival, ours, theirs, goals):
    """CPU and wall time against the better of the rival's two programs."""
    seconds = bench.source.duration_s
    against = "one ffmpeg command, " + rival.name if rival.name in contestants.X264_PRESETS else "the " + rival.name
    note = f"{rival.lead}; their bits {mean(rival.shares.values()):.2f} of ours"
    unequal = None
    if behind := rival.lead.too_far_behind():
        unequal = (False, f"quality not equal: {behind}")
    elif rival.name in contestants.X264_PRESETS and not rival.lead.reached():
        note = f"no x264 preset that was tried reaches our quality, {rival.name} comes nearest; {note}"
    elif rival.name not in contestants.X264_PRESETS and rival.lead.mean_vmaf < 0:
        unequal = (False, "quality not equal: their mean VMAF is better")
    rows = []
    for figure, key, goal in (("CPU", "cpu_s", goals[0]), ("wall time", "wall_s", goals[1])):
        best = min(cost[key] for cost in theirs)
        unless = unequal
        if key == "wall_s" and seconds < LEAST_SECONDS:
            unless = (None, f"source of {seconds:.0f} s, needs {LEAST_SECONDS}")
        measured = f"{ours[key]:.1f} s : {best:.1f} s"
        title = f"{figure}, `{name}` against {against}"
        rows.append(at_most("ladder", title, ours[key] / best, goal, measured, note, unless))
        note = "the same commands"
    return rows


def note_bd_rates(bench, name, ours, others):
    """A table of how many more bits each peer takes for our quality, rung by rung."""
    lines = bench.tables.setdefault(
        "Bits at equal quality (BD-rate of ours against the peer's curve; negative: we need fewer)",
        [("ours", "peer", "rung", "by VMAF", "by SSIM")],
    )
    known = {found.name: found for found in others}
    known |= {n: c for n, c in bench.curves.items() if n in contestants.X264_PRESETS}
    for peer, found in known.items():
        by = {m: ours.bd_rates(found, m) for m in ("vmaf", "ssim_db")}
        for height in sorted(ours.rungs, reverse=True):
            lines.append((f"`{name}`", peer, f"{height}p", *(percent(by[m].get(height)) for m in by)))


def percent(share):
    return "–" if share is None else f"{share * 100:+.1f} %"


def mean(values):
    values = list(values)
    return sum(values) / len(values)
