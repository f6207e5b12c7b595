"""The tables of an empty database, made at once by the statements by which the migrations once made them.

Each migration is planned, compared and written anew for every database; a test needs the tables. The first database of
each kind in a process is migrated, and so is every one that has tables already, or that another process makes.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event

from interlock.storage import migrate, postgres_migrate
from interlock.storage.schema import VERSION_TABLE

READS = ("PRAGMA", "SELECT")


class Migrated:
    """Stands in the place of `interlock.storage.migrate.upgrade`."""

    def __init__(self, upgrade: Callable[[Connection], None]) -> None:
        self._upgrade = upgrade
        self._statements: dict[str, list[str]] = {}

    def __call__(self, connection: Connection) -> None:
        """Make the tables."""
        kind, raw = connection.dialect.name, connection.connection.dbapi_connection
        if not _is_empty(kind, raw):
            self._upgrade(connection)
        elif kind not in self._statements:
            self._statements[kind] = self._seen(connection)
        elif kind == "sqlite":
            for statement in self._statements[kind]:
                raw.execute(statement)
        else:
            raw.execute(";\n".join(self._statements[kind]).encode())

    def _seen(self, connection: Connection) -> list[str]:
        """Migrate a database; return the statements that have changed it."""
        kind, seen = connection.dialect.name, []

        def see(*, statement: str, parameters: Any, **_: Any) -> None:
            if not statement.lstrip().startswith(READS):
                assert not parameters, statement
                assert kind == "sqlite" or "%" not in statement, statement  # psycopg would take it for a parameter
                seen.append(statement)

        event.listen(connection, "before_cursor_execute", see, named=True)
        try:
            self._upgrade(connection)
        finally:
            event.remove(connection, "before_cursor_execute", see)
        return seen


def _is_empty(kind: str, raw: Any) -> bool:
    if kind == "sqlite":
        return not raw.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return raw.execute(f"SELECT to_regclass('{VERSION_TABLE}') IS NULL").fetchone()[0]  # beside others' it is refused


UPGRADE = migrate.upgrade


def stand_in(upgrade: Callable[[Connection], None]) -> None:
    """Let this bring databases of this process up to date."""
    migrate.upgrade = postgres_migrate.upgrade = upgrade
