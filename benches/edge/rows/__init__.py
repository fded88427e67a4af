"""The rows of the table: each module has `rows(bench)`."""

from . import attack, manifest, memory, playback, start

ROWS = {"manifest": manifest, "playback": playback, "attack": attack, "memory": memory, "start": start}
