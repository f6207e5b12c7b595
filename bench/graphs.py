"""The three-node graph (plan, gate, act) that every contestant runs, bare and governed."""

from __future__ import annotations

from time import perf_counter
from typing import TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from interlock import Action, Agent, ask


class State(TypedDict, total=False):
    input: str
    plan: str
    approved: bool
    result: str


def plan(state: State) -> State:
    return {"plan": f"pay 120 to {state['input']}"}


def bare_gate(state: State) -> State:
    return {"approved": interrupt({"plan": state["plan"]})}


def bare_act(state: State) -> State:
    return {"result": str(pay(120, state["input"])) if state["approved"] else "not paid"}


called: dict[str, float] = {}
"""When `pay` was first called for whom, by the clock of `time.perf_counter`: who checks its result calls it again."""


def pay(amount: int, to: str) -> dict[str, object]:
    called.setdefault(to, perf_counter())
    return {"paid": amount, "to": to}


def governed_gate(state: State) -> State:
    return {"plan": state["plan"]}


def governed_act(state: State) -> State:
    decision = ask(Action("pay", {"amount": 120, "to": state["input"]}), description=state["plan"])
    return {"approved": decision.approved, "result": str(decision.perform(pay)) if decision.approved else "not paid"}


def build(gate: object, act: object) -> StateGraph:
    graph = StateGraph(State)
    graph.add_node("plan", plan)
    graph.add_node("gate", gate)
    graph.add_node("act", act)
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "gate")
    graph.add_edge("gate", "act")
    graph.add_edge("act", END)
    return graph


def clock(**_: object) -> float:
    """Return when it was called, by the clock of `time.perf_counter`, which all processes of a machine share."""
    return perf_counter()


def clocked_act(state: State) -> State:
    return {"result": str(ask(Action("pay", {"amount": 120, "to": state["input"]})).perform(clock))}


bare = build(bare_gate, bare_act)
clocked = Agent(build(governed_gate, clocked_act))
agent = Agent(build(governed_gate, governed_act))
