"""Cold start: from the start of the process to its first answer, as a server and as a Lambda function."""

from statistics import median

from engine.tools import Failed

from .. import titles
from ..goals import below, not_run
from ..runtime_api import RuntimeApi, event
from ..servers import Server, free_port

ASSET = "an-episode"
SEGMENTS = 450
STARTS = 11
GOAL_MS = 60
FIGURES = {
    "manifest": "cold start to the first signed playlist",
    "playback": "cold start to the first links (keys fetched, token verified, pointer read)",
    "lambda": "the same playlist as a Lambda function",
}


def rows(bench):
    """Each start is a process of its own; the three kinds in turns."""
    around = bench.around
    titles.publish(around.bucket, ASSET, SEGMENTS)
    server, port = around.edge("edge-start")
    with server:
        link = around.link(port, ASSET)
    asks = {
        "manifest": ("GET", link, {}),
        "playback": ("POST", f"/v1/assets/{ASSET}/playback", {"Authorization": f"Bearer {around.first_token()}"}),
    }
    found = {name: [] for name in FIGURES}
    for _ in range(STARTS):
        for name, (method, path, headers) in asks.items():
            found[name].append(as_server(bench, method, path, headers))
        if None not in found["lambda"]:
            found["lambda"].append(as_function(bench, link))
    made = [row(figure, found[name]) for name, figure in FIGURES.items() if None not in found[name]]
    if None in found["lambda"]:
        made.append(not_run("start", FIGURES["lambda"], f"< {GOAL_MS} ms", "this edge asks no runtime API for events"))
    return made


def row(figure, starts):
    """The median by the clock; how it spreads, and the CPU that the process had till then, in the note."""
    by_clock, cpu = [ms for ms, _ in starts], [cpu_ms for _, cpu_ms in starts]
    note = f"{min(by_clock):.1f} to {max(by_clock):.1f} ms by the clock, {median(cpu):.1f} ms of CPU"
    return below("start", figure, median(by_clock), GOAL_MS, "ms", note)


def as_server(bench, method, path, headers):
    """Milliseconds until the first answer, by the clock and of CPU."""
    port = free_port()
    log = bench.folder / "edge-start.log"
    argv = [bench.given.edge, "serve"]
    with Server("edge", argv, log, core=bench.given.server_core, env=bench.around.settings(port)) as server:
        status, seconds = server.answered(port, method, path, headers)
        if status != 200:
            raise Failed(f"{method} {path.split('?')[0]}: {status} {server.said()}")
        return seconds * 1000, server.cpu_ms()


def as_function(bench, link):
    """The same until the answer to the first event; None where the edge does not ask for one."""
    path, _, query = link.partition("?")
    with RuntimeApi(event("GET", path, query)) as api:
        env = bench.around.settings(free_port()) | {
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "edge",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_LOG_GROUP_NAME": "edge",
            "AWS_LAMBDA_LOG_STREAM_NAME": "edge",
        }
        log = bench.folder / "edge-lambda.log"
        with Server("edge", [bench.given.edge, "serve"], log, core=bench.given.server_core, env=env) as server:
            answer = api.answer(within_s=3)
            if not api.handed_out:
                return None
            if answer is None or answer[1] != 200:
                raise Failed(f"as a function: {answer} {server.said()}")
            return (answer[0] - server.started_at) * 1000, server.cpu_ms()
