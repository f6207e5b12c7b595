"""An agent whose every word attacks the pages: it asks three things in one pause, or breaks with such an error."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from tests.browser.hostile import EVIL, VALUES

from interlock import Action, Agent, ask, progress


class State(TypedDict, total=False):
    input: str
    result: str


def asks(number: int) -> Any:
    def node(state: State) -> State:
        progress(EVIL)
        if state["input"].startswith("break"):
            raise RuntimeError(EVIL)
        ask(Action(f"{number} {EVIL}"[:200], VALUES), description=EVIL, context={EVIL: EVIL})
        return {}

    return node


builder = StateGraph(State)
for one in range(3):
    builder.add_node(f"n{one}", asks(one))
    builder.add_edge(START, f"n{one}")
    builder.add_edge(f"n{one}", END)

agent = Agent(builder, version="1")
