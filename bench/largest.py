"""Measure how soon the pages of the largest values are there that are taken: over loopback, one process, SQLite.

python bench/largest.py           # a minute
python bench/largest.py --quick   # printed only
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx2
from tests.server.largest import LARGEST

import run as results
from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.action import Action
from interlock.domain.authority import Principal
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.credentials import Authenticator

INTERLOCK = str(Path(sys.executable).with_name("interlock"))
PERSON = "mia@example.com"
CONFIG = f"people: {{{PERSON}: {{}}}}\nroles: {{reviewer: [{PERSON}], admin: [{PERSON}]}}\n"
CONFIG += "server: {rates: {calls: unlimited, unknown: unlimited, sign_ins: unlimited}}\n"
CONFIG += "default: {levels: [{steps: [{ask: [role:reviewer], within: 30d}]}]}\n"
TURNS = 3
PATHS = {"request": "/requests/{}", "edit": "/requests/{}/edit", "batch": "/batch?id={}"}


def main() -> None:
    """Measure, print, and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = list(measured(Path(folder)))
    print("\n".join(lines))
    if not given.quick:
        results.write(lines)


def measured(folder: Path) -> Iterator[str]:
    yield "## Pages of the largest values"
    yield ""
    yield (
        f"The whole answer over loopback, one process on SQLite, medians of {TURNS} in ms. Load when it began: "
        f"{os.getloadavg()[0]:.1f}. Each value has 256 kB, or 64 levels."
    )
    yield ""
    yield f"| value | {' | '.join(PATHS)} | bytes of the request's page |"
    yield f"|---|{'---|' * (len(PATHS) + 1)}"
    yield from asyncio.run(served(folder))
    yield ""


async def served(folder: Path) -> list[str]:
    """Serve each value, alone; return a row for each."""
    (folder / "interlock.yaml").write_text(CONFIG)
    environ = os.environ | {"INTERLOCK_DATABASE_URL": str(folder / "bench.db")}
    system = build(load_settings(folder / "interlock.yaml", environ), {})
    ids = {}
    for number, (what, args) in enumerate(LARGEST.items()):  # each of its own agent: a page reads others of the same
        agent = AgentClient(system, Principal(f"agent:payer{number}", "agent", "default", "api"))
        ids[what] = (await agent.ask(Asked(Action(f"send_{number}", args)), key=what)).id
    secret = (await Authenticator(system.store, system.directories).session("default", PERSON, by="bench")).secret
    await system.close()
    order = [INTERLOCK, "--config", str(folder / "interlock.yaml"), "serve", "--port", "0", "--json", "--no-access-log"]
    with subprocess.Popen(  # noqa: ASYNC220 - nothing else goes on meanwhile
        order, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout is not None
            origin = json.loads(process.stdout.readline())["origin"]
            headers = {"Cookie": f"interlock={secret}", "Origin": origin}
            async with httpx2.AsyncClient(base_url=origin, headers=headers, timeout=60) as client:
                return [await row(client, what, request_id) for what, request_id in ids.items()]
        finally:
            process.terminate()


async def row(client: httpx2.AsyncClient, what: str, request_id: str) -> str:
    times, size = [], 0
    for name, path in PATHS.items():
        took = []
        for _ in range(TURNS):
            began = perf_counter()
            answer = await client.get(path.format(request_id))
            took.append(perf_counter() - began)
            assert answer.status_code == 200, answer.text[:300]
        times.append(f"{median(took) * 1_000:.0f}")
        size = len(answer.content) if name == "request" else size
    return f"| {what} | {' | '.join(times)} | {size:,} |"


if __name__ == "__main__":
    main()
