"""Agents that pause in different ways, alike in every process. What they do is noted in a file."""

import importlib
import operator
import sys
from itertools import pairwise
from pathlib import Path
from typing import Annotated, TypedDict

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from interlock import Action, ask

sys.path.insert(0, str(Path(__file__).parent))
others = importlib.import_module("others")


class State(TypedDict, total=False):
    approved: bool
    out: Annotated[list, operator.add]


def joined(value, writes):
    return [*value, *(one for write in writes for one in write)]


class Delta(TypedDict, total=False):
    out: Annotated[list, DeltaChannel(joined, snapshot_frequency=3)]


def chain(*nodes, state=State):
    """Return a graph whose nodes, named like their functions, run one after the other."""
    graph = StateGraph(state)
    for node in nodes:
        graph.add_node(node.__name__, node)
    for earlier, later in pairwise([START, *(node.__name__ for node in nodes), END]):
        graph.add_edge(earlier, later)
    return graph.compile()


def fan(**nodes):
    """Return a graph whose nodes run side by side."""
    graph = StateGraph(State)
    for name, node in nodes.items():
        graph.add_node(name, node)
        graph.add_edge(START, name)
        graph.add_edge(name, END)
    return graph.compile()


def says(*names):
    """Ask each in turn, in one node, and return what they said."""
    return {"out": [f"{name}: {interrupt(f'What does {name} say?')}" for name in names]}


def in_a_loop(state):
    return says("ann", "bob", "cid")


def beside(state):
    return says("eve", "fay")


def before(state):
    others.did("before")
    return {"out": ["before"]}


def asks_inside(state):
    return says("ann", "bob")


def asks_again(state):
    return says("cid")


inside = chain(before, asks_inside, asks_again)


def calls(state):
    return inside.invoke({})


def gate(state):
    return {"out": [f"approved: {state['approved']}"]}


def gated():
    """Return the specification's graph: a breakpoint before a node that does nothing, and a way that depends on it."""
    graph = StateGraph(State)
    for node in (gate, before):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "gate")
    graph.add_conditional_edges("gate", lambda state: "before" if state.get("approved") else END, ["before", END])
    return graph.compile(interrupt_before=["gate"])


def pays(amount):
    def node(state):
        return {"out": [ask(Action("pay", {"amount": amount})).perform(lambda amount: others.did(f"pay {amount}"))]}

    return node


@task
def asked(name):
    answer = interrupt(f"What does {name} say?")
    return others.did(f"{name}: {answer}")


@entrypoint(InMemorySaver())
def workflow(given):
    return [asked(name).result() for name in ("ann", "bob")]


def cautious(mode):
    """Return an agent that deletes two files in one turn, and one more in the next, and asks for each."""
    turns = [
        [others.call("delete", number, path=path) for number, path in enumerate(("first", "second"))],
        [others.call("delete", 2, path="third")],
        "all clean",
    ]
    asks = HumanInTheLoopMiddleware(interrupt_on={"delete": True}, interrupt_mode=mode)
    return create_agent(others.Scripted(turns=turns), [others.delete], middleware=[asks])


loop = chain(in_a_loop)
parallel = fan(in_a_loop=in_a_loop, beside=beside)
sub_graph = fan(inside=inside, beside=beside)
called = chain(calls)
delta = chain(before, asks_inside, asks_again, beside, state=Delta)
at_a_breakpoint = gated()
acts = fan(first=pays(1), second=pays(2))
batched = cautious("batched")
per_call = cautious("per_call")
deep = others.deep_with_two()
in_a_tool = others.deep_in_a_tool()

HI = {"messages": [{"role": "user", "content": "clean up"}]}
SILENT = ("loop", "parallel", "sub_graph", "called", "delta", "at_a_breakpoint", "acts", "workflow")
INPUTS = {name: {} for name in SILENT} | dict.fromkeys(("batched", "per_call", "deep", "in_a_tool"), HI)
"""What a run of each agent is started with."""
