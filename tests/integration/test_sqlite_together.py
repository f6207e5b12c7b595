"""SQLite: commits that wait at once share one transaction, and none of them notices."""

import asyncio
import threading

import pytest

from interlock import failpoints
from interlock.errors import Conflict, StoreUnavailable
from interlock.failpoints import FailpointError
from interlock.storage import open_store
from interlock.testing.samples import TENANT, Asked, changes, opened


@pytest.fixture
async def store(tmp_path, clock):
    store = open_store(str(tmp_path / "interlock.db"), clock)
    yield store
    await store.close()
    failpoints.configure("")


class Crowd:
    """Holds the writer up until all have come, and counts its transactions."""

    def __init__(self, store):
        self.store = store
        self.statements = []
        self.held = threading.Event()
        self.open = threading.Event()

    async def __aenter__(self):
        await self.store._write(lambda on: on.raw.set_trace_callback(self.statements.append))
        self.first = asyncio.create_task(self.store._write(self.wait))
        await asyncio.to_thread(self.held.wait)
        return self

    def wait(self, _):
        self.statements.clear()
        self.held.set()
        self.open.wait()

    async def __aexit__(self, *_):
        await self.store._write(lambda on: on.raw.set_trace_callback(None))

    async def all_of(self, *commits):
        """Let them commit at once; return what each of them came to."""
        tasks = [asyncio.create_task(commit) for commit in commits]
        await asyncio.sleep(0)
        self.open.set()
        await self.first
        return await asyncio.gather(*tasks, return_exceptions=True)

    def count(self, statement):
        return self.statements.count(statement)


async def ids(store):
    return await store.find(TENANT, "request", "req_")


async def test_commits_that_wait_share_a_transaction(store, clock):
    async with Crowd(store) as crowd:
        results = await crowd.all_of(*(store.commit(changes(opened(f"req_{n}", clock.at))) for n in range(6)))
        assert results == [None] * 6
        assert crowd.count("BEGIN IMMEDIATE") == 1
    assert len(await ids(store)) == 6


async def test_a_commit_alone_needs_no_part(store, clock):
    async with Crowd(store) as crowd:
        assert await crowd.all_of(store.commit(changes(opened("req_1", clock.at)))) == [None]
        assert crowd.count("SAVEPOINT part") == 0


async def test_what_one_raises_undoes_it_alone(store, clock):
    def defect(on):
        on.raw.execute("INSERT INTO notes VALUES ('half', 'done')")
        raise ZeroDivisionError

    def breaks_a_rule(on):
        on.raw.execute("INSERT INTO notes VALUES ('half', 'done')")
        on.raw.execute("UPDATE requests SET version = 0")

    async with Crowd(store) as crowd:
        results = await crowd.all_of(
            store.commit(changes(opened("req_1", clock.at))),
            store.commit(changes(opened("req_2", clock.at), opened("req_1", clock.at))),
            store._write(defect),
            store._write(breaks_a_rule),
            store.commit(changes(opened("req_3", clock.at))),
        )
        assert crowd.count("BEGIN IMMEDIATE") == 1
    assert [type(result).__name__ for result in results] == [
        "NoneType",
        "Conflict",
        "ZeroDivisionError",
        "IntegrityError",
        "NoneType",
    ]
    assert await ids(store) == ["req_1", "req_3"]
    assert await store.note("half") is None


async def test_when_the_disk_is_full_none_of_them_is_acknowledged(store, clock):
    pages = await store._write(lambda on: on.raw.execute("PRAGMA page_count").fetchone()[0])
    large = Asked(args={"text": "x" * 9000})
    async with Crowd(store) as crowd:
        commits = [store.commit(changes(opened(f"req_{n}", clock.at, large))) for n in range(4)]
        results = await crowd.all_of(
            store._write(lambda on: on.raw.execute(f"PRAGMA max_page_count = {pages + 5}").fetchall()), *commits
        )
    assert [type(result) for result in results] == [StoreUnavailable] * 5
    assert all("full" in result.message for result in results)
    assert await ids(store) == []
    await store.commit(changes(opened("req_9", clock.at)))
    assert await ids(store) == ["req_9"]


async def test_when_the_commit_fails_none_of_them_is_acknowledged(store, clock):
    def deferred(on):
        on.raw.execute("PRAGMA defer_foreign_keys = ON")
        on.raw.execute("CREATE TABLE parent (id PRIMARY KEY)")
        on.raw.execute("CREATE TABLE child (id REFERENCES parent)")
        on.raw.execute("INSERT INTO child VALUES (1)")

    async with Crowd(store) as crowd:
        results = await crowd.all_of(store.commit(changes(opened("req_1", clock.at))), store._write(deferred))
    assert [type(result).__name__ for result in results] == ["IntegrityError"] * 2
    assert await ids(store) == []
    await store.commit(changes(opened("req_2", clock.at)))


@pytest.mark.parametrize(
    ("name", "there"),
    [("store.before_commit", ["req_0", "req_2"]), ("store.after_commit", ["req_0", "req_1", "req_2"])],
)
async def test_a_failpoint_strikes_one_of_them(store, clock, name, there):
    failpoints.configure(f"{name}=raise:2")
    async with Crowd(store) as crowd:
        results = await crowd.all_of(*(store.commit(changes(opened(f"req_{n}", clock.at))) for n in range(3)))
    assert [isinstance(result, FailpointError) for result in results] == [False, True, False]
    assert await ids(store) == there


async def test_who_is_cancelled_leaves_the_others_alone(store, clock):
    async with Crowd(store) as crowd:
        impatient = asyncio.create_task(store.commit(changes(opened("req_1", clock.at))))
        await asyncio.sleep(0)
        impatient.cancel()
        assert await crowd.all_of(store.commit(changes(opened("req_2", clock.at)))) == [None]
    assert impatient.cancelled()
    assert "req_2" in await ids(store)


async def test_closing_finishes_what_waits(store, clock, tmp_path):
    gate = threading.Event()
    held = asyncio.create_task(store._write(lambda _: gate.wait()))
    waiting = [asyncio.create_task(store.commit(changes(opened(f"req_{n}", clock.at)))) for n in range(3)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0.01)
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.commit(changes(opened("req_late", clock.at)))
    gate.set()
    await asyncio.gather(held, closing, *waiting)
    again = open_store(str(tmp_path / "interlock.db"), clock)
    assert await ids(again) == ["req_0", "req_1", "req_2"]
    with pytest.raises(Conflict):
        await again.commit(changes(opened("req_0", clock.at)))
    await again.close()
