"""Faults 5 and 17: PostgreSQL goes away, in the midst of a COMMIT too, and comes back; or has no connection left."""

import asyncio
import contextlib
import threading
import time

import driver
import psycopg
import pytest

from interlock.domain.action import Verdict
from interlock.domain.commands import CastVote
from interlock.engine.ports.store import RequestFilter
from interlock.errors import Conflict, StoreUnavailable
from interlock.storage import open_store, postgres, postgres_connection
from interlock.storage.postgres_connection import PostgresConnection
from interlock.testing.people import principal
from interlock.testing.postgres import PostgresServer
from interlock.testing.samples import TENANT, changes, job, opened, started

RESTARTS = 15


@pytest.fixture(scope="module")
def server():
    """Yield a server that is broken on purpose: one of this file's own."""
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture
def url(server):
    return server.fresh()


def part(key, clock):
    return changes(opened(key, clock.at), enqueue=(job(key, clock.at),))


async def assert_whole(store, keys):
    """I10: these are there, once each, with log and job; and nothing else is."""
    assert sorted(await all_ids(store)) == sorted(keys)
    streams = [entry.stream for entry in await store.feed(TENANT, limit=100_000)]
    assert sorted(streams) == sorted([*keys, *keys])
    assert sorted((due.subject, due.generation) for due in (await store.agenda(10_000)).jobs) == sorted(
        (k, 1) for k in keys
    )


async def all_ids(store):
    return [request.id for request in await store.requests(TENANT, RequestFilter(()), limit=100_000)]


# ── fault 5 ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["immediate", "fast"])
async def test_fault_5_restarted_under_load_every_commit_is_there_once(server, store, clock, mode):
    """Whoever commits waits for the server, and finds out what became of a COMMIT without an answer."""
    done, stop = [], threading.Event()

    async def commit(name):
        number = 0
        while not stop.is_set():
            key = f"req_{name}_{number}"
            await store.commit(part(key, clock))
            done.append(key)
            number += 1

    writers = [asyncio.create_task(commit(name)) for name in range(6)]
    for _ in range(3):
        until = len(done) + 40
        while len(done) < until and not any(writer.done() for writer in writers):  # which would be a failure's
            await asyncio.sleep(0.005)
        await asyncio.to_thread(server.restart, mode)
    stop.set()
    await asyncio.gather(*writers)
    await assert_whole(store, done)


async def test_fault_5_idle_connections_that_died_are_replaced(server, store, clock):
    await asyncio.gather(*(store.commit(part(f"req_{n}", clock)) for n in range(8)))
    await asyncio.gather(*(store.load(TENANT, ["req_1"]) for _ in range(8)))
    await asyncio.to_thread(server.restart, "immediate")
    await asyncio.gather(*(store.commit(part(f"req_1{n}", clock)) for n in range(8)))
    assert len((await store.load(TENANT, ["req_1", "req_11"])).requests) == 2
    await assert_whole(store, [f"req_{n}" for n in range(8)] + [f"req_1{n}" for n in range(8)])


@pytest.fixture
def cut(monkeypatch):
    """Return a function that cuts the line once, before the server hears COMMIT, or before it is heard that it did."""
    sent = PostgresConnection._sent

    def at(moment):
        times = iter([True])

        def cut(connection, work):
            if connection._begin == postgres._READ or not next(times, False):
                return sent(connection, work)
            if moment == "after":
                sent(connection, work)
            else:
                connection.wire.send(connection._begin)
                connection._result = work(connection)
                connection._committing = True
            connection.raw.close()
            raise psycopg.OperationalError("the line was cut")

        monkeypatch.setattr(PostgresConnection, "_sent", cut)

    return at


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_fault_5_a_commit_without_an_answer_is_made_once(store, clock, cut, moment):
    cut(moment)
    await store.commit(part("req_1", clock))
    await assert_whole(store, ["req_1"])
    with pytest.raises(Conflict):
        await store.commit(part("req_1", clock))


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_fault_5_what_may_be_done_again_is_done_again(store, clock, cut, moment):
    await store.commit(changes(started("run_1", clock.at)))
    cut(moment)
    assert await store.note("who", "me") == "me"
    assert await store.note("who", "you") == "me"


async def test_fault_5_where_it_is_not_known_yet_it_is_said(store, clock, cut, monkeypatch):
    """The line was cut, and the server goes on committing."""
    monkeypatch.setattr(postgres_connection, "RECOVER_SECONDS", 0.2)
    await store.load(TENANT)
    cut("after")
    monkeypatch.setattr(PostgresConnection, "_is_under_way", lambda _: True)
    with pytest.raises(StoreUnavailable, match="look before you repeat"):
        await store.commit(part("req_1", clock))
    await assert_whole(store, ["req_1"])


async def test_a_server_that_stays_away_is_named_and_nothing_was_done(server, store, clock, monkeypatch):
    monkeypatch.setattr(postgres_connection, "RECOVER_SECONDS", 0.2)
    await store.commit(part("req_1", clock))
    await asyncio.to_thread(server.stop, "immediate")
    try:
        for use in (store.commit(part("req_2", clock)), store.load(TENANT)):
            with pytest.raises(StoreUnavailable, match="does not answer") as caught:
                await use
            assert server.password not in f"{caught.value.message} {caught.value.details}"
    finally:
        await asyncio.to_thread(server.start)
    await store.commit(part("req_3", clock))
    await assert_whole(store, ["req_1", "req_3"])


async def test_fault_5_one_vote_through_the_whole_circle(server, tmp_path, monkeypatch):
    """The server is shut down at once, again and again, while people vote and agents go on: each effect once."""
    monkeypatch.setenv("SINK", str(tmp_path / "sink"))
    url, runs = server.fresh(), 12
    built = driver.system(url)
    over = threading.Event()

    def trouble():
        for _ in range(RESTARTS):  # not for ever: on a busy machine less gets done between two of them than is undone
            if over.wait(0.4):
                return
            server.restart("immediate")

    try:
        for _ in range(runs):
            await driver.start(built, "idempotent")
        troubling = asyncio.create_task(asyncio.to_thread(trouble))
        end = time.monotonic() + driver.PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(StoreUnavailable):
                await built.worker(lease=2.0).drain()
                for request in await built.store.requests("default", RequestFilter(), limit=100):
                    await built.desk.handle(
                        CastVote(request.id, Verdict.approve, request.digest), principal("local:me")
                    )
                if {str(run.status) for run in await built.store.runs("default")} == {"done"}:
                    break
        over.set()
        await troubling
        assert [str(run.status) for run in await built.store.runs("default")] == ["done"] * runs
        for request in await built.store.requests("default", RequestFilter(()), limit=100):
            types = [entry.event.type for entry in await built.store.history("default", request.id)]
            assert (types.count("vote_cast"), types.count("decided")) == (1, 1), types
        assert len(set(driver.lines(str(tmp_path / "sink")))) == runs
    finally:
        over.set()
        await built.close()


# ── fault 17 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_fault_17_a_pool_without_a_free_connection_says_so(url, clock, monkeypatch):
    """Nothing is half-done: what had no turn never began."""
    store = open_store(url, clock)
    await store.commit(part("req_0", clock))
    gate, busy = threading.Event(), threading.Semaphore(0)

    def hold(on):
        busy.release()
        gate.wait()

    held = [asyncio.create_task(store._write(hold)) for _ in range(postgres.WRITERS)]
    for _ in held:
        await asyncio.to_thread(busy.acquire)
    with monkeypatch.context() as hurried:  # only once all are busy: a busy machine is no full pool
        hurried.setattr(store._database.writer, "_patience", 0.0)
        with pytest.raises(StoreUnavailable, match=rf"All {postgres.WRITERS} connections .* nothing was changed"):
            await store.commit(part("req_1", clock))
    gate.set()
    await asyncio.gather(*held)
    await store.commit(part("req_2", clock))
    await assert_whole(store, ["req_0", "req_2"])
    await store.close()


async def test_fault_17_a_server_without_a_free_connection_says_so(clock, monkeypatch):
    monkeypatch.setattr(postgres_connection, "RECOVER_SECONDS", 0.2)
    small = PostgresServer(max_connections="6", superuser_reserved_connections="0", reserved_connections="0")
    try:
        url = small.fresh()
        store = open_store(url, clock)
        others = []
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                others.append(psycopg.connect(url))
        with pytest.raises(StoreUnavailable, match="max_connections"):
            await store.commit(part("req_1", clock))
        for other in others:
            other.close()
        await store.commit(part("req_2", clock))
        await assert_whole(store, ["req_2"])
        await store.close()
    finally:
        small.remove()


@pytest.mark.soak
async def test_a_row_that_somebody_keeps_locked_is_not_waited_for_for_ever(url, clock, monkeypatch):
    monkeypatch.setattr(postgres, "_GREETING", postgres._GREETING.replace("'10s'", "'100ms'"))
    store = open_store(url, clock)
    await store.commit(changes(started("run_1", clock.at), enqueue=(job("run_1", clock.at),)))
    with psycopg.connect(url) as connection:
        connection.execute("SELECT 1 FROM jobs FOR UPDATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.commit(changes(enqueue=(job("run_1", clock.at),)))
    await store.commit(changes(enqueue=(job("run_1", clock.at),)))
    await store.close()
