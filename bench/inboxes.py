"""What the inbox of one person, and statistics, cost beside a plain list: few of many open requests are theirs."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

import cycle
from crowd import REFERENCE, Original, copy, opened
from interlock.bootstrap import System, build
from interlock.config import Settings, load_settings
from interlock.domain.authority import Principal
from interlock.domain.statistics import Dimension, Every
from interlock.service.client import Client

ASKED = 20
MINE = 200
CONFIG = f"""\
groups: {{mine: ["{cycle.ME.id}"], theirs: [zoe]}}
policies:
  mine: {{applies_to: initiator.id == "ann", levels: [{{steps: [{{ask: [group:mine], within: 3d}}]}}]}}
  theirs: {{applies_to: "true", levels: [{{steps: [{{ask: [group:theirs], within: 2d}}]}}]}}
"""
LISTS: dict[str, Callable[[Client], Awaitable[object]]] = {
    "all that is open, 50 rows": lambda me: me.list_requests(limit=50),
    "waits for me, 50 rows": lambda me: me.inbox("mine", limit=50),
    "waits for me, counted": lambda me: me.inbox_count("mine"),
    "waits for others, 50 rows": lambda me: me.inbox("others", limit=50),
    "statistics, all together": lambda me: me.statistics(),
    "statistics by agent and week": lambda me: me.statistics(Dimension.agent, every=Every.week),
    "statistics by reviewer": lambda me: me.statistics(Dimension.reviewer),
    "decided by me, 50 rows": lambda me: me.inbox("decided", limit=50),
}
PLAIN = next(iter(LISTS))


def inboxes(closed: int, open_: int, rounds: int) -> Iterator[str]:
    yield from ("", "## The inbox of one person", "")
    yield f"Of {open_:,} open requests {MINE:,} wait for one person, and come last by due time; {closed:,} are closed,"
    yield f"all by a vote of theirs. Medians of {ASKED}, in ms, over {rounds} rounds, by turns; ratios to the plain"
    yield "list, round by round. A/A: the plain list against itself."
    yield ""
    yield "| store | list | ms | / plain list |"
    yield "|---|---|---|---|"
    for store in cycle.STORES:
        found = asyncio.run(compared(store, closed, open_, rounds))
        plain, again = found[PLAIN], found.pop("A/A")
        for name, times in found.items():
            shown = cycle.ratio(again if name == PLAIN else times, plain)
            yield f"| {store} | {name} | {median(times):.2f} | {f'A/A {shown}' if name == PLAIN else shown} |"


async def compared(store: str, closed: int, open_: int, rounds: int) -> dict[str, list[float]]:
    """Return how long each list takes, round by round."""
    with cycle.Ground(store) as ground, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "interlock.yaml"
        path.write_text(CONFIG)
        settings = load_settings(path, {"INTERLOCK_DATABASE_URL": ground.fresh()})
        await filled(settings, closed, open_)
        system = build(settings, {})
        me = system.client(cycle.ME)
        works = {name: partial(read, me) for name, read in [*LISTS.items(), ("A/A", LISTS[PLAIN])]}
        found: dict[str, list[float]] = {name: [] for name in works}
        for number in range(-1, rounds):
            for name, work in works.items():
                took = await timed(work)
                if number >= 0:
                    found[name].append(took)
        assert [(await me.inbox_count(which)).number for which in ("mine", "others")] == [MINE, 1_000]
        await system.close()
    return found


async def filled(settings: Settings, closed: int, open_: int) -> None:
    """Fill a database: what waits for others, what waits for the person, and what they have rejected."""
    at = 1
    for initiator, count, rejects in (("ian", open_ - MINE, False), ("ann", MINE, False), ("ann", closed, True)):
        run_id = await _first(settings, initiator, rejects=rejects)
        with opened(settings.database_url) as database:
            copy(database, Original.read(database, run_id), range(at, at + count - 1))
            database.settle()
        at += count


async def _first(settings: Settings, initiator: str, *, rejects: bool) -> str:
    system: System = build(settings, {})
    by = Principal(initiator, "person", cycle.ME.tenant, cycle.ME.via)
    run = await system.runs.start("bench", REFERENCE, {"input": "somebody"}, by)
    await system.worker().drain()
    if rejects:
        (pending,) = (await system.client(by).run(run.id)).requests
        await system.client(cycle.ME).reject(pending.id, digest=pending.digest)
        await system.worker().drain()
    await system.close()
    return run.id


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    times: list[float] = []
    for _ in range(ASKED):
        began = time.perf_counter()
        await work()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)
