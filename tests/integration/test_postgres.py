"""PostgreSQL: addresses that never show a password, tables, the store's clock, and what is asked of an index."""

import asyncio
import contextlib
import re
import shutil
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, NullPool, create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from interlock.domain.request import Status
from interlock.engine.ports.store import RequestFilter, SortKey
from interlock.errors import Conflict, InvalidConfig, StoreTooNew, StoreUnavailable
from interlock.storage import agenda, deliveries, migrate, open_store, postgres_migrate, reads
from interlock.storage.compiled import Statements
from interlock.storage.log import OrderedLog
from interlock.storage.request_pages import requests_query
from interlock.storage.schema import APPLIED_TABLE, REVISIONS, VERSION_TABLE, metadata, ordered
from interlock.testing.samples import TENANT, Asked, changes, decided, opened, started
from interlock.testing.store_base import in_threads

PATIENCE = 120.0


def raw(url):
    return psycopg.connect(url, autocommit=True)


# ── addresses ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
async def test_an_address_names_a_server(url, scheme):
    store = open_store(url.replace("postgresql", scheme, 1))
    assert await store.note("hello", "you") == "you"
    await store.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda url, password: url.replace(password, "s3cret-s3cret"), "refuses this user"),
        (lambda url, password: url.replace("/postgres?", "/nowhere?"), "does not exist"),
        (lambda url, password: url.partition("?")[0].replace("127.0.0.1:", "127.0.0.1:1"), "cannot be read|not answer"),
        (lambda url, password: f"postgresql://me:{password}@127.0.0.1:9/x", "does not answer"),
        (lambda url, password: url.replace("csearch_path%3D", "csearch_path%3Dno"), "CREATE SCHEMA"),
    ],
)
def test_an_address_that_leads_nowhere_says_so_without_its_password(postgres, url, change, says):
    wrong = change(url, postgres.password)
    with pytest.raises((StoreUnavailable, InvalidConfig), match=says) as caught:
        open_store(wrong)
    told = f"{caught.value} {caught.value.details}"
    assert postgres.password not in told
    assert "s3cret" not in told


@pytest.mark.parametrize("wrong", ["u:s3cret%ZZ@h/x", "u:s3cret@h/x?sslmodus=1", "u:s3cret@[::1/x"])
def test_an_address_that_cannot_be_read_is_not_shown(wrong):
    with pytest.raises(InvalidConfig, match="%XX") as caught:
        open_store(f"postgresql://{wrong}")
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__}"


def test_without_the_driver_it_is_named(monkeypatch):
    for module in ("interlock.storage.postgres", "interlock.storage.postgres_migrate"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delattr("interlock.storage.postgres", raising=False)
    monkeypatch.delattr("interlock.storage.postgres_migrate", raising=False)
    with pytest.raises(InvalidConfig, match=r"pip install '\.\[postgres\]'"):
        open_store("postgresql://host/name")


# ── the tables ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log SET body = ''",
        "UPDATE log SET body = '' WHERE false",
        "DELETE FROM log",
        "TRUNCATE log",
        """INSERT INTO log (epoch, tenant, stream, seq, body, leaf)
        SELECT epoch, tenant, stream, seq, body, leaf FROM log
        ON CONFLICT (tenant, stream, seq) DO UPDATE SET body = ''""",
    ],
)
async def test_the_log_is_append_only(store, url, clock, statement):
    await store.commit(changes(opened("req_1", clock.at)))
    before = await store.feed(TENANT)
    with raw(url) as connection:
        for role in ("origin", "replica"):
            connection.execute(f"SET session_replication_role = {role}")
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                connection.execute(statement)
    assert await store.feed(TENANT) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE requests SET status = 'perhaps'",
        "UPDATE requests SET effect = 'executed'",
        "UPDATE requests SET version = 0",
        "UPDATE runs SET status = 'perhaps'",
        "UPDATE runs SET lease_owner = 'somebody'",
        "INSERT INTO requests SELECT * FROM requests",
        "INSERT INTO log (position, epoch, tenant, stream, seq, body, leaf) VALUES (1, 1, 'a', 'b', 1, '', '')",
    ],
)
async def test_constraints_guard_what_the_rules_say(store, url, clock, statement):
    await store.commit(changes(opened("req_1", clock.at), started("run_1", clock.at)))
    with raw(url) as connection, pytest.raises((psycopg.IntegrityError, psycopg.ProgrammingError)):
        connection.execute(statement)


async def test_migrations_make_the_tables_that_the_code_uses(migrations, store, url):
    wanted = MetaData()
    for table in [*metadata.tables.values(), *ordered.tables.values()]:
        if table is not metadata.tables["log"]:
            table.to_metadata(wanted)
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": APPLIED_TABLE, "include_name": lambda name, *_: name != VERSION_TABLE}
        )
        assert compare_metadata(context, wanted) == []
    engine.dispose()
    with raw(
        url
    ) as connection:  # which the comparison does not look at, and the tables' definition leaves to migrations
        rows = connection.execute("SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%WHERE (status = ''open''%'")
        assert {name for (name,) in rows} == {"requests_inbox", "requests_of_agent", "requests_due"}


async def test_texts_are_ordered_as_bytes_whatever_the_database_says(store, url):
    with raw(url) as connection:
        rows = connection.execute(
            "SELECT c.relname, a.attname, a.attcollation::regcollation::text FROM pg_attribute a JOIN pg_class c "
            "ON c.oid = a.attrelid WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' "
            "AND a.attnum > 0 AND a.atttypid = 'text'::regtype AND a.attname <> 'value'"
        ).fetchall()
    assert len(rows) > 20
    assert {collation for *_, collation in rows} == {'"C"'}


async def test_of_many_who_come_first_one_makes_the_tables(url):
    async def first():
        store = open_store(url)
        await store.close()
        return True

    assert all(await in_threads(*[first] * 6))
    with raw(url) as connection:
        assert connection.execute(f"SELECT count(*) FROM {VERSION_TABLE}").fetchone() == (1,)


NEXT_REVISION = f"""
from alembic import op
revision = "9000"
down_revision = "{REVISIONS[-1]}"

def upgrade():
    op.execute("ALTER TABLE requests ADD COLUMN colour text")
"""


async def test_an_older_database_is_brought_up_to_date(store, url, tmp_path, clock, monkeypatch):
    await store.commit(changes(request := opened("req_1", clock.at)))
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, folder)
    (folder / "versions" / "9000_next.py").write_text(NEXT_REVISION)
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    for module in (migrate, postgres_migrate):
        monkeypatch.setattr(module, "REVISIONS", (*REVISIONS, "9000"))
    newer = open_store(url)
    assert (await newer.load(TENANT, ["req_1"])).requests == {"req_1": request.after}
    await newer.close()
    with raw(url) as connection:
        assert connection.execute("SELECT colour FROM requests").fetchall() == [(None,)]
        assert connection.execute(f"SELECT version_num FROM {APPLIED_TABLE}").fetchall() == [("9000",)]


async def test_a_newer_database_is_left_alone(store, url, postgres):
    with raw(url) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(StoreTooNew, match="9999") as caught:
        open_store(url)
    assert postgres.password not in caught.value.message


def test_another_programs_tables_are_left_alone(url):
    with raw(url) as connection:
        connection.execute("CREATE TABLE songs (title text)")
    with pytest.raises(StoreUnavailable, match="another program"):
        open_store(url)


def test_who_only_looks_makes_no_tables(url):
    with pytest.raises(InvalidConfig, match="no tables of Interlock"):
        open_store(url, create=False)
    with raw(url) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        ).fetchone() == (0,)


FILLED = (
    """INSERT INTO requests SELECT 't' || n % 51, 'req_' || n, 'run_' || n / 4, 'a' || n / 2 % 4,
    CASE n % 2 WHEN 0 THEN 'open' ELSE 'rejected' END, 'none', 'i_' || n % 4, n, n, 1, ''
    FROM generate_series(1, 20000) n""",
    """INSERT INTO runs SELECT 't' || n % 51, 'run_' || n, 'a', 'done', n, 1, NULL, NULL, ''
    FROM generate_series(1, 5000) n""",
    "INSERT INTO states SELECT tenant, id, '', '' FROM runs",
    "INSERT INTO participants SELECT tenant, id, 'p' || opened_at % 2, opened_at FROM requests",
    """UPDATE requests SET asks = E'\\n"group:g' || due_at % 7 || E'"\\n' WHERE status = 'open'""",
    "UPDATE requests SET reference = CASE opened_at % 10 WHEN 0 THEN 'PO-1' ELSE 'PO-' || opened_at END",
    """INSERT INTO deliveries (tenant, id, channel, state, request_id, recipient, made_at, due_at, version, body)
    SELECT 't' || n % 51, 'dlv_' || n, 'mail',
    CASE n % 97 WHEN 0 THEN 'failed' ELSE 'delivered' END, 'req_' || n, '', n, NULL, 1, ''
    FROM generate_series(1, 20000) n""",
    "INSERT INTO jobs SELECT tenant, 'advance', id, started_at, 1, NULL FROM runs",
    """INSERT INTO log (epoch, xact, tenant, stream, seq, body, leaf)
    SELECT 1, n, 't' || n % 51, 'req_' || n / 3, n % 3, '', '' FROM generate_series(1, 20000) n""",
    "ANALYZE",
)


@pytest.fixture(scope="module")
def filled(postgres):
    """Return the address of a schema with many rows, of which the planner knows."""
    url = postgres.fresh()
    store = open_store(url)
    postgres.execute(*FILLED, url=url)
    yield url, Statements(PGDialect_psycopg())
    store._database.close()


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (requests_query(RequestFilter()), "requests_inbox|requests_due"),
        (requests_query(RequestFilter(agent="a3")), "requests_of_agent"),
        (requests_query(RequestFilter(agent="a3"), paged=True), "requests_of_agent"),
        (requests_query(RequestFilter((Status.expired,))), "requests_of_status"),
        (requests_query(RequestFilter(reference="PO-1"), paged=True), "requests_open_of_reference"),
        (requests_query(RequestFilter((Status.open, Status.approved), reference="PO-1")), "requests_of_reference"),
        (requests_query(RequestFilter(), paged=True), "requests_inbox|requests_due"),
        (requests_query(RequestFilter(()), paged=True), "requests_by_age"),
        (reads._runs_query(paged=True), "runs_by_age"),
        (reads._runs_query(paged=True, of=frozenset({"agent"})), "runs_of_agent|runs_by_age"),
        (reads._runs_query(statuses=1), "runs_of_status"),
        (deliveries._listed(("state",), behind=True), "deliveries_of_state"),
        (agenda._DUE_REQUESTS, "requests_due"),
        (agenda._DUE_JOBS, "jobs_due"),
        (agenda._NEXT_DUE_OF, "jobs_of_subject"),
        (agenda._NEXT_DUE, "requests_due"),
        (reads._REQUESTS, "requests_key"),
        (reads._RUN, "runs_key"),
        (reads._RUN_OF, "requests_key"),
        (reads._OPEN_OF_RUN, "requests_of_run"),
        (reads._ASKED_AT, "requests_of_run"),
        (reads._FIND["request"], "requests_key"),
        (OrderedLog.HISTORIES, "log_stream"),
        (OrderedLog.FEED, "log_feed"),
        (OrderedLog.LAST, "log_feed"),
    ],
)
def test_what_is_asked_often_is_read_from_an_index(filled, query, index):
    url, statements = filled
    values = {"tenant": "t1", "limit": 5, "now": 9, "interrupt_ids": ["i_1"], "run_id": "run_7", "ids": ["req_1"]}
    values |= {"streams": ["req_1"], "after": "req_9", "first": "req_1", "last": "req_2", "statuses": ["rejected"]}
    values |= {
        "agent": "a3",
        "subject": "run_7",
        "request_id": "req_1",
        "epoch": 1,
        "after_epoch": 1,
        "after_xact": 100,
        "after_position": 1,
        "after_at": 9,
        "status": "expired",
        "reference": "PO-1",
        "state": "failed",
        "made_at": 9,
        "behind": "dlv_9",
    }
    written = statements.written(query)
    with raw(url) as connection:
        rows = connection.execute(f"EXPLAIN {written.text}", written.parameters(values)).fetchall()
    plan = "\n".join(row[0] for row in rows)
    assert any(name in plan for name in index.split("|")), plan
    assert "Seq Scan" not in plan, plan
    assert "Sort" not in plan, plan


@pytest.mark.parametrize("paged", [False, True])
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (RequestFilter(asks=frozenset("a")), "requests_inbox"),
        (RequestFilter((), people=("ann",)), "participants_of_person"),
    ],
)
def test_what_the_inbox_of_a_person_holds_is_chosen_by_an_index_alone(filled, wanted, index, paged):
    url, statements = filled
    written = statements.written(requests_query(wanted, paged=paged))
    values = {"tenant": "t2", "limit": 5, "asks": ['"group:g1"', "?"], "person": "p1", "after": "req_9", "after_at": 9}
    with raw(url) as connection:
        connection.execute("VACUUM requests, participants")
        rows = connection.execute(f"EXPLAIN {written.text}", written.parameters(values)).fetchall()
    plan = "\n".join(row[0] for row in rows)
    assert re.search(rf"Index Only Scan (Backward )?using {index}", plan), plan
    assert "Seq Scan" not in plan, plan


async def test_what_is_acknowledged_is_on_the_disk_whatever_the_server_is_set_to(postgres, url):
    postgres.execute("CREATE ROLE hasty LOGIN SUPERUSER", "ALTER ROLE hasty SET synchronous_commit = off")
    postgres.execute(f"ALTER ROLE hasty PASSWORD '{postgres.password}'")
    store = open_store(url.replace("//interlock:", "//hasty:"))
    assert await store._write(lambda on: on.told("SHOW synchronous_commit")) == [("on",)]
    await store.close()


# ── the clock ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_clock_is_the_servers(url):
    store = open_store(url)
    before = datetime.now(UTC)
    now = await store.now()
    assert abs(now - before) < timedelta(minutes=1)
    assert now.tzinfo is UTC
    await store.commit(changes(opened("req_1", now)))
    (entry, _) = await store.feed(TENANT)
    assert now <= entry.at <= await store.now()
    assert (await store.load(TENANT)).now >= entry.at
    assert (await store.agenda()).now >= entry.at
    await store.close()


async def test_I5_a_vote_that_waited_for_a_lock_past_its_deadline_has_no_effect(store, url, clock):
    request = opened("req_1", clock.at)
    await store.commit(changes(request))
    due = clock.at + timedelta(hours=1)
    with raw(url) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM requests FOR UPDATE")
        vote = asyncio.create_task(store.commit(changes(decided(request.after, clock.at), before=due)))
        await until_somebody_waits(url)
        clock.at = due
        connection.execute("ROLLBACK")
        with pytest.raises(Conflict):
            await vote
    assert (await store.load(TENANT, ["req_1"])).requests["req_1"].is_open


async def until_somebody_waits(url):
    """Return when a transaction waits for a lock."""
    with raw(url) as connection:
        async with asyncio.timeout(PATIENCE):
            while not connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0]:
                await asyncio.sleep(0.005)


async def test_what_waits_in_a_ring_is_a_conflict(store, url, clock):
    """Other programs may lock in another order than ours."""
    one, two = opened("req_1", clock.at), opened("req_2", clock.at)
    await store.commit(changes(one, two))
    both = changes(decided(one.after, clock.at), decided(two.after, clock.at))
    with raw(url) as connection:
        connection.execute("BEGIN")
        connection.execute("SET LOCAL deadlock_timeout = '1h'")  # the other one finds out
        connection.execute("SELECT 1 FROM requests WHERE id = 'req_2' FOR UPDATE")
        commit = asyncio.create_task(store.commit(both))
        await until_somebody_waits(url)
        lock = asyncio.create_task(
            asyncio.to_thread(connection.execute, "SELECT 1 FROM requests WHERE id = 'req_1' FOR UPDATE")
        )
        with pytest.raises(Conflict):
            await commit
        await lock
        connection.execute("ROLLBACK")
    await store.commit(both)


async def test_ids_that_no_database_can_hold_are_not_there(store):
    for key in ("req_\x00", "req_\udcff"):
        assert (await store.load(TENANT, [key], run_id=key)).run is None
        assert (await store.load(TENANT, run_of=key)).run is None
        assert await store.find(TENANT, "run", key) == []
        assert await store.requests(TENANT, RequestFilter(), after=SortKey(0, key)) == []


async def test_large_bodies_come_back_as_they_went(store, clock):
    asked = Asked(args={"text": "ü\x00%s%(x)s" * 9_000})
    request = opened("req_1", clock.at, asked)
    await store.commit(changes(request))
    assert (await store.load(TENANT, ["req_1"])).requests["req_1"] == request.after
    with contextlib.suppress(Conflict):
        await store.commit(changes(request))
