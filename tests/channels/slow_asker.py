"""An agent that asks once and is slow to act, the first time; it writes down what it does."""

import os
import time
from pathlib import Path
from typing import TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import Action, Agent, ask


class State(TypedDict, total=False):
    """What it holds."""

    done: bool


def note(what: str) -> int:
    """Add this process to a file; return how many lines that has."""
    file = Path(os.environ["SLOW_FOLDER"], what)
    with file.open("a") as out:
        out.write(f"{os.getpid()}\n")
    return len(file.read_text().splitlines())


def act(amount: int) -> bool:
    """Do what must be done once."""
    note("paid")
    return amount > 0


def pay(_: State) -> State:
    """Ask, and act, after a long time."""
    decision = ask(Action("pay", {"amount": 1}))
    if note("resumed") == 1:
        time.sleep(float(os.environ["SLOW_SECONDS"]))
    return {"done": decision.perform(act)}


agent = Agent(StateGraph(State).add_node("pay", pay).add_edge(START, "pay").add_edge("pay", END))
