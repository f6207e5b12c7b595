"""What all parts of the contract of stores share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

import pytest

from interlock.domain.request import Request
from interlock.engine.changes import Changes, RequestChange, RunChange, RunRecord
from interlock.engine.codec import decode_request, decode_waiting
from interlock.engine.ports.store import RequestFilter, RequestPage, Store
from interlock.errors import Conflict
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import TENANT, changes

OpenStore = Callable[[Callable[[], datetime]], Store]
T = TypeVar("T")
Change = TypeVar("Change", RequestChange, RunChange)


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


async def in_threads(*work: Callable[[], Coroutine[Any, Any, T]]) -> list[T]:
    """Run each piece of work at once, in a thread and an event loop of its own, and return what they return."""
    return await asyncio.gather(*(asyncio.to_thread(asyncio.run, piece()) for piece in work))


async def committed(store: Store, change: Change, **conditions: Any) -> Change:
    """Commit one change, and return it."""
    await store.commit(changes(change, **conditions))
    return change


async def wins(store: Store, wanted: Changes) -> bool:
    """Commit changes that others may race with; return whether nobody was faster."""
    try:
        await store.commit(wanted)
    except Conflict:
        return False
    return True


async def refused(store: Store, *parts: RequestChange | RunChange, **conditions: Any) -> None:
    """Look that a commit of these is a conflict."""
    with pytest.raises(Conflict):
        await store.commit(changes(*parts, **conditions))


async def the_request(store: Store, request_id: str) -> Request:
    """Return a request that is there."""
    return (await store.load(TENANT, [request_id])).requests[request_id]


async def the_record(store: Store) -> RunRecord:
    """Return the run `run_1`, which is there, with its state and its lease."""
    record = (await store.load(TENANT, run_id="run_1")).run
    assert record is not None
    return record


async def page_ids(
    store: Store, wanted: RequestFilter, *, after: str | None = None, of: RequestFilter | None = None, limit: int = 50
) -> list[str]:
    """Return the ids of a page that begins behind a request of the same list, or of another one in the same order."""
    found = RequestPage() if after is None else await store.requests(TENANT, of or wanted)
    key = next((key for key in found.keys if key.id == after), None)
    page = await store.requests(TENANT, wanted, after=key, limit=limit)
    rows = await store.request_rows(TENANT, wanted, after=key, limit=limit)
    assert [(key, decode_request(body)) for key, body in rows] == list(zip(page.keys, page, strict=True))
    for (_, body), request in zip(rows, page, strict=True):
        waiting = decode_waiting(body)
        assert all(getattr(waiting, one.name) == getattr(request, one.name) for one in fields(waiting)), "read in part"
    return [request.id for request in page]
