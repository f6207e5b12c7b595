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

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from interlock.bootstrap import System, build
from interlock.config import load_settings
from interlock.domain.action import Verdict
from interlock.domain.authority import Principal
from interlock.domain.commands import CastVote
from interlock.engine.changes import Entry
from interlock.testing.postgres import PostgresServer

sys.path.insert(0, str(Path(__file__).parent))

from typing import Self

import graphs

STORES = ("sqlite", "postgres")
ME = Principal("local:bench")
REFERENCE = f"{Path(__file__).with_name('graphs.py')}:agent"


class Governed:
    """Interlock: policy, digest, log, effect ledger, authorisation.

    One follower reads the feed and tells each waiting cycle what has happened to its run, as a server's stream would.
    """

    def __init__(self, url: str) -> None:
        self._settings = load_settings(None, {"INTERLOCK_DATABASE_URL": url})
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


class BareOnPostgres:
    """LangGraph alone with its own AsyncPostgresSaver on a pool, as its documentation shows it."""

    def __init__(self, url: str, durability: str) -> None:
        self._url = url
        self._durability = durability

    async def __aenter__(self) -> Self:
        how = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        self._pool = AsyncConnectionPool(self._url, min_size=1, max_size=16, open=False, kwargs=how)
        await self._pool.open()
        saver = AsyncPostgresSaver(self._pool)
        await saver.setup()
        self._graph = graphs.bare.compile(checkpointer=saver)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def cycle(self, name: str) -> None:
        config = {"configurable": {"thread_id": name}}
        paused = await self._graph.ainvoke({"input": name}, config, durability=self._durability)
        [waiting] = paused["__interrupt__"]
        answer = Command(resume={waiting.id: True})
        self.decided = time.perf_counter()
        done = await self._graph.ainvoke(answer, config, durability=self._durability)
        assert done["result"] == str(graphs.pay(120, name)), done


class Ground:
    """Where the contestants run: on SQLite files, or on a private PostgreSQL server.

    Args:
        store: `sqlite` or `postgres`.
    """

    def __init__(self, store: str) -> None:
        self.store = store

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self.server = PostgresServer() if self.store == "postgres" else None
        return self

    def __exit__(self, *_: object) -> None:
        if self.server is not None:
            self.server.remove()
        self._folder.cleanup()

    def governed(self) -> Governed:
        """Return Interlock on a database of its own."""
        if self.server is not None:
            return Governed(self.server.fresh())
        return Governed(tempfile.mkdtemp(dir=self._folder.name) + "/governed.db")

    def bare(self, durability: str) -> Bare | BareOnPostgres:
        """Return LangGraph alone on a database of its own."""
        if self.server is not None:
            return BareOnPostgres(self.server.fresh(), durability)
        return Bare(Path(tempfile.mkdtemp(dir=self._folder.name)), durability)


async def rate(cycle: Callable[[str], Awaitable[None]], cycles: int, at_once: int, tag: str) -> float:
    """Return cycles per second."""
    waiting = iter(range(cycles))

    async def lane() -> None:
        for number in waiting:
            await cycle(f"{tag}-{number}")

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(at_once)))
    return cycles / (time.perf_counter() - began)


async def compare(store: str, rounds: int, cycles: int, at_once: int) -> dict[str, list[float]]:
    """Let the contestants take turns; return each one's rates, round by round."""
    with Ground(store) as ground:
        async with ground.governed() as governed, ground.bare("async") as default, ground.bare("exit") as at_exit:
            contestants = {"interlock": governed, "bare": default, "bare exit": at_exit, "bare again": default}
            rates: dict[str, list[float]] = {name: [] for name in contestants}
            for number in range(-1, rounds):
                order = list(contestants) if number % 2 else list(reversed(contestants))
                for name in order:
                    speed = await rate(contestants[name].cycle, cycles, at_once, f"{name}-{at_once}-{number}")
                    if number >= 0:
                        rates[name].append(speed)
    return rates


async def decide_to_act(store: str, rounds: int, cycles: int = 20) -> tuple[list[float], list[float]]:
    """Return each contestant's median seconds from the decision to the act, round by round."""
    with Ground(store) as ground:
        async with ground.governed() as governed, ground.bare("async") as bare:
            medians: tuple[list[float], list[float]] = ([], [])
            for number in range(-1, rounds):
                for contestant, found in zip((governed, bare), medians, strict=True):
                    times = [await _decide_to_act(contestant, f"act-{number}-{each}") for each in range(cycles)]
                    if number >= 0:
                        found.append(median(times))
    return medians


async def _decide_to_act(contestant: Governed | Bare | BareOnPostgres, name: str) -> float:
    await contestant.cycle(name)
    return graphs.called[name] - contestant.decided
