"""Resident memory while the playlists of ten thousand titles are asked for, again and again."""

import http.client
import json

from engine.tools import Failed

from .. import titles
from ..goals import below
from ..ours import CDN

SEGMENTS = 100
PASSES = 3
# What the passes after the first may add.
GOAL_GROWTH = 1.1


def rows(bench):
    """Every title once, then all of them twice more."""
    around, given = bench.around, bench.given
    names = [f"title-{n:05}" for n in range(given.titles)]
    bench.say(f"publishing {given.titles:,} titles")
    for name in names:
        titles.publish(around.bucket, name, SEGMENTS)
    # One viewer asks for all of it, which is more than a viewer may.
    server, port = around.edge("edge-memory", FLODRAMA_RATES__VIEWER_PER_MINUTE="0")
    with server:
        resident = [server.resident_mib()]
        for n in range(PASSES):
            ask_for_all(port, around.first_token(), names)
            resident.append(server.resident_mib())
            bench.say(f"pass {n + 1}: {resident[-1]:.0f} MiB resident")
    growth = resident[-1] / resident[1]
    said = ", ".join(f"{mib:.0f}" for mib in resident)
    figure = f"memory after three passes over {given.titles:,} titles, against one pass"
    note = f"MiB at the start and after each pass: {said}"
    return [below("memory", figure, growth, GOAL_GROWTH, "times", note, digits=2)]


def ask_for_all(port, token, names):
    """A call for links and the signed playlist, of each."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def call(method, path, headers):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise Failed(f"{path.split('?')[0]}: {answer.status} {body[:300]!r}")
        return body

    for name in names:
        links = call("POST", f"/v1/assets/{name}/playback", {"Authorization": f"Bearer {token}"})
        main = json.loads(links)["manifest_url"].removeprefix(CDN)
        call("GET", main.replace("/main.m3u8?", f"/{titles.RUNG}?", 1), {"Accept-Encoding": "gzip"})
    connection.close()
