"""What waiting costs: paused runs in memory, threads and connections; a first old run resumed; and many among many."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psycopg

sys.path.insert(0, str(Path(__file__).parent))

import cycle
from crowd import crowd, opened, settings
from interlock.bootstrap import System, build
from interlock.domain.action import Verdict
from interlock.domain.commands import CastVote
from interlock.domain.request import Request
from interlock.domain.run import RunStatus
from interlock.engine.ports.store import RequestFilter, SortKey

WATCHED = 2.0  # seconds that an idle worker is left alone, and then watched
SPAWNS = 3
RESUMES = 7
FEW = 1_000
ASKED = 20
CLOCKED = f"{Path(__file__).with_name('graphs.py')}:clocked"
LARGE = {"shared_buffers": "1GB", "max_wal_size": "20GB"}
"""A server that is made for a million."""


# ── paused runs ──────────────────────────────────────────────────────────────────────────────────────────────────────


def paused(counts: tuple[int, ...]) -> Iterator[str]:
    yield from ("", "## Paused runs", "")
    yield f"A worker (`interlock work`) that is idle with so many runs paused, {WATCHED:.0f} s after it began to work:"
    yield "its resident memory, threads, connections (open files of the database on SQLite) and CPU; medians of"
    yield f"{SPAWNS} processes. First resume: an old run is approved while nothing runs, and the time is taken from"
    yield "spawning a worker to the run's end; beside it a process that resumes a thread of bare LangGraph, by turns,"
    yield f"{RESUMES} times after one that does not count; ratios turn by turn. Python finds its bytecode, as in any"
    yield "process but the first after an installation. A/A: bare LangGraph against itself."
    yield ""
    idling = "memory, MB | B a run | threads | connections | CPU, ms/s"
    yield f"| store | paused | {idling} | resume, s | bare, s | ratio | A/A |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    base = 0.0
    for store, count in product(cycle.STORES, counts):
        idle, ours, theirs, again = asyncio.run(waiting(store, count))
        base = base if count else idle.memory
        each = f"{(idle.memory - base) / count:.0f}" if count else ""
        figures = f"{idle.memory / 1e6:.1f} | {each} | {idle.threads:.0f} | {idle.connections:.0f} | {idle.busy:.1f}"
        ratios = f"{cycle.ratio(ours, theirs)} | {cycle.ratio(again, theirs)}" if count else "|"
        resumes = f"{spread(ours)} | {spread(theirs)} | {ratios}" if count else "| | |"
        yield f"| {store} | {count:,} | {figures} | {resumes} |"


def spread(found: list[float]) -> str:
    return f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


class Idle(NamedTuple):
    """What an idle worker takes: bytes, threads, connections, and milliseconds of CPU a second."""

    memory: float
    threads: float
    connections: float
    busy: float


async def waiting(store: str, count: int) -> tuple[Idle, list[float], list[float], list[float]]:
    """Return what an idle worker takes, and how long the first resumes take: ours, bare LangGraph's, and its again."""
    with cycle.Ground(store) as ground:
        url = ground.fresh()
        old = await crowd(url, count)
        seen = [idle(ground, url) for _ in range(SPAWNS)]
        theirs = ground.bare("async")
        found: tuple[list[float], list[float], list[float]] = ([], [], [])
        for run_id in old[: RESUMES + 1]:
            found[0].append(await resumed(ground, url, run_id))
            for turn in (1, 2):
                thread = f"{run_id}-{turn}"
                async with theirs:
                    await theirs.invoke({"input": thread}, thread)
                found[turn].append(resumed_bare(ground, theirs.address, thread))
    ours, alone, again = (seconds[1:] for seconds in found)
    return Idle(*(median(values) for values in zip(*seen, strict=True))), ours, alone, again


def idle(ground: cycle.Ground, url: str) -> Idle:
    with worker(ground, url) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it says that it works
        time.sleep(WATCHED)
        before = cpu(process.pid)
        time.sleep(WATCHED)
        busy = (cpu(process.pid) - before) * 1000 / WATCHED
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
        memory = int(status["VmRSS"].split()[0]) * 1024
        return Idle(memory, int(status["Threads"]), connections(ground, process.pid), busy)


def connections(ground: cycle.Ground, pid: int) -> int:
    """Return how many connections to the server, or open files of the database, a process has."""
    if ground.server is None:
        files = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
        return sum(".db" in file for file in files)
    with psycopg.connect(ground.server.url()) as watching:
        ((found,),) = watching.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'interlock'"
        ).fetchall()
    return int(found)


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def environ(ground: cycle.Ground) -> dict[str, str]:
    """Return the surroundings of a process that keeps and finds bytecode, whatever those of this one are."""
    given = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return given | {"PYTHONPYCACHEPREFIX": str(ground.folder / "bytecode")}


@contextmanager
def worker(ground: cycle.Ground, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Spawn a worker, and end it."""
    command = [Path(sys.executable).with_name("interlock"), "work", "--json"]
    given = environ(ground) | {"INTERLOCK_DATABASE_URL": url}
    process = subprocess.Popen(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


async def resumed(ground: cycle.Ground, url: str, run_id: str) -> float:
    """Approve a run's request, then spawn a worker: seconds until the run is done."""
    system = build(settings(url), {})
    (request,) = await system.store.requests("default", RequestFilter(run_id=run_id))
    await system.desk.handle(CastVote(request.id, Verdict.approve, request.digest), cycle.ME)
    began = time.perf_counter()
    with worker(ground, url):
        while (await system.store.load("default", run_id=run_id)).run.run.status is not RunStatus.done:
            if time.perf_counter() - began > 60:
                raise RuntimeError(f"{run_id} was not resumed within a minute")
            await asyncio.sleep(0.005)
        seconds = time.perf_counter() - began
    await system.close()
    return seconds


async def acted_elsewhere(store: str, rounds: int, cycles: int) -> list[float]:
    """Return the milliseconds from a vote to the act in a worker of another process: of each round, the median."""
    with cycle.Ground(store) as ground:
        url = ground.fresh()
        system = build(settings(url), {})
        with worker(ground, url):
            found = [await acted_in(system) for _ in range((rounds + 1) * cycles)][cycles:]
        await system.close()
    return [median(found[begin : begin + cycles]) for begin in range(0, len(found), cycles)]


async def acted_in(system: System) -> float:
    """Start a run, wait for its pause, vote, and return how many milliseconds later its tool was called."""
    run = await system.runs.start("clocked", CLOCKED, {"input": "somebody"}, cycle.ME)
    since, opened = await system.waker.seen(), await system.store.requests("default", RequestFilter(run_id=run.id))
    while not opened:
        await system.waker.wait(since, 1)
        since, opened = await system.waker.seen(), await system.store.requests("default", RequestFilter(run_id=run.id))
    (request,) = opened
    decided = time.perf_counter()
    await system.desk.handle(CastVote(request.id, Verdict.approve, request.digest), cycle.ME)
    while request.result is None:
        await asyncio.sleep(0.02)
        request = (await system.store.load("default", [request.id])).requests[request.id]
    return (float(str(request.result)) - decided) * 1000


def resumed_bare(ground: cycle.Ground, address: str, thread: str) -> float:
    """Return the seconds that a process takes which resumes one thread of bare LangGraph."""
    command = [sys.executable, Path(__file__).with_name("bare.py"), address, thread]
    began = time.perf_counter()
    subprocess.run(command, env=environ(ground), check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


# ── many among many ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Asker:
    """Asks one database what is asked all the time."""

    system: System
    run_id: str
    pending: list[Request] = field(default_factory=list)
    last: SortKey | None = None

    async def prepare(self) -> None:
        """See whom the votes are for."""
        found = await self.system.store.requests("default", RequestFilter(), limit=2 * ASKED)
        self.pending, self.last = list(found), found.keys[-1]

    async def first_page(self) -> None:
        await self.system.store.requests("default", RequestFilter())

    async def next_page(self) -> None:
        await self.system.store.requests("default", RequestFilter(), after=self.last)

    async def page_of_another(self) -> None:
        await self.system.store.requests("default", RequestFilter(agent="another"))

    async def runs(self) -> None:
        await self.system.store.runs("default")

    async def agenda(self) -> None:
        await self.system.store.agenda()

    async def agenda_of_one(self) -> None:
        await self.system.store.agenda(subject=self.run_id)

    async def vote(self) -> None:
        request = self.pending.pop()
        await self.system.desk.handle(CastVote(request.id, Verdict.approve, request.digest), cycle.ME)


OPERATIONS: dict[str, Callable[[Asker], Awaitable[None]]] = {
    "inbox, first page of 50": Asker.first_page,
    "inbox, a page after": Asker.next_page,
    "inbox of an agent that asks nothing": Asker.page_of_another,
    "runs, first page of 50": Asker.runs,
    "what is due: jobs and deadlines": Asker.agenda,
    "what is due for one run": Asker.agenda_of_one,
    "a vote that decides": Asker.vote,
}


def among(many: int, rounds: int) -> Iterator[str]:
    yield from ("", "## One among many", "")
    yield f"With {FEW:,} and with {many:,} requests open, each of a run that is paused, by turns: medians of"
    yield f"{ASKED}, in ms, over {rounds} rounds; ratios round by round. A/A: the few against themselves."
    yield ""
    yield f"| store | | {FEW:,} | {many:,} | {many:,} / {FEW:,} | A/A |"
    yield "|---|---|---|---|---|---|"
    sizes: list[str] = []
    for store in cycle.STORES:
        found, size = asyncio.run(compared(store, many, rounds))
        sizes.append(f"{store} {size}")
        for operation, (few, lots, again) in found.items():
            figures = f"{median(few):.2f} | {median(lots):.2f} | {cycle.ratio(lots, few)} | {cycle.ratio(again, few)}"
            yield f"| {store} | {operation} | {figures} |"
    yield ""
    yield f"The database of {many:,}: {'; '.join(sizes)}."


Timings = tuple[list[float], list[float], list[float]]
"""With few, with many, and with few again; round by round."""


async def compared(store: str, many: int, rounds: int) -> tuple[dict[str, Timings], str]:
    """Return how long each operation takes, and how large the larger database is."""
    with cycle.Ground(store, **LARGE) as ground:
        small, large = ground.fresh(), ground.fresh()
        few = await asker(small, FEW)
        began = time.perf_counter()
        lots = await asker(large, many)
        seconds = time.perf_counter() - began
        with opened(large) as database:
            size = f"{database.size() / 1e9:.1f} GB, filled in {seconds:.0f} s"
        found: dict[str, Timings] = {operation: ([], [], []) for operation in OPERATIONS}
        for number in range(-1, rounds):
            for place, one in enumerate((few, lots, few)):
                for operation, took in (await asked(one)).items():
                    if number >= 0:
                        found[operation][place].append(took)
        await few.system.close()
        await lots.system.close()
    return found, size


async def asker(url: str, count: int) -> Asker:
    old = await crowd(url, count)
    return Asker(build(settings(url), {}), old[-1])


async def asked(one: Asker) -> dict[str, float]:
    """Return the median of the milliseconds that each operation takes."""
    await one.prepare()
    return {name: await timed(operation, one) for name, operation in OPERATIONS.items()}


async def timed(operation: Callable[[Asker], Awaitable[None]], one: Asker) -> float:
    times: list[float] = []
    for _ in range(ASKED):
        began = time.perf_counter()
        await operation(one)
        times.append((time.perf_counter() - began) * 1000)
    return median(times)
