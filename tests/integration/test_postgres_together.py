"""PostgreSQL: commits that wait at once share one transaction, and none of them notices; reads need none begun."""

import asyncio
import contextlib
import itertools
import threading

import psycopg
import pytest

from interlock.engine.changes import Counted
from interlock.errors import Conflict, NotInTime, StoreUnavailable
from interlock.storage import open_store, postgres, postgres_connection
from interlock.storage.postgres_connection import PostgresConnection
from interlock.storage.postgres_wire import Wire
from interlock.testing.samples import TENANT, Asked, changes, decided, opened, started
from interlock.testing.store_base import the_request


@pytest.fixture
async def stores(url, clock, monkeypatch):
    """Two processes, as it were, with one writer each."""
    monkeypatch.setattr(postgres, "WRITERS", 1)
    both = [open_store(url, clock) for _ in range(2)]
    yield both
    for store in both:
        await store.close()


@pytest.fixture
def sent(monkeypatch):
    """Return the statements that are sent, with their values, in order."""
    texts = []
    send = Wire.send
    monkeypatch.setattr(
        Wire, "send", lambda wire, text, values=(): texts.append((text, values)) or send(wire, text, values)
    )
    return texts


async def at_once(store, *commits):
    """Let commits wait until all have come; return what each of them came to."""
    held, gate = threading.Event(), threading.Event()
    first = asyncio.create_task(store._write(lambda _: held.set() or gate.wait()))
    await asyncio.to_thread(held.wait)
    tasks = [asyncio.create_task(commit) for commit in commits]
    await asyncio.sleep(0)
    gate.set()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


def part(number, clock):
    return changes(opened(f"req_{number}", clock.at, Asked(run_id=f"run_{number}")))


async def transactions(store):
    """Return the transactions that wrote the log."""
    return {entry.position.split("-")[1] for entry in await store.feed(TENANT)}


async def test_commits_that_wait_share_a_transaction(stores, clock):
    store, _ = stores
    assert await at_once(store, *(store.commit(part(number, clock)) for number in range(6))) == [None] * 6
    assert len(await transactions(store)) == 1
    assert len(await store.find(TENANT, "request", "req_")) == 6


async def test_what_one_raises_undoes_it_alone(stores, clock):
    store, _ = stores
    await store.commit(part(3, clock))

    def defect(_):
        raise ZeroDivisionError

    commits = [store.commit(part(number, clock)) for number in (1, 2, 3, 4)]
    results = await at_once(store, *commits[:3], store._write(defect), commits[3])
    assert [type(result) for result in results] == [type(None), type(None), Conflict, ZeroDivisionError, type(None)]
    assert await store.find(TENANT, "request", "req_") == ["req_1", "req_2", "req_3", "req_4"]
    assert len(await store.feed(TENANT)) == 4 * 2


async def test_I3_of_those_that_wait_to_change_the_same_one_is_done(stores, clock):
    store, _ = stores
    results = await at_once(store, *(store.commit(part(1, clock)) for _ in range(5)))
    assert sorted(type(result).__name__ for result in results) == ["Conflict"] * 4 + ["NoneType"]
    assert len(await store.history(TENANT, "req_1")) == 2


async def test_what_passed_its_end_is_refused_and_the_others_are_not(stores, clock):
    store, _ = stores
    late = part(1, clock)
    object.__setattr__(late, "before", clock.at)
    results = await at_once(store, store.commit(late), store.commit(part(2, clock)))
    assert [type(result) for result in results] == [NotInTime, type(None)]
    assert await store.find(TENANT, "request", "req_") == ["req_2"]


@pytest.mark.soak
async def test_what_others_keep_locked_fails_alone_and_what_was_done_is_said_to_be(url, stores, clock, monkeypatch):
    monkeypatch.setattr(postgres, "_GREETING", postgres._GREETING.replace(f"'{postgres.LOCK_SECONDS}s'", "'100ms'"))
    store, second = stores
    await second.commit(part(2, clock))
    locked = changes(decided(await the_request(second, "req_2"), clock.at))
    with psycopg.connect(url) as other:
        other.execute("SELECT 1 FROM requests WHERE id = 'req_2' FOR UPDATE")
        commits = [store.commit(changes) for changes in (part(1, clock), locked, part(3, clock))]
        results = await at_once(store, *commits)
    assert [type(result) for result in results] == [type(None), StoreUnavailable, type(None)]
    assert "row locked" in str(results[1])
    assert await store.find(TENANT, "request", "req_") == ["req_1", "req_2", "req_3"]
    await store.commit(locked)


async def test_when_the_server_is_lost_half_way_what_was_done_is_said_to_be(url, stores, clock, monkeypatch):
    store, second = stores
    await second.commit(part(0, clock))
    sent, connect, calls = PostgresConnection._sent, postgres.connect, itertools.count()

    def refuse(_address):
        raise psycopg.OperationalError("connection refused")

    def cut(connection, work):
        if next(calls) != 4:  # after what everybody waits for, all together, and two by themselves
            return sent(connection, work)
        monkeypatch.setattr(postgres, "connect", refuse)
        connection.raw.close()
        raise psycopg.OperationalError("the line was cut")

    monkeypatch.setattr(postgres_connection, "RECOVER_SECONDS", 0.1)
    monkeypatch.setattr(PostgresConnection, "_sent", cut)
    commits = [store.commit(part(number, clock)) for number in (1, 0, 2, 3)]
    results = await at_once(store, *commits)
    assert [type(result) for result in results] == [type(None), Conflict, StoreUnavailable, StoreUnavailable]
    monkeypatch.setattr(postgres, "connect", connect)
    assert await store.find(TENANT, "request", "req_") == ["req_0", "req_1"]
    await store.commit(part(2, clock))


async def test_a_line_cut_again_while_it_is_asked_what_became_of_a_group_tells_nobody_that_others_were_faster(
    stores, clock, monkeypatch
):
    store, _ = stores
    sent, alone, calls, cuts = PostgresConnection._sent, PostgresConnection._alone, itertools.count(), itertools.count()

    def cut(connection, work):
        result = sent(connection, work)
        if next(calls) != 1:  # what all wait for comes first
            return result
        connection.raw.close()
        raise psycopg.OperationalError("the line was cut")

    def cut_again(connection, ask):
        if next(cuts) == 0:  # the server's last word; that the line is gone is found out later
            raise psycopg.errors.AdminShutdown("terminating connection due to administrator command")
        return alone(connection, ask)

    monkeypatch.setattr(PostgresConnection, "_sent", cut)
    monkeypatch.setattr(PostgresConnection, "_alone", cut_again)
    assert await at_once(store, *(store.commit(part(number, clock)) for number in range(3))) == [None] * 3
    assert len(await store.feed(TENANT)) == 3 * 2


async def test_what_counts_over_other_runs_is_alone_whatever_it_comes_after(stores, clock):
    store, _ = stores
    counting = changes(opened("req_9", clock.at, Asked(run_id="run_9")), counted=(Counted("send_email", 0),))
    commits = [store.commit(changes) for changes in (part(1, clock), part(2, clock), counting)]
    assert await at_once(store, *commits) == [None] * 3
    assert len(await transactions(store)) == 2


async def test_groups_take_their_runs_in_one_order_so_no_two_wait_in_a_ring(stores, clock, sent):
    store, _ = stores
    for numbers in ((1, 2, 3, 4), (4, 2, 1, 3)):
        sent.clear()
        parts = [changes(started(f"run_{number}_{numbers[0]}", clock.at)) for number in numbers]
        assert await at_once(store, *(store.commit(part) for part in parts)) == [None] * 4
        taken = [next(value for value in values if str(value).startswith("run_")) for text, values in sent if values]
        rows, entries = taken[:4], taken[4:]
        assert rows == sorted(rows)
        assert len(entries) == 4


async def test_a_read_begins_no_transaction_and_sees_one_instant(stores, clock, sent):
    store, other = stores
    await store.commit(part(1, clock))
    await store.load(TENANT, ["req_1"])
    sent.clear()
    assert len((await store.load(TENANT, ["req_1"], run_id="run_1")).logs["req_1"]) == 2
    assert all(text.startswith("SELECT") for text, _ in sent)
    loop = asyncio.get_running_loop()

    def twice(on):
        first = on.told("SELECT count(*) FROM requests")
        asyncio.run_coroutine_threadsafe(other.commit(part(2, clock)), loop).result()
        return first, on.told("SELECT count(*) FROM requests")

    assert await store._read(twice) == ([(1,)], [(1,)])
    assert await store._read(lambda on: on.told("SELECT count(*) FROM requests")) == [(2,)]
    with pytest.raises(StoreUnavailable, match="read-only"):
        await store._read(lambda on: on.told("DELETE FROM requests"))


# ── the wire ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def wire(url):
    with contextlib.closing(psycopg.connect(url, autocommit=True, client_encoding="UTF8")) as connection:
        yield Wire(connection.pgconn)


def ask(wire, text, *values):
    reply = wire.send(text, values)
    wire.wait_for(wire.sync())
    return reply.rows()


def test_what_is_sent_comes_back(wire):
    texts = ["", 'a"b', "c\\d", "{,}", "NULL", "ü\u2028\U0010ffff", " ", "'"]
    for text in texts:
        assert ask(wire, "SELECT $1::text", text) == [(text,)]
    assert ask(wire, "SELECT unnest($1::text[])", texts) == [(text,) for text in texts]
    assert ask(wire, "SELECT $1::bytea, $2::bigint, $3::integer", bytes(range(256)), -(2**63), 2**31 - 1) == [
        (bytes(range(256)), -(2**63), 2**31 - 1)
    ]
    assert ask(wire, "SELECT $1::text, $2 = 1, $2 = 2, 3::smallint", None, 1) == [(None, True, False, 3)]
    with pytest.raises(TypeError, match="float"):
        ask(wire, "SELECT $1", 1.5)


def test_a_text_is_sent_whole_or_refused(wire):
    with pytest.raises(psycopg.DataError):
        ask(wire, "SELECT $1::text", "a\0b")


def test_after_an_error_nothing_is_done_and_what_was_not_prepared_is_prepared_again(wire):
    for _ in range(2):
        wire.send("SELECT 1 / $1::integer", [0])
        later = wire.send("SELECT 'later'")
        with pytest.raises(psycopg.errors.DivisionByZero):
            wire.wait_for(later)
        with pytest.raises(psycopg.OperationalError, match="before it"):
            wire.wait_for(later)
        wire.sync()
        wire.push()
        wire.drain()
    assert ask(wire, "SELECT 'later'") == [("later",)]


def test_neither_side_waits_for_the_other_to_read(wire):
    large = b"x" * 1_000_000
    replies = [wire.send("SELECT $1::bytea", [large]) for _ in range(30)]
    wire.wait_for(wire.sync())
    assert all(reply.rows() == [(large,)] for reply in replies)
