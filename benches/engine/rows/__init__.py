"""The rows of the table, by name. Each is a function of a `Bench` that gives its rows."""

from . import cores, ladder, passthrough, peers, pertitle, plain, preview

ROWS = {
    "ladder": ladder.rows,
    "plain": plain.same_preset,
    "overhead": plain.overhead,
    "passthrough": passthrough.rows,
    "per-title": pertitle.rows,
    "preview": preview.rows,
    "cores": cores.busy,
    "memory": cores.memory,
    "peers": peers.rows,
}
