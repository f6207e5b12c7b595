"""SQLite under faults: what a full disk, a killed process or several processes at once leave behind."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import interlock.storage
from interlock.engine.ports.store import RequestFilter
from interlock.errors import StoreReplaced, StoreUnavailable
from interlock.storage import open_store
from interlock.storage.schema import NEEDED, REVISIONS
from interlock.testing.samples import TENANT, Asked, changes, decided, job, opened, started


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "interlock.db"


@pytest.fixture
async def store(path, clock):
    store = open_store(str(path), clock)
    yield store
    await store.close()


def raw(path):
    return closing(sqlite3.connect(path, isolation_level=None))


async def pragma(store, setting):
    """Ask or tell the writer's connection."""
    return await store._write(lambda on: on.raw.execute(f"PRAGMA {setting}").fetchone()[0])


def is_whole(path):
    with raw(path) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def child(path, script, *arguments, **environment):
    """Begin a process of its own that uses the database."""
    prelude = """
import asyncio, sys
from interlock.storage import open_store
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import *
clock = SettableClock()
path = sys.argv[1]
"""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", prelude + script, str(path), *arguments],
        env=os.environ | {"PYTHONPATH": str(Path(interlock.storage.__file__).parents[2])} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# ── a full disk (fault 7) ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_full_disk_at_each_write_leaves_nothing_half_done(store, path, clock):
    """I10: whatever page is the one too many, nothing is acknowledged, and the next commit finds all in order."""
    room, connect = [0], store._database.writer._connect

    def limited():
        connection = connect()
        if room[0]:
            connection.raw.execute(f"PRAGMA max_page_count = {room[0]}")
        return connection

    store._database.writer._connect = limited
    with raw(path) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    full, kept = 0, []
    for number in range(12):
        room[0] = pages + number
        await pragma(store, f"max_page_count = {room[0]}")
        try:
            await store.commit(large(number, clock))
        except StoreUnavailable as error:
            assert "full" in error.message  # noqa: PT017 - some of them succeed
            full += 1
        else:
            kept.append(number)
        await check_whole(store, path, kept)
    assert full > 3
    room[0] = 2**30
    await pragma(store, f"max_page_count = {room[0]}")
    await store.commit(large(99, clock))
    await check_whole(store, path, [*kept, 99])


def large(number, clock):
    """Return a transaction that needs several pages."""
    request = opened(f"req_{number}", clock.at, Asked(args={"text": "x" * 6000}))
    run = started(f"run_{number}", clock.at)
    return changes(request, run, enqueue=(job(f"run_{number}", clock.at),), policies={f"sha256:{number}": b"x" * 5000})


async def check_whole(store, path, kept):
    assert is_whole(path)
    assert set(await store.find(TENANT, "request", "req_")) == {f"req_{number}" for number in kept}
    assert {run.id for run in await store.runs(TENANT)} == {f"run_{number}" for number in kept}
    assert len(await store.feed(TENANT)) == 3 * len(kept)
    assert {due.subject for due in (await store.agenda()).jobs} == {f"run_{number}" for number in kept}


FILL = """
import resource
from interlock.errors import StoreReplaced, StoreUnavailable

async def fill():
    store = open_store(path, clock)
    size = 700_000 + int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    for number in range(1000):
        try:
            await store.commit(changes(opened(f"req_{number:04}", clock.at, Asked(args={"text": "x" * 9000}))))
        except StoreUnavailable as error:
            print(number, error.message)
            break
    found = [entry.stream for entry in await store.feed(TENANT, limit=5000)]
    assert len(found) == 2 * number, (number, len(found))
    await store.close()

asyncio.run(fill())
"""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("extra", range(0, 5000, 1000))
async def test_a_file_that_may_not_grow_keeps_what_was_acknowledged(path, clock, extra):
    process = child(path, FILL, str(extra))
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    acknowledged = int(out.split()[0])
    assert acknowledged > 3
    assert str(path) in out
    assert is_whole(path)
    store = open_store(str(path), clock)
    assert len(await store.requests(TENANT, RequestFilter(), limit=1000)) == acknowledged
    await store.commit(changes(opened("req_after", clock.at)))
    await store.close()


# ── processes that are killed, or begin at once ──────────────────────────────────────────────────────────────────────

COMMIT = """
async def commit():
    store = open_store(path, clock)
    parts = opened("req_1", clock.at), started("run_1", clock.at)
    await store.commit(changes(*parts, enqueue=(job("run_1", clock.at),)))
    await store.close()

asyncio.run(commit())
"""


@pytest.mark.parametrize(("name", "there"), [("store.before_commit", False), ("store.after_commit", True)])
async def test_a_killed_process_leaves_a_commit_wholly_there_or_absent(path, clock, name, there):
    """I10, fault 2."""
    process = child(path, COMMIT, INTERLOCK_FAILPOINTS=f"{name}=kill")
    _, err = process.communicate(timeout=300)
    assert process.returncode == -9, err
    store = open_store(str(path), clock)
    loaded = await store.load(TENANT, ["req_1"], run_id="run_1")
    found = [bool(loaded.requests), bool(loaded.run), bool(await store.feed(TENANT)), bool((await store.agenda()).jobs)]
    assert found == [there] * 4
    if there:
        await store.commit(changes(decided(loaded.requests["req_1"], clock.at)))
    else:
        await store.commit(changes(opened("req_1", clock.at)))
    await store.close()
    assert is_whole(path)


OPEN = """
async def write():
    store = open_store(path, clock)
    await store.commit(changes(opened(f"req_{sys.argv[2]}", clock.at)))
    await store.close()

asyncio.run(write())
"""


async def test_processes_that_make_one_file_at_once_all_succeed(path, clock):
    processes = [child(path, OPEN, str(number)) for number in range(4)]
    for process in processes:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    store = open_store(str(path), clock)
    assert await store.find(TENANT, "request", "req") == [f"req_{number}" for number in range(4)]
    await store.close()


KILLED_MIGRATION = """
import os, signal
from alembic.operations import Operations
real = Operations.create_table
def create_table(self, name, *rest, **more):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, name, *rest, **more)
Operations.create_table = create_table
from alembic import op
op.create_table = lambda name, *rest, **more: create_table(op._proxy, name, *rest, **more)
open_store(path)
"""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("table", ["log", "runs", "notes"])
async def test_a_migration_that_is_killed_loses_nothing(path, clock, table):
    """Fault 13."""
    process = child(path, KILLED_MIGRATION, table)
    _, err = process.communicate(timeout=300)
    assert process.returncode == -9, err
    store = open_store(str(path), clock)
    await store.commit(changes(opened("req_1", clock.at)))
    await store.close()
    assert is_whole(path)


# ── an older database ────────────────────────────────────────────────────────────────────────────────────────────────

NEXT_REVISION = """
import os, signal
import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "LAST"

def upgrade():
    with op.batch_alter_table("requests") as batch:
        batch.add_column(sa.Column("colour", sa.Text))
    if os.environ.get("KILL_MIGRATION"):
        os.kill(os.getpid(), signal.SIGKILL)
"""

UPGRADE = """
from pathlib import Path
from interlock.storage import migrate
migrate.REVISIONS = (*migrate.REVISIONS, "9000")
migrate.MIGRATIONS = Path(sys.argv[2])
store = open_store(path, clock)
asyncio.run(store.close())
"""


@pytest.fixture
def next_version(tmp_path):
    """Return the folder of migrations of an Interlock that knows one revision more."""
    folder = tmp_path / "migrations"
    shutil.copytree(Path(interlock.storage.__file__).with_name("migrations"), folder)
    (folder / "versions" / "9000_next.py").write_text(NEXT_REVISION.replace("LAST", REVISIONS[-1]))
    return folder


@pytest.mark.parametrize("killed", [True, False])
async def test_an_older_database_is_brought_up_to_date(store, path, clock, next_version, killed):
    """Fault 13: killed half-way, it is what it was before; nothing of what it holds is lost either way."""
    await store.commit(changes(request := opened("req_1", clock.at)))
    log = await store.feed(TENANT)
    await store.close()
    process = child(path, UPGRADE, str(next_version), KILL_MIGRATION="1" if killed else "")
    _, err = process.communicate(timeout=300)
    assert process.returncode == (-9 if killed else 0), err
    assert is_whole(path)
    with raw(path) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(requests)")]
        revision = connection.execute("SELECT version_num FROM schema_applied").fetchall()
        assert (("colour" in columns), revision) == ((False, [(REVISIONS[-1],)]) if killed else (True, [("9000",)]))
        assert connection.execute("SELECT version_num FROM schema_version").fetchall() == [(NEEDED,)]
    store = open_store(str(path), clock)
    assert (await store.load(TENANT, ["req_1"])).requests == {"req_1": request.after}
    assert await store.feed(TENANT) == log
    await store.close()


async def test_many_threads_may_make_databases_at_once(tmp_path, clock):
    paths = [tmp_path / f"{number % 3}.db" for number in range(9)]
    stores = await asyncio.gather(*(asyncio.to_thread(open_store, str(path), clock) for path in paths))
    for number, store in enumerate(stores):
        await store.commit(changes(opened(f"req_{number}", clock.at)))
    assert await stores[0].find(TENANT, "request", "req") == ["req_0", "req_3", "req_6"]
    for store in stores:
        await store.close()


@pytest.mark.parametrize("then", ["removed", "replaced"])
async def test_a_write_ahead_log_that_was_taken_away_is_noticed(store, path, clock, then):
    """What another process commits from then on, this one would never see: it would claim an effect a second time."""
    await store.commit(changes(opened("req_1", clock.at)))
    for suffix in ("wal", "shm"):
        path.with_name(f"{path.name}-{suffix}").unlink()
    if then == "replaced":
        write = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript('CREATE TABLE x (y)')"
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", write, str(path)], check=True)
        path.with_name(f"{path.name}-wal").touch()
    with pytest.raises(StoreReplaced, match="write-ahead log"):
        await store.commit(changes(opened("req_2", clock.at)))


async def test_a_write_ahead_log_that_sqlite_takes_away_itself_is_no_fault(path, clock):
    """It goes when the last connection of all processes is closed, before this one has written."""
    first = open_store(str(path), clock)
    await first.commit(changes(opened("req_1", clock.at)))
    second = open_store(str(path), clock)
    await second.load(TENANT, ["req_1"])
    await first.close()
    for number in (2, 3):
        await second.commit(changes(opened(f"req_{number}", clock.at)))
    await second.close()
