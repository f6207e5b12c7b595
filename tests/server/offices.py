"""Two agents, as a team registers them: one's sub-graph interrupts, and a tool of the other is gated."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from interlock import Agent, gated

PAID: list[tuple[str, int]] = []


class Work(TypedDict, total=False):
    input: str
    text: str
    receipt: str


def write(state: Work) -> Work:
    said: Any = interrupt({"question": f"What do we write about {state['input']}?"})
    return {"text": str(said)}


press = StateGraph(Work).add_node("write", write).add_edge(START, "write").add_edge("write", END)
publisher = Agent(StateGraph(Work).add_node("press", press.compile()).add_edge(START, "press").add_edge("press", END))


@gated(idempotent=True)
def refund(order: str, amount: int, idempotency_key: str) -> str:
    """Pay an order back."""
    PAID.append((order, amount))
    return f"paid {amount} back"


def settle(state: Work) -> Work:
    return {"receipt": refund(order=state["input"], amount=40)}


cashier = Agent(StateGraph(Work).add_node("settle", settle).add_edge(START, "settle").add_edge("settle", END))
