"""A program that knows the database alone: it tells what has become of an order's requests, whoever asked for them."""

import sqlite3
import sys
from contextlib import closing

QUERY = """SELECT id, status, plan FROM approval_requests
WHERE tenant = 'default' AND reference = {} ORDER BY opened_at, id"""


def polled(database: str, order: str) -> list[tuple[str, str, str]]:
    """Return id, status and plan of each request: it is `pending`, and then for ever what it came to."""
    if database.startswith("postgresql://"):
        import psycopg  # noqa: PLC0415 - who polls SQLite does not need it

        with psycopg.connect(database) as connection:
            return connection.execute(QUERY.format("%s"), [order]).fetchall()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(QUERY.format("?"), [order]).fetchall()


if __name__ == "__main__":
    for row in polled(*sys.argv[1:]):
        print(*row)
