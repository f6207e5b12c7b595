"""What all parts of the contract of stores share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import pytest

from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.engine.ports.store import Store
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import TENANT

__all__ = ["Contract", "OpenStore", "in_threads", "the_request", "the_run"]

OpenStore = Callable[[Callable[[], datetime]], Store]
T = TypeVar("T")


class Contract:
    """The fixtures: `open_store`, which a subclass overrides, a clock, and a store with it."""

    @pytest.fixture
    def open_store(self) -> OpenStore:
        """Return a function that opens the database under test with a clock."""
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> SettableClock:
        """Return the clock of all stores of a test."""
        return SettableClock()

    @pytest.fixture
    async def store(self, open_store: OpenStore, clock: SettableClock) -> AsyncIterator[Store]:
        """Yield an empty store."""
        store = open_store(clock)
        yield store
        await store.close()


async def in_threads(*work: Callable[[], Awaitable[T]]) -> list[T]:
    """Run each piece of work at once, in a thread and an event loop of its own, and return what they return."""

    async def run(piece: Callable[[], Awaitable[T]]) -> T:
        return await piece()

    def in_a_loop(piece: Callable[[], Awaitable[T]]) -> T:
        return asyncio.run(run(piece))

    return await asyncio.gather(*(asyncio.to_thread(in_a_loop, piece) for piece in work))


async def the_request(store: Store, request_id: str, tenant: str = TENANT) -> Request:
    """Return a request that is there."""
    return (await store.load(tenant, [request_id])).requests[request_id]


async def the_run(store: Store, run_id: str = "run_1", tenant: str = TENANT) -> Run:
    """Return a run that is there."""
    record = (await store.load(tenant, run_id=run_id)).run
    assert record is not None
    return record.run
