"""Two agents: one whose 64 plain nodes sleep, and one that is quick."""

import os
import time
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

WIDTH = 64


class State(TypedDict, total=False):
    input: Any


def sleep(_: State) -> State:
    with Path(os.environ["SINK"]).open("a") as sink:
        sink.write("asleep\n")
    time.sleep(100_000)
    return {}


def answer(_: State) -> State:
    return {}


slow = StateGraph(State)
for number in range(WIDTH):
    slow.add_node(f"sleep{number}", sleep).add_edge(START, f"sleep{number}").add_edge(f"sleep{number}", END)

quick = StateGraph(State).add_node("answer", answer).add_edge(START, "answer").add_edge("answer", END)
