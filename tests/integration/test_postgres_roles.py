"""PostgreSQL roles whose defaults are not ours: what they set is set right, or refused with a sentence."""

import asyncio
import itertools
from datetime import timedelta

import psycopg
import pytest

from interlock.engine.changes import Counted
from interlock.engine.retry import until_committed
from interlock.errors import Conflict, StoreUnavailable
from interlock.storage import open_store
from interlock.testing.postgres import PostgresServer
from interlock.testing.samples import TENANT, Asked, changes, decided, opened, started
from interlock.testing.store_base import in_threads, the_request

NAMES = itertools.count(1)


def role(server, url, *settings):
    """Make a role with these defaults, which may do everything in the schema; return the address for it."""
    name = f"role_{next(NAMES)}"
    schema = url.rpartition("%3D")[2]
    server.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD '{server.password}'",
        f"GRANT ALL ON SCHEMA {schema} TO {name}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {name}",
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {name}",
        *(f"ALTER ROLE {name} SET {setting}" for setting in settings),
    )
    return url.replace("//interlock:", f"//{name}:"), name


SET_RIGHT = {
    "serializable": ("default_transaction_isolation = 'serializable'",),
    "repeatable read": ("default_transaction_isolation = 'repeatable read'",),
    "serializable, deferrable": (
        "default_transaction_isolation = 'serializable'",
        "default_transaction_deferrable = on",
    ),
    "idle in transaction": ("idle_in_transaction_session_timeout = '1ms'",),
    "idle": ("idle_session_timeout = '1s'",),
    "a lock": ("lock_timeout = '1ms'",),
    "a transaction": ("transaction_timeout = '200ms'",),
    "no wait for the disk": ("synchronous_commit = off",),
    "another time zone and notation": (
        "timezone = 'Asia/Kathmandu'",
        "datestyle = 'German'",
        "bytea_output = 'escape'",
    ),
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("settings", SET_RIGHT.values(), ids=SET_RIGHT)
async def test_what_a_role_has_as_a_default_changes_nothing(postgres, url, clock, settings):
    for setting in settings:
        name = setting.partition(" ")[0]
        with psycopg.connect(postgres.url()) as connection:
            if connection.execute("SELECT 1 FROM pg_settings WHERE lower(name) = %s", [name]).fetchone() is None:
                pytest.skip(f"not on this platform: this server has no {name}")
    address, _ = role(postgres, url, *settings)
    store = open_store(address, clock)  # its tables are made by this role
    try:
        await store.commit(changes(request := opened("req_1", clock.at), started("run_1", clock.at)))
        votes = [changes(decided(request.after, clock.at, f"by {number}")) for number in range(6)]
        assert (await in_threads(*(_tried(store, vote) for vote in votes))).count(True) == 1
        for expected in range(2):
            window = await store.window(TENANT, "send_email", clock.at - timedelta(hours=1), 100)
            wanted = [
                changes(opened(f"req_{expected}_{n}", clock.at), counted=(Counted("send_email", window.version),))
                for n in range(4)
            ]
            assert (await in_threads(*(_tried(store, want) for want in wanted))).count(True) == 1
        together = [changes(opened(f"req_t{n}", clock.at, Asked(run_id=f"run_t{n}"))) for n in range(30)]
        await asyncio.gather(*(store.commit(one) for one in together))
        if name == "idle_session_timeout":
            await asyncio.sleep(1.2)  # idle for longer than that
        assert len(await store.feed(TENANT, limit=500)) >= 60
    finally:
        await store.close()


@pytest.mark.parametrize("isolation", ["serializable", "repeatable read"])
async def test_of_many_who_come_first_one_makes_the_tables_whatever_their_isolation(postgres, url, isolation):
    address, _ = role(postgres, url, f"default_transaction_isolation = '{isolation}'")

    async def first():
        await open_store(address).close()
        return True

    assert all(await in_threads(*[first] * 6))


def _tried(store, wanted):
    async def commit():
        try:
            await store.commit(wanted)
        except Conflict:
            return False
        return True

    return commit


async def test_a_role_that_may_only_read_is_told_so_at_the_first_write(postgres, url, clock):
    first = open_store(url, clock)
    await first.commit(changes(opened("req_0", clock.at)))
    address, name = role(postgres, url, "default_transaction_read_only = on")
    store = open_store(address, clock)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=r"may only be read.*RESET default_transaction_read_only") as caught:
            await store.commit(changes(opened("req_1", clock.at)))
        assert postgres.password not in f"{caught.value} {caught.value.details}"
    assert await store.feed(TENANT) == await first.feed(TENANT)
    await first.close()
    await store.close()
    postgres.execute(f"ALTER ROLE {name} RESET default_transaction_read_only")
    store = open_store(address, clock)
    await store.commit(changes(opened("req_1", clock.at)))
    await store.close()


def test_tables_are_not_made_where_nothing_may_be_written(postgres, url):
    address, _ = role(postgres, url, "default_transaction_read_only = on")
    with pytest.raises(StoreUnavailable, match="may only be read"):
        open_store(address)


async def test_after_a_restart_as_read_only_nothing_is_acknowledged_and_it_goes_on_when_that_is_over(clock):
    server = PostgresServer()
    try:
        url = server.fresh()
        store = open_store(url, clock)
        await store.commit(changes(request := opened("req_1", clock.at)))
        server.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        server.restart("immediate")
        with pytest.raises(StoreUnavailable, match="may only be read"):
            await store.commit(changes(decided(request.after, clock.at)))
        with pytest.raises(StoreUnavailable, match="may only be read"):  # nobody can say in which epoch it is
            await the_request(store, "req_1")
        server.execute("SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only")
        server.restart("immediate")
        assert (await the_request(store, "req_1")).is_open
        await store.commit(changes(decided(request.after, clock.at)))
        assert not (await the_request(store, "req_1")).is_open
        assert len(await store.history(TENANT, "req_1")) == 3
        await store.close()
    finally:
        server.remove()


async def test_a_statement_timeout_cancels_what_waits_and_says_what_to_do(postgres, url, clock):
    await open_store(url, clock).close()
    address, _ = role(postgres, url, "statement_timeout = '300ms'")
    store = open_store(address, clock)
    await store.commit(changes(request := opened("req_1", clock.at)))
    with psycopg.connect(url) as other:
        other.execute("SELECT 1 FROM requests FOR UPDATE")
        with pytest.raises(StoreUnavailable, match=r"cancelled the work.*statement_timeout"):
            await store.commit(changes(decided(request.after, clock.at)))
        other.rollback()
    assert len(await store.history(TENANT, "req_1")) == 2
    await store.commit(changes(decided(request.after, clock.at)))
    await store.close()


async def test_tables_are_made_however_short_the_roles_statements_may_be(postgres, url, clock):
    address, _ = role(postgres, url, "statement_timeout = '40ms'")
    store = open_store(address, clock)
    await store.commit(changes(opened("req_1", clock.at)))
    await store.close()


async def test_a_server_that_ends_every_transaction_is_not_tried_for_ever(store, postgres, url, clock, monkeypatch):
    monkeypatch.setattr("interlock.storage.postgres_connection.RECOVER_SECONDS", 0.5)
    postgres.execute(
        "CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END'",
        "CREATE TRIGGER ends BEFORE INSERT ON requests FOR EACH ROW EXECUTE FUNCTION ends()",
        url=url,
    )
    with pytest.raises(StoreUnavailable, match="shut down"):
        await asyncio.wait_for(store.commit(changes(opened("req_1", clock.at))), 60)
    postgres.execute("DROP TRIGGER ends ON requests", url=url)
    await store.commit(changes(opened("req_1", clock.at)))
    assert len(await store.history(TENANT, "req_1")) == 2


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_what_others_are_in_the_way_of_is_a_conflict_also_in_a_batch_and_is_tried_again(
    store, postgres, url, clock, state
):
    postgres.execute(
        "CREATE SEQUENCE tries",
        "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('tries') <= 6 THEN "
        f"RAISE EXCEPTION 'others are in the way' USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER fails BEFORE INSERT ON requests FOR EACH ROW EXECUTE FUNCTION fails()",
        url=url,
    )
    wanted = [changes(opened(f"req_{n}", clock.at, Asked(run_id=f"run_{n}"))) for n in range(20)]

    async def keep(one):
        await until_committed(lambda: store.commit(one), "a request")

    await asyncio.gather(*map(keep, wanted))
    assert sorted({entry.stream for entry in await store.feed(TENANT)}) == sorted(f"req_{n}" for n in range(20))
    assert len(await store.feed(TENANT)) == 40
