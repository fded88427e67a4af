"""Calls for links by many viewers: each request bears a token that is verified."""

from statistics import median

from .. import titles
from ..goals import above, below
from ..load import Load, middle, run

ASSET = "an-episode"
SEGMENTS = 450
# Viewers who come again and again: every player renews its links, and asks twice at a start.
VIEWERS = 2_000
GOAL_PER_S, GOAL_P99_MS = 20_000, 5
# Time between a connection's requests at half load.
HALF_DELAY_MS = 20


def rows(bench):
    """A new process in each round: one that has seen no token yet."""
    given, around = bench.given, bench.around
    titles.publish(around.bucket, ASSET, SEGMENTS)
    paths, few = around.calls(bench.folder / "playback", ASSET, VIEWERS)
    fresh, known, half = [], [], []
    for _ in range(given.rounds):
        server, port = around.edge("edge-playback")
        with server:
            once = Load("POST", paths, around.tokens, given.connections, seconds=30, count=given.tokens)
            fresh.append(run(once, server, port, given.load_core))
            again = Load("POST", paths, few, given.connections, seconds=given.seconds)
            # Not counted: each of these viewers was there before, or is now.
            run(Load("POST", paths, few, given.connections, seconds=1), server, port, given.load_core)
            known.append(run(again, server, port, given.load_core))
            # Half of what it just gave, by so many connections that wait between their requests.
            connections = max(1, round(known[-1].per_s / 2 * HALF_DELAY_MS / 1000))
            slower = Load("POST", paths, few, connections, seconds=given.seconds, delay_ms=HALF_DELAY_MS)
            half.append(run(slower, server, port, given.load_core))
        for name, results in (("fresh", fresh), ("known", known), ("half", half)):
            bench.say(f"{name}: {results[-1]}")
    per_cpu_s = median(result.per_cpu_s for result in known)
    bench.table(
        "Calls for links, each with a token that is verified",
        [("", "answers/s", "answers/CPU s", "p99", "share of a core")]
        + [
            (name, f"{m['per_s']:,.0f}", f"{m['per_cpu_s']:,.0f}", f"{m['p99_ms']:.2f} ms", f"{m['busy']:.2f}")
            for name, m in [
                (f"each token once ({given.tokens:,})", middle(fresh)),
                (f"{VIEWERS:,} viewers, again and again", middle(known)),
                ("the same at half load", middle(half)),
            ]
        ],
    )
    fresh_cpu = median(result.per_cpu_s for result in fresh)
    unit = "for each CPU second"
    return [
        above("playback", f"playback calls, {VIEWERS:,} viewers again and again", per_cpu_s, GOAL_PER_S, unit),
        above("playback", "playback calls, each token for the first time", fresh_cpu, GOAL_PER_S, unit),
        below("playback", "p99 at half load", median(r.p99_ms for r in half), GOAL_P99_MS, "ms", digits=2),
    ]
