"""The command line: `scripts/bench engine`."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from . import presets, sources, tools
from .arena import Arena, say
from .bench import Bench
from .chart import chart
from .contestants import X264_PRESETS
from .goals import not_run
from .ours import Ours
from .presets import ROOT
from .report import markdown, put_between_markers
from .rows import ROWS
from .store import Store
from .tools import Failed

WORK = ROOT / "target" / "bench"


def options():
    parser = argparse.ArgumentParser(
        prog="scripts/bench engine",
        allow_abbrev=False,
        description="Measures our engine side by side with its peers. Results are kept in target/bench: a run that was"
        " broken off goes on, and a row that is known is not measured again (delete the folder for that).",
    )
    add = parser.add_argument
    add("--rows", default="all", metavar="A,B", help=f"rows to measure: {', '.join(ROWS)} (all)")
    add("--source", type=Path, action="append", metavar="FILE", help="a clip; more than one for --seconds or --clips")
    add("--seconds", type=float, metavar="N", help="put the sources together, over and over, until N s are full")
    add("--clip-seconds", type=float, default=30, metavar="N", help="use at most N s of each clip (30)")
    add("--clips", action="store_true", help="per-title: also take the suitable clips of the folder $FLODRAMA_MEDIA")
    add("--worker", type=Path, required=True, metavar="PATH", help="our program (scripts/bench builds it)")
    add("--preset", action="append", metavar="NAME|FILE", help="preset of ours, the first for goals (web-h264)")
    add("--per-title", action="append", default=[], metavar="NAME|FILE", help="per-title preset of ours")
    add("--plain-preset", metavar="NAME|FILE", help="our preset for plain CRF (the first with all of ours taken away)")
    add("--plain-x264", default="veryfast", choices=X264_PRESETS, help="its x264 preset (veryfast)")
    add("--passthrough-field", default="passthrough", metavar="FIELD", help="field of [video] that turns it on or off")
    add("--x264", default="veryfast,faster,fast,medium", metavar="A,B", help="x264 presets of the peers")
    add("--all-x264", action="store_true", help="curves of all of these, not only up to the one that equals us")
    add("--crf-offsets", default="-3,0,3", metavar="A,B", help="points of each curve, from the preset's CRF (-3,0,3)")
    add("--runs", type=int, default=3, metavar="N", help="rounds of each timing; medians are shown (3)")
    add("--subsample", type=int, default=4, metavar="N", help="VMAF of every Nth frame (4)")
    add("--overhead-seconds", type=float, default=20, metavar="N", help="row overhead: cut the source to N s (20)")
    add("--write", action="store_true", help="write docs/PERFORMANCE.md and docs/rate-quality.svg")
    add("--json", type=Path, default=WORK / "engine.json", metavar="FILE", help="raw figures (kept in target/bench)")
    given = parser.parse_args()
    if not given.source:
        parser.error("--source is missing")
    for path in [*given.source, given.worker]:
        if not path.exists():
            parser.error(f"there is no file {path}")
    given.rows = list(ROWS) if given.rows == "all" else given.rows.split(",")
    for row in given.rows:
        if row not in ROWS:
            parser.error(f"there is no row {row}: {', '.join(ROWS)}")
    given.x264 = given.x264.split(",")
    for name in given.x264:
        if name not in X264_PRESETS:
            parser.error(f"there is no x264 preset {name}: {', '.join(X264_PRESETS)}")
    given.crf_offsets = [float(o) for o in given.crf_offsets.split(",")]
    return given


def bench_for(given, tool, circumstances):
    """Everything that rows need."""
    store = Store(WORK)
    paths = [path.resolve() for path in given.source]
    if given.seconds:
        say(f"putting together a source of at least {given.seconds:g} s")
        source = sources.timeline(tool, store, paths, given.seconds, given.clip_seconds)
    else:
        source = sources.describe(tool, paths[0])
    clips = paths
    if given.clips:
        folder = os.environ.get("FLODRAMA_MEDIA") or sys.exit("--clips needs FLODRAMA_MEDIA, a folder of clips")
        clips = clips + sources.folder_of_clips(tool, folder)
    return Bench(
        arena=Arena(tool, store, given.runs, given.subsample, circumstances),
        ours=Ours(given.worker.resolve(), store),
        source=source,
        clips=clips,
        clip_seconds=given.clip_seconds,
        presets=presets.load_all(given.preset or ["web-h264"]),
        per_title=presets.load_all(given.per_title),
        x264_presets=given.x264,
        crf_offsets=given.crf_offsets,
        all_x264_presets=given.all_x264,
        plain_x264=given.plain_x264,
        plain_preset=given.plain_preset,
        overhead_seconds=given.overhead_seconds,
        passthrough_field=given.passthrough_field,
    )


def measured_rows(bench, names):
    """The rows; one that fails says so and does not keep the others from being measured."""
    found = []
    for name in names:
        say(f"== {name}")
        try:
            found += ROWS[name](bench)
        except Failed as failure:
            say(str(failure))
            found.append(not_run(name, name, "", f"failed: {' '.join(str(failure).split())[:300]}"))
    return found


def weaknesses(given, bench, machine, load):
    """What makes a run no more than a trial."""
    found = [f"{given.runs} run{'s' if given.runs > 1 else ''} of each"] if given.runs < 3 else []
    if bench.source.duration_s < 60:
        found.append("a source of less than a minute")
    if load > 0.5 * machine["cores"]:
        found.append("others used the machine")
    return found


def settings_of(given, bench, machine, programs, loads):
    """What a reader has to know to judge the figures, or to repeat them."""
    weak = weaknesses(given, bench, machine, loads[0])
    return ({"A trial, not a verdict": ", ".join(weak)} if weak else {}) | {
        "Machine": f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}; "
        f"load {loads[0]:.1f} before, {loads[1]:.1f} after (of its own, a run makes about one for each core)",
        "Programs": ", ".join(f"{name} {version}" for name, version in programs.items()),
        "Source": f"{bench.source.name} ({bench.source.width}×{bench.source.height}, "
        f"{float(bench.source.frames_per_s):g} frames/s, {bench.source.duration_s:.1f} s)",
        "Measured": f"medians of interleaved runs, {given.runs} of each; VMAF of 1 frame in {given.subsample}, SSIM of all",
    }


def shown_name(bench, name):
    """What the picture calls a curve."""
    if name in bench.presets:
        return f"ours {name}"
    return f"one ffmpeg command, {name}" if name in X264_PRESETS else name


def main():
    given = options()
    tool, machine = tools.find(), tools.machine()
    programs = {
        "Debian's FFmpeg": tools.version_of_ffmpeg(tool.debian_ffmpeg),
        "newest FFmpeg": tools.version_of_ffmpeg(tool.newest_ffmpeg),
        "Shaka Streamer": tools.version_of_package("shaka-streamer"),
    }
    try:
        bench = bench_for(given, tool, [machine["cpu"], machine["cores"], programs])
    except Failed as failure:
        sys.exit(str(failure))
    load_before = os.getloadavg()[0]
    rows = measured_rows(bench, given.rows)
    settings = settings_of(given, bench, machine, programs, (load_before, os.getloadavg()[0]))
    text = markdown(rows, bench.tables, settings)
    print(text)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    curves = {name: found.rungs for name, found in bench.curves.items()}
    raw = {"settings": settings, "rows": [asdict(row) for row in rows], "curves": curves, "tables": bench.tables}
    given.json.write_text(json.dumps(raw, indent=1, ensure_ascii=False))
    picture = None
    if bench.curves:
        picture = chart({shown_name(bench, n): c for n, c in bench.curves.items()}, bench.source.name)
        given.json.with_suffix(".svg").write_text(picture)
    say(f"raw figures: {given.json}")
    if given.write:
        document = ROOT / "docs" / "PERFORMANCE.md"
        document.write_text(put_between_markers(document.read_text(), text))
        if picture:
            document.with_name("rate-quality.svg").write_text(picture)
    if any(row.note.startswith("failed") for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
