"""LangGraph alone, with its own savers: what Interlock is measured against.

python bench/bare.py ADDRESS THREAD    # resume one thread, as a process that was just started would
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

from langgraph.types import Command

sys.path.insert(0, str(Path(__file__).parent))

import graphs


class Bare(ABC):
    """The three-node graph on one of LangGraph's savers, which stands in `graph` while this is entered.

    Args:
        address: of its database.
        durability: LangGraph's own: `async`, its default, or `exit`.
    """

    graph: Any

    def __init__(self, address: str, durability: str) -> None:
        self.address = address
        self.durability = durability
        self.decided = 0.0

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(self, *_: object) -> None: ...

    @abstractmethod
    async def invoke(self, value: Any, thread: str) -> dict[str, Any]:
        """Let the graph run on one thread until it pauses or ends."""

    @abstractmethod
    async def cycle(self, name: str) -> None:
        """Run it to its interrupt, note the time in `decided`, answer, and run it to its end."""

    def answer(self, paused: dict[str, Any]) -> Command:
        (waiting,) = paused["__interrupt__"]
        self.decided = time.perf_counter()
        return Command(resume={waiting.id: True})


class BareOnSqlite(Bare):
    """With `SqliteSaver` (WAL, synchronous=FULL), sync, in threads."""

    async def __aenter__(self) -> Self:
        from langgraph.checkpoint.sqlite import SqliteSaver  # noqa: PLC0415 - a process loads what it uses

        self._connection = sqlite3.connect(self.address, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self.graph = graphs.bare.compile(checkpointer=SqliteSaver(self._connection))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connection.close()

    def _invoke(self, value: Any, thread: str) -> dict[str, Any]:
        return self.graph.invoke(value, _config(thread), durability=self.durability)

    async def invoke(self, value: Any, thread: str) -> dict[str, Any]:
        return await asyncio.to_thread(self._invoke, value, thread)

    async def cycle(self, name: str) -> None:
        await asyncio.to_thread(self._cycle, name)

    def _cycle(self, name: str) -> None:
        """Do it all in one thread: hops between threads are no part of what is measured here."""
        paused = self._invoke({"input": name}, name)
        check(self._invoke(self.answer(paused), name), name)


class BareOnPostgres(Bare):
    """With `AsyncPostgresSaver` on a pool, as its documentation shows it."""

    async def __aenter__(self) -> Self:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver  # noqa: PLC0415 - as above
        from psycopg.rows import dict_row  # noqa: PLC0415
        from psycopg_pool import AsyncConnectionPool  # noqa: PLC0415

        how = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        self._pool = AsyncConnectionPool(self.address, min_size=1, max_size=16, open=False, kwargs=how)
        await self._pool.open()
        saver = AsyncPostgresSaver(self._pool)
        await saver.setup()
        self.graph = graphs.bare.compile(checkpointer=saver)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def invoke(self, value: Any, thread: str) -> dict[str, Any]:
        return await self.graph.ainvoke(value, _config(thread), durability=self.durability)

    async def cycle(self, name: str) -> None:
        paused = await self.invoke({"input": name}, name)
        check(await self.invoke(self.answer(paused), name), name)


def check(done: dict[str, Any], name: str) -> None:
    """See that it was really done."""
    assert done["result"] == str(graphs.pay(120, name)), done


def _config(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


def bare(address: str, durability: str = "async") -> Bare:
    return (BareOnPostgres if address.startswith("postgresql:") else BareOnSqlite)(address, durability)


async def main(address: str, thread: str) -> None:
    async with bare(address) as alone:
        check(await alone.invoke(Command(resume=True), thread), thread)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
