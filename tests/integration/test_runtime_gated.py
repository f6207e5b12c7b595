"""`@gated`: plain and async, with its key hidden, and as a LangChain tool."""

import asyncio
import inspect
import itertools
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from interlock import NotApproved, gated
from interlock.domain.run import RunStatus
from interlock.engine.ports.store import RequestFilter
from interlock.errors import InvalidAgent, InvalidValue


async def test_gated_functions_ask_and_hide_their_key(story):
    keys = []

    @gated
    def send_email(to: str, *, copies: int = 1, idempotency_key: str) -> dict:
        """Send an email.

        More.
        """
        keys.append((to, copies, idempotency_key))
        return {"to": to}

    def act(state):
        return {"out": [send_email("ann@example.com")]}

    run_id = await story.go(story.chain(act))
    request = await story.asked()
    assert (request.asked.name, request.asked.args) == ("send_email", {"to": "ann@example.com", "copies": 1})
    assert request.ask.description == "Send an email."
    assert set(request.asked.schema["properties"]) == {"to", "copies"}
    assert (await story.approve_all(run_id)).output["out"] == [{"to": "ann@example.com"}]
    assert keys == [("ann@example.com", 1, request.id)]


def test_a_gated_method_is_refused_when_it_is_decorated():
    def pay(self, amount: int) -> None: ...

    def refund(cls, amount: int) -> None: ...

    for method in (pay, classmethod(refund)):
        with pytest.raises(InvalidAgent, match="is a method, and its object is no argument that people can approve"):
            gated(method)
        with pytest.raises(InvalidAgent, match="gate a plain function"):
            gated(idempotent=True)(method)


async def test_gated_coroutines_keep_their_colour(story):
    @gated(name="mail.send", description="Really?")
    async def send(to: str) -> str:
        await asyncio.sleep(0)
        return to

    assert inspect.iscoroutinefunction(send)

    async def act(state):
        try:
            return {"out": [await send(to="ann")]}
        except NotApproved as refused:
            return {"out": [refused.decision.comment]}

    run_id = await story.go(story.chain(act))
    request = await story.asked()
    assert (request.asked.name, request.ask.description) == ("mail.send", "Really?")
    await story.decide(request, "reject", "no")
    assert (await story.run(run_id)).output["out"] == ["no"]


@pytest.mark.parametrize(
    ("reference", "found"),
    [("order 17", "order 17"), (lambda order, **_: f"order {order}", "order 4711"), (lambda **_: None, None)],
)
async def test_a_gated_call_is_found_by_what_it_is_about(story, reference, found):
    @gated(reference=reference)
    def pay(order: int, amount: int = 3) -> str:
        return f"{amount} for {order}"

    def act(state):
        return {"out": [pay(4711)]}

    await story.go(story.chain(act))
    request = await story.asked()
    assert (request.reference, request.asked.args) == (found, {"order": 4711, "amount": 3})
    assert found is None or await story.store.requests(story.me.tenant, RequestFilter((), reference=found)) == [request]
    await story.decide(request)
    assert (await story.request(request.id)).result == "3 for 4711"


@pytest.mark.parametrize("reference", ["", " order 17", "x" * 201])
def test_what_is_no_reference_is_refused_where_the_function_is_gated(reference):
    with pytest.raises(InvalidValue, match="reference"):

        @gated(reference=reference)
        def pay(amount: int) -> None:
            """Pay."""


class Scripted(GenericFakeChatModel):
    """A model that asks for tools and then ends."""

    def bind_tools(self, tools: Any, **options: Any) -> "Scripted":
        return self


def message(*all_args, name="pay"):
    calls = [{"name": name, "args": args, "id": f"call_{n}", "type": "tool_call"} for n, args in enumerate(all_args)]
    return AIMessage("", tool_calls=calls)


VENDORS = ({"vendor": "a", "amount": 1}, {"vendor": "b", "amount": 2}, {"vendor": "c", "amount": 3})


@pytest.mark.parametrize("colour", ["plain", "async"])
async def test_I2_gated_langchain_tools_of_create_agent_ask_per_call(story, colour):
    paid = []

    if colour == "plain":

        @tool
        @gated(idempotent=True)
        def pay(vendor: str, amount: float, idempotency_key: str) -> str:
            """Pay a vendor."""
            paid.append((vendor, idempotency_key))
            return f"paid {vendor}"

    else:

        @tool
        @gated(idempotent=True)
        async def pay(vendor: str, amount: float, idempotency_key: str) -> str:
            """Pay a vendor."""
            paid.append((vendor, idempotency_key))
            return f"paid {vendor}"

    assert set(pay.args) == {"vendor", "amount"}
    model = Scripted(messages=itertools.chain([message(*VENDORS)], itertools.repeat(AIMessage("all paid"))))
    run_id = await story.go(create_agent(model, [pay]), {"messages": [{"role": "user", "content": "pay them"}]})
    requests = await story.open(run_id)
    assert sorted(request.asked.args["vendor"] for request in requests) == ["a", "b", "c"]
    run = await story.approve_all(run_id)
    assert run.status is RunStatus.done, run.note
    assert run.output["messages"][-1]["content"] == "all paid"
    assert sorted(paid) == sorted((request.asked.args["vendor"], request.id) for request in requests)


async def test_I2_tools_that_ask_at_once_inside_of_one_task_are_each_called_once(story):
    paid = []

    @tool
    @gated
    def pay(vendor: str, amount: float) -> str:
        """Pay a vendor."""
        paid.append(vendor)
        return vendor

    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda _: {"messages": [message(*VENDORS)]})
    graph.add_node("tools", ToolNode([pay]))
    graph.add_edge(START, "model")
    graph.add_edge("model", "tools")
    graph.add_edge("tools", END)
    run = await story.approve_all(await story.go(graph, {"messages": []}))
    assert run.status is RunStatus.done, run.note
    assert sorted(paid) == ["a", "b", "c"]
