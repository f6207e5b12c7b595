"""PostgreSQL's feed: nobody who appends waits for another, and no reader's cursor passes what is still to come."""

import asyncio
import random
import secrets
import threading
from datetime import UTC, datetime

import psycopg
import pytest

from interlock.errors import InvalidValue
from interlock.storage import open_store
from interlock.storage.postgres import health
from interlock.testing.samples import TENANT, changes, opened
from interlock.testing.store_base import in_threads
from interlock.waking.wakers import NotifiedWaker

PATIENCE = 120.0


@pytest.fixture
def neighbour(postgres):
    """Return a function that connects to another database of the same server."""
    name = f"neighbour_{secrets.token_hex(4)}"
    postgres.execute(f"CREATE DATABASE {name}")
    yield lambda: psycopg.connect(postgres.url(name))
    postgres.execute(f"DROP DATABASE {name}")


@pytest.fixture(params=["alone", "held"])
def beside(request, neighbour):
    """Let a transaction of another database stay open all the time."""
    with neighbour() as stays_open:
        if request.param == "held":
            stays_open.execute("CREATE TABLE theirs (it int)")
        yield


class Slow:
    """A transaction of another process that has appended an entry, and takes its time to commit."""

    def __init__(self, url, stream):
        self.connection = psycopg.connect(url)
        self.connection.execute(
            "INSERT INTO log (epoch, tenant, stream, seq, body, leaf) "
            "SELECT epoch, tenant, %s, seq, body, leaf FROM log ORDER BY position LIMIT 1",
            [stream],
        )

    def commit(self):
        self.connection.commit()
        self.connection.close()

    def rollback(self):
        self.connection.rollback()
        self.connection.close()


async def places(store, after=""):
    return [entry.position for entry in await store.feed(TENANT, after=after, limit=1000)]


async def test_what_is_committed_behind_an_open_transaction_waits_for_it(store, url, clock):
    await store.commit(changes(opened("req_1", clock.at)))
    begun = await places(store)
    slow = Slow(url, "slow")
    await store.commit(changes(opened("req_2", clock.at)))  # it waits for nobody
    assert (await store.load(TENANT, ["req_2"])).requests
    assert len(await store.history(TENANT, "req_2")) == 2
    assert await places(store) == begun
    assert await store.last_position(TENANT) == begun[-1]
    slow.commit()
    now = await places(store)
    assert now[: len(begun)] == begun
    assert now[len(begun) :] == await places(store, begun[-1])
    assert len(now) == len(begun) + 3


async def test_what_is_rolled_back_holds_nothing_up(store, url, clock):
    await store.commit(changes(opened("req_1", clock.at)))
    slow = Slow(url, "slow")
    await store.commit(changes(opened("req_2", clock.at)))
    slow.rollback()
    assert len(await places(store)) == 4


async def test_the_feed_waits_a_moment_for_what_is_just_ending(store, url, clock):
    await store.commit(changes(opened("req_1", clock.at)))
    slow = Slow(url, "slow")
    await store.commit(changes(opened("req_2", clock.at)))
    read = asyncio.create_task(places(store))
    while store._database.readers._waiting.empty() and not read.done():
        await asyncio.sleep(0)
        slow.commit() if not slow.connection.closed else None
    assert len(await read) == 5


async def test_I4_a_long_transaction_in_another_database_of_the_server_holds_nothing_back(store, clock, neighbour):
    await store.commit(changes(opened("req_1", clock.at)))
    begun = await places(store)
    with neighbour() as open_one:
        open_one.execute("CREATE TABLE theirs (it int)")
        await store.commit(changes(opened("req_2", clock.at)))
        now = await places(store, begun[-1])
        assert len(now) == 2
        assert await places(store, now[-1]) == []
    assert await places(store) == begun + now


async def test_an_open_transaction_of_ours_holds_back_what_came_after_it_whatever_other_databases_do(
    store, url, clock, neighbour
):
    await store.commit(changes(opened("req_1", clock.at)))
    begun = await places(store)
    with neighbour() as before, neighbour() as between:
        before.execute("CREATE TABLE theirs (it int)")
        await store.commit(changes(opened("req_2", clock.at)))
        slow = Slow(url, "slow")
        between.execute("CREATE TABLE theirs_too (it int)")
        await store.commit(changes(opened("req_3", clock.at)))
        assert len(await places(store, begun[-1])) == 2, "up to the open one, and no further"
        slow.commit()
        assert len(await places(store, begun[-1])) == 5
    assert len(await places(store)) == 7


async def test_a_transaction_of_this_database_holds_back_even_if_it_has_touched_nothing_of_ours_yet(store, url, clock):
    await store.commit(changes(opened("req_1", clock.at)))
    begun = await places(store)
    with psycopg.connect(url) as strange:
        strange.execute("SELECT pg_current_xact_id()")
        await store.commit(changes(opened("req_2", clock.at)))
        assert await places(store) == begun
    assert len(await places(store)) == 4


def test_I4_doctor_is_told_of_what_holds_the_feed_back_and_of_nothing_else(url, postgres, neighbour):
    with neighbour() as theirs:
        theirs.execute("CREATE TABLE theirs (it int)")
        assert health(url).held_up == 0
        with psycopg.connect(url) as strange:
            strange.execute("SELECT pg_current_xact_id()")
            assert health(url).held_up > 0
        assert health(url).held_up == 0


@pytest.mark.usefixtures("beside")
async def test_I4_racing_slow_transactions_are_never_skipped(store, url, clock):
    """Transactions begin, linger, and end in any order; a reader sees each entry once, in one order.

    Also if it has to look closely each time, since one of another database stays open.
    """
    await store.commit(changes(opened("req_0", clock.at)))
    chance = random.Random(7)
    orders = [[chance.random() * 0.01 for _ in range(12)] for _ in range(6)]
    ended = threading.Event()

    def linger(name, waits):
        async def write():
            for number, seconds in enumerate(waits):
                slow = Slow(url, f"slow_{name}_{number}")
                await asyncio.sleep(seconds)
                slow.commit() if number % 4 else slow.rollback()

        return write

    async def commit():
        for number in range(40):
            await store.commit(changes(opened(f"req_1_{number}", clock.at)))

    async def read():
        reader, seen = open_store(url, clock), []
        while True:
            last = ended.is_set()
            page = await reader.feed(TENANT, after=seen[-1] if seen else "", limit=3)
            seen += [entry.position for entry in page]
            if last and not page:
                await reader.close()
                return seen

    async def write():
        await asyncio.gather(commit(), *(linger(name, waits)() for name, waits in enumerate(orders)))
        ended.set()

    first, second, _ = await asyncio.wait_for(in_threads(read, read, write), PATIENCE)
    everything = await places(store)
    assert first == second == everything
    assert len(set(everything)) == len(everything) == 2 + 40 * 2 + 6 * 9


async def test_positions_of_a_restored_database_come_after_all_before(store, url, clock, postgres):
    """A restored server numbers its transactions from an earlier number on: the epoch sets its entries behind."""
    await store.commit(changes(opened("req_1", clock.at)))
    with psycopg.connect(url) as connection:  # as if the server had counted far, and lost it
        connection.execute("SET session_replication_role = replica")
        connection.execute("ALTER TABLE log DISABLE TRIGGER ALL")
        connection.execute("UPDATE log SET xact = xact + 1000000000")
        connection.execute("ALTER TABLE log ENABLE ALWAYS TRIGGER log_refuses_change")
        connection.execute("UPDATE epochs SET origin = 'another start', number = number + 1000000000")
        connection.execute("ALTER TABLE log DISABLE TRIGGER ALL")
        connection.execute("UPDATE log SET epoch = epoch + 1000000000")
        connection.execute("ALTER TABLE log ENABLE ALWAYS TRIGGER log_refuses_change")
    restored = open_store(url, clock)
    old = await places(restored)
    await restored.commit(changes(opened("req_2", clock.at)))
    assert [entry.stream for entry in await restored.feed(TENANT, after=old[-1])] == ["req_2"] * 2
    assert (await places(restored))[: len(old)] == old
    assert await restored.last_position(TENANT) == (await places(restored))[-1]
    await restored.close()


async def test_a_position_of_another_kind_of_database_is_refused(store):
    for junk in ("12", "1-2", "1-2-3-4", "1-2-x", "-1-2-3", "1-2-" + "f" * 16):
        with pytest.raises(InvalidValue, match="position"):
            await store.feed(TENANT, after=junk)


# ── waking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def heard(waker, since):
    await asyncio.wait_for(waker.wait(since, PATIENCE), PATIENCE)
    return await waker.seen()


async def test_another_processs_commit_is_heard_of(store, url, clock):
    other = open_store(url, clock)
    waker = NotifiedWaker(store.notifications)
    since = await waker.seen()
    since = await heard(waker, since)  # it listens now, and says so
    waiting = asyncio.create_task(heard(waker, since))
    await other.commit(changes(opened("req_1", clock.at)))
    assert await waiting > since
    await other.close()


async def test_who_commits_does_not_hear_itself(store, url, clock):
    waker = NotifiedWaker(store.notifications)
    since = await heard(waker, await waker.seen())
    await store.commit(changes(opened("req_1", clock.at)))
    other = open_store(url, clock)
    await other.commit(changes(opened("req_2", clock.at)))
    await other.close()  # tells what is to be told before it goes
    assert await heard(waker, since) == since + 1


async def test_another_schema_is_not_heard(store, url, clock, postgres):
    waker = NotifiedWaker(store.notifications)
    since = await heard(waker, await waker.seen())
    stranger = open_store(postgres.fresh(), clock)
    await stranger.commit(changes(opened("req_1", clock.at)))
    await stranger.close()
    other = open_store(url, clock)
    await other.commit(changes(opened("req_2", clock.at)))
    await other.close()
    assert await heard(waker, since) == since + 1


async def test_a_listener_whose_connection_died_listens_again(store, url, clock, postgres):
    waker = NotifiedWaker(store.notifications)
    since = await heard(waker, await waker.seen())
    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE 'LISTEN%'"
    )
    since = await heard(waker, since)  # it was away, so it may have missed something
    other = open_store(url, clock)
    await other.commit(changes(opened("req_1", datetime.now(UTC))))
    await other.close()
    assert await heard(waker, since) > since
