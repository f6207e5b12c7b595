"""Brings a PostgreSQL database to the tables of this version: once, in one transaction, by one process."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from interlock.errors import InvalidConfig, StoreUnavailable
from interlock.storage.migrate import NEW, revision_of, upgrade
from interlock.storage.postgres import Address, connect, explain
from interlock.storage.schema import REVISIONS

OLDEST = 130000
"""The first version of PostgreSQL whose transactions can be ordered and asked about in 64 bits."""

TURN = 0x1E7E_710C_0001
"""The advisory lock of whoever migrates; the others wait for it."""

PATIENCE = "60s"

_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')"


def prepare(address: Address, *, create: bool = True) -> None:
    """Make the tables if there are none, or if they are older than this version's. See `migrate.prepare`.

    Args:
        create: whether to make them where there are none, instead of raising InvalidConfig.
    """
    try:
        if not _is_up_to_date(address, create=create):
            _bring_up_to_date(address)
    except (psycopg.Error, DBAPIError) as error:
        raise explain(address, error) or StoreUnavailable(
            f"The database {address} cannot be used: {address.without_secrets(str(error))}.", address=str(address)
        ) from error


def _is_up_to_date(address: Address, *, create: bool) -> bool:
    with connect(address) as connection:
        if connection.info.server_version < OLDEST:
            raise StoreUnavailable(
                f"The server of {address} is PostgreSQL {connection.info.server_version // 10000}; 13 or newer is "
                "needed.",
                address=str(address),
            )
        revision = _revision(connection, address)
    if revision == NEW and not create:
        raise InvalidConfig(
            f"There are no tables of Interlock in {address}: `interlock run` makes them. If yours are elsewhere, name "
            "the place with --database, INTERLOCK_DATABASE_URL or `database:` in interlock.yaml.",
            address=str(address),
        )
    return revision == REVISIONS[-1]


def _bring_up_to_date(address: Address) -> None:
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: _writing(address), poolclass=NullPool, use_native_hstore=False
    )
    with engine.begin() as writing:
        raw: Any = writing.connection.dbapi_connection
        raw.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
        raw.execute("SET LOCAL statement_timeout = 0")  # all of it or nothing, however large the tables are
        raw.execute(f"SELECT pg_advisory_xact_lock({TURN})")
        # Again, now that nobody else migrates: another process may have done it meanwhile.
        if _revision(raw, address) != REVISIONS[-1]:
            upgrade(writing)


def _writing(address: Address) -> psycopg.Connection[Any]:
    """Open a connection whose transactions begin by themselves, as SQLAlchemy expects."""
    connection = connect(address)
    connection.autocommit = False
    return connection


def _revision(connection: psycopg.Connection[Any], address: Address) -> str:
    if connection.execute("SELECT current_schema()").fetchone() == (None,):
        raise StoreUnavailable(
            f"The schema that {address} names does not exist: make it with CREATE SCHEMA.", address=str(address)
        )
    foreign = (
        f"The schema in {address} has tables of another program: give another database, or a schema of its own "
        "(?options=-csearch_path%3Dinterlock)."
    )
    return revision_of(connection, _TABLES, foreign, address=str(address))
