"""An agent to begin with: it asks before it refunds. Put your own graphs in its place."""

from typing import TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import Action, Agent, ask


class Refund(TypedDict, total=False):
    """What the graph knows."""

    input: str
    said: str


def refund(state: Refund) -> Refund:
    """Ask, and do it once."""
    decision = ask(Action("refund", {"order": state["input"]}))
    if not decision.approved:
        return {"said": "not refunded"}
    return {"said": decision.perform(lambda order: f"refunded {order}")}


refunds = Agent(StateGraph(Refund).add_node("refund", refund).add_edge(START, "refund").add_edge("refund", END))
