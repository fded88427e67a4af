"""What a run of the benchmark is asked for, and what it has found besides its rows."""

from dataclasses import dataclass, field
from pathlib import Path

from . import presets
from .arena import Arena
from .ours import Ours
from .sources import Source


@dataclass
class Bench:
    """Settings of a run, and findings that its report shows besides the rows."""

    arena: Arena
    ours: Ours
    source: Source
    # Clips for rows that speak of all kinds of pictures.
    clips: list[Path]
    clip_seconds: float
    # Our presets by name; the first is the one that goals are judged by.
    presets: dict[str, dict]
    per_title: dict[str, dict]
    x264_presets: list[str]
    crf_offsets: list[float]
    all_x264_presets: bool
    plain_x264: str
    plain_preset: str | None
    overhead_seconds: float
    passthrough_field: str
    # Found on the way: rate-quality curves by name, and tables besides the goals.
    curves: dict = field(default_factory=dict)
    tables: dict = field(default_factory=dict)

    @property
    def preset(self):
        """The preset that goals are judged by."""
        return next(iter(self.presets.values()))

    def ladder(self, preset=None, source=None):
        """The ladder of a preset (the first) for a source (the main one)."""
        source = source or self.source
        return presets.ladder(preset or self.preset, source.width, source.height, float(source.frames_per_s))

    def our_contestant(self, preset, name="ours", source=None, jobs=None):
        """Our engine with a preset."""
        return self.ours.contestant(name, source or self.source, preset, jobs)
