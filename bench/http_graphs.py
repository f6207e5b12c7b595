"""The three-node graph (plan, gate, act) with clocks in it: when it paused, and when it acted, as `perf_counter` says.

All processes of a machine share that clock, so a client knows how long it took until it heard of it.
"""

from __future__ import annotations

from time import perf_counter

from langgraph.types import interrupt

from graphs import State, build, governed_gate
from interlock import Action, Agent, ask


def clock(**_: object) -> float:
    return perf_counter()


def governed_act(state: State) -> State:
    decision = ask(Action("pay", {"amount": 120, "to": state["input"]}), description=str(perf_counter()))
    return {"approved": decision.approved, "result": str(decision.perform(clock)) if decision.approved else "not paid"}


def bare_gate(state: State) -> State:
    return {"approved": interrupt({"plan": state["plan"], "paused": str(perf_counter())})}


def bare_act(state: State) -> State:
    return {"result": str(clock(amount=120, to=state["input"])) if state["approved"] else "not paid"}


agent = Agent(build(governed_gate, governed_act))
bare = build(bare_gate, bare_act)
