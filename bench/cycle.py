"""One full cycle: start, pause, see the request, approve, act, end; durable. Interlock against bare LangGraph."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Self

sys.path.insert(0, str(Path(__file__).parent))

import graphs
from bare import Bare, bare
from interlock.bootstrap import System, build
from interlock.config import load_settings
from interlock.domain.action import Verdict
from interlock.domain.authority import Principal
from interlock.domain.commands import CastVote
from interlock.engine.changes import Entry
from interlock.testing.postgres import PostgresServer

STORES = ("sqlite", "postgres")
ME = Principal("local:bench", "person", "default", "bench")
REFERENCE = "graphs:agent"
"""In this process: a file would be loaded as another module, which knows nothing of `graphs.called`."""


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


class Ground:
    """Where the contestants run: on SQLite files, or on a private PostgreSQL server.

    Args:
        store: `sqlite` or `postgres`.
        settings: PostgreSQL's own.
    """

    def __init__(self, store: str, **settings: str) -> None:
        self.store = store
        self._settings = settings

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self._temporary.name)
        self.server = PostgresServer(**{"fsync": "on"} | self._settings) if self.store == "postgres" else None
        return self

    def __exit__(self, *_: object) -> None:
        if self.server is not None:
            self.server.remove()
        self._temporary.cleanup()

    def fresh(self) -> str:
        """Return the address of a new, empty database."""
        if self.server is not None:
            return self.server.fresh()
        return tempfile.mkdtemp(dir=self.folder) + "/database.db"

    def governed(self) -> Governed:
        """Return Interlock on a database of its own."""
        return Governed(self.fresh())

    def bare(self, durability: str) -> Bare:
        """Return LangGraph alone on a database of its own."""
        return bare(self.fresh(), durability)


Measure = Callable[[Governed | Bare, str], Awaitable[float]]
"""Measures a contestant once; no other measurement has the same tag."""


async def compare(store: str, rounds: int, measure: Measure) -> dict[str, list[float]]:
    """Let the contestants take turns; return what was measured of each, round by round."""
    with Ground(store) as ground:
        async with ground.governed() as governed, ground.bare("async") as default, ground.bare("exit") as at_exit:
            contestants: dict[str, Governed | Bare] = {
                "interlock": governed,
                "bare": default,
                "bare exit": at_exit,
                "bare again": default,
            }
            found: dict[str, list[float]] = {name: [] for name in contestants}
            for number in range(-1, rounds):
                for name in list(contestants) if number % 2 else reversed(contestants):
                    measured = await measure(contestants[name], f"{name}-{number}")
                    if number >= 0:
                        found[name].append(measured)
    return found


async def rate(contestant: Governed | Bare, tag: str, *, cycles: int, at_once: int) -> float:
    """Return cycles per second."""
    waiting = iter(range(cycles))

    async def lane() -> None:
        for number in waiting:
            await contestant.cycle(f"{tag}-{number}")

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(at_once)))
    return cycles / (time.perf_counter() - began)


async def decide_to_act(contestant: Governed | Bare, tag: str, *, cycles: int = 20) -> float:
    """Return the median of the milliseconds from the decision to the act."""
    times: list[float] = []
    graphs.called.clear()
    for number in range(cycles):
        name = f"{tag}-{number}"
        await contestant.cycle(name)
        times.append((graphs.called[name] - contestant.decided) * 1000)
    return median(times)


def ratio(ours: list[float], theirs: list[float]) -> str:
    """Return the median, minimum and maximum of the ratios, round by round."""
    paired = sorted(one / other for one, other in zip(ours, theirs, strict=True))
    return f"**{median(paired):.2f}** ({paired[0]:.2f} to {paired[-1]:.2f})"
