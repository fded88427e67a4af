"""`scripts/chaos`: workers die at every moment, and nothing is lost or half-published."""

import argparse
import pathlib
import random
import sys
import tempfile

from . import run, soak, steps
from .local import Programs


def main():
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("run", "steps", "soak", "sabotage"), default="run",
                        help="run: faults at random; steps: a death at each request of a job; soak: steady load; "
                        "sabotage: a published segment is taken away, which the watch must find")
    parser.add_argument("--programs", required=True, help="folder of the built programs")
    parser.add_argument("--kills", type=int, default=300, metavar="N", help="deaths, at least (run)")
    parser.add_argument("--seconds", type=int, default=600, metavar="S", help="time for all of them (run)")
    parser.add_argument("--jobs", type=int, default=60, metavar="N", help="uploads (run)")
    parser.add_argument("--workers", type=int, default=3, metavar="N", help="workers (run)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), metavar="N", help="of all choices (run)")
    parser.add_argument("--minutes", type=float, default=10, metavar="M", help="time (soak)")
    parser.add_argument("--keep", metavar="DIR", help="keep everything in this new folder")
    args = parser.parse_args()
    programs = Programs(args.programs)
    act = {"run": run.main, "steps": steps.main, "soak": soak.main, "sabotage": run.sabotage}[args.what]
    if args.keep:
        folder = pathlib.Path(args.keep).resolve()
        folder.mkdir(parents=True)
        return act(args, programs, folder)
    with tempfile.TemporaryDirectory(prefix="flodrama-chaos-", ignore_cleanup_errors=True) as folder:
        return act(args, programs, pathlib.Path(folder))


sys.exit(main())
