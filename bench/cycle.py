"""One full cycle: start, pause, see the request, approve, act, end; durable. Interlock against bare LangGraph."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command

from interlock.bootstrap import System, build
from interlock.config import load_settings
from interlock.domain.action import Verdict
from interlock.domain.authority import Principal
from interlock.domain.commands import CastVote
from interlock.engine.changes import Entry

sys.path.insert(0, str(Path(__file__).parent))

from typing import Self

import graphs

ME = Principal("local:bench")
REFERENCE = f"{Path(__file__).with_name('graphs.py')}:agent"


class Governed:
    """Interlock on a SQLite file: policy, digest, log, effect ledger, authorisation.

    One follower reads the feed and tells each waiting cycle what has happened to its run, as a server's stream would.
    """

    def __init__(self, folder: Path) -> None:
        self._settings = load_settings(None, {"INTERLOCK_DATABASE_URL": str(folder / "governed.db")})
        self._waiting: dict[tuple[str, str], asyncio.Future[Entry]] = {}

    async def __aenter__(self) -> Self:
        self.system: System = build(self._settings, {})
        self._stop = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self.system.worker(complain=print).run(self._stop)),
            asyncio.create_task(self._follow()),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        self.system.waker.wake()
        await asyncio.gather(*self._tasks)
        await self.system.close()

    async def _follow(self) -> None:
        cursor = ""
        while not self._stop.is_set():
            since = await self.system.waker.seen()
            for entry in await self.system.store.feed("default", after=cursor, limit=1000):
                cursor = entry.position
                key = (getattr(entry.event, "run_id", entry.stream), entry.event.type)
                if key[1] in {"opened", "run_done"}:
                    self._told(key).set_result(entry)
            await self.system.waker.wait(since, 1)

    def _told(self, key: tuple[str, str]) -> asyncio.Future[Entry]:
        return self._waiting.setdefault(key, asyncio.get_running_loop().create_future())

    async def cycle(self, name: str) -> None:
        system = self.system
        run = await system.runs.start("bench", REFERENCE, {"input": name}, ME)
        opened = (await self._told((run.id, "opened"))).event
        self.decided = time.perf_counter()
        await system.desk.handle(CastVote(opened.request_id, Verdict.approve, opened.asked_digest), ME)
        done = (await self._told((run.id, "run_done"))).event
        assert done.output["result"] == str(graphs.pay(120, name)), done


class Bare:
    """LangGraph alone with its own SqliteSaver (WAL, synchronous=FULL), sync, in threads."""

    def __init__(self, folder: Path, durability: str) -> None:
        self._path = folder / f"bare-{durability}.db"
        self._durability = durability

    async def __aenter__(self) -> Self:
        self._connection = sqlite3.connect(self._path, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._graph = graphs.bare.compile(checkpointer=SqliteSaver(self._connection))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connection.close()

    async def cycle(self, name: str) -> None:
        await asyncio.to_thread(self._cycle, name)

    def _cycle(self, name: str) -> None:
        config = {"configurable": {"thread_id": name}}
        paused = self._graph.invoke({"input": name}, config, durability=self._durability)
        [waiting] = paused["__interrupt__"]
        answer = Command(resume={waiting.id: True})
        self.decided = time.perf_counter()
        done = self._graph.invoke(answer, config, durability=self._durability)
        assert done["result"] == str(graphs.pay(120, name)), done


async def rate(cycle: Callable[[str], Awaitable[None]], cycles: int, at_once: int, tag: str) -> float:
    """Return cycles per second."""
    waiting = iter(range(cycles))

    async def lane() -> None:
        for number in waiting:
            await cycle(f"{tag}-{number}")

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(at_once)))
    return cycles / (time.perf_counter() - began)


async def compare(rounds: int, cycles: int, at_once: int) -> dict[str, list[float]]:
    """Let the contestants take turns; return each one's rates, round by round."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Governed(Path(folder)) as governed,
            Bare(Path(folder), "async") as default,
            Bare(Path(folder), "exit") as at_exit,
        ):
            contestants = {"interlock": governed, "bare": default, "bare exit": at_exit, "bare again": default}
            rates: dict[str, list[float]] = {name: [] for name in contestants}
            for number in range(-1, rounds):
                order = list(contestants) if number % 2 else list(reversed(contestants))
                for name in order:
                    speed = await rate(contestants[name].cycle, cycles, at_once, f"{name}-{at_once}-{number}")
                    if number >= 0:
                        rates[name].append(speed)
    return rates


async def decide_to_act(rounds: int, cycles: int = 20) -> tuple[list[float], list[float]]:
    """Return each contestant's median seconds from the decision to the act, round by round."""
    with tempfile.TemporaryDirectory() as folder:
        async with Governed(Path(folder)) as governed, Bare(Path(folder), "async") as bare:
            medians: tuple[list[float], list[float]] = ([], [])
            for number in range(-1, rounds):
                for contestant, found in zip((governed, bare), medians, strict=True):
                    times = [await _decide_to_act(contestant, f"act-{number}-{each}") for each in range(cycles)]
                    if number >= 0:
                        found.append(median(times))
    return medians


async def _decide_to_act(contestant: Governed | Bare, name: str) -> float:
    await contestant.cycle(name)
    return graphs.called[name] - contestant.decided
