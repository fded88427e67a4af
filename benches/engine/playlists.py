"""Reads what a contestant wrote: HLS playlists and their segments."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Media:
    """A media playlist: where its parts are, and how long they play."""

    init: str | None
    segments: tuple[str, ...]
    duration_s: float


def variants(text):
    """Picture height and URI of every variant of a multivariant playlist.

    >>> variants('''#EXTM3U
    ... #EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1,mp4a",RESOLUTION=1920x1080
    ... 1/a.m3u8
    ... #EXT-X-I-FRAME-STREAM-INF:RESOLUTION=9x9,URI="i.m3u8"
    ... #EXT-X-STREAM-INF:BANDWIDTH=1
    ... audio.m3u8''')
    {1080: '1/a.m3u8'}
    """
    found, height = {}, None
    for line in text.splitlines():
        if line.startswith("#EXT-X-STREAM-INF:"):
            resolution = re.search(r"RESOLUTION=\d+x(\d+)", line)
            height = int(resolution.group(1)) if resolution else None
        elif line and not line.startswith("#"):
            if height:
                found[height] = line
            height = None
    return found


def media(text):
    """A media playlist.

    >>> media('''#EXTM3U
    ... #EXT-X-MAP:URI="init.mp4"
    ... #EXTINF:2.5,
    ... 1.m4s
    ... #EXTINF:1.5,
    ... 2.m4s''')
    Media(init='init.mp4', segments=('1.m4s', '2.m4s'), duration_s=4.0)
    """
    init = re.search(r'^#EXT-X-MAP:.*URI="([^"]*)"', text, re.MULTILINE)
    durations = [float(d) for d in re.findall(r"^#EXTINF:([\d.]+)", text, re.MULTILINE)]
    segments = [line for line in text.splitlines() if line and not line.startswith("#")]
    return Media(init.group(1) if init else None, tuple(segments), sum(durations))


def renditions(main):
    """The media playlist of each video rendition, by height, below the multivariant playlist `main`."""
    main = Path(main)
    return {height: main.parent / uri for height, uri in variants(main.read_text()).items()}


def kbps(playlist):
    """The mean rate of what a player downloads: media segments with their headers."""
    told = media(playlist.read_text())
    total_bytes = sum((playlist.parent / s).stat().st_size for s in told.segments)
    return total_bytes * 8 / 1000 / told.duration_s


def join(playlist, path):
    """Writes the rendition as one file."""
    told = media(playlist.read_text())
    with path.open("wb") as out:
        for name in ([told.init] if told.init else []) + list(told.segments):
            with (playlist.parent / name).open("rb") as part:
                shutil.copyfileobj(part, out)
