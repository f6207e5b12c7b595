"""The contract of stores: many at once, on several threads, event loops and connections; and who moves a cursor."""
# ruff: noqa: D102, PLR2004 - the name of a test is its sentence; figures in tests are the point

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from interlock.domain.events import RefusalNoted
from interlock.engine.changes import Counted, Cursor, Entry, Lease
from interlock.engine.ports.store import Store
from interlock.errors import Conflict
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import TENANT, changes, decided, job, opened, then
from interlock.testing.store_base import Contract, OpenStore, committed, in_threads, the_request, wins

WRITERS = 8


class RaceContract(Contract):
    """Each request's history is linear (I17), whoever writes at once."""

    @pytest.fixture
    async def stores(self, store: Store, open_store: OpenStore, clock: SettableClock) -> AsyncIterator[list[Store]]:
        """Yield two stores on one database, to be used from different threads."""
        other = open_store(clock)
        yield [store, other]
        await other.close()

    async def test_one_of_many_writers_in_threads_wins(self, stores: list[Store], clock: SettableClock) -> None:
        request = await committed(stores[0], opened("req_1", clock.at))
        votes = [changes(decided(request.after, clock.at, f"by {number}")) for number in range(WRITERS)]
        won = await in_threads(*(partial(wins, stores[n % 2], vote) for n, vote in enumerate(votes)))
        assert won.count(True) == 1
        assert (await the_request(stores[0], "req_1")).comment == f"by {won.index(True)}"
        assert len(await stores[1].history(TENANT, "req_1")) == 3

    async def test_one_of_many_writers_in_one_loop_wins(self, store: Store, clock: SettableClock) -> None:
        request = await committed(store, opened("req_1", clock.at))
        votes = [changes(decided(request.after, clock.at, f"by {number}")) for number in range(WRITERS)]
        won = await asyncio.gather(*(wins(store, vote) for vote in votes))
        assert won.count(True) == 1

    async def test_one_of_many_openings_wins(self, stores: list[Store], clock: SettableClock) -> None:
        opening = changes(opened("req_1", clock.at))
        won = await in_threads(*(partial(wins, stores[number % 2], opening) for number in range(WRITERS)))
        assert won.count(True) == 1

    async def test_of_many_that_counted_the_same_one_commits(self, stores: list[Store], clock: SettableClock) -> None:
        for expected in range(3):
            window = await stores[0].window(TENANT, "send_email", clock.at - timedelta(hours=1), 100)
            assert (window.version, len(window.requests)) == (expected, expected)
            counted = (Counted("send_email", window.version),)
            wanted = [changes(opened(f"req_{expected}_{n}", clock.at), counted=counted) for n in range(WRITERS)]
            won = await in_threads(*(partial(wins, stores[n % 2], want) for n, want in enumerate(wanted)))
            assert won.count(True) == 1

    async def test_one_of_many_workers_takes_a_job(self, stores: list[Store], clock: SettableClock) -> None:
        await stores[0].commit(changes(enqueue=(job("run_1", clock.at),)))
        (seen,) = (await stores[0].agenda()).jobs
        until = clock.at + timedelta(seconds=30)
        takings = [changes(lease_job=(seen, replace(seen, owner=f"worker_{n}", due_at=until))) for n in range(WRITERS)]
        won = await in_threads(*(partial(wins, stores[n % 2], taking) for n, taking in enumerate(takings)))
        assert won.count(True) == 1
        clock.at = until
        assert [due.owner for due in (await stores[1].agenda()).jobs] == [f"worker_{won.index(True)}"]

    async def test_no_wish_is_lost(self, stores: list[Store], clock: SettableClock) -> None:
        await stores[0].commit(changes(enqueue=(job("run_1", clock.at),)))
        (first,) = (await stores[0].agenda()).jobs
        asked = changes(enqueue=(job("run_1", clock.at),))
        assert all(await in_threads(*(partial(wins, stores[number % 2], asked) for number in range(WRITERS))))
        assert [due.generation for due in (await stores[1].agenda()).jobs] == [first.generation + WRITERS]

    async def test_retries_lose_no_update(self, stores: list[Store], clock: SettableClock) -> None:
        await stores[0].commit(changes(opened("req_1", clock.at)))
        noted = RefusalNoted("CastVote", "bob", "forbidden", "no", clock.at)

        async def write(store: Store) -> None:
            written = 0
            while written < 5:
                current = await the_request(store, "req_1")
                written += await wins(store, changes(then(current, noted)))

        await in_threads(*(partial(write, stores[number % 2]) for number in range(4)))
        assert (await the_request(stores[0], "req_1")).version == 2 + 4 * 5
        assert [entry.seq for entry in await stores[1].history(TENANT, "req_1")] == list(range(1, 23))

    async def test_the_feed_never_skips(self, stores: list[Store], clock: SettableClock) -> None:
        """A reader's cursor never passes an entry that is committed later."""
        total = 4 * 10 * 2

        async def write(store: Store, name: int) -> list[Entry]:
            for number in range(10):
                await store.commit(changes(opened(f"req_{name}_{number}", clock.at)))
            return []

        async def read() -> list[Entry]:
            seen: list[Entry] = []
            while len(seen) < total:
                seen += await stores[0].feed(TENANT, after=seen[-1].position if seen else "", limit=7)
            return seen

        writers = [partial(write, stores[number % 2], number) for number in range(4)]
        seen = (await asyncio.wait_for(in_threads(read, *writers), 60))[0]
        assert seen == await stores[1].feed(TENANT, limit=total + 1)
        assert len({entry.position for entry in seen}) == total

    async def test_a_load_sees_one_instant(self, stores: list[Store], clock: SettableClock) -> None:
        await stores[0].commit(changes(opened("req_1", clock.at), opened("req_2", clock.at)))
        noted = RefusalNoted("CastVote", "bob", "forbidden", "no", clock.at)
        rounds = 30

        async def write() -> None:
            for _ in range(rounds):
                found = (await stores[0].load(TENANT, ["req_1", "req_2"])).requests
                await stores[0].commit(changes(*(then(request, noted) for request in found.values())))

        async def read() -> None:
            versions = [0]
            while versions[0] < 2 + rounds:
                # The run's open requests are read by another query than the one that is named.
                found = (await stores[1].load(TENANT, ["req_1"], run_id="run_1")).requests
                versions = [request.version for request in found.values()]
                assert versions == [versions[0]] * 2

        await asyncio.wait_for(in_threads(write, read, read), 60)

    async def test_an_agenda_sees_one_instant(self, stores: list[Store], clock: SettableClock) -> None:
        rounds = 30
        begin = clock.at
        clock.advance(hours=2)

        async def write() -> None:
            for number in range(rounds):
                wanted = job(f"run_{number}", begin)
                await stores[0].commit(changes(opened(f"req_{number}", begin), enqueue=(wanted,)))

        async def read() -> None:
            found = 0
            while found < rounds:
                agenda = await stores[1].agenda()
                found = len(agenda.jobs)
                assert len(agenda.overdue) == found
                assert (agenda.next_due is None) is (found == 0)

        await asyncio.wait_for(in_threads(write, read, read), 60)

    async def test_who_loses_hurts_nobody_who_commits_at_the_same_time(
        self, store: Store, clock: SettableClock
    ) -> None:
        await store.commit(changes(opened("req_0", clock.at)))
        ids = [f"req_{number % 20}" for number in range(40)]
        won = await asyncio.gather(
            *(wins(store, changes(opened(key, clock.at), enqueue=(job(key, clock.at),))) for key in ids)
        )
        assert sorted(key for key, has_won in zip(ids, won, strict=True) if has_won) == sorted(ids[1:20])
        streams = [entry.stream for entry in await store.feed(TENANT)]
        assert streams[::2] == streams[1::2], "I11: one transaction's entries stand apart"
        assert sorted(streams[::2]) == sorted(ids[:20])
        assert {(due.subject, due.generation) for due in (await store.agenda()).jobs} == {(key, 1) for key in ids[1:20]}


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
