"""The contract of stores: how far channels have come."""
# ruff: noqa: D102, PLR2004 - the name of a test is its sentence; figures in tests are the point

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.engine.changes import Cursor, Lease
from interlock.engine.ports.store import Store
from interlock.errors import Conflict
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import TENANT
from interlock.testing.store_base import Contract, OpenStore, in_threads


class CursorContract(Contract):
    """A cursor is written by whoever has seen its last version, and by nobody else."""

    async def test_a_channel_has_no_cursor_until_one_is_written(self, store: Store) -> None:
        assert await store.cursor(TENANT, "mail") is None
        await store.move_cursor(TENANT, "mail", Cursor("7", 1))
        assert await store.cursor(TENANT, "mail") == Cursor("7", 1)
        assert await store.cursor(TENANT, "pager") is await store.cursor("other", "mail") is None
        assert await store.cursor(TENANT, "a\0b\udcff") is None

    async def test_a_cursor_keeps_all_that_it_is_given(
        self, store: Store, open_store: OpenStore, clock: SettableClock
    ) -> None:
        lease = Lease("worker_1", clock.at + timedelta(seconds=1, microseconds=1))
        whole = Cursor("3-1f-9", 1, "3-20-1", lease)
        await store.move_cursor(TENANT, "mail", whole)
        assert await store.cursor(TENANT, "mail") == whole
        again = Cursor("3-20-1", 2)
        await store.move_cursor(TENANT, "mail", again)
        other = open_store(clock)
        assert await other.cursor(TENANT, "mail") == again
        await other.close() if other is not store else None

    async def test_whoever_has_seen_an_older_version_writes_nothing(self, store: Store) -> None:
        await store.move_cursor(TENANT, "mail", Cursor("1", 1))
        await store.move_cursor(TENANT, "mail", Cursor("2", 2))
        for stale in (Cursor("9", 1), Cursor("9", 2), Cursor("9", 4)):
            with pytest.raises(Conflict):
                await store.move_cursor(TENANT, "mail", stale)
        with pytest.raises(Conflict):
            await store.move_cursor(TENANT, "pager", Cursor("1", 2))
        assert await store.cursor(TENANT, "mail") == Cursor("2", 2)
        assert await store.cursor(TENANT, "pager") is None

    async def test_a_name_that_cannot_be_stored_is_refused(self, store: Store) -> None:
        for name in ("", "a\0b", "\udcff"):
            with pytest.raises(ValueError, match="name of a channel"):
                await store.move_cursor(TENANT, name, Cursor("1", 1))

    async def test_of_many_who_write_one_version_one_does(self, open_store: OpenStore, clock: SettableClock) -> None:
        stores = [open_store(clock) for _ in range(4)]

        async def count(store: Store, name: str) -> int:
            won = 0
            while (seen := await store.cursor(TENANT, "mail") or Cursor()).version < 20:
                try:
                    moved = replace(seen, version=seen.version + 1, position=f"{seen.position}{name}")
                    await store.move_cursor(TENANT, "mail", moved)
                    won += 1
                except Conflict:
                    await asyncio.sleep(0)
            return won

        work = [lambda store=store, name=name: count(store, name) for store, name in zip(stores, "abcd", strict=True)]
        assert sum(await in_threads(*work)) == 20
        last = await stores[0].cursor(TENANT, "mail")
        assert last is not None
        assert len(last.position) == 20
        for store in dict.fromkeys(stores):
            await store.close()
