"""Our presets: read, varied and written again. What peers have to encode too is a `Ladder`."""

import copy
import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What a preset without any idea of ours has; the variant that is encoded plainly keeps nothing else.
PLAIN_FIELDS = {
    "encoder", "max_frame_rate", "gop_s", "segment_gops", "chunk_segments", "options", "rungs"
}  # fmt: skip


@dataclass(frozen=True)
class Rung:
    """One rung, with the picture size that a source gets."""

    width: int
    height: int
    crf: float
    max_kbps: int
    buffer_kbit: int


@dataclass(frozen=True)
class Ladder:
    """What every contestant encodes."""

    rungs: tuple[Rung, ...]
    gop_frames: int
    segment_s: int
    audio_kbps: int
    audio_rate: int
    audio_channels: int


def load(name):
    """The preset of a shipped name or a .toml file, as a dictionary."""
    path = Path(name) if name.endswith(".toml") else ROOT / "presets" / f"{name}.toml"
    return tomllib.loads(path.read_text())


def load_all(names):
    """Presets by their short names."""
    return {Path(name).stem: load(name) for name in names}


def ladder(preset, width, height, frames_per_s):
    """The ladder for a source of this size.

    >>> preset = load("web-h264")
    >>> [(r.width, r.height) for r in ladder(preset, 1280, 720, 25).rungs]
    [(1280, 720), (960, 540), (640, 360), (416, 234)]
    >>> [(r.width, r.height) for r in ladder(preset, 720, 1280, 25).rungs][:2]
    [(720, 1280), (540, 960)]
    """
    video, audio = preset["video"], preset["audio"]
    rungs = {}
    for box in video["rungs"]:
        size = fit(width, height, box["width"], box["height"])
        # Of two boxes that give one picture, the smaller has the rates that are meant for it: our planner does so too.
        rungs[size] = Rung(*size, box["crf"], box["max_kbps"], box["buffer_kbit"])
    return Ladder(
        rungs=tuple(rungs.values()),
        gop_frames=round(video["gop_s"] * frames_per_s),
        segment_s=video["gop_s"] * video["segment_gops"],
        audio_kbps=audio["kbps"],
        audio_rate=audio["sample_rate"],
        audio_channels=audio["channels"],
    )


def fit(width, height, box_width, box_height):
    """The picture within the box (turned for portrait), with even sides, never enlarged.

    >>> fit(1920, 800, 1280, 720), fit(640, 360, 1280, 720)
    ((1280, 534), (640, 360))
    """
    if height > width:
        box_width, box_height = box_height, box_width
    scale = min(box_width / width, box_height / height)
    if scale >= 1:
        return width // 2 * 2, height // 2 * 2

    def side(n):
        return int(n * scale / 2 + 0.5) * 2

    return min(side(width), box_width), min(side(height), box_height)


def with_crf_offset(preset, offset):
    """The preset with every rung's CRF moved."""
    varied = copy.deepcopy(preset)
    for rung in varied["video"]["rungs"]:
        rung["crf"] = float(rung["crf"] + offset)
    return varied


def plain(preset, x264_preset):
    """The same ladder by plain capped CRF with one of x264's own presets: none of our ideas, only our engine.

    >>> video = plain(load("web-h264"), "medium")["video"]
    >>> video["options"], [rung for rung in video["rungs"] if "options" in rung]
    ({'preset': 'medium', 'profile': 'high'}, [])
    """
    varied = copy.deepcopy(preset)
    varied["video"] = {k: v for k, v in varied["video"].items() if k in PLAIN_FIELDS}
    varied["video"]["options"] = {"preset": x264_preset, "profile": "high"}
    for rung in varied["video"]["rungs"]:
        rung.pop("options", None)
    return varied


def with_video_field(preset, field, value):
    """The preset with one field of `[video]` set."""
    varied = copy.deepcopy(preset)
    varied["video"][field] = value
    return varied


def write(preset, folder):
    """Writes the preset below the folder, in a file named for its content."""
    text = to_toml(preset)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{preset['name']}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.toml"
    path.write_text(text)
    return path


def to_toml(table, prefix=""):
    """TOML of nested dictionaries, lists and scalars.

    >>> print(to_toml({"a": 1, "b": {"c": "x", "d": [{"e": 1.0}, {"e": True}]}}))
    a = 1
    <BLANKLINE>
    [b]
    c = "x"
    <BLANKLINE>
    [[b.d]]
    e = 1.0
    <BLANKLINE>
    [[b.d]]
    e = true
    >>> tomllib.loads(to_toml(load("web-h264"))) == load("web-h264")
    True
    """
    lines, tables = [], []
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            tables.append(f"\n[{name}]\n{to_toml(value, name + '.')}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            tables += [f"\n[[{name}]]\n{to_toml(entry, name + '.')}" for entry in value]
        else:
            # JSON writes strings, numbers, booleans and flat lists as TOML does.
            lines.append(f"{key} = {json.dumps(value)}")
    return "\n".join(lines + tables)
