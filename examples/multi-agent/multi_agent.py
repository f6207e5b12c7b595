"""Several agents ask through one inbox, and what a sub-agent asks is there like anything else.

    python multi_agent.py

starts two agents, leaves them at what they ask, and lists the inbox. `office` is a graph of two sub-agents, compiled
graphs as nodes, that work side by side: `buyer` wants to order chairs, `press` wants to publish. `travel` lacks an
answer. Decide in any order, from any terminal: each goes on as soon as it has what it waits for.
"""

import json
import operator
import sys
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import Action, Agent, Question, ask
from interlock.cli import main

OUTBOX = Path(__file__).resolve().with_name("outbox")


class Work(TypedDict, total=False):
    """What the agents of this office know."""

    input: str
    quote: dict[str, Any]
    text: str
    done: Annotated[list[str], operator.add]


class Done(TypedDict):
    """What a sub-agent hands back: two that work side by side must not both write the rest."""

    done: list[str]


def keep(name: str, idempotency_key: str, **content: Any) -> str:
    """Write a file that is the effect; the same key writes the same file."""
    OUTBOX.mkdir(exist_ok=True)
    file = OUTBOX / f"{name}-{idempotency_key}.json"
    file.write_text(json.dumps(content))
    return file.name


def order(item: str, count: int, price: str, idempotency_key: str) -> str:
    return keep("order", idempotency_key, item=item, count=count, price=price)


def publish(text: str, idempotency_key: str) -> str:
    return keep("publish", idempotency_key, text=text)


# ── two sub-agents ──


def get_quote(state: Work) -> Work:
    return {"quote": {"item": "chair" if "office" in state["input"] else "tent", "count": 12, "price": "948.00"}}


def buy(state: Work) -> Work:
    decision = ask(Action("order", state["quote"]), description="Chairs for the new office")
    if not decision.approved:
        return {"done": [f"nothing ordered: {decision.outcome}"]}
    return {"done": [f"ordered: {decision.perform(order, idempotent=True)}"]}


def write(state: Work) -> Work:
    return {"text": f"We are moving: {state['input']}."}


def announce(state: Work) -> Work:
    decision = ask(Action("publish", {"text": state["text"]}), description="For the web site")
    if not decision.approved:
        return {"done": [f"nothing published: {decision.outcome}"]}
    return {"done": [f"published: {decision.perform(publish, idempotent=True)}"]}


buyer = StateGraph(Work, output_schema=Done)
buyer.add_node("get_quote", get_quote)
buyer.add_node("buy", buy)
buyer.add_edge(START, "get_quote")
buyer.add_edge("get_quote", "buy")
buyer.add_edge("buy", END)

press = StateGraph(Work, output_schema=Done)
press.add_node("write", write)
press.add_node("announce", announce)
press.add_edge(START, "write")
press.add_edge("write", "announce")
press.add_edge("announce", END)

# ── the agent that they make together, and another one ──

together = StateGraph(Work)
together.add_node("buyer", buyer.compile())
together.add_node("press", press.compile())
together.add_edge(START, "buyer")
together.add_edge(START, "press")
together.add_edge("buyer", END)
together.add_edge("press", END)
office = Agent(together)


def book(state: Work) -> Work:
    decision = ask(Question(f"Which airline for {state['input']}?", options=["Alder", "Birch"]))
    return {"done": [f"booked with {decision.answer}" if decision.answer else f"not booked: {decision.outcome}"]}


travel = Agent(StateGraph(Work).add_node("book", book).add_edge(START, "book").add_edge("book", END))

if __name__ == "__main__":
    for name, task in (("office", "the new office opens in May"), ("travel", "Lisbon")):
        main(["run", f"{__file__}:{name}", task, "--detach"])
    sys.exit(main(["requests", "list"]))
