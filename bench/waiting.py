"""What waiting costs: paused runs in memory, threads and connections; the inbox and a decision among many; waking."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).parent))

import cycle
from interlock.bootstrap import System, build
from interlock.config import load_settings
from interlock.domain.action import Verdict
from interlock.domain.commands import CastVote
from interlock.domain.request import Request
from interlock.domain.run import Pending, RunStatus
from interlock.engine.changes import Actor, Changes, RequestChange, RunChange
from interlock.engine.ports import Inbox
from interlock.storage import writes

CROWDS = (0, 1_000, 100_000)
PAGES = (1_000, 1_000_000)
BATCH = 500
SETTLING = 3.0  # seconds that an idle worker is watched for
ASKED = 200


@dataclass(frozen=True, slots=True)
class Template:
    """One real paused run, and all that was written for it."""

    run: RunChange
    request: RequestChange
    policies: dict[str, bytes]

    def copy(self, number: int) -> Changes:
        """Return the same for another run, as if it had been started and had paused."""
        run_id, request_id = f"run_{number:020}", f"req_{number:020}"
        opened, *rest = self.request.events
        events = (replace(opened, request_id=request_id, run_id=run_id), *rest)
        request = replace(self.request.after, id=request_id, run_id=run_id)
        started, began, paused = self.run.events
        pause = tuple(Pending(wait.interrupt_id, request_id) for wait in paused.pause)
        run_events = (replace(started, run_id=run_id), began, replace(paused, pause=pause))
        run = replace(self.run.after, id=run_id, pause=pause)
        return Changes(
            run.tenant,
            Actor("agent:bench", "run"),
            requests=(RequestChange(0, events, request),),
            run=RunChange(0, run_events, run, state=self.run.state),
            policies=self.policies,
        )


async def template(system: System) -> Template:
    """Start a run and carry it to its pause."""
    run = await system.runs.start("bench", cycle.REFERENCE, {"input": "somebody"}, cycle.ME)
    await system.worker().drain()
    loaded = await system.store.load(run.tenant, run_id=run.id)
    assert loaded.run is not None
    (request,) = loaded.requests.values()
    history = {key: tuple(e.event for e in await system.store.history(run.tenant, key)) for key in (run.id, request.id)}
    body = await system.store.policy(request.route.policy_hash)
    assert body is not None
    return Template(
        RunChange(0, history[run.id], loaded.run.run, state=loaded.run.state),
        RequestChange(0, history[request.id], request),
        {request.route.policy_hash: body},
    )


async def crowd(system: System, count: int) -> str:
    """Bring the database to so many paused runs, written by the store's own code, many in a transaction.

    Returns:
        The id of the oldest one, which was really run to its pause.
    """
    made = await template(system)
    database = system.store._database  # noqa: SLF001 - the port commits one by one, which takes hours here
    clock = system.store._clock  # noqa: SLF001

    def write(numbers: Sequence[int]) -> None:
        def work(on: object) -> None:
            for number in numbers:
                writes.commit(on, made.copy(number), clock)

        asyncio.run(database.writer.run(work))

    for first in range(1, count, BATCH):
        await asyncio.to_thread(write, range(first, min(first + BATCH, count)))
    return made.run.after.id


def settings(folder: str) -> object:
    return load_settings(None, {"INTERLOCK_DATABASE_URL": f"{folder}/waiting.db"})


# ── paused runs ──


def paused() -> Iterator[str]:
    yield from ("", "## Paused runs", "")
    yield "A worker process (`interlock work`) with so many runs paused, idle: its memory, threads and open files of"
    yield f"the database after {SETTLING:.0f} s, and the CPU it takes. Then the oldest run is approved while no worker"
    yield "runs, and the time from spawning a worker to the run's end is taken."
    yield ""
    yield "| paused | memory, MB | B a run | threads | files | idle CPU, ms/s | spawn to end, s |"
    yield "|---|---|---|---|---|---|---|"
    base = 0
    for count in CROWDS:
        with tempfile.TemporaryDirectory() as folder:
            memory, threads, files, busy, seconds = asyncio.run(waiting(folder, count))
        base = base or memory
        each = f"{(memory - base) / count:.0f}" if count else ""
        wait = "" if seconds is None else f"{seconds:.2f}"
        yield f"| {count:,} | {memory / 1e6:.1f} | {each} | {threads} | {files} | {busy:.1f} | {wait} |"


async def waiting(folder: str, count: int) -> tuple[int, int, int, float, float | None]:
    """Return bytes, threads, files and milliseconds of CPU a second of an idle worker, and how long a resume takes."""
    system = build(settings(folder), {})
    oldest = await crowd(system, count) if count else None
    seen = idle(folder)
    seconds = None if oldest is None else await resumed(system, folder, oldest)
    await system.close()
    return *seen, seconds


def idle(folder: str) -> tuple[int, int, int, float]:
    with worker(folder) as process:
        time.sleep(SETTLING)
        before = cpu(process.pid)
        time.sleep(SETTLING)
        busy = (cpu(process.pid) - before) * 1000 / SETTLING
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
        files = [str(link.readlink()) for link in Path(f"/proc/{process.pid}/fd").iterdir()]
        memory = int(status["VmRSS"].split()[0]) * 1024
        return memory, int(status["Threads"]), sum("waiting.db" in file for file in files), busy


class worker:  # noqa: N801 - used like a function
    """A worker process, ended by a signal of ours."""

    def __init__(self, folder: str) -> None:
        environ = {**os.environ, "INTERLOCK_DATABASE_URL": f"{folder}/waiting.db"}
        command = [Path(sys.executable).with_name("interlock"), "work"]
        self._process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self) -> subprocess.Popen[bytes]:
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def resumed(system: System, folder: str, run_id: str) -> float:
    """Approve a run's request, then spawn a worker: seconds until the run is done."""
    (request,) = await system.store.inbox("default", Inbox(run_id=run_id))
    await system.desk.handle(CastVote(request.id, Verdict.approve, request.digest), cycle.ME)
    began = time.perf_counter()
    with worker(folder):
        while time.perf_counter() - began < 60:
            loaded = await system.store.load("default", run_id=run_id)
            if loaded.run.run.status is RunStatus.done:
                return time.perf_counter() - began
            await asyncio.sleep(0.005)
    raise RuntimeError("the old run was not resumed")


# ── the inbox, and a decision ──


def among_many(counts: Sequence[int] = PAGES) -> Iterator[str]:
    yield from ("", "## Inbox and decision among many", "")
    yield f"The first page of 50 of the inbox, and a vote, {ASKED} times each, with so many requests open; ms."
    yield ""
    yield "| open | page p50 | page p95 | vote p50 | vote p95 | database, MB | peak memory, MB |"
    yield "|---|---|---|---|---|---|---|"
    medians: list[tuple[float, float]] = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            pages, votes, size = asyncio.run(timed(folder, count))
        medians.append((median(pages), median(votes)))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        yield f"| {count:,} | {spread(pages)} | {spread(votes)} | {size / 1e6:.0f} | {peak:.0f} |"
    if len(medians) > 1:
        (page, vote), (large_page, large_vote) = medians[0], medians[-1]
        yield ""
        yield f"Many against few: page **{large_page / page:.2f}**, vote **{large_vote / vote:.2f}**."


def spread(times: list[float]) -> str:
    cuts = quantiles(times, n=20)
    return f"{median(times) * 1000:.2f} | {cuts[18] * 1000:.2f}"


async def timed(folder: str, count: int) -> tuple[list[float], list[float], int]:
    system = build(settings(folder), {})
    await crowd(system, count)
    pages: list[float] = []
    votes: list[float] = []
    for _ in range(ASKED):
        began = time.perf_counter()
        page: Sequence[Request] = await system.store.inbox("default", Inbox())
        pages.append(time.perf_counter() - began)
        began = time.perf_counter()
        await system.desk.handle(CastVote(page[7].id, Verdict.approve, page[7].digest), cycle.ME)
        votes.append(time.perf_counter() - began)
    await system.close()
    return pages, votes, size_of(folder)


def size_of(folder: str) -> int:
    return sum(file.stat().st_size for file in Path(folder).iterdir())


# ── from the decision to the act ──


def waking(rounds: int) -> Iterator[str]:
    yield from ("", "## From the decision to the act", "")
    yield "From casting the vote to the tool's call, in one process with a worker, one after the other; against bare"
    yield "LangGraph's `invoke(Command(resume=…))` to its node's call on `SqliteSaver`. Round by round, p50 in ms."
    yield ""
    yield "| Interlock | bare | Interlock / bare |"
    yield "|---|---|---|"
    ours, theirs = asyncio.run(cycle.decide_to_act(rounds))
    ratios = sorted(one / other for one, other in zip(ours, theirs, strict=True))
    yield (
        f"| {median(ours) * 1000:.1f} | {median(theirs) * 1000:.1f} | **{median(ratios):.2f}** "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}) |"
    )
