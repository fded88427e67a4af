"""What is published for a run: playlists and the documents beside them."""

import json

VERSION = "v0123456789abcdef"
RUNG = "video/1080p/index.m3u8"
SEGMENT_S = 6


def playlist(segments):
    """A media playlist of that many segments.

    >>> print(playlist(1), end="")
    #EXTM3U
    #EXT-X-VERSION:7
    #EXT-X-TARGETDURATION:6
    #EXT-X-PLAYLIST-TYPE:VOD
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MAP:URI="init.mp4"
    #EXTINF:6.000000,
    00001.m4s
    #EXT-X-ENDLIST
    """
    head = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{SEGMENT_S}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="init.mp4"',
    ]
    body = [line for n in range(1, segments + 1) for line in (f"#EXTINF:{SEGMENT_S}.000000,", f"{n:05}.m4s")]
    return "\n".join([*head, *body, "#EXT-X-ENDLIST", ""])


def pointer(asset):
    """`current.json`."""
    source = {"bucket": "media", "key": f"uploads/{asset}.mp4", "etag": "0", "version_id": None, "sequencer": None}
    return {"version": VERSION, "previous": None, "published_at": "2026-01-01T00:00:00Z", "source": source}


def document(asset, segments):
    """`asset.json`."""
    posters = [
        {"jpeg": f"poster/{w}.jpg", "webp": f"poster/{w}.webp", "width": w, "height": w * 9 // 16}
        for w in (640, 1280, 1920)
    ]
    return {
        "title": asset,
        "duration_ms": segments * SEGMENT_S * 1000,
        "renditions": [],
        "audio": [],
        "subs": [],
        "posters": posters,
        "thumbhash": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
    }


def publish(bucket, asset, segments):
    """Makes an asset live whose one playlist has that many segments."""
    folder = f"vod/{asset}/{VERSION}"
    bucket.put(f"{folder}/{RUNG}", playlist(segments).encode())
    bucket.put(f"{folder}/asset.json", json.dumps(document(asset, segments)).encode())
    bucket.put(f"vod/{asset}/current.json", json.dumps(pointer(asset)).encode())
