"""Measure a full cycle against bare LangGraph, and what waiting costs; write it to bench/RESULTS.md.

python bench/run.py            # seven rounds
python bench/run.py --quick    # two rounds, printed only
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import platform
import pstats
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import chain, product
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import cycle
import waiting

RESULTS = Path(__file__).with_name("RESULTS.md")
LIBRARIES = ("langgraph", "langgraph-checkpoint-sqlite", "sqlalchemy", "pydantic", "orjson")
PARTS = (
    "langgraph",
    "langchain_core",
    "interlock/storage",
    "interlock",
    "sqlalchemy",
    "pydantic",
    "rfc8785",
    "asyncio",
)
COUNTED = 40
THREADS = {
    "MainThread": "event loop and reads",
    "interlock-writer": "store, writing",
    "asyncio": "nodes",
}


def main() -> None:
    """Measure, print, and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="two rounds, and nothing is written")
    quick = options.parse_args().quick
    rounds = 2 if quick else 7
    parts = [heading(rounds), rates(rounds), waiting.waking(rounds), costs(), where_time_goes()]
    if not quick:
        parts += [waiting.paused(), waiting.among_many()]
    lines: list[str] = []
    for line in chain.from_iterable(parts):
        print(line, flush=True)
        lines.append(line)
    if not quick:
        RESULTS.write_text("\n".join(lines) + "\n")


def heading(rounds: int) -> Iterator[str]:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    yield "# Results"
    yield ""
    yield f"`make bench`: {rounds} rounds, {os.cpu_count()} cores, Python {platform.python_version()},"
    yield f"{libraries}."
    yield ""
    yield "One cycle: start the three-node graph (plan, gate, act), see the pending request, approve it, `act` runs,"
    yield "done; durable. Interlock with policy, digest, log, effect ledger and authorisation on SQLite (WAL,"
    yield "synchronous=FULL), against the same graph on bare LangGraph with `SqliteSaver` (WAL, FULL) at default"
    yield "durability and at `exit`. The contestants take turns in one process; ratios are taken round by round. The"
    yield "A/A column is bare LangGraph against itself: differences within its spread mean nothing."


def rates(rounds: int) -> Iterator[str]:
    yield from ("", "## Cycles per second", "")
    yield "| store | at once | Interlock | bare | bare, `exit` | Interlock / bare | Interlock / `exit` | A/A |"
    yield "|---|---|---|---|---|---|---|---|"
    for store, (at_once, cycles) in product(cycle.STORES, ((1, 40), (16, 160), (64, 320))):
        found = asyncio.run(cycle.compare(store, rounds, cycles, at_once))
        speeds = " | ".join(f"{median(found[name]):.0f}" for name in ("interlock", "bare", "bare exit"))
        ratios = " | ".join(
            ratio(found[one], found[other])
            for one, other in (("interlock", "bare"), ("interlock", "bare exit"), ("bare", "bare again"))
        )
        yield f"| {store} | {at_once} | {speeds} | {ratios} |"


def ratio(ours: list[float], theirs: list[float]) -> str:
    """Return the median, minimum and maximum of the ratios, round by round."""
    paired = sorted(one / other for one, other in zip(ours, theirs, strict=True))
    return f"**{median(paired):.2f}** ({paired[0]:.2f} to {paired[-1]:.2f})"


def costs() -> Iterator[str]:
    yield from ("", "## Statements, commits and CPU per cycle", "")
    yield "Transactions that only read are not among the commits. Interlock's commits that wait at once share one."
    yield ""
    yield "| | at once | statements | commits | CPU, ms |"
    yield "|---|---|---|---|---|"
    for at_once in (1, 16):
        for name in ("interlock", "bare", "bare exit"):
            statements, commits, cpu = asyncio.run(cost(name, at_once))
            yield f"| {name} | {at_once} | {statements:.1f} | {commits:.1f} | {cpu:.1f} |"


async def cost(name: str, at_once: int) -> tuple[float, float, float]:
    """Return statements, commits and milliseconds of CPU that one cycle takes."""
    with tempfile.TemporaryDirectory() as folder, counted() as seen:
        async with contestant(name, Path(folder)) as chosen:
            await cycle.rate(chosen.cycle, 5, 1, "warm")
            seen.clear()
            began = time.process_time()
            await cycle.rate(chosen.cycle, COUNTED, at_once, "counted")
            cpu = (time.process_time() - began) * 1000
            return seen["statements"] / COUNTED, seen["commits"] / COUNTED, cpu / COUNTED


def contestant(name: str, folder: Path) -> Any:
    if name == "interlock":
        return cycle.Governed(folder)
    return cycle.Bare(folder, "exit" if name == "bare exit" else "async")


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the statements and commits of every SQLite connection that is made meanwhile."""
    seen: Counter[str] = Counter()
    connect = sqlite3.connect

    def watched(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*args, **options)
        wrote = False

        def note(statement: str) -> None:
            nonlocal wrote
            verb = statement.split(maxsplit=1)[0].upper()
            if verb == "--":  # what a trigger does
                return
            seen["statements"] += 1
            seen["commits"] += verb == "COMMIT" and wrote  # the end of a transaction that only read costs no disk
            wrote = verb not in {"BEGIN", "COMMIT"} and (wrote or verb in {"INSERT", "REPLACE", "UPDATE", "DELETE"})

        connection.set_trace_callback(note)
        return connection

    sqlite3.connect = watched  # type: ignore[assignment]
    sqlite3.dbapi2.connect = watched  # type: ignore[assignment]
    try:
        yield seen
    finally:
        sqlite3.connect = connect  # type: ignore[assignment]
        sqlite3.dbapi2.connect = connect  # type: ignore[assignment]


def where_time_goes() -> Iterator[str]:
    yield from ("", "## Where the time goes", "")
    if hasattr(time, "pthread_getcpuclockid"):
        shares = (f"{kind} {milliseconds:.1f}" for kind, milliseconds in asyncio.run(threads()).most_common())
        yield f"CPU by thread, ms per cycle, one cycle after the other: {', '.join(shares)}."
        yield ""
    yield "Share of the event loop's thread under a profiler, by the package whose own code runs, one cycle after the"
    yield "other; the store's threads are not in it. `wait`: the loop waits for them, the disk, and nodes in threads."
    yield ""
    yield "| part | share |"
    yield "|---|---|"
    spent = asyncio.run(profiled())
    total = sum(spent.values())
    for part, seconds in spent.most_common():
        yield f"| {part} | {100 * seconds / total:.0f} % |"


async def threads() -> Counter[str]:
    """Return the milliseconds of CPU that each kind of thread takes for a cycle."""

    def clocks() -> Counter[str]:
        found: Counter[str] = Counter()
        for thread in threading.enumerate():
            kind = next((kind for name, kind in THREADS.items() if thread.name.startswith(name)), "others")
            found[kind] += time.clock_gettime_ns(time.pthread_getcpuclockid(thread.ident or 0))
        return found

    with tempfile.TemporaryDirectory() as folder:
        async with cycle.Governed(Path(folder)) as governed:
            await cycle.rate(governed.cycle, 5, 1, "warm")
            before = clocks()
            await cycle.rate(governed.cycle, COUNTED, 1, "clocked")
            spent = clocks() - before
    return Counter({kind: nanoseconds / COUNTED / 1e6 for kind, nanoseconds in spent.items()})  # type: ignore[misc]


async def profiled() -> Counter[str]:
    """Return the seconds spent by each part in the event loop's thread."""
    with tempfile.TemporaryDirectory() as folder:
        async with cycle.Governed(Path(folder)) as governed:
            await cycle.rate(governed.cycle, 5, 1, "warm")
            profile = cProfile.Profile()
            profile.enable()
            await cycle.rate(governed.cycle, COUNTED, 1, "profiled")
            profile.disable()
    spent: Counter[str] = Counter()
    for (file, _, function), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if "poll" in function:
            spent["wait"] += own
        else:
            spent[next((part for part in PARTS if f"/{part}/" in file), "other")] += own
    return spent


if __name__ == "__main__":
    main()
