"""How soon a preview plays, against one ffmpeg command, which has no VOD playlist before its end."""

import json
import time

from .. import contestants, measure, sources, tools
from ..goals import at_most, not_run

FIGURE = "time to a playable preview, against ffmpeg's time to its finished playlist"
GOAL = 0.05
LEAST_SECONDS = 600
# A source this short shows whether there is a preview at all.
TRIAL_SECONDS = 20


def rows(bench):
    """One run of each: the long source takes long enough to be steady."""
    arena, source = bench.arena, bench.source
    trial = sources.clip(arena.tool, arena.store, source.path, TRIAL_SECONDS)
    if preview_s(bench, trial) is None:
        return [not_run("preview", FIGURE, f"≤ {GOAL}", "the worker writes no preview/main.m3u8")]
    ours = preview_s(bench, source)
    ladder = bench.ladder()
    peer = contestants.one_command(
        "one command, veryfast", arena.tool.debian_ffmpeg, source, ladder, contestants.crfs_of(ladder), "veryfast"
    )
    theirs = arena.contest([peer], source, runs=1)[0]["wall_s"]
    unless = None
    if source.duration_s < LEAST_SECONDS:
        unless = (None, f"source of {source.duration_s:.0f} s, needs {LEAST_SECONDS} (--seconds {LEAST_SECONDS})")
    measured = f"{ours:.1f} s : {theirs:.1f} s"
    return [at_most("preview", FIGURE, ours / theirs, GOAL, measured, "ffmpeg at `veryfast`", unless)]


def preview_s(bench, source):
    """Seconds from the start until the worker says that the preview plays, or its playlist is there; the run ends
    then. None where neither happens."""
    us = bench.our_contestant(bench.preset, source=source)
    key = bench.arena.key("preview", us.key(bench.arena.store.hash_of(source.path)))

    def make(scratch):
        tree, log = scratch / "tree", scratch / "log"
        found = []

        def watch(process):
            started = time.monotonic()
            while process_runs(process.pid):
                if says_preview(log) or (tree / "preview" / "main.m3u8").exists():
                    found.append(time.monotonic() - started)
                    measure.end_group(process.pid)
                    return
                time.sleep(0.05)

        command = bench.ours.command(source, tree, bench.preset, json_lines=True)
        try:
            measure.run(command, log, on_start=watch)
        except tools.Failed:
            # Being ended early is no success to the worker.
            if not found:
                raise
        return found[0] if found else None

    return bench.arena.store.result(key, make)


def process_runs(pid):
    """Whether a child of ours has not ended yet (an ended one that nobody waited for is a zombie)."""
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"


def says_preview(log):
    """Whether a JSON line has `preview`."""
    for line in log.read_text(errors="replace").splitlines():
        if '"preview"' in line:
            try:
                if json.loads(line).get("preview"):
                    return True
            except ValueError:
                continue
    return False
