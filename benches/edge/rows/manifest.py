"""The signed playlist of a film of two hours, ours against the same bytes from nginx and against the usual way."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

from engine.tools import Failed

from .. import titles
from ..goals import at_least
from ..load import Load, middle, run, turns
from ..ours import CDN, KEY_PAIR, NODE
from ..servers import Server, ask, free_port

ASSET = "a-film-of-two-hours"
SEGMENTS = 1200
GOAL_NGINX, GOAL_USUAL = 0.5, 200
# Node signs for the better part of a second and answers nobody meanwhile: one connection keeps it busy, more only wait.
# wrk's own trial and the request that it ends with are among the four, so that two are answered.
USUAL_REQUESTS, USUAL_WITHIN_S = 4, 60

NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
  access_log {folder}/nginx-access.log;
  {temporary}
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=100 inactive=60s;
  types {{ application/vnd.apple.mpegurl m3u8; }}
  server {{
    listen 127.0.0.1:{port};
    root {folder}/www;
    gzip_static always;
    gzip_vary on;
    add_header Cache-Control "private, no-store";
    add_header X-Content-Type-Options nosniff;
    add_header Referrer-Policy no-referrer;
  }}
}}
"""


def rows(bench):
    """All three in one run, in turns."""
    around, folder, given = bench.around, bench.folder / "manifest", bench.given
    folder.mkdir(parents=True, exist_ok=True)
    titles.publish(around.bucket, ASSET, SEGMENTS)
    with ExitStack() as stack:
        edge, port = around.edge("edge-manifest")
        stack.enter_context(edge)
        link = around.link(port, ASSET)
        body = fetched(port, link)
        ports = {"ours": (edge, port)}
        ports["nginx"] = nginx(stack, bench, folder, link, body)
        ports["usual"] = usual(stack, bench, folder)
        paths = folder / "paths.txt"
        paths.write_text(link + "\n")
        found = {name: [] for name in ports}
        for name in turns(list(ports), given.rounds):
            server, at = ports[name]
            load = Load("GET", paths, connections=given.connections, seconds=given.seconds)
            if name == "usual":
                load = Load("GET", paths, connections=1, seconds=USUAL_WITHIN_S, count=USUAL_REQUESTS)
            found[name].append(run(load, server, at, given.load_core))
            server.settle()
            bench.say(f"{name}: {found[name][-1]}")
    ours, theirs, usual_way = (middle(found[name]) for name in ("ours", "nginx", "usual"))
    bench.table(
        f"The signed playlist of two hours ({SEGMENTS:,} segments, {len(body) / 1024:.0f} KiB compressed), "
        f"{given.connections} connections (one to Node)",
        [("", "answers/s", "answers/CPU s", "p99", "share of a core")]
        + [line(name, m) for name, m in [("ours", ours), ("nginx, same bytes", theirs), ("usual way", usual_way)]],
    )
    what = f"signed playlist of {SEGMENTS:,} segments, answers for each CPU second"
    return [
        compared(f"{what}, against nginx", ours, theirs, GOAL_NGINX),
        compared(f"{what}, against the usual way in Node", ours, usual_way, GOAL_USUAL),
    ]


def compared(figure, ours, theirs, goal):
    ratio, wall = ours["per_cpu_s"] / theirs["per_cpu_s"], ours["per_s"] / theirs["per_s"]
    measured = f"{ours['per_cpu_s']:,.0f} : {theirs['per_cpu_s']:,.1f}"
    return at_least("manifest", figure, ratio, goal, measured, f"by the clock {wall:,.2f}")


def line(name, m):
    return name, f"{m['per_s']:,.1f}", f"{m['per_cpu_s']:,.1f}", f"{m['p99_ms']:.2f} ms", f"{m['busy']:.2f}"


def fetched(port, path):
    """The compressed playlist, after a look at it."""
    status, body = ask(port, "GET", path, {"Accept-Encoding": "gzip"})
    text = subprocess.run(["gzip", "--decompress"], input=body, capture_output=True).stdout.decode()
    signed = sum(".m4s?Policy=" in line for line in text.splitlines())
    if status != 200 or signed != SEGMENTS:
        raise Failed(f"the edge answers {status} with {signed} signed segments")
    return body


def nginx(stack, bench, folder, link, body):
    """nginx, which has the very bytes that the edge sends as a file."""
    path = folder / "www" / link.split("?")[0].lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    Path(f"{path}.gz").write_bytes(body)
    port, config = free_port(), folder / "nginx.conf"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder}/temporary;" for kind in kinds)
    config.write_text(NGINX.format(folder=folder, port=port, temporary=temporary))
    # Its worker must read what this user wrote.
    argv = ["nginx", "-c", config, "-g", "user root;"] if bench.is_root else ["nginx", "-c", config]
    server = Server("nginx", argv, folder / "nginx.log", core=bench.given.server_core)
    stack.enter_context(server)
    server.answered(port, "GET", link, every_s=0.05)
    status, same = ask(port, "GET", link, {"Accept-Encoding": "gzip"})
    if (status, same) != (200, body):
        raise Failed(f"nginx does not send the same bytes: {status}, {len(same)} bytes")
    return server, port


def usual(stack, bench, folder):
    """A handler of Node's own server that signs each address by AWS's library."""
    playlist = folder / "playlist.m3u8"
    playlist.write_text(titles.playlist(SEGMENTS))
    base = f"{CDN}/vod/{ASSET}/{titles.VERSION}/video/1080p"
    argv = ["node", NODE / "usual.mjs", playlist, bench.around.key, KEY_PAIR, base]
    server = Server("node", argv, folder / "node.log", core=bench.given.server_core, stdout=subprocess.PIPE)
    stack.enter_context(server)
    port = int(server.process.stdout.readline())
    status, body = ask(port, "GET", "/")
    text = subprocess.run(["gzip", "--decompress"], input=body, capture_output=True).stdout.decode()
    if status != 200 or text.count("Signature=") != SEGMENTS:
        raise Failed(f"the usual way answers {status} with {text.count('Signature=')} signed segments")
    return server, port
