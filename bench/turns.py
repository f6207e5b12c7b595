"""Measure two checkouts by turns, in processes of their own: what a change costs a vote and a cycle.

git worktree add ../before COMMIT
python bench/turns.py ../before             # five rounds: about four minutes; printed only
python bench/turns.py ../before --rounds 2
python bench/turns.py ../before --write "the log was compared"  # a part of bench/RESULTS.md: before and after that

Each checkout is measured by its own copy of this file, because names move: both have to measure the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

import cycle
import run as results
from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.action import Verdict
from interlock.domain.commands import CastVote
from interlock.engine.ports.store import RequestFilter

HERE = Path(__file__).parent.parent
ROUNDS = 5
VOTES = 60
FIGURES = {
    "vote": "a vote that decides, ms",
    "cycle": "a cycle, one after the other, ms",
    "cycle of 16": "a cycle, 16 at once, ms",
    "cpu": "CPU of a cycle, one after the other, ms",
}


def main() -> None:
    """Measure one checkout once; or compare two, print, and write the part of the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("before", help="another checkout; or, with --measure, the address of an empty database")
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--write", metavar="WHAT", help="write a part of the results: before and after WHAT")
    options.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.measure:
        print(json.dumps(asyncio.run(measure(given.before))))
        return
    lines = []
    for line in compared(Path(given.before).resolve(), given.rounds, given.write or "a change"):
        print(line, flush=True)
        lines.append(line)
    if given.write:
        results.write(lines)


async def measure(url: str) -> dict[str, float]:
    """Return the figures of the checkout that is imported here, on an empty database."""
    vote = await vote_time(url)
    async with cycle.Governed(url) as governed:
        await cycle.rate(governed, "warm", cycles=20, at_once=4)
        began = time.process_time()
        single = await cycle.rate(governed, "single", cycles=60, at_once=1)
        spent = time.process_time() - began
        crowd = await cycle.rate(governed, "crowd", cycles=160, at_once=16)
    return {"vote": vote, "cycle": 1000 / single, "cycle of 16": 1000 / crowd, "cpu": spent / 60 * 1000}


async def vote_time(url: str) -> float:
    """Return the median of the milliseconds that a deciding vote takes, with nobody who carries the runs on."""
    system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": url}), {})
    for number in range(VOTES):
        await system.runs.start("bench", cycle.REFERENCE, {"input": f"vote-{number}"}, cycle.ME)
    await system.worker().drain()
    times = []
    for request in await system.store.requests("default", RequestFilter(), limit=VOTES):
        began = time.perf_counter()
        await system.desk.handle(CastVote(request.id, Verdict.approve, request.digest), cycle.ME)
        times.append((time.perf_counter() - began) * 1000)
    await system.worker().drain()
    await system.close()
    return median(times)


def compared(before: Path, rounds: int, what: str) -> Iterator[str]:
    """Measure by turns, each round in the other order; ratios are taken round by round."""
    yield from ("", f"## Before and after {what}", "")
    yield f"Two checkouts by turns, each measurement in a process of its own, on an empty database; {rounds} rounds."
    yield "Medians (minima); ratios round by round: median (minimum to maximum). A/A: the earlier one against itself."
    yield ""
    yield "| store | | before | after | after / before | A/A |"
    yield "|---|---|---|---|---|---|"
    for store in cycle.STORES:
        found: dict[str, list[dict[str, float]]] = {"before": [], "after": [], "again": []}
        checkouts = {"before": before, "after": HERE, "again": before}
        with cycle.Ground(store) as ground:
            for number in range(rounds):
                for name in list(checkouts) if number % 2 else reversed(checkouts):
                    found[name].append(measured(checkouts[name], ground.fresh()))
        for figure, words in FIGURES.items():
            series = {name: [one[figure] for one in values] for name, values in found.items()}
            medians = " | ".join(
                f"{median(series[name]):.2f} ({min(series[name]):.2f})" for name in ("before", "after")
            )
            ratios = [cycle.ratio(series[name], series["before"]) for name in ("after", "again")]
            yield f"| {store} | {words} | {medians} | {' | '.join(ratios)} |"


def measured(checkout: Path, url: str) -> dict[str, float]:
    """Measure a checkout in a process of its own, by its own copy of this file."""
    environ = os.environ | {"PYTHONPATH": str(checkout / "src")}
    command = [sys.executable, str(checkout / "bench" / Path(__file__).name), url, "--measure"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise SystemExit(f"{checkout} could not be measured:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
