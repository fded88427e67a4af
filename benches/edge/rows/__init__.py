"""The rows of the table: each module has `rows(bench)`."""

from . import manifest, memory, playback, start

ROWS = {"manifest": manifest, "playback": playback, "memory": memory, "start": start}
