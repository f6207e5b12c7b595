"""Measure Interlock beside bare LangGraph, and what waiting costs; write it to bench/RESULTS.md.

python bench/run.py                    # all, with a hundred thousand waiting: about fourteen minutes
python bench/run.py among --million    # one part again, with a million: about ten minutes; the others stay
python bench/run.py --quick            # small, and printed only
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

import costs
import cycle
import inboxes
import waiting

RESULTS = Path(__file__).with_name("RESULTS.md")
LIBRARIES = (
    "langgraph",
    "langgraph-checkpoint-sqlite",
    "langgraph-checkpoint-postgres",
    "sqlalchemy",
    "psycopg",
    "pydantic",
    "orjson",
)
AT_ONCE = ((1, 40), (16, 160), (64, 320))
"""How many cycles run at once, and how many there are in all."""


def main() -> None:
    """Measure, print, and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "parts", nargs="*", metavar="PART", help="cycles, acting, costs, profile, paused, among, inboxes"
    )
    options.add_argument("--quick", action="store_true", help="two rounds and small crowds, and nothing is written")
    options.add_argument("--million", action="store_true", help="a million pending instead of a hundred thousand")
    given = options.parse_args()
    parts = parts_of(rounds=2 if given.quick else 7, quick=given.quick, million=given.million)
    if unknown := set(given.parts) - set(parts):
        options.error(
            f"there is no part {', '.join(sorted(unknown))}: name some of {', '.join(parts)}, or none for all"
        )
    for name, part in parts.items():
        if name == "heading" or not given.parts or name in given.parts:
            lines: list[str] = []
            for line in part():
                print(line, flush=True)
                lines.append(line)
            if not given.quick:
                write(lines)


def parts_of(rounds: int, *, quick: bool, million: bool) -> dict[str, Callable[[], Iterator[str]]]:
    """Return what can be measured, by name, in the order of the results."""
    crowds = (0, 1_000) if quick else (0, 1_000, 100_000)
    many = 1_000_000 if million else 10_000 if quick else 100_000
    return {
        "heading": heading,
        "cycles": partial(rates, rounds),
        "acting": partial(acting, rounds),
        "costs": costs.costs,
        "profile": costs.where_time_goes,
        "paused": partial(waiting.paused, crowds),
        "among": partial(waiting.among, many, rounds),
        "inboxes": partial(inboxes.inboxes, 10_000 if quick else 100_000, 2_000, rounds),
    }


def write(lines: list[str]) -> None:
    """Put a part in its place in the results; what was measured of it before goes, and the other parts stay."""
    kept: dict[str, list[str]] = {}
    for line in [*(RESULTS.read_text().splitlines() if RESULTS.exists() else []), *lines]:
        if line.startswith("#"):
            title = line
            kept[title] = []
        kept[title].append(line)
    RESULTS.write_text("\n\n".join("\n".join(part).strip() for part in kept.values()) + "\n")


def heading() -> Iterator[str]:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    yield "# Results"
    yield ""
    yield f"By `make bench`; {os.cpu_count()} cores, Python {platform.python_version()}, {libraries}."
    yield ""
    yield "One cycle: start the three-node graph (plan, gate, act), see the pending request, approve it, `act` runs,"
    yield "done; durable. Interlock with policy, digest, log, effect ledger and authorisation, on SQLite (WAL,"
    yield "synchronous=FULL) and on a private PostgreSQL server; against the same graph on bare LangGraph with its own"
    yield "`SqliteSaver` (WAL, FULL) or `AsyncPostgresSaver` at default durability and at `exit`. The contestants take"
    yield "turns in one process; ratios are taken round by round: median (minimum to maximum). The A/A column is the"
    yield "anchor against itself: differences within its spread mean nothing."


RATIOS = (("interlock", "bare"), ("interlock", "bare exit"), ("bare", "bare again"))


def rates(rounds: int) -> Iterator[str]:
    yield from ("", "## Cycles per second", "")
    yield f"{rounds} rounds."
    yield ""
    yield "| store | at once | Interlock | bare | bare, `exit` | Interlock / bare | Interlock / `exit` | A/A |"
    yield "|---|---|---|---|---|---|---|---|"
    for store, (at_once, cycles) in product(cycle.STORES, AT_ONCE):
        measure = partial(cycle.rate, cycles=cycles, at_once=at_once)
        yield f"| {store} | {at_once} | {row(asyncio.run(cycle.compare(store, rounds, measure)), 0)} |"


def acting(rounds: int) -> Iterator[str]:
    yield from ("", "## From the decision to the act", "")
    yield "From casting the vote to the tool's call, in one process with a worker, one after the other; against bare"
    yield f"LangGraph's `invoke(Command(resume=…))` to its node's call. Medians of 20, in ms, over {rounds} rounds."
    yield ""
    yield "| store | Interlock | bare | bare, `exit` | Interlock / bare | Interlock / `exit` | A/A |"
    yield "|---|---|---|---|---|---|---|"
    for store in cycle.STORES:
        yield f"| {store} | {row(asyncio.run(cycle.compare(store, rounds, cycle.decide_to_act)), 1)} |"
    yield ""
    yield "With the worker in another process, which hears of the vote; medians of 20 over as many rounds:"
    apart = [
        f"{store} {waiting.spread(asyncio.run(waiting.acted_elsewhere(store, rounds, 20)))}" for store in cycle.STORES
    ]
    yield f"{', '.join(apart)} ms."


def row(found: dict[str, list[float]], digits: int) -> str:
    """Return the medians and ratios of the contestants."""
    medians = [f"{median(found[name]):.{digits}f}" for name in ("interlock", "bare", "bare exit")]
    return " | ".join([*medians, *(cycle.ratio(found[one], found[other]) for one, other in RATIOS)])


if __name__ == "__main__":
    main()
