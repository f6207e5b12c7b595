"""What `interlock doctor` asks a PostgreSQL server."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from interlock.errors import StoreUnavailable
from interlock.storage.postgres import Address, connect, explain

__all__ = ["Health", "health"]

_QUERY = """
SELECT current_setting('server_version'), pg_database_size(current_database()), current_setting('fsync'),
  (SELECT count(*) FROM pg_stat_activity), current_setting('max_connections')::int,
  coalesce((SELECT extract(epoch FROM clock_timestamp() - min(since)) FROM (
    SELECT xact_start FROM pg_stat_activity
    WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()
    UNION ALL SELECT prepared FROM pg_prepared_xacts
  ) AS open (since)), 0)::float
"""


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
    """Ask a server how it stands.

    Raises:
        StoreUnavailable: if it does not answer.
    """
    address = Address.of(url)
    try:
        with connect(address) as connection:
            row = connection.execute(_QUERY).fetchone()
    except psycopg.Error as error:
        raise explain(error, address) or StoreUnavailable(f"The database {address} cannot be examined.") from error
    assert row is not None
    version, size, fsync, connections, most, held_up = row
    return Health(str(address), version, size, fsync == "on", connections, most, held_up)
