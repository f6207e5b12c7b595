"""What one cycle costs: statements, commits, bytes written ahead, CPU; and where the time goes."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import re
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

sys.path.insert(0, str(Path(__file__).parent))

import cycle

COUNTED = 40
WARM = 20
PARTS = (
    "langgraph",
    "langchain_core",
    "interlock/storage",
    "interlock",
    "sqlalchemy",
    "psycopg",
    "pydantic",
    "rfc8785",
    "asyncio",
)
THREADS = {
    "MainThread": "event loop",
    "interlock-writer": "store, writing",
    "interlock-reader": "store, reading",
    "asyncio": "nodes",
}
LOGGED = {"log_statement": "all", "log_parameter_max_length": "0"}
"""A server that writes down each statement that it runs, whoever sends it."""


class Counts(NamedTuple):
    """What a database has done so far."""

    statements: int
    commits: int
    written: int


Read = Callable[[], Counts]
DURABILITY = {"bare": "async", "bare exit": "exit"}


def costs() -> Iterator[str]:
    yield from ("", "## What a cycle costs", "")
    yield "Commits are those of transactions that wrote: on SQLite, Interlock's that wait at once share one; on"
    yield "PostgreSQL each NOTIFY is one more, which waits for no disk. Bytes are those of the write-ahead log. Counted"
    yield "in the driver on SQLite, and by the server on PostgreSQL (its log of statements, transaction numbers, WAL"
    yield "position), after a warm-up; CPU is that of the contestant's process."
    yield ""
    yield "| store | | at once | statements | commits | WAL, kB | CPU, ms |"
    yield "|---|---|---|---|---|---|---|"
    for store, at_once in product(cycle.STORES, (1, 16)):
        for name in ("interlock", "bare", "bare exit"):
            counts, cpu = asyncio.run(cost(store, name, at_once))
            statements, commits, written = (number / COUNTED for number in counts)
            figures = f"{statements:.1f} | {commits:.1f} | {written / 1000:.1f} | {cpu:.1f}"
            yield f"| {store} | {name} | {at_once} | {figures} |"


async def cost(store: str, name: str, at_once: int) -> tuple[Counts, float]:
    """Return what the database does for all counted cycles, and the milliseconds of CPU that each takes."""
    with cycle.Ground(store, **LOGGED) as ground, counting(ground) as read:
        async with ground.governed() if name == "interlock" else ground.bare(DURABILITY[name]) as contestant:
            await cycle.rate(contestant, "warm", cycles=WARM, at_once=at_once)
            before, began = read(), time.process_time()
            await cycle.rate(contestant, "counted", cycles=COUNTED, at_once=at_once)
            cpu, after = time.process_time() - began, read()
    return Counts(*(one - other for one, other in zip(after, before, strict=True))), cpu * 1000 / COUNTED


def counting(ground: cycle.Ground) -> AbstractContextManager[Read]:
    """Return a function that counts, while this is entered; connections must be made inside."""
    return counting_sqlite(ground.folder) if ground.server is None else counting_postgres(ground.server)


@contextmanager
def counting_sqlite(folder: Path) -> Iterator[Read]:
    seen: Counter[str] = Counter()
    connect = sqlite3.connect

    def watched(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*args, **options)
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # so that the file holds all that was written
        connection.set_trace_callback(noting(seen))
        return connection

    def read() -> Counts:
        return Counts(seen["statements"], seen["commits"], sum(file.stat().st_size for file in folder.rglob("*-wal")))

    sqlite3.connect = sqlite3.dbapi2.connect = watched  # type: ignore[assignment]
    try:
        yield read
    finally:
        sqlite3.connect = sqlite3.dbapi2.connect = connect  # type: ignore[assignment]


def noting(seen: Counter[str]) -> Callable[[str], None]:
    """Return what is told of each statement of one connection."""
    wrote = False

    def note(statement: str) -> None:
        nonlocal wrote
        verb = statement.split(maxsplit=1)[0].upper()
        if verb == "--":  # what a trigger does
            return
        seen["statements"] += 1
        seen["commits"] += verb == "COMMIT" and wrote  # the end of a transaction that only read costs no disk
        wrote = verb not in {"BEGIN", "COMMIT"} and (wrote or verb in {"INSERT", "REPLACE", "UPDATE", "DELETE", "WITH"})

    return note


@contextmanager
def counting_postgres(server: cycle.PostgresServer) -> Iterator[Read]:
    log = server.folder / "log"
    with psycopg.connect(server.url(), autocommit=True) as watching:
        watching.execute("SET log_statement = 'none'")

        def read() -> Counts:
            statements = len(re.findall(rb"LOG:  (?:statement|execute)", log.read_bytes()))
            ((transactions, written),) = watching.execute(
                "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, "
                "pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
            ).fetchall()
            return Counts(statements, transactions, written)

        yield read


# ── where the time goes ──


def where_time_goes() -> Iterator[str]:
    yield from ("", "## Where the time goes", "")
    yield "CPU by thread, ms per cycle, one cycle after the other:"
    yield ""
    if hasattr(time, "pthread_getcpuclockid"):
        for store in cycle.STORES:
            shares = (f"{kind} {milliseconds:.1f}" for kind, milliseconds in asyncio.run(threads(store)).most_common())
            yield f"- {store}: {', '.join(shares)}."
    yield ""
    yield "Share of the event loop's thread under a profiler, by the package whose own code runs, one cycle after the"
    yield "other; the store's threads are not in it. `wait`: the loop waits for them, the disk, and nodes in threads."
    yield ""
    yield "| part | sqlite | postgres |"
    yield "|---|---|---|"
    shares = [asyncio.run(profiled(store)) for store in cycle.STORES]
    for part in sorted(shares[0] | shares[1], key=lambda part: -sum(share[part] for share in shares)):
        yield f"| {part} | {' | '.join(f'{share[part]:.0f} %' for share in shares)} |"


async def threads(store: str) -> Counter[str]:
    """Return the milliseconds of CPU that each kind of thread takes for a cycle."""

    def clocks() -> Counter[str]:
        found: Counter[str] = Counter()
        for thread in threading.enumerate():
            kind = next((kind for name, kind in THREADS.items() if thread.name.startswith(name)), "others")
            found[kind] += time.clock_gettime_ns(time.pthread_getcpuclockid(thread.ident or 0))
        return found

    with cycle.Ground(store) as ground:
        async with ground.governed() as governed:
            await cycle.rate(governed, "warm", cycles=WARM, at_once=1)
            before = clocks()
            await cycle.rate(governed, "clocked", cycles=COUNTED, at_once=1)
            spent = clocks() - before
    return Counter({kind: nanoseconds / COUNTED / 1e6 for kind, nanoseconds in spent.items()})  # type: ignore[misc]


async def profiled(store: str) -> Counter[str]:
    """Return the percentage of the event loop's thread that each part takes."""
    with cycle.Ground(store) as ground:
        async with ground.governed() as governed:
            await cycle.rate(governed, "warm", cycles=WARM, at_once=1)
            profile = cProfile.Profile()
            profile.enable()
            await cycle.rate(governed, "profiled", cycles=COUNTED, at_once=1)
            profile.disable()
    spent: Counter[str] = Counter()
    for (file, _, function), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        spent["wait" if "poll" in function else part_of(file)] += own
    total = sum(spent.values())
    return Counter({part: 100 * own / total for part, own in spent.items()})  # type: ignore[misc]


def part_of(file: str) -> str:
    return next((part for part in PARTS if f"/{part}/" in file), "other")
