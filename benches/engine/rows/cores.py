"""How busy the cores are, and how much memory a child takes."""

from .. import contestants, measure
from ..arena import say
from ..goals import Row, at_most, not_run
from ..ours import cores as usable_cores

BUSY_GOAL = 0.97
MEMORY_GOAL_MIB = 450


def busy(bench):
    """With 1, 2, 4 … and all cores: what share of them works, until the first one finds no more chunk to take."""
    arena, source = bench.arena, bench.source
    runs = {jobs: run_with(bench, jobs) for jobs in job_counts(usable_cores())}
    out = [row_of_run(jobs, run, runs[1]) for jobs, run in runs.items()]
    if usable_cores() >= 16:
        out += on_many_cores(bench, runs)
    else:
        why = f"this machine has {usable_cores()} cores"
        out.append(not_run("cores", "speed-up on 16 cores, ours and against one command", "≥ 15; ≥ 1.5", why))
    return out


def row_of_run(jobs, run, run_of_one):
    """The row of a run with so many jobs."""
    figure = f"cores busy with {jobs} job{'s' if jobs > 1 else ''}, until the last chunk is taken"
    if run["busy"] is None:
        return not_run("cores", figure, f"≥ {BUSY_GOAL}", "the run was too short to be looked at")
    note = f"whole run {run['cpu_s'] / run['wall_s'] / jobs:.2f}"
    if jobs > 1:
        note += f"; speed-up over one job {run_of_one['wall_s'] / run['wall_s']:.2f}"
    met = run["busy"] >= BUSY_GOAL
    if not met and run["wanted"] >= BUSY_GOAL:
        met, note = None, f"others used the machine; running or ready to run {run['wanted']:.2f}; {note}"
    measured = f"{run['cpu_s']:.1f} s CPU in {run['wall_s']:.1f} s"
    return Row("cores", figure, run["busy"], BUSY_GOAL, f"≥ {BUSY_GOAL}", met, measured, note)


def on_many_cores(bench, runs):
    """Speed-up, and wall time against one command, where there are many cores."""
    arena, source, ladder = bench.arena, bench.source, bench.ladder()
    jobs = max(runs)
    speed_up = runs[1]["wall_s"] / runs[jobs]["wall_s"]
    peer = contestants.one_command(
        "one command, veryfast", arena.tool.debian_ffmpeg, source, ladder, contestants.crfs_of(ladder), "veryfast"
    )
    ours, theirs = arena.contest([bench.our_contestant(bench.preset), peer], source)
    faster = theirs["wall_s"] / ours["wall_s"]
    walls = f"{runs[1]['wall_s']:.1f} s : {runs[jobs]['wall_s']:.1f} s"
    against = f"{theirs['wall_s']:.1f} s : {ours['wall_s']:.1f} s"
    figure = "speed against one ffmpeg command, `veryfast`, all cores"
    return [
        Row("cores", f"speed-up from 1 to {jobs} jobs", speed_up, 15, "≥ 15.00", speed_up >= 15, walls),
        Row("cores", figure, faster, 1.5, "≥ 1.50", faster >= 1.5, against),
    ]


def run_with(bench, jobs):
    """One run with so many jobs."""
    us = bench.our_contestant(bench.preset, f"ours, {jobs} jobs", jobs=jobs)

    def make(scratch):
        say(us.name)
        cost = measure.run(us.argv(scratch / "out"), scratch / "log", sample_every_s=0.1)
        busy, wanted = busy_shares(cost.samples, jobs) or (None, None)
        return cost.as_dict() | {"busy": busy, "wanted": wanted}

    key = bench.arena.key("cores", us.key(bench.arena.store.hash_of(bench.source.path)))
    return bench.arena.store.result(key, make)


def busy_shares(samples, jobs):
    """The share of `jobs` cores that worked, and that would have worked had nobody else used them, from the first to
    the last moment at which as many children ran. The parent process is one more.

    >>> from ..measure import Sample as S
    >>> samples = [S(0.1, 0.1, 0, 2), S(1.0, 1.0, 0, 3), S(2.0, 2.8, 0.1, 3), S(3.0, 4.8, 0.1, 3), S(3.5, 5.4, 0.1, 2)]
    >>> [round(share, 3) for share in busy_shares(samples, 2)]
    [0.95, 0.975]
    """
    full = [s for s in samples if s.processes > jobs]
    if len(full) < 2 or full[-1].at_s == full[0].at_s:
        return None
    core_s = (full[-1].at_s - full[0].at_s) * jobs
    cpu_s, waited_s = full[-1].cpu_s - full[0].cpu_s, full[-1].waited_s - full[0].waited_s
    return cpu_s / core_s, (cpu_s + waited_s) / core_s


def job_counts(cores):
    """1, 2, 4 … and all.

    >>> job_counts(2), job_counts(6), job_counts(1)
    ([1, 2], [1, 2, 4, 6], [1])
    """
    counts = [1]
    while counts[-1] * 2 < cores:
        counts.append(counts[-1] * 2)
    return counts + ([cores] if cores > 1 else [])


def memory(bench):
    """Peak memory of the largest child, as our report tells it."""
    figure = "peak memory per child, whole ladder"
    report = bench.arena.assess(bench.our_contestant(bench.preset), bench.source)["report"]
    if not report or "peak_child_mib" not in report:
        return [not_run("memory", figure, f"≤ {MEMORY_GOAL_MIB} MiB", "report.json has no peak_child_mib")]
    peak = report["peak_child_mib"]
    measured = f"{peak} MiB of {MEMORY_GOAL_MIB} MiB"
    unless = None
    if bench.source.height < 1080 or bench.source.frames_per_s > 30:
        unless = (None, "the goal is for 1080p at up to 30 frames a second")
    row = at_most("memory", figure, peak / MEMORY_GOAL_MIB, 1.0, measured, "share of the goal", unless)
    return [row]
