"""Brings a database file to the tables of this version: once, in one transaction, by one process."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError

from interlock.errors import StoreTooNew, StoreUnavailable
from interlock.storage.schema import APPLIED_TABLE, NEEDED, REVISIONS, VERSION_TABLE
from interlock.storage.sqlite import BUSY_SECONDS, connect, explain

MIGRATIONS = Path(__file__).with_name("migrations")
RETRY_SECONDS = 0.02
NEW = ""
"""The revision of a file that has no tables yet."""

_ALEMBIC = threading.Lock()  # it keeps the migration that is under way in a module: one at a time in a process


def prepare(path: Path) -> None:
    """Make the file if it does not exist, and its tables if they are older than this version's.

    Several processes may do this at once: one of them works, the others wait for it.

    Raises:
        StoreTooNew: if a newer version of Interlock made the file.
        StoreUnavailable: if it cannot be opened or written, or holds something else.
    """
    _create(path)
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return _bring_up_to_date(path)
        except (sqlite3.Error, DBAPIError) as error:
            # Of two connections that switch a file to WAL at once, SQLite turns one away without letting it wait.
            if _is_busy(error) and time.monotonic() < deadline:
                time.sleep(RETRY_SECONDS)
                continue
            raise explain(path, error) or StoreUnavailable(f"The database {path} cannot be used: {error}.") from error


def _create(path: Path) -> None:
    """Make directory and file for this user alone: they hold what people decide on."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.is_file():
            return
        raise StoreUnavailable(
            f"The database {path} is not a file, or its directory is none.", path=str(path)
        ) from None
    except OSError as error:
        raise StoreUnavailable(
            f"The database {path} cannot be made: {error.strerror}. Give a path that this user may write to.",
            path=str(path),
        ) from error


def _bring_up_to_date(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        if _revision(connection, path) == REVISIONS[-1]:
            return
        connection.execute("PRAGMA journal_mode = WAL")
    with engine_of(path).begin() as writing:
        raw: Any = writing.connection.dbapi_connection
        # Again, now that nobody else can write: another process may have done it meanwhile.
        if _revision(raw, path) != REVISIONS[-1]:
            upgrade(writing)


def engine_of(path: Path) -> Engine:
    """Return an engine for Alembic, whose transactions keep other writers out from their beginning."""
    engine = create_engine("sqlite://", creator=lambda: connect(path), poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _revision(connection: sqlite3.Connection, path: Path) -> str:
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    foreign = f"The database {path} belongs to another program: give the path of another file."
    return revision_of(connection, tables, foreign, path=str(path))


def revision_of(connection: Any, tables: str, foreign: str, **place: str) -> str:
    """Return the revision of a database's tables, the last one known here if a newer version has added to them.

    Raises:
        StoreTooNew: if a newer version has changed them so that this one cannot use them.

    Args:
        tables: a query for their names.
        foreign: what a StoreUnavailable says if they are somebody else's.
        place: the database's address, under the name that an error has for it.
    """
    names = {name for (name,) in connection.execute(tables)}
    if not names:
        return NEW
    revision = _named(connection, VERSION_TABLE) if VERSION_TABLE in names else None
    if revision is None:
        raise StoreUnavailable(foreign, **place)
    if revision in REVISIONS:
        applied = _named(connection, APPLIED_TABLE) if APPLIED_TABLE in names else None
        return min(applied or revision, REVISIONS[-1])
    (address,) = place.values()
    made, known, then = "a newer version", f"up to {REVISIONS[-1]}", "Upgrade Interlock, or use"
    if revision < REVISIONS[0]:
        made, known, then = "a version before the first release", f"from {REVISIONS[0]} on", "Use"
    raise StoreTooNew(
        f"The database {address} was made by {made} of Interlock: its tables are at revision {revision}, this version "
        f"knows them {known}. {then} another database.",
        **place,
        found=revision,
        known=REVISIONS[-1],
    )


def _named(connection: Any, table: str) -> str | None:
    row = connection.execute(f"SELECT version_num FROM {table}").fetchone()  # noqa: S608
    return None if row is None else str(row[0])


def upgrade(connection: Connection) -> None:
    """Apply what is missing, inside the transaction that is open: all of it or nothing."""
    # Loading Alembic takes longer than everything else here, and is needed once in a file's life.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    has, make = inspect(connection).has_table, "CREATE TABLE {} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
    say = connection.exec_driver_sql
    if not has(VERSION_TABLE):
        say(make.format(VERSION_TABLE))
    elif not has(APPLIED_TABLE):  # made by a version that did not tell what is applied from what is needed
        say(make.format(APPLIED_TABLE))
        say(f"INSERT INTO {APPLIED_TABLE} SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with _ALEMBIC:
        command.upgrade(config, REVISIONS[-1])
    say(f"DELETE FROM {VERSION_TABLE}")  # noqa: S608
    say(f"INSERT INTO {VERSION_TABLE} VALUES ('{min(NEEDED, REVISIONS[-1])}')")  # noqa: S608


def _is_busy(error: sqlite3.Error | DBAPIError) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
