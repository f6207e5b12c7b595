"""Two tool calls with one id in a turn, calls without an id, and ids that come again: right, or refused."""

from operator import itemgetter

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import interrupt
from tests.integration.others import Scripted

from interlock import Action
from interlock.domain.run import RunStatus
from interlock.langchain import GatedTools

HI = {"messages": [{"role": "user", "content": "pay"}]}
PAID: list = []


@tool
def pay(to: str) -> str:
    """Pay."""
    PAID.append(to)
    return f"paid {to}"


@tool
def look(what: str) -> str:
    """Look."""
    return what


@pytest.fixture(autouse=True)
def nothing_paid():
    PAID.clear()


def call(name, key, **args):
    return {"name": name, "args": args, "id": key, "type": "tool_call"}


def agent(*turns, mode="batched", gated=False):
    how = GatedTools("pay") if gated else HumanInTheLoopMiddleware(interrupt_on={"pay": True}, interrupt_mode=mode)
    return create_agent(Scripted(turns=[*turns, "done"]), [pay, look], middleware=[how])


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("calls", "why"),
    [
        ([call("pay", "x", to="a"), call("pay", "x", to="b")], "(pay and pay) the same id ('x')"),
        ([call("pay", "x", to="a"), call("look", "x", what="b")], "(pay and look) the same id ('x')"),
        ([call("pay", "", to="a")], "call of pay no id"),
        ([call("pay", None, to="a")], "call of pay no id"),
    ],
)
async def test_batched_calls_that_cannot_be_told_apart_are_refused(story, calls, why, nested):
    graph = agent(calls)
    if nested:
        graph = StateGraph(MessagesState).add_node("team", graph).add_edge(START, "team")
    run_id = await story.go(graph, HI)
    run = await story.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask")
    assert why in run.note
    assert PAID == []


async def test_calls_that_nobody_is_asked_about_may_share_an_id(story):
    calls = [call("pay", "x", to="a"), call("look", "y", what="b"), call("look", "y", what="c")]
    run_id = await story.go(agent(calls), HI)
    await story.decide(await story.asked(run_id))
    assert ((await story.run(run_id)).status, PAID) == (RunStatus.done, ["a"])


@pytest.mark.parametrize("how", ["per_call", "gated"])
async def test_each_is_asked_and_done_by_itself(story, how):
    calls = [call("pay", "x", to="a"), call("pay", "x", to="b"), call("pay", "x", to="c")]
    run_id = await story.go(agent(calls, mode="per_call", gated=how == "gated"), HI)
    found = {request.asked.args["to"]: request for request in await story.open(run_id)}
    assert sorted(found) == ["a", "b", "c"]
    await story.vote(found["b"], "edit", subject=Action("pay", {"to": "bea"}, found["b"].asked.schema))
    await story.vote(found["a"], "reject")
    await story.vote(found["c"])
    await story.drain()
    run = await story.run(run_id)
    assert (run.status, sorted(PAID)) == (RunStatus.done, ["bea", "c"]), run.note


@pytest.mark.parametrize("how", ["per_call", "gated"])
async def test_equal_calls_with_one_id_are_asked_one_by_one(story, how):
    calls = [call("pay", "x", to="a"), call("pay", "x", to="a")]
    run_id = await story.go(agent(calls, mode="per_call", gated=how == "gated"), HI)
    first, second = await story.open(run_id)
    await story.vote(first)
    await story.vote(second, "reject")
    await story.drain()
    assert ((await story.run(run_id)).status, PAID) == (RunStatus.done, ["a"])


@pytest.mark.parametrize("how", ["batched", "per_call", "gated"])
async def test_the_same_id_in_another_turn_is_another_call(story, how):
    turns = [call("pay", "x", to="a")], [call("pay", "x", to="b")], [call("pay", "x", to="a")]
    run_id = await story.go(agent(*turns, mode=how if how != "gated" else "batched", gated=how == "gated"), HI)
    for verdict in ("approve", "reject", "approve"):
        await story.decide(await story.asked(run_id), verdict)
    assert ((await story.run(run_id)).status, PAID) == (RunStatus.done, ["a", "a"])


@pytest.mark.parametrize("key", ["x", ""])
async def test_tools_of_one_node_that_ask(story, key):
    got = []

    @tool
    def ask_for(who: str) -> str:
        """Ask."""
        said = interrupt(f"{who}?")
        got.append((who, said))
        return said

    calls = [call("ask_for", key, who=name) for name in "abc"]
    graph = StateGraph(MessagesState)
    graph.add_node("agent", lambda _: {"messages": [AIMessage("", tool_calls=calls)]})
    graph.add_node("tools", ToolNode([ask_for]))
    graph.add_edge(START, "agent").add_edge("agent", "tools")
    run_id = await story.go(graph)
    for _ in "abc":
        request = await story.asked(run_id)
        await story.vote(request, "respond", answer=f"to {request.asked.text}")
        await story.drain()
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    assert set(got) == {(name, f"to {name}?") for name in "abc"}
    told = [message for message in run.output["messages"] if message["type"] == "tool"]
    assert list(map(itemgetter("content"), told)) == ["to a?", "to b?", "to c?"]
