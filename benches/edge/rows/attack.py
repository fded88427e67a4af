"""What healthy viewers notice of an attack: the time that an answer takes, with and without."""

from statistics import median

from .. import titles
from ..attack import FLOOD_PER_S, SLOW, Attack
from ..goals import at_most
from ..load import Load, run

ASSET = "an-episode-under-attack"
SEGMENTS = 450
VIEWERS = 200
# As many calls a second as the flood of each kind.
CONNECTIONS, DELAY_MS = 20, 20
GOAL = 2


def rows(bench):
    """The same viewers with and without an attack, in turns."""
    given, around = bench.given, bench.around
    folder = bench.folder / "attack"
    titles.publish(around.bucket, ASSET, SEGMENTS)
    paths, tokens = around.calls(folder, ASSET, VIEWERS)
    viewers = Load("POST", paths, tokens, CONNECTIONS, seconds=given.seconds, delay_ms=DELAY_MS)
    quiet, attacked, refused = [], [], 0
    server, port = around.edge("edge-attack")
    with server:
        run(viewers, server, port, given.load_core)
        for _ in range(given.rounds):
            quiet.append(run(viewers, server, port, given.load_core))
            bench.say(f"quiet: {quiet[-1]}")
            with Attack(folder, around.tokens, paths, port, given) as attack:
                attacked.append(run(viewers, server, port, given.load_core))
            refused += attack.refused()
            bench.say(f"under attack: {attacked[-1]}")
    before, during = (median(result.p99_ms for result in results) for results in (quiet, attacked))
    return [
        at_most(
            "attack",
            "p99 of viewers under attack, against without",
            during / before,
            GOAL,
            f"{during:.2f} ms : {before:.2f} ms",
            f"{FLOOD_PER_S:,} tokens a second with key ids of nobody, as many with forged signatures, {SLOW} connections"
            f" that send a byte a second; {refused:,} requests refused, 0 accepted",
        )
    ]
