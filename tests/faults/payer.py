"""An agent as somebody deploys it: it plans an amount, asks, and pays at a sink outside of its process."""

import os
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import Action, Agent, ask


class State(TypedDict, total=False):
    input: Any
    amount: int
    result: Any
    audited: bool


def pay(amount: int, idempotency_key: str) -> dict[str, int]:
    sink = os.open(os.environ["SINK"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(sink, f"{idempotency_key}:{amount}\n".encode())
    os.close(sink)
    return {"paid": amount}


def plan(state: State) -> State:
    return {"amount": int(state["input"])}


def act(state: State) -> State:
    return {"result": ask(Action("pay", {"amount": state["amount"]})).perform(pay)}


def audit(state: State) -> State:
    return {"audited": True}


graph = StateGraph(State)
graph.add_node("plan", plan)
graph.add_node("act", act)
graph.add_edge(START, "plan")
graph.add_edge("plan", "act")
graph.add_edge("act", END)

agent = Agent(graph)
