"""What a graph asks at once is asked in the order of its nodes, whichever of them stops first (I17)."""

import operator
import time
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt

from interlock import Action, ask


class State(TypedDict, total=False):
    input: Any
    out: Annotated[list, operator.add]


def paying(number):
    def step(state):
        time.sleep((3 - number) / 50)  # the first node is the last to stop
        return {"out": [str(ask(Action("pay", {"amount": number})).outcome)]}

    return step


def fan():
    graph = StateGraph(State)
    for number in range(4):
        name = f"pay_{number}"
        graph.add_node(name, paying(number)).add_edge(START, name).add_edge(name, END)
    return graph


def sent():
    def one(state):
        time.sleep((3 - state["input"]) / 50)
        return {"out": [interrupt({"number": state["input"]})]}

    def spread(state):
        return [Send("one", {"input": number}) for number in range(4)]

    graph = StateGraph(State).add_node("one", one).add_edge("one", END)
    return graph.add_conditional_edges(START, spread, ["one"])


@pytest.mark.parametrize("make", [fan, sent], ids=["nodes", "sends"])
async def test_siblings_are_asked_in_the_order_of_their_tasks(story, make):
    run_id = await story.go(make())
    run = await story.run(run_id)
    asked = [await story.request(pending.request_id) for pending in run.pause]
    numbers = [one.asked.args["amount"] if make is fan else one.asked.text for one in asked]
    assert numbers == sorted(numbers, key=str)
    assert len(numbers) == 4
    for request in asked:
        await story.vote(request, "approve" if make is fan else "respond", answer=None if make is fan else "ok")
    await story.drain()
    assert len((await story.run(run_id)).output["out"]) == 4
