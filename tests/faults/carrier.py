"""What a process does that carries a graph of others to its next pause, on one database, and is killed there."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from pathlib import Path

from driver import LEASE, ME, system

from interlock import Agent, failpoints
from interlock.domain.run import RunStatus

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
people = importlib.import_module("people")
shapes = importlib.import_module("shapes")


def reference(name: str) -> str:
    return f"shapes:{name}"


def carry(database: str, done: str, name: str, setting: str = "") -> None:
    """Carry out what is due, with failpoints; what the graph does is written to a file.

    A run is started if there is none; one that may have done something is tried again, as a person says.
    """
    os.environ[people.others.DONE] = done

    async def main() -> None:
        built, shape = system(database), shapes.SHAPES[name]
        built.registry._loaded[reference(name)] = Agent(shape.make())
        runs = await built.store.runs("default", limit=2)
        if not runs:
            await built.runs.start(name, reference(name), shape.start, ME)
        for run in runs:
            if run.status is RunStatus.needs_attention:
                await built.runs.retry(run.id, ME)
        failpoints.configure(setting)
        await built.worker(lease=LEASE).drain()
        await built.close()

    asyncio.run(main())
