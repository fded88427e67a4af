"""Files that point elsewhere: at a secret of this machine, at a listener, at other files."""


def box(name, *content):
    content = b"".join(content)
    return (8 + len(content)).to_bytes(4, "big") + name + content


def files(port, secret, seeds):
    """Name and bytes of each."""
    here, there = f"file://{secret}", f"http://127.0.0.1:{port}"
    for way, url in [
        ("path", str(secret)),
        ("file", here),
        ("http", f"{there}/a.ts"),
        ("concat", f"concat:{secret}|{secret}"),
        ("subfile", f"subfile,,start,0,end,64,,:{secret}"),
        ("crypto", f"crypto+file:{secret}"),
        ("data", "data:text/plain,hello"),
        ("async", f"async:{here}"),
        ("tcp", f"tcp://127.0.0.1:{port}"),
        ("udp", f"udp://127.0.0.1:{port}"),
        ("metadata", "http://169.254.169.254/latest/meta-data/"),
        ("pipe", "pipe:0"),
    ]:
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-MAP:URI=\"{url}\"\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n"
        script = f"ffconcat version 1.0\nfile '{url}'\n"
        for extension in ["mp4", "m3u8", "ts"]:
            yield f"hls-{way}.{extension}", playlist.encode()
        yield f"concat-{way}.mp4", script.encode()
        yield f"concat-{way}.mkv", script.encode()
    yield "dash.mp4", f"<MPD><BaseURL>{there}/</BaseURL><Period/></MPD>".encode()
    yield "picture.svg", f'<svg xmlns:x="http://www.w3.org/1999/xlink"><image x:href="{here}"/></svg>'.encode()
    yield "entity.svg", f'<!DOCTYPE a [<!ENTITY b SYSTEM "{here}">]><svg><text>&b;</text></svg>'.encode()
    yield "session.mp4", f"v=0\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n".encode()
    yield "subtitles.srt", f"1\n00:00:00,000 --> 00:00:01,000\n<img src='{here}'>\n".encode()
    yield "script.ass", f"[Script Info]\n[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,,,0,0,0,,{here}\n".encode()
    yield "program.mp4", b"\x7fELF" + bytes(200)
    # A film whose samples lie in another file, by an alias and by a URL.
    film = seeds["prores.mov"]
    own = box(b"url ", b"\0\0\0\1")
    for name, kind in [("reference-url.mov", b"url "), ("reference-alias.mov", b"alis")]:
        elsewhere = box(kind, bytes(4), here.encode() + b"\0")
        grown = film.replace(own, elsewhere)
        yield name, grown
    # A playlist where a film carries subtitles, and one behind a film.
    yield "behind.mp4", seeds["h264.mp4"] + f"#EXTM3U\n#EXTINF:1,\n{here}\n".encode()
    yield "before.mp4", f"#EXTM3U\n#EXTINF:1,\n{here}\n".encode() + seeds["h264.mp4"]
