"""Everybody side by side at the ladder's own settings: no goal, but a picture of the field."""

from .. import contestants
from ..matching import Lead
from ..ours import cores

TITLE = "All peers, same ladder, caps and CRF (ours : peer; Shaka Streamer, which knows no CRF, at our rates)"


def rows(bench):
    """A table of its own; no row of the goals."""
    arena, source = bench.arena, bench.source
    ours = bench.our_contestant(bench.preset)
    our_result = arena.assess(ours, source)
    peers = field_of(bench, {height: rung["kbps"] for height, rung in our_result["rungs"].items()})
    results = [arena.assess(peer, source) for peer in peers]
    our_cost, *costs = arena.contest([ours, *peers], source)
    lines = [("peer", "CPU", "wall time", "memory", "bits", "VMAF, ours − theirs", "SSIM, ours − theirs")]
    for peer, cost, result in zip(peers, costs, results):
        ratios = [f"{our_cost[k] / cost[k]:.2f}" for k in ("cpu_s", "wall_s", "together_mib")]
        shared = {h: r for h, r in our_result["rungs"].items() if h in result["rungs"]}
        bits = sum(r["kbps"] for r in shared.values()) / sum(result["rungs"][h]["kbps"] for h in shared)
        lead = Lead.over(shared, result["rungs"])
        lines.append((peer.name, *ratios, f"{bits:.2f}", f"{lead.mean_vmaf:+.2f}", f"{lead.mean_ssim_db:+.2f} dB"))
    bench.tables[TITLE] = lines
    return []


def field_of(bench, our_kbps):
    """All peers."""
    tool, source, ladder = bench.arena.tool, bench.source, bench.ladder()
    crfs = contestants.crfs_of(ladder)
    found = []
    for name, ffmpeg in (("Debian's ffmpeg", tool.debian_ffmpeg), ("newest ffmpeg", tool.newest_ffmpeg)):
        for x264 in bench.x264_presets:
            found.append(contestants.one_command(f"{name}, {x264}", ffmpeg, source, ladder, crfs, x264))
    found.append(contestants.expert(tool.debian_ffmpeg, source, ladder, crfs))
    found.append(contestants.chunked(tool.debian_ffmpeg, source, ladder, crfs, bench.x264_presets[0], cores()))
    configs = bench.arena.store.folder / "configs" / bench.arena.store.hash_of(source.path)
    found.append(contestants.shaka_streamer(tool.shaka_streamer, configs, source, ladder, our_kbps))
    return found
