"""Bits at equal quality, the per-title ladder against the fixed one, over clips of all kinds."""

from .. import sources
from ..curves import bd_rate, hull
from ..goals import at_most, not_run

GOAL = 0.80


def rows(bench):
    """For each per-title preset, the mean over all clips."""
    if not bench.per_title:
        figure = "bits at equal VMAF, per-title ladder against the fixed one"
        return [not_run("per-title", figure, f"≤ {GOAL:.2f}", "no preset named by --per-title")]
    return [row_of_preset(bench, name, preset) for name, preset in bench.per_title.items()]


def row_of_preset(bench, name, preset):
    fixed_name = next(iter(bench.presets))
    figure = f"bits at equal VMAF, `{name}` against the fixed ladder of `{fixed_name}`"
    ratios = {"vmaf": [], "ssim_db": []}
    lines = [("clip", "bits by VMAF", "bits by SSIM", "rungs", "fixed rungs")]
    skipped, refused = [], []
    for path in bench.clips:
        source = sources.clip(bench.arena.tool, bench.arena.store, path, bench.clip_seconds)
        if why := bench.ours.refusal(source, preset) or bench.ours.refusal(source, bench.preset):
            refused.append(f"{source.name} ({why})")
            continue
        ours = bench.arena.assess(bench.our_contestant(preset, f"ours, {name}", source), source)["rungs"]
        fixed = bench.arena.assess(bench.our_contestant(bench.preset, f"ours, {fixed_name}", source), source)["rungs"]
        found = {measure: ladder_bd_rate(fixed, ours, measure) for measure in ratios}
        shown = [f"{1 + bd:.2f}" if bd is not None else "–" for bd in found.values()]
        lines.append((source.name, *shown, rungs(ours), rungs(fixed)))
        if found["vmaf"] is None:
            skipped.append(source.name)
            continue
        for measure, bd in found.items():
            if bd is not None:
                ratios[measure].append(1 + bd)
    bench.tables[f"Per title: `{name}`, bits at equal quality (1.00: as the fixed ladder)"] = lines
    if not ratios["vmaf"]:
        why = "no clip on which both ladders share a range of quality"
        return not_run("per-title", figure, f"≤ {GOAL:.2f}", "; ".join([why, *refused]))
    mean = sum(ratios["vmaf"]) / len(ratios["vmaf"])
    note = f"by SSIM {sum(ratios['ssim_db']) / max(1, len(ratios['ssim_db'])):.2f}"
    if skipped:
        note += f"; no common range of quality, left out: {', '.join(skipped)}"
    if refused:
        note += f"; refused by the worker: {', '.join(refused)}"
    measured = f"{len(ratios['vmaf'])} clips, {min(ratios['vmaf']):.2f} to {max(ratios['vmaf']):.2f}"
    return at_most("per-title", figure, mean, GOAL, measured, note)


def ladder_bd_rate(fixed, ours, measure):
    """BD-rate between the hulls of two ladders {height: {kbps, vmaf, ssim_db}}."""
    return bd_rate(*(hull([(r["kbps"], r[measure]) for r in ladder.values()]) for ladder in (fixed, ours)))


def rungs(ladder):
    """Such as `1080p 4100, 720p 2000` (kb/s)."""
    return ", ".join(f"{height}p {rung['kbps']:.0f}" for height, rung in sorted(ladder.items(), reverse=True))
