"""Where contestants meet: encodes once to look at quality, and again and again, in turns, to take the time."""

import os
import shutil
import statistics
import sys
from dataclasses import dataclass

from . import measure, ours, playlists, quality
from .store import Store
from .tools import Tools


@dataclass
class Arena:
    """Programs, results so far, and settings of the measurement."""

    tool: Tools
    store: Store
    runs: int
    subsample: int
    # Machine and versions: a result from elsewhere is not ours.
    circumstances: list

    def key(self, what, *more):
        """What a result is kept under."""
        return [what, self.circumstances, *more]

    def measure_of_quality(self, source):
        """What decides the figures of quality, besides the pictures."""
        return quality.graph(source, self.subsample, threads=0, log="")

    def assess(self, contestant, source):
        """Encodes once and measures every rendition: `{"cost", "rungs": {height: {kbps, vmaf, ssim_db}}, "report"}`."""
        key = self.key("assess", contestant.key(self.store.hash_of(source.path)), self.measure_of_quality(source))

        def make(scratch):
            out = scratch / "out"
            out.mkdir()
            say(f"{contestant.name}: encoding {source.name}")
            cost = measure.run(contestant.argv(out), scratch / "log")
            rungs = {}
            for height, playlist in playlists.renditions(out / contestant.main).items():
                say(f"{contestant.name}: quality of {height}p")
                rungs[height] = quality.of_rendition(
                    self.tool, source, playlist, scratch, self.subsample, os.cpu_count()
                )
            return {"cost": cost.as_dict(), "rungs": rungs, "report": ours.report(out)}

        result = self.store.result(key, make)
        # JSON has no numbers as names.
        result["rungs"] = {int(height): rung for height, rung in result["rungs"].items()}
        return result

    def contest(self, contestants, source, runs=None):
        """Runs all contestants in turns, several times, and gives the median cost of each in their order. A round is
        kept only as a whole: what is compared was measured under the same circumstances."""
        keys = [c.key(self.store.hash_of(source.path)) for c in contestants]
        rounds = []
        for number in range(runs or self.runs):

            def make(scratch, number=number):
                costs = {}
                # Each round begins with another contestant, so that none always runs after the same one.
                for i in rotated(range(len(contestants)), number):
                    say(f"round {number + 1}: {contestants[i].name}")
                    out = scratch / "out"
                    out.mkdir()
                    costs[i] = measure.run(contestants[i].argv(out), scratch / "log").as_dict()
                    shutil.rmtree(out)
                return [costs[i] for i in range(len(contestants))]

            rounds.append(self.store.result(self.key("round", keys, number), make))
        return [median_cost([costs[i] for costs in rounds]) for i in range(len(contestants))]


def rotated(items, by):
    """The items in turn, beginning with number `by`.

    >>> rotated(range(3), 4)
    [1, 2, 0]
    """
    items = list(items)
    by %= len(items)
    return items[by:] + items[:by]


def median_cost(costs):
    """The median of each figure.

    >>> median_cost([{"cpu_s": 1.0}, {"cpu_s": 9.0}, {"cpu_s": 2.0}])
    {'cpu_s': 2.0}
    """
    return {figure: statistics.median(cost[figure] for cost in costs) for figure in costs[0]}


def say(text):
    """Tells those who wait."""
    print(text, file=sys.stderr, flush=True)
