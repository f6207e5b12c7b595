"""Many paused runs, soon: one is really run to its pause, and all that was written of it is written again and again.

Each copy has the ids and the hashes that it would have if it had been run: `interlock doctor` finds nothing wrong, and
it can be approved and resumed. Only its times are those of the first.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg

sys.path.insert(0, str(Path(__file__).parent))

import cycle
from interlock.bootstrap import build
from interlock.config import Settings, load_settings
from interlock.engine.codec import leaf_hash
from interlock.engine.pause import short_hash
from interlock.storage import open_store
from interlock.storage.open import scheme_of

Names = tuple[str, str]
"""The ids of a run and of its request."""

REFERENCE = f"{Path(__file__).with_name('graphs.py')}:agent"
"""As any process finds it, in whatever folder it works."""

BATCH = 20_000
KEPT = {"runs": "id", "states": "run_id", "requests": "run_id", "participants": "request_id", "jobs": "subject"}
KEPT |= {"log": "stream"}
"""Where something is written of a run, and by which column it is found."""

OF_REQUEST = {"requests": "id", "participants": "request_id", "log": "stream"}
"""Where something is written of a request that stands alone."""

FILLED = {"position", "xact"}
"""What the database fills in itself."""


def settings(url: str) -> Settings:
    return load_settings(None, {"INTERLOCK_DATABASE_URL": url})


async def crowd(url: str, count: int) -> list[str]:
    """Bring a new database to so many paused runs; return the ids of the first ten."""
    open_store(url)._database.close()  # noqa: SLF001 - an empty one has tables as well
    if not count:
        return []
    first = await _first(url)
    with opened(url) as database:
        original = Original.read(database, first)
        copy(database, original, range(1, count))
        database.settle()
    return [first, *(original.names(number)[0] for number in range(1, min(count, 10)))]


def copy_request(url: str, request_id: str, count: int) -> None:
    """Write so many copies of an open request that no run waits for, in the order of their ids: soon, and as due."""
    with opened(url) as database:
        original = Original.alone(database, request_id)
        names = sorted(map(original.names, range(count)))
        indexes = database.hasten() if count > BATCH and isinstance(database, Sqlite) else []
        for begin in range(0, count, BATCH):
            database.write(original, names[begin : begin + BATCH])
        for statement in indexes:
            database.rows(statement)
        database.settle()


def copy(database: Sqlite | Postgres, original: Original, numbers: range) -> None:
    """Write copies, one for each number; no two originals have copies of one number."""
    for begin in range(numbers.start, numbers.stop, BATCH):
        end = min(begin + BATCH, numbers.stop)
        database.write(original, [original.names(number) for number in range(begin, end)])


async def _first(url: str) -> str:
    system = build(settings(url), {})
    run = await system.runs.start("bench", REFERENCE, {"input": "somebody"}, cycle.ME)
    await system.worker().drain()
    await system.close()
    return run.id


@dataclass(frozen=True, slots=True)
class Original:
    """What was really written of a run, by table."""

    run_id: str
    request_id: str
    asked: str
    rows: dict[str, list[tuple[Any, ...]]]

    @classmethod
    def read(cls, database: Sqlite | Postgres, run_id: str) -> Original:
        ((request_id, tenant, interrupt_id),) = database.rows(
            f"SELECT id, tenant, interrupt_id FROM requests WHERE run_id = '{run_id}'"
        )
        rows = {
            table: database.rows(
                f"SELECT {', '.join(database.columns(table))} FROM {table} "
                f"WHERE tenant = '{tenant}' AND {key} IN ('{run_id}', '{request_id}')"
            )
            for table, key in KEPT.items()
        }
        return cls(run_id, request_id, interrupt_id, rows)

    @classmethod
    def alone(cls, database: Sqlite | Postgres, request_id: str) -> Original:
        """Read a request that no run waits for: it stands in the place of its run as well."""
        rows = {
            table: database.rows(
                f"SELECT {', '.join(database.columns(table))} FROM {table} WHERE {key} = '{request_id}'"
            )
            for table, key in OF_REQUEST.items()
        }
        return cls(request_id, request_id, "", rows)

    def names(self, number: int) -> Names:
        """Return the ids of a copy's run and request: spread like real ones, so that neighbours are no neighbours."""
        if self.run_id == self.request_id:
            name = "req_" + short_hash(f"{self.request_id}\n{number}")
            return name, name
        run_id = "run_" + short_hash(str(number))
        return run_id, "req_" + short_hash(f"{run_id}\n{self.asked}")

    def copies(self, table: str, names: Sequence[Names]) -> Iterator[list[Any]]:
        """Return the rows of copies in one table."""
        old = self.run_id, self.request_id
        for row in self.rows[table]:
            changing = [place for place, value in enumerate(row) if renamed(value, old, ("", "")) != value]
            for new in names:
                copy = list(row)
                for place in changing:
                    copy[place] = renamed(row[place], old, new)
                if table == "log":
                    copy[-1] = leaf_hash(copy[-2])
                yield copy


def renamed(value: Any, old: Names, new: Names) -> Any:
    """Return a value with the names of a copy in place of the original's, which are as long."""
    if isinstance(value, str) and value in old:
        return new[old.index(value)]
    if isinstance(value, bytes):
        for one, other in zip(old, new, strict=True):
            value = value.replace(one.encode(), other.encode())
    return value


class Sqlite:
    """A file, written in haste: what a power cut would leave of it matters to nobody."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA cache_size = -1000000")  # KiB: the indexes of a million are kept in memory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()

    def columns(self, table: str) -> list[str]:
        found = self.rows(f"SELECT name FROM pragma_table_info('{table}') ORDER BY cid")
        return [name for (name,) in found if name not in FILLED]

    def write(self, original: Original, names: Sequence[Names]) -> None:
        self._connection.execute("BEGIN")
        for table in original.rows:
            columns = self.columns(table)
            values = ", ".join("?" for _ in columns)
            statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"
            self._connection.executemany(statement, original.copies(table, names))
        self._connection.execute("COMMIT")

    def hasten(self) -> list[str]:
        """Write each page once, and no index: return what makes the indexes again."""
        self.rows("PRAGMA journal_mode = OFF")
        found = self.rows("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        for name, _ in found:
            self.rows(f"DROP INDEX {name}")
        return [statement for _, statement in found]

    def settle(self) -> None:
        """Leave nothing of the filling to be done by whoever comes next."""
        self.rows("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def size(self) -> int:
        """Return the bytes of everything."""
        ((pages, size),) = self.rows("SELECT page_count, page_size FROM pragma_page_count, pragma_page_size")
        return int(pages * size)


class Postgres:
    """A schema on a server, filled by COPY."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode()).fetchall()

    def columns(self, table: str) -> dict[str, str]:
        found = self.rows(
            "SELECT column_name, udt_name FROM information_schema.columns "
            f"WHERE table_schema = current_schema() AND table_name = '{table}' ORDER BY ordinal_position"
        )
        return {name: kind for name, kind in found if name not in FILLED}

    def write(self, original: Original, names: Sequence[Names]) -> None:
        for table in original.rows:
            columns = self.columns(table)
            into = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)".encode()
            with self._connection.cursor() as cursor, cursor.copy(into) as copy:
                copy.set_types(list(columns.values()))
                for row in original.copies(table, names):
                    copy.write_row(row)

    def settle(self) -> None:
        """Leave nothing of the filling to be done by whoever comes next, and let the planner know what is there."""
        for table in KEPT:
            self._connection.execute(f"ANALYZE {table}".encode())
        self._connection.execute("CHECKPOINT")

    def size(self) -> int:
        """Return the bytes of everything, indexes and all."""
        tables = ", ".join(f"pg_total_relation_size('{table}')" for table in KEPT)
        return sum(self.rows(f"SELECT {tables}")[0])


def opened(url: str) -> Sqlite | Postgres:
    return Postgres(url) if scheme_of(url) == "postgresql" else Sqlite(url)
