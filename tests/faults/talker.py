"""An agent that says what it does, and acts between."""

import os
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import progress


class State(TypedDict, total=False):
    input: Any


def talk(state: State) -> State:
    progress("planning")
    with Path(os.environ["SINK"]).open("a") as sink:
        sink.write(f"{os.getpid()}\n")
    if os.environ.get("FORK") and os.fork():
        os.wait()
    progress("done")
    return {}


agent = StateGraph(State).add_node("talk", talk).add_edge(START, "talk").add_edge("talk", END)
