"""The tables, as migrations make them, take what the rules know and hold what is committed, column by column."""

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import CheckConstraint, MetaData, NullPool, create_engine, inspect, select, update
from sqlalchemy.exc import IntegrityError
from tests.migrated import stand_in

from interlock.domain.accounts import AccountSecrets
from interlock.domain.credentials import Credential, Scope
from interlock.domain.delivery import Delivery, DeliveryState
from interlock.domain.directory import KeptDirectory, fold_directory
from interlock.domain.directory_events import MemberAdded
from interlock.domain.oidc import SignInAttempt
from interlock.domain.request import EffectState, Status
from interlock.domain.run import RunStatus
from interlock.engine.changes import Actor, Changes, Counted, Cursor, DirectoryChange, Lease, Turn
from interlock.engine.integrity import digest_of_state
from interlock.engine.items import PutItem
from interlock.engine.ports.store import RunFilter
from interlock.storage import migrate, open_store, postgres_migrate
from interlock.storage.migrate import engine_of
from interlock.storage.rows import EntryRow, RequestRow, RunRow, micros, request_row, run_row
from interlock.storage.schema import REVISIONS, metadata, ordered, requests, runs
from interlock.testing.samples import TENANT, Asked, approved, begun, changes, job, opened, started

LATER = timedelta(minutes=5)


class Place:
    """A database of one kind: its address, an engine of SQLAlchemy's on it, and its tables as the code names them."""

    def __init__(self, url, engine, tables):
        self.url = url
        self.engine = engine
        self.tables = tables

    def rows(self, name):
        with self.engine.connect() as connection:
            return [row._asdict() for row in connection.execute(select(self.tables.tables[name]))]

    def columns(self):
        return {(name, column.name) for name, table in self.tables.tables.items() for column in table.c}

    def filled(self):
        """Return the columns in which some row holds something."""
        return {
            (name, column)
            for name in self.tables.tables
            for row in self.rows(name)
            for column, value in row.items()
            if value is not None
        }

    def checks(self):
        """Return the CHECK constraints of all tables, as the database writes them."""
        seen = inspect(self.engine)
        return {
            (table, check["name"]): check["sqltext"]
            for table in self.tables.tables
            for check in seen.get_check_constraints(table)
        }


@pytest.fixture(params=["sqlite", "postgres"])
def places(request, tmp_path):
    """Return a function that makes empty databases of one kind."""
    tables = MetaData()
    for table in [*metadata.tables.values(), *(ordered.tables.values() if request.param == "postgres" else ())]:
        if request.param == "sqlite" or table is not metadata.tables["log"]:
            table.to_metadata(tables)
    engines = []

    def make(name):
        if request.param == "sqlite":
            url = str(tmp_path / f"{name}.db")
            engine = engine_of(tmp_path / f"{name}.db")
        else:
            url = request.getfixturevalue("postgres").fresh()
            engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
        engines.append(engine)
        return Place(url, engine, tables)

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture
def place(places, migrations):
    return places("migrated")


@pytest.fixture
async def store(place, clock):
    store = open_store(place.url, clock)
    yield store
    await store.close()


def test_migrations_make_the_checks_that_the_schema_names(places, place, store):
    wanted = places("wanted")
    wanted.tables.create_all(wanted.engine)
    assert place.checks() == wanted.checks(), "a change of a CHECK constraint needs a migration"
    named = [one for table in place.tables.tables.values() for one in table.constraints]
    assert len(wanted.checks()) == sum(isinstance(one, CheckConstraint) for one in named) > 6


def everything(place):
    """Return what the database itself says of what it holds: tables, columns, indexes, checks, triggers, functions."""
    with place.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            return connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
        schema = connection.exec_driver_sql("SELECT current_schema()").scalar()
        return sorted(
            [str(part).replace(f"{schema}.", "") for part in row]
            for query in SAID.split(";")
            for row in connection.exec_driver_sql(query)
        )


SAID = """
SELECT relname, attname, attnum, format_type(atttypid, atttypmod), attnotnull, attidentity, attcollation,
  pg_get_expr(adbin, adrelid) FROM pg_class c JOIN pg_attribute ON attrelid = c.oid
  LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE relnamespace = OURS;
SELECT relname, pg_get_indexdef(indexrelid) FROM pg_class JOIN pg_index ON indrelid = oid WHERE relnamespace = OURS;
SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = OURS;
SELECT relname, tgenabled, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
  WHERE NOT tgisinternal AND relnamespace = OURS;
SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = OURS;
SELECT version_num FROM schema_version;
SELECT version_num FROM schema_applied
""".replace("OURS", "current_schema()::regnamespace")


async def test_the_tables_of_the_other_tests_are_those_that_the_migrations_make(places, place, store, quick_tables):
    stand_in(quick_tables)
    kept = []
    for number in range(2):  # the first may be the one that is looked at
        quick = places(f"quick{number}")
        await open_store(quick.url).close()
        kept.append(everything(quick))
    assert kept == [everything(place)] * 2
    assert len(kept[0]) > 30


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("requests.status", Status),
        ("requests.effect", EffectState),
        ("runs.status", RunStatus),
        ("deliveries.state", DeliveryState),
    ],
)
async def test_every_value_of_the_domain_may_be_stored_and_no_other(place, store, clock, column, values):
    await store.commit(changes(opened("req_1", clock.at), started("run_1", clock.at)))
    await store.add_deliveries([delivery(clock)])
    await store.keep_received("slack 1", clock.at, clock.at + LATER)
    table, _, column = column.partition(".")
    of = place.tables.tables[table]

    def store_it(value):
        row = {column: value} | ({"status": "approved"} if values is EffectState else {})
        with place.engine.begin() as connection:
            connection.execute(update(of).values(row))

    for value in values:
        store_it(value)
    with pytest.raises(IntegrityError, match=f"{column}_is_known"):
        store_it("perhaps")


def test_rows_have_the_columns_of_their_tables():
    assert RequestRow._fields == tuple(requests.c.keys())
    assert RunRow._fields == tuple(runs.c.keys())
    for log in (metadata.tables["log"], ordered.tables["log"]):
        assert set(log.c.keys()) - set(EntryRow._fields) <= {"position", "epoch", "xact"}


async def test_every_column_is_written_and_read_back(place, store, clock):
    asked, run = full_request(clock.at), full_run(clock.at)
    await store.commit(
        changes(
            asked,
            run,
            turn=Turn(run.after.thread),
            counted=(Counted("send_email", 0),),
            enqueue=(job("run_1", clock.at),),
            policies={"sha256:0": b"policy"},
        )
    )
    await store.move_cursor(TENANT, "mail", Cursor("1", 1))
    await store.move_cursor(TENANT, "mail", Cursor("3", 2, "4", Lease("worker_1", clock.at)))
    assert place.rows("cursors") == [
        {"tenant": TENANT, "channel": "mail", "position": "3", "version": 2, "upto": "4"}
        | {"owner": "worker_1", "lease_until": micros(clock.at)}
    ]
    await keep_what_no_request_has(store, clock)
    assert place.rows("requests") == [whole(request_row(asked.after), empty={"decided_at", "ended"})]
    assert place.rows("runs") == [whole(run_row(run))]
    filled = place.filled()

    decided, went_on = changed_request(asked.after, clock.at), changed_run(run.after, clock.at)
    (seen,) = (await store.agenda()).jobs
    leased = replace(seen, owner="worker_2", due_at=clock.at + LATER)
    await store.commit(changes(decided, went_on, lease_job=(seen, leased)))
    assert place.rows("requests") == [whole(request_row(decided.after), empty={"wake_at", "asks"})]
    assert place.rows("runs") == [whole(run_row(went_on))]
    assert place.rows("jobs") == [
        {"tenant": TENANT, "kind": "advance", "subject": "run_1", "generation": 1}
        | {"due_at": micros(leased.due_at), "owner": "worker_2"}
    ]
    assert differing(request_row(asked.after), request_row(decided.after)) == {
        *("status", "effect", "due_at", "version", "body", "wake_at", "asks", "decided_at", "ended", "level"),
    }
    assert differing(run_row(run), run_row(went_on)) == {
        *("status", "version", "lease_owner", "lease_until", "body", "state_digest"),
    }
    assert filled | place.filled() == place.columns(), "some column is never written"


async def keep_what_no_request_has(store, clock):
    """Keep credentials, people, notes and items, with all their columns."""
    token = Credential("token_1", "digest", "token", TENANT, "agent:a", "agent", clock.at, "mia", clock.at)
    used = {"idle": LATER, "used_at": clock.at, "ended_at": clock.at, "scopes": frozenset(Scope), "label": "mine"}
    used |= {"device": "Firefox", "address": "192.0.2.1"}
    await store.keep_credential(replace(token, **used))
    await store.keep_sign_in(SignInAttempt("s", "b", "company", "n", "v", "/", clock.at + LATER), clock.at)
    await store.note("key", "value")
    happened = (MemberAdded("group", "managers", "mia", clock.at),)
    after = fold_directory(happened, KeptDirectory(TENANT))
    secrets = AccountSecrets("mia", "hash", "KEY", frozenset({"a"}), 1)
    people = DirectoryChange(0, happened, after, clock.at, secrets=(secrets,))
    await store.commit(Changes(TENANT, Actor("olga", "api"), directory=people))
    await store.count_attempt(TENANT, "key", 0, clock.at)
    await store.items(TENANT, [PutItem(("names", "of", "two"), "key", b"{}")])
    await store.add_deliveries([delivery(clock)])
    await store.keep_received("slack 1", clock.at, clock.at + LATER)


def delivery(clock):
    return Delivery(TENANT, "dlv_1", "crm", "", "req_1", 1, "opened", clock.at, clock.at, "req_1")


def full_request(at):
    reminded = Asked(remind_after=(timedelta(minutes=1),), reference="order 17")
    return opened("req_1", at, reminded)


def changed_request(request, at):
    """Return a change of every column of its row that may change."""
    change = approved(request, at)
    route = replace(change.after.route, level_name="director")
    decided = {"decided_at": at + 3 * LATER, "digest": "sha256:1", "route": route}
    after = replace(change.after, effect=EffectState.claimed, due_at=at + 2 * LATER, reminders=(at + LATER,), **decided)
    return replace(change, after=after)


def full_run(at):
    change = started("run_1", at)
    after = replace(change.after, state_digest=digest_of_state(b"state"), thread="talk", turn=4)
    return replace(change, after=after, state=b"state", lease=Lease("worker_1", at + LATER))


def changed_run(run, at):
    change = begun(run, at, "worker_2", seconds=900)
    return replace(change, after=replace(change.after, state_digest=digest_of_state(b"another")), state=b"another")


def whole(row, empty=frozenset()):
    """Return a row's columns: all but these are set, and no two are alike, so that none can pass for another."""
    found = row._asdict()
    assert {name for name, value in found.items() if value is None} == empty
    assert len(set(found.values()) - {None}) == len(found) - len(empty), found
    return found


def differing(row, other):
    return {name for name, value in row._asdict().items() if value != getattr(other, name)}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_runs_of_an_older_database_are_found_by_who_started_them(  # noqa: PLR0917 - fixtures
    kind, request, tmp_path, clock, monkeypatch, migrations, backdoor
):
    url = str(tmp_path / "old.db") if kind == "sqlite" else request.getfixturevalue("postgres").fresh()
    with monkeypatch.context() as patch:
        for module in (migrate, postgres_migrate):
            patch.setattr(module, "REVISIONS", REVISIONS[: REVISIONS.index("0014")])
        open_store(url)._database.close()
    run = started("run_1", clock.at)
    old = {name: value for name, value in run_row(run)._asdict().items() if name != "initiator"}
    marks = ", ".join("?" * len(old))
    backdoor(url).sql(f"INSERT INTO runs ({', '.join(old)}) VALUES ({marks})", *old.values())
    store = open_store(url, clock)
    assert [one.id for one in await store.runs(TENANT, RunFilter(initiator=run.after.initiator))] == ["run_1"]
    assert not (await store.audit()).misfiled
    await store.close()
