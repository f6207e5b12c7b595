"""PostgreSQL: how a server is reached and how it stands, who reads and writes at once, and what its errors mean."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Select, literal_column, select
from sqlalchemy.exc import DBAPIError

from interlock.errors import InvalidConfig, StoreUnavailable
from interlock.storage.compiled import Connection
from interlock.storage.log import OrderedLog
from interlock.storage.postgres_connection import (
    AGAIN_SECONDS,
    PostgresConnection,
    PostgresStatements,
    ServerConnection,
)
from interlock.storage.postgres_notifications import PostgresNotifications
from interlock.storage.postgres_wire import Wire
from interlock.storage.thread_pool import ThreadPool
from interlock.storage.writes import Commit

WRITERS, READERS = 2, 4
"""How many transactions run at once in one process; each has a connection of its own once it was needed."""

TOGETHER = 16
"""How many commits that wait share one transaction, and so its round trips."""

POOL_SECONDS = 10.0
"""How long a transaction waits for one of them."""

LOCK_SECONDS = 10
"""How long a transaction waits for what another one has."""

_READ = ""  # nothing needs to begin it, nor to end it: one round trip less
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED"

_DEFAULTS = {
    "application_name": "interlock",
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "tcp_user_timeout": "15000",
}

# A server's start: no transaction of an earlier one is left, and its numbers may begin again in a restored database.
_ORIGIN = (
    "SELECT system_identifier || '/' || extract(epoch FROM pg_postmaster_start_time()) AS it FROM pg_control_system()"
)
_SNAPSHOT: Select[Any] = select(literal_column("pg_current_snapshot()::text"))
_ONLY_READ = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
# What a role or a database sets by default may be meant for others: people who look, or programs that hang. What is
# left to it is what protects the server: whether it may be written to, and how long one statement may take.
_HABITS = f"""
SELECT set_config(name, value, false) FROM (VALUES
  ('lock_timeout', '{LOCK_SECONDS}s'),
  ('idle_in_transaction_session_timeout', '60s'),
  ('idle_session_timeout', '0'),
  ('transaction_timeout', '0')
) AS wanted (name, value) WHERE current_setting(name, true) IS NOT NULL
"""  # noqa: S608 - constants; an older server does not know every setting
_GREETING = f"""
WITH origin AS ({_ORIGIN})
SELECT (SELECT number FROM epochs WHERE epochs.origin = origin.it),
  set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), false)
FROM origin
"""  # noqa: S608 - constants
_NEW_EPOCH = f"""
INSERT INTO epochs (number, origin)
SELECT greatest(coalesce((SELECT max(number) FROM epochs), 0) + 1, extract(epoch FROM clock_timestamp())::bigint), it
FROM ({_ORIGIN}) AS origin
ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants
_HEALTH = """
SELECT current_setting('server_version'), pg_database_size(current_database()), current_setting('fsync'),
  (SELECT count(*) FROM pg_stat_activity), current_setting('max_connections')::int,
  coalesce((SELECT extract(epoch FROM clock_timestamp() - min(since)) FROM (
    SELECT xact_start FROM pg_stat_activity
    WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()
    UNION ALL SELECT prepared FROM pg_prepared_xacts
  ) AS open (since)), 0)::float
"""

_MEANINGS = {
    "08": "went away",
    "25006": "may only be read: give the address of the primary; or, if its role or database has "
    "default_transaction_read_only, ALTER ROLE … or ALTER DATABASE … RESET default_transaction_read_only",
    "25P03": "ended a transaction that stood still",
    "28": "refuses this user: check user and password",
    "3D": "does not exist, or its user does not: make them with CREATE DATABASE and CREATE ROLE, or name others",
    "40": "could not finish this beside what others do at the same time: try again",
    "42501": "does not let this user do that: grant it the rights on the schema and its tables",
    "42P01": "has lost a table of ours: restore it from a backup",
    "53100": "cannot grow: its disk is full. Nothing was written. Make room and try again",
    "53300": "has no connection left: raise max_connections, or run fewer processes",
    "53": "is out of resources",
    "55P03": f"has kept a row locked for more than {LOCK_SECONDS} seconds for somebody else",
    "57014": "cancelled the work: if its role or database has a statement_timeout, make that longer",
    "57P01": "is being shut down",
    "57P02": "is being shut down",
    "57P03": "is starting up, or shutting down",
    "57": "cancelled the work",
    "58": "cannot be read or written: its disk reports an error",
    "XX": "is damaged, or has a defect",
}
_FOR_NOW = {"57P01", "57P02", "57P03", "53300", ""}
"""A server that answers so, or not at all, may answer otherwise soon."""

# The driver gives no SQLSTATE of a connection that was refused.
_TOLD = (
    ("starting up", "57P03"),
    ("shutting down", "57P03"),
    ("terminating connection", "57P01"),
    ("not yet accepting", "57P03"),
    ("too many", "53300"),
    ("connection slots", "53300"),
    ('" does not exist', "3D000"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is, as libpq takes it. Shown without its password, always."""

    parameters: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Address:
        """Read an address; InvalidConfig if it is none."""
        _, _, rest = url.partition("://")
        try:
            given = conninfo_to_dict(f"postgresql://{rest}")
        except psycopg.Error:  # what libpq says may hold the password
            raise InvalidConfig(
                "The database's address cannot be read. Use postgresql://USER:PASSWORD@HOST:PORT/NAME, with every "
                "special character in user and password written as %XX."
            ) from None
        return cls({**_DEFAULTS, **{key: value for key, value in given.items() if value is not None}})

    def __str__(self) -> str:
        user, host, port, name = (str(self.parameters.get(key) or "") for key in ("user", "host", "port", "dbname"))
        place = host + (f":{port}" if port else "")
        return f"postgresql://{quote(user) + '@' if user else ''}{place}/{name}"

    def without_secrets(self, text: str) -> str:
        """Return a text of the driver's, without the password if it holds it."""
        password = str(self.parameters.get("password") or "")
        return text.replace(password, "***") if password else text


class PostgresDatabase:
    """A database that has the tables of this version: threads with a connection each, to write and to read."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.log = OrderedLog()
        self.notifications = PostgresNotifications(partial(connect, address))
        self._statements = PostgresStatements()
        told = partial(explain, address)
        self.writer = ThreadPool(
            partial(self._connect, _WRITE),
            "interlock-writer",
            told,
            threads=WRITERS,
            together=TOGETHER,
            shares=lambda work: isinstance(work, Commit) and work.shares,
            patience=POOL_SECONDS,
        )
        reading = partial(self._connect, _READ)
        self.readers = ThreadPool(reading, "interlock-reader", told, threads=READERS, patience=POOL_SECONDS)

    def _connect(self, begin: str) -> Connection:
        return PostgresConnection(partial(self._open, begin), self._statements, begin)

    def _open(self, begin: str, seconds: float) -> ServerConnection:
        end = time.monotonic() + seconds
        while True:
            try:
                return _greeted(connect(self.address), begin)
            except psycopg.OperationalError as error:
                if time.monotonic() > end or _state(error) not in _FOR_NOW:
                    raise
                time.sleep(AGAIN_SECONDS)

    async def change_token(self) -> int:
        """Return a number that differs after any commit, by any process."""

        def read(on: Connection) -> int:
            ((snapshot,),) = on.rows(_SNAPSHOT, {})
            return int.from_bytes(blake2b(snapshot.encode(), digest_size=7).digest(), "big")

        return await self.readers.run(read)

    def close(self) -> None:
        """Let go of threads and connections."""
        self.writer.close()
        self.readers.close()
        self.notifications.close()


def connect(address: Address) -> psycopg.Connection[Any]:
    """Open a connection on which nothing begins or ends a transaction but us, whatever its role has as defaults."""
    raw = psycopg.connect(**{**address.parameters, "client_encoding": "UTF8"}, autocommit=True)
    try:
        # A statement that needs no snapshot, so it cannot fail on what others do.
        raw.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED")
        raw.execute(_HABITS)
    except BaseException:
        raw.close()
        raise
    return raw


def _greeted(raw: psycopg.Connection[Any], begin: str) -> ServerConnection:
    """Tell a new connection our habits, and learn in which epoch it is."""
    try:
        row = raw.execute(_GREETING).fetchone()
        if row is not None and row[0] is None:
            raw.execute(_NEW_EPOCH)
            row = raw.execute(_GREETING).fetchone()
        assert row is not None
        if begin == _READ:
            raw.execute(_ONLY_READ)
        return ServerConnection(raw, Wire(raw.pgconn), row[0])
    except BaseException:
        raw.close()
        raise


def _state(error: psycopg.Error) -> str:
    """Return an error's SQLSTATE, or what stands for it in the message of a connection that was not made."""
    if error.sqlstate:
        return error.sqlstate
    text = str(error)
    return next((state for words, state in _TOLD if words in text), "28000" if "FATAL" in text else "")


def explain(address: Address, error: BaseException) -> StoreUnavailable | None:
    """Say what an error of the driver means, or None if it is a defect of ours."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, StoreUnavailable):
        return cause
    if not isinstance(cause, psycopg.Error):
        return None
    state = _state(cause)
    reason = " ".join(address.without_secrets(str(cause)).split())
    meaning = _MEANINGS.get(state) or _MEANINGS.get(state[:2])
    if meaning is None:
        if not isinstance(cause, psycopg.OperationalError):
            return None
        meaning = "does not answer"
    return StoreUnavailable(f"The database {address} {meaning} ({reason}).", address=str(address), reason=reason)


@dataclass(frozen=True, slots=True)
class Health:
    """How a server stands.

    Args:
        held_up: for how many seconds the oldest transaction that writes of this database, or a prepared one of any, has
            been open: the feed of the log ends before it.
    """

    address: str
    version: str
    size: int
    keeps: bool
    connections: int
    most_connections: int
    held_up: float


def health(url: str) -> Health:
    """Ask a server how it stands; StoreUnavailable if it does not answer."""
    address = Address.of(url)
    try:
        with connect(address) as connection:
            row = connection.execute(_HEALTH).fetchone()
    except psycopg.Error as error:
        raise explain(address, error) or StoreUnavailable(f"The database {address} cannot be examined.") from error
    assert row is not None
    version, size, fsync, connections, most, held_up = row
    return Health(str(address), version, size, fsync == "on", connections, most, held_up)
