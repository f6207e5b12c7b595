"""The contract of stores: the log is read on and back from a position, and by stream."""
# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import pytest

from interlock.engine.ports.store import Store
from interlock.errors import InvalidValue
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import TENANT, changes, opened
from interlock.testing.store_base import Contract

UNWRITABLE = "req_\udcff"
"""What a terminal makes of a byte that is no UTF-8: no id, but it arrives as one."""


class LogContract(Contract):
    """Entries have one order, and each is found from either side."""

    async def test_the_feed_goes_on_after_a_position(self, store: Store, clock: SettableClock) -> None:
        assert await store.last_position(TENANT) == ""
        for number in range(3):
            await store.commit(changes(opened(f"req_{number}", clock.at)))
            await store.commit(changes(opened("req_1", clock.at, tenant=f"other_{number}"), tenant=f"other_{number}"))
        everything = await store.feed(TENANT)
        assert [(entry.stream, entry.seq) for entry in everything] == [
            (f"req_{number}", seq) for number in range(3) for seq in (1, 2)
        ]
        assert await store.last_position(TENANT) == everything[-1].position
        for index, entry in enumerate(everything, 1):
            assert await store.feed(TENANT, after=entry.position, limit=2) == everything[index : index + 2]
        assert await store.feed("nobody") == []

    async def test_what_is_no_position_is_refused(self, store: Store) -> None:
        for junk in ("x", "-1", "1; DROP TABLE log", "٣", "9" * 40, UNWRITABLE):
            with pytest.raises(InvalidValue):
                await store.feed(TENANT, after=junk)
            with pytest.raises(InvalidValue):
                await store.latest(TENANT, before=junk)

    async def test_history_is_one_stream(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(opened("req_1", clock.at), opened("req_2", clock.at)))
        history = await store.history(TENANT, "req_1")
        assert [(entry.stream, entry.seq) for entry in history] == [("req_1", 1), ("req_1", 2)]
        for unknown in ("req_9", UNWRITABLE):
            assert await store.history(TENANT, unknown) == []

    async def test_the_latest_entries_go_back_from_a_position(self, store: Store, clock: SettableClock) -> None:
        assert await store.latest(TENANT) == []
        for number in range(3):
            await store.commit(changes(opened(f"req_{number}", clock.at)))
            await store.commit(changes(opened("req_1", clock.at, tenant=f"other_{number}"), tenant=f"other_{number}"))
        back = [*reversed(await store.feed(TENANT))]
        assert await store.latest(TENANT) == back
        for index, entry in enumerate(back):
            assert await store.latest(TENANT, before=entry.position, limit=2) == back[index + 1 : index + 3]
        assert await store.latest("nobody") == []
