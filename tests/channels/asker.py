"""An agent that asks once."""

from typing import TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import Action, Agent, ask

PAID: list[int] = []
"""What was paid in this process."""


class State(TypedDict, total=False):
    """What it holds."""

    done: bool


def pay(_: State) -> State:
    """Ask, and act."""

    def act(amount: int) -> bool:
        PAID.append(amount)
        return amount > 0

    return {"done": ask(Action("pay", {"amount": 1})).perform(act)}


agent = Agent(StateGraph(State).add_node("pay", pay).add_edge(START, "pay").add_edge("pay", END))
