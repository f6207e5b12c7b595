"""`@gated` makes any tool ask before it acts: here in the loop of model and tools that every chat agent is.

    python custom_tools.py
    python custom_tools.py "Refund order 18"

`find_order` only looks, so it is free. `refund` moves money, so it asks. The model is a few rules, so that this runs
without a key and without a network; put a chat model with `bind_tools(TOOLS)` in its place and nothing else changes.
"""

import json
import re
import sys
from pathlib import Path

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Send

from interlock import Agent, NotApproved, NotDone, gated, progress
from interlock.cli import main

OUTBOX = Path(__file__).resolve().with_name("outbox")
ORDERS = {17: 40, 18: 1200}


@tool
def find_order(order: int) -> str:
    """Look an order up."""
    return json.dumps({"order": order, "paid": ORDERS.get(order)})


@tool
@gated(idempotent=True)
def refund(order: int, amount: int, idempotency_key: str) -> str:
    """Pay an order back."""
    if amount > ORDERS[order]:
        raise NotDone(f"order {order} cost {ORDERS[order]}, so {amount} cannot be paid back")
    OUTBOX.mkdir(exist_ok=True)
    (OUTBOX / f"refund-{idempotency_key}.json").write_text(json.dumps({"order": order, "amount": amount}))
    return f"{amount} paid back for order {order}"


TOOLS = [find_order, refund]


def say_why(error: NotApproved | NotDone) -> str:
    """Tell the model what people, or the tool, said; any other error is not the model's business."""
    return f"Not done: {error}"


def model(state: MessagesState) -> MessagesState:
    last = state["messages"][-1]
    if isinstance(last, HumanMessage):
        number = re.search(r"\d+", last.text)
        return say("Which order?") if number is None else call("find_order", order=int(number[0]))
    if last.name == "find_order":
        found = json.loads(last.text)
        if found["paid"] is None:
            return say(f"There is no order {found['order']}.")
        return call("refund", order=found["order"], amount=found["paid"])
    return say(last.text)


def say(text: str) -> MessagesState:
    progress(f"[AGENT] {text}")
    return {"messages": [AIMessage(text)]}


def call(name: str, **args: int) -> MessagesState:
    return {"messages": [AIMessage("", tool_calls=[{"name": name, "args": args, "id": f"call_{name}"}])]}


def to_tools(state: MessagesState) -> str | list[Send]:
    # One task for each call, as LangChain's create_agent does: then each asks, waits and is answered for itself.
    return [Send("tools", [one]) for one in state["messages"][-1].tool_calls] or END


graph = StateGraph(MessagesState)
graph.add_node("model", model)
graph.add_node("tools", ToolNode(TOOLS, handle_tool_errors=say_why))
graph.add_edge(START, "model")
graph.add_conditional_edges("model", to_tools, ["tools", END])
graph.add_edge("tools", "model")
support = Agent(graph)

if __name__ == "__main__":
    task = " ".join(sys.argv[1:]) or "Refund order 17"
    sys.exit(main(["run", f"{__file__}:support", task]))
