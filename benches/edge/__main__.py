"""The command line: `scripts/bench edge`."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from engine import tools
from engine.report import markdown, put_between_markers

from .ours import Surroundings
from .rows import ROWS

ROOT = Path(__file__).resolve().parent.parent.parent
WORK = ROOT / "target" / "bench"


@dataclass
class Bench:
    """What rows need, and the tables that they fill."""

    given: argparse.Namespace
    folder: Path
    around: Surroundings
    tables: dict = field(default_factory=dict)

    def say(self, text):
        """Progress, for whoever waits."""
        print(text, file=sys.stderr, flush=True)

    def table(self, title, lines):
        """A table beside the goals."""
        self.tables[title] = lines

    @property
    def is_root(self):
        """Whether this user is root."""
        return os.geteuid() == 0


def options():
    parser = argparse.ArgumentParser(
        prog="scripts/bench edge",
        allow_abbrev=False,
        description="Measures the edge side by side with nginx and with the usual way of signing in Node. The server"
        " has one core and the load another; rounds are interleaved and medians shown.",
    )
    add = parser.add_argument
    add("--rows", default="all", metavar="A,B", help=f"rows to measure: {', '.join(ROWS)} (all)")
    add("--edge", type=Path, required=True, metavar="PATH", help="our program (scripts/bench builds it)")
    add("--stack", type=Path, required=True, metavar="PATH", help="the local stack's example (scripts/bench builds it)")
    add("--rounds", type=int, default=5, metavar="N", help="rounds of each load; medians are shown (5)")
    add("--seconds", type=float, default=4, metavar="N", help="seconds of each load (4)")
    add("--connections", type=int, default=32, metavar="N", help="connections, kept alive (32)")
    add("--tokens", type=int, default=20_000, metavar="N", help="viewers who come once (20000)")
    add("--titles", type=int, default=10_000, metavar="N", help="row memory: titles (10000)")
    add("--server-core", type=int, default=0, metavar="N", help="the core of the server (0)")
    add("--load-core", type=int, default=1, metavar="N", help="the core of everything else (1)")
    add("--setting", action="append", default=[], metavar="NAME=VALUE", help="a setting of the edge besides its defaults")
    add("--write", action="store_true", help="write docs/PERFORMANCE.md")
    add("--json", type=Path, default=WORK / "edge.json", metavar="FILE", help="figures (kept in target/bench)")
    given = parser.parse_args()
    given.rows = list(ROWS) if given.rows == "all" else given.rows.split(",")
    for row in given.rows:
        if row not in ROWS:
            parser.error(f"there is no row {row}: {', '.join(ROWS)}")
    for path in (given.edge, given.stack):
        if not path.exists():
            parser.error(f"there is no file {path}")
    return given


def main():
    given = options()
    os.sched_setaffinity(0, {given.load_core})
    # Whoever ends this ends the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    load_before = os.getloadavg()[0]
    folder = Path(tempfile.mkdtemp(prefix="flodrama-bench-edge-"))
    rows = []
    try:
        with Surroundings(given, folder) as around:
            bench = Bench(given, folder, around)
            for name in given.rows:
                bench.say(f"row {name}")
                rows += ROWS[name].rows(bench)
    except tools.Failed as failed:
        sys.exit(f"{failed}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    settings = about(given, load_before)
    text = markdown(rows, bench.tables, settings)
    print(text)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps({"about": settings, "rows": [asdict(r) for r in rows], "tables": bench.tables}))
    if given.write:
        page = ROOT / "docs" / "PERFORMANCE.md"
        page.write_text(put_between_markers(page.read_text(), text, "edge"))


def about(given, load_before):
    """What a reader has to know of the circumstances."""
    machine = tools.machine()
    cores = os.cpu_count()
    return {
        "Machine": f"{machine['cpu']}, {cores} cores, {machine['memory_gib']} GiB, {machine['system']}; load"
        f" {load_before:.1f} before (above 0.3, others were at work on these cores)",
        "Programs": f"{tools.done(['nginx', '-v']).stderr.strip().removeprefix('nginx version: ')}, Node.js"
        f" {tools.output('node', '--version').strip()}, {first_line(['wrk', '-v'])}",
        "Measured": f"server on core {given.server_core}, load and everything else on core {given.load_core}; medians of"
        f" {given.rounds} interleaved rounds of {given.seconds:g} s; CPU seconds are those of the server's processes",
    }


def first_line(argv):
    """What a program says of its version, which wrk says with a failure."""
    import subprocess

    said = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    return " ".join(said.split()[:2])


if __name__ == "__main__":
    main()
