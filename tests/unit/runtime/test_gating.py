"""Which agents gate something, as `interlock doctor` tells it."""

from typing import Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

import interlock
from interlock import Action, ask, gated
from interlock.agents.approval import agent as approval
from interlock.langchain import GatedTools
from interlock.runtime.loading.gating import gates


class State(TypedDict, total=False):
    input: Any


class Scripted(GenericFakeChatModel):
    """A model."""

    def bind_tools(self, tools, **kwargs):
        return self


def one_node(node):
    return StateGraph(State).add_node("node", node).add_edge(START, "node").compile()


def helper():
    return ask(Action("pay", {}))


@gated
def pay(amount: int) -> None:
    """Pay."""


@tool
def free(amount: int) -> str:
    """Pay unasked."""
    return "paid"


@tool
def asks(amount: int) -> str:
    """Ask."""
    return str(helper())


class Payer:
    def node(self, state):
        return self.inside()

    def inside(self):
        return helper()


def lazy(state):
    from interlock import ask  # noqa: PLC0415

    return ask(Action("pay", {}))


def langchain(tools, *middleware):
    return create_agent(Scripted(messages=iter([AIMessage("x")])), tools, middleware=middleware)


@pytest.mark.parametrize(
    "graph",
    [
        one_node(lambda _: ask(Action("pay", {}))),
        one_node(lambda _: interlock.ask(Action("pay", {}))),
        one_node(lambda _: helper()),
        one_node(lambda _: pay(1)),
        one_node(lazy),
        one_node(Payer().node),
        one_node(one_node(lambda _: helper())),
        langchain([asks]),
        langchain([free], GatedTools("free")),
        approval.graph,
    ],
)
def test_a_graph_that_gates_is_seen(graph):
    assert gates(graph)


@pytest.mark.parametrize(
    "graph",
    [
        one_node(lambda _: {}),
        one_node(lambda _: {"input": interrupt("ok?")}),
        langchain([free]),
        one_node(lambda _: free),
    ],
)
def test_a_graph_that_gates_nothing_is_seen(graph):
    assert not gates(graph)
