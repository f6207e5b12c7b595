"""An agent that pays once it may; a file outside of the process counts it."""

import os
from pathlib import Path
from typing import TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import Action, Agent, ask


class State(TypedDict, total=False):
    input: str
    paid: str


def paid() -> list[str]:
    """Return what was paid."""
    sink = Path(os.environ["SINK"])
    return sink.read_text().split() if sink.exists() else []


def verify(amount: int, idempotency_key: str) -> str | None:
    """Say whether it was paid."""
    return idempotency_key if idempotency_key in paid() else None


def pay(amount: int, idempotency_key: str) -> str:
    """Pay."""
    with Path(os.environ["SINK"]).open("a") as file:
        file.write(f"{idempotency_key}\n")
    return idempotency_key


def act(_: State) -> State:
    """Ask, and pay."""
    return {"paid": ask(Action("pay", {"amount": 1})).perform(pay, verify=verify)}


agent = Agent(StateGraph(State).add_node("act", act).add_edge(START, "act").add_edge("act", END))
