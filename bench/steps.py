"""What `durability: step` costs: a graph of ten steps that do nothing, kept at its end or after each step, by turns.

python bench/steps.py
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, TypedDict

sys.path.insert(0, str(Path(__file__).parent))

from langgraph.graph import END, START, StateGraph

import cycle
from interlock import Agent
from interlock.bootstrap import System, build
from interlock.config import load_settings

STEPS = 10
RUNS = 20
ROUNDS = 7


class State(TypedDict, total=False):
    input: str
    number: int


def agent(durability: Any) -> Agent:
    graph = StateGraph(State)
    names = [f"step_{number}" for number in range(STEPS)]
    for name in names:
        graph.add_node(name, lambda state: {"number": state.get("number", 0) + 1})
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return Agent(graph, durability=durability)


async def took(system: System, name: str) -> float:
    """Return how many milliseconds a run takes."""
    began = time.perf_counter()
    for _ in range(RUNS):
        await system.runs.start(name, name, {"input": "x"}, cycle.ME)
        await system.worker().drain()
    return (time.perf_counter() - began) / RUNS * 1000


async def compared(store: str) -> str:
    names = {"exit": "bench:exit", "again": "bench:exit", "step": "bench:step"}
    with cycle.Ground(store) as ground:
        system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": ground.fresh()}), {})
        system.registry._loaded.update({"bench:exit": agent("exit"), "bench:step": agent("step")})  # noqa: SLF001
        found: dict[str, list[float]] = {name: [] for name in names}
        for number in range(-1, ROUNDS):
            for name, reference in names.items():
                ms = await took(system, reference)
                if number >= 0:
                    found[name].append(ms)
        await system.close()
    shown = [cycle.ratio(found[name], found["exit"]) for name in ("step", "again")]
    return f"| {store} | {median(found['exit']):.1f} | {median(found['step']):.1f} | {shown[0]} | {shown[1]} |"


def main() -> None:
    print(f"A run of {STEPS} steps, in ms; ratios round by round: median (minimum to maximum).")
    print("| store | exit | step | step / exit | A/A |\n|---|---|---|---|---|")
    for store in cycle.STORES:
        print(asyncio.run(compared(store)))


main()
