"""S7: a graph compiled with `interrupt_before` is governed unchanged."""

import operator
from datetime import date
from typing import Annotated, Any, Optional, TypedDict

import pytest
from langchain_core.messages import HumanMessage
from langgraph.func import entrypoint
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt
from pydantic import BaseModel

from interlock import Action, Agent, Verdict, ask
from interlock.domain.request import Status
from interlock.domain.run import RunStatus
from interlock.errors import InvalidAgent, InvalidAnswer


class Approval(TypedDict, total=False):
    input: str
    plan: str
    amount: int
    approved: Optional[bool]  # noqa: UP045 - as the specification writes it
    notes: Annotated[list, operator.add]
    result: str


def own_graph(*, executed, state=Approval, channel="approved", crashes=None):
    """Return the specification's graph: plan, a gate that does nothing, and a branch on what was decided."""

    def planning(state):
        return {"plan": f"mail: {state['input']}", "amount": 5, "notes": ["planned"]}

    def approval(state):
        if crashes and crashes.pop():
            raise ConnectionError("away")
        return {}

    def execute(state):
        executed.append(state["plan"])
        return {"result": f"done: {state['plan']}, {state['amount']}"}

    graph = StateGraph(state)
    for node in (planning, approval, execute):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "planning")
    graph.add_edge("planning", "approval")
    graph.add_conditional_edges("approval", lambda s: "execute" if s.get(channel) else END)
    graph.add_edge("execute", END)
    return graph


async def paused_at_approval(story, executed, **options):
    graph = own_graph(executed=executed, **options).compile(interrupt_before=["approval"])
    return await story.go(graph, {"input": "the team", "approved": None})


async def test_S7_a_breakpoint_asks_for_what_would_run_next(story):
    executed = []
    run_id = await paused_at_approval(story, executed)
    request = await story.asked(run_id)
    assert request.asked == Action(
        "approval",
        {"input": "the team", "plan": "mail: the team", "amount": 5, "notes": ["planned"]},
        request.asked.schema,
    )
    assert "sets 'approved' to true" in request.ask.description
    assert executed == []


async def test_S7_approved_the_graph_goes_on_with_approved_true(story):
    executed = []
    run_id = await paused_at_approval(story, executed)
    await story.decide(await story.asked(run_id))
    run = await story.run(run_id)
    assert (run.status, run.output["approved"]) == (RunStatus.done, True)
    assert run.output["result"] == "done: mail: the team, 5"
    assert executed == ["mail: the team"]


async def test_S7_rejected_the_graph_goes_on_with_approved_false(story):
    executed = []
    run_id = await paused_at_approval(story, executed)
    await story.decide(await story.asked(run_id), "reject", "no")
    run = await story.run(run_id)
    assert (run.status, run.output["approved"]) == (RunStatus.done, False)
    assert executed == []


async def test_S7_I5_silence_is_false_for_the_graph_and_expired_in_the_record(story):
    executed = []
    run_id = await paused_at_approval(story, executed)
    await story.later(days=30)
    run = await story.run(run_id)
    assert (run.status, run.output["approved"]) == (RunStatus.done, False)
    assert [request.status for request in await story.every(run_id)] == [Status.expired]
    assert executed == []


async def test_S3_S7_an_edit_is_the_state_that_the_graph_goes_on_with(story):
    executed = []
    run_id = await paused_at_approval(story, executed)
    request = await story.asked(run_id)
    args = {**request.asked.args, "plan": "mail: the board", "notes": ["edited"]}
    await story.vote(request, "edit", subject=Action("approval", args))
    await story.drain()
    run = await story.run(run_id)
    assert (run.output["plan"], run.output["notes"]) == ("mail: the board", ["edited"])
    assert executed == ["mail: the board"]


@pytest.mark.parametrize("change", [{"amount": "five"}, {"unknown": 1}, {"plan": None}, {"approved": True}])
async def test_S3_an_edit_that_the_state_cannot_hold_is_refused_at_the_vote(story, change):
    run_id = await paused_at_approval(story, [])
    request = await story.asked(run_id)
    with pytest.raises(InvalidAnswer):
        await story.vote(request, "edit", subject=Action("approval", {**request.asked.args, **change}))
    assert (await story.asked(run_id)).id == request.id


async def test_S7_another_channel_can_be_named(story):
    class Named(TypedDict, total=False):
        input: str
        plan: str
        amount: int
        notes: Annotated[list, operator.add]
        go: bool
        result: str

    executed = []
    graph = own_graph(executed=executed, state=Named, channel="go").compile(interrupt_before=["approval"])
    run_id = await story.go(Agent(graph, approval_channel="go"), {"input": "x"})
    await story.decide(await story.asked(run_id))
    assert (await story.run(run_id)).output["go"] is True
    assert executed == ["mail: x"]


async def test_S7_a_channel_that_is_not_there_is_named(story):
    with pytest.raises(InvalidAgent, match=r"'go'.*approved"):
        Agent(own_graph(executed=[]), approval_channel="go")


async def test_I5_where_nothing_would_keep_the_node_from_running_a_refusal_ends_the_run(story):
    """The breakpoint is before the node that acts: to go on with `approved` false would still run it."""
    executed = []
    graph = own_graph(executed=executed).compile(interrupt_before=["approval", "execute"])
    run_id = await story.go(graph, {"input": "the team"})
    await story.decide(await story.asked(run_id))
    request = await story.asked(run_id)
    assert (request.asked.name, "Rejecting ends the run" in request.ask.description) == ("execute", True)
    await story.decide(request, "reject", "no")
    run = await story.run(run_id)
    assert run.status is RunStatus.failed
    assert f"{request.id} was rejected, so execute does not run" in run.note
    assert executed == []


async def test_S7_a_crash_after_the_decision_is_no_second_breakpoint(story):
    executed, crashes = [], [False, True, True]
    run_id = await paused_at_approval(story, executed, crashes=crashes)
    await story.decide(await story.asked(run_id))
    assert (await story.run(run_id)).attention == "may_have_happened"
    assert await story.open(run_id) == []
    assert (await story.retry(run_id)).attention == "may_have_happened"
    run = await story.retry(run_id)
    assert (run.status, run.output["approved"]) == (RunStatus.done, True)
    assert len(await story.every(run_id)) == 1
    assert executed == ["mail: the team"]


async def test_S7_a_crash_before_the_breakpoint_asks_nothing(story):
    crashes = [True]

    def planning(state):
        if crashes and crashes.pop():
            raise ConnectionError("away")
        return {"out": ["planned"]}

    def act(state):
        return {"out": ["acted"]}

    run_id = await story.go(story.chain(planning, act).compile(interrupt_before=["act"]))
    assert await story.open(run_id) == []
    await story.later(seconds=60)
    assert (await story.asked(run_id)).asked.args == {"out": ["planned"]}
    assert (await story.approve_all(run_id)).output["out"] == ["planned", "acted"]


async def test_S7_the_same_breakpoint_in_every_round_asks_every_time(story):
    class Rounds(TypedDict, total=False):
        n: int
        approved: bool | None

    graph = StateGraph(Rounds)
    graph.add_node("plan", lambda s: {"n": s.get("n", 0) + 1})
    graph.add_node("approval", lambda s: {})
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "approval")
    graph.add_conditional_edges("approval", lambda s: END if s["approved"] else "plan")
    run_id = await story.go(graph.compile(interrupt_before=["approval"]))
    for _ in range(2):
        await story.decide(await story.asked(run_id), "reject")
    await story.decide(await story.asked(run_id))
    assert [request.asked.args for request in await story.every(run_id)] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert (await story.run(run_id)).output == {"n": 3, "approved": True}


async def test_S7_a_node_behind_the_breakpoint_may_ask_as_well(story):
    def act(state):
        return {"out": [ask(Action("pay", {})).approved, interrupt("Which account?")]}

    run_id = await story.go(story.chain(act).compile(interrupt_before=["act"]))
    request = await story.asked(run_id)
    await story.vote(request, "edit", subject=Action("act", {**request.asked.args, "out": ["edited"]}))
    await story.drain()
    await story.decide(await story.asked(run_id))
    await story.vote(await story.asked(run_id), "respond", answer="the first")
    await story.drain()
    assert (await story.run(run_id)).output["out"] == ["edited", True, "the first"]


async def test_S7_interrupt_after_asks_for_what_comes_next(story):
    def plan(state):
        return {"out": ["planned"]}

    def act(state):
        return {"out": ["acted"]}

    run_id = await story.go(story.chain(plan, act).compile(interrupt_after=["plan"]))
    assert (await story.asked(run_id)).asked.name == "act"
    assert (await story.approve_all(run_id)).output["out"] == ["planned", "acted"]


async def test_S7_messages_are_shown_and_cannot_be_changed(story):
    class Chat(TypedDict, total=False):
        messages: Annotated[list[Any], operator.add]
        note: str

    graph = StateGraph(Chat)
    graph.add_node("talk", lambda s: {"messages": [HumanMessage("hello")]})
    graph.add_node("act", lambda s: {"note": type(s["messages"][0]).__name__ + s.get("note", "")})
    graph.add_edge(START, "talk")
    graph.add_edge("talk", "act")
    run_id = await story.go(graph.compile(interrupt_before=["act"]))
    request = await story.asked(run_id)
    assert request.asked.args["messages"][0]["content"] == "hello"
    other = [{**request.asked.args["messages"][0], "content": "bye"}]
    with pytest.raises(InvalidAnswer):
        await story.vote(request, "edit", subject=Action("act", {"messages": other}))
    await story.vote(request, "edit", subject=Action("act", {**request.asked.args, "note": "!"}))
    await story.drain()
    assert (await story.run(run_id)).output["note"] == "HumanMessage!"


async def test_S7_a_long_conversation_is_shown_whole_and_then_nothing_can_be_changed(story):
    class Chat(TypedDict, total=False):
        messages: Annotated[list[Any], operator.add]
        note: str

    graph = StateGraph(Chat)
    graph.add_node("talk", lambda s: {"messages": [HumanMessage("x" * 100_000)]})
    graph.add_node("act", lambda s: {"note": "acted"})
    graph.add_edge(START, "talk")
    graph.add_edge("talk", "act")
    run_id = await story.go(graph.compile(interrupt_before=["act"]))
    request = await story.asked(run_id)
    assert len(request.asked.args["messages"][0]["content"]) == 100_000
    assert Verdict.edit not in request.ask.verdicts
    await story.decide(request)
    assert (await story.run(run_id)).output["note"] == "acted"


@pytest.mark.parametrize("beside", [False, True])
async def test_S20_a_breakpoint_in_a_sub_graph_surfaces_even_behind_an_interrupt(story, beside):
    done = []
    inner = story.chain(named("prepare", done), named("act", done)).compile(interrupt_before=["act"])

    def other(state):
        return {"out": [interrupt("Which?") if beside else "none"]}

    graph = StateGraph(story.State)
    graph.add_node("team", inner)
    graph.add_node("other", other)
    for node in ("team", "other"):
        graph.add_edge(START, node)
        graph.add_edge(node, END)
    run_id = await story.go(graph)
    found = {request.kind: request for request in await story.open(run_id)}
    assert len(found) == 1 + beside
    request = found["approval"]
    assert (request.asked.name, request.ask.context["in"]) == ("act", ["team"])
    if beside:
        await story.vote(found["input"], "respond", answer="that")
    await story.decide(request)
    assert (await story.run(run_id)).status is RunStatus.done, (await story.run(run_id)).note
    assert done == ["prepare", "act"]


async def test_S20_a_refused_breakpoint_in_a_sub_graph_ends_the_run(story):
    done = []
    inner = story.chain(named("prepare", done), named("act", done)).compile(interrupt_before=["act"])
    graph = StateGraph(story.State).add_node("team", inner).add_edge(START, "team")
    run_id = await story.go(graph)
    await story.decide(await story.asked(run_id), "reject")
    assert (await story.run(run_id)).status is RunStatus.failed
    assert done == ["prepare"]


async def test_S20_a_breakpoint_in_a_graph_that_a_node_calls_surfaces_as_well(story):
    done = []
    inner = story.chain(named("prepare", done), named("act", done)).compile(interrupt_before=["act"])

    async def team(state):
        await inner.ainvoke({"input": "x"})
        return {"out": ["finished"]}

    run_id = await story.go(story.chain(team))
    assert (await story.asked(run_id)).asked.name == "act"
    await story.decide(await story.asked(run_id))
    run = await story.run(run_id)
    assert (run.status, run.output["out"], done) == (RunStatus.done, ["finished"], ["prepare", "act"]), run.note


async def test_S7_every_node_can_be_a_breakpoint_also_of_a_state_that_is_a_model(story):
    class Model(BaseModel):
        input: str = ""
        amount: int = 1
        due: date = date(2026, 11, 24)

    graph = StateGraph(Model)
    graph.add_node("first", lambda s: {"amount": s.amount + 1})
    graph.add_node("second", lambda s: {"amount": s.amount * 10})
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    run_id = await story.go(graph.compile(interrupt_before="*"), {"input": "x", "due": "2026-12-01"})
    await story.decide(await story.asked(run_id))
    request = await story.asked(run_id)
    assert (request.asked.name, request.asked.args["amount"]) == ("second", 2)
    await story.vote(request, "edit", subject=Action("second", {**request.asked.args, "amount": 7}))
    await story.drain()
    run = await story.run(run_id)
    assert (run.status, run.output["amount"]) == (RunStatus.done, 70), run.note


async def test_S7_of_nodes_side_by_side_the_one_at_the_breakpoint_is_asked_about(story):
    done = []
    graph = story.fan(named("one", done), named("two", done)).compile(interrupt_before=["two"])
    run_id = await story.go(graph)
    assert (await story.asked(run_id)).asked.name == "two"
    await story.decide(await story.asked(run_id))
    assert sorted(done) == ["one", "two"]


async def test_S7_tasks_sent_to_a_breakpoint_are_held_and_kept(story):
    done = []

    def plan(state):
        return {"out": ["planned"]}

    def pay(task):
        done.append(task["input"])

    graph = StateGraph(story.State).add_node("plan", plan).add_node("pay", pay).add_edge(START, "plan")
    graph.add_conditional_edges("plan", lambda _: [Send("pay", {"input": n}) for n in range(3)], ["pay"])
    run_id = await story.go(graph.compile(interrupt_before=["pay"]))
    request = await story.asked(run_id)
    await story.vote(request, "edit", subject=Action("pay", {"out": ["changed"]}))
    await story.drain()
    run = await story.run(run_id)
    assert (run.status, run.output["out"], sorted(done)) == (RunStatus.done, ["changed"], [0, 1, 2]), run.note


async def test_S7_a_functional_graph_asks_by_interrupt(story):
    @entrypoint()
    def flow(given):
        return {"said": interrupt("Which?")}

    run_id = await story.start(story.register(flow), {"input": "x"})
    await story.vote(await story.asked(run_id), "respond", answer="that")
    await story.drain()
    run = await story.run(run_id)
    assert (run.status, run.output) == (RunStatus.done, {"said": "that"}), run.note


async def test_S7_a_state_that_is_larger_than_an_action_needs_attention(story):
    graph = story.chain(named("act", [])).compile(interrupt_before=["act"])
    run = await story.run(await story.go(graph, {"input": "x" * 300_000}))
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask"), run.note


async def test_I16_a_breakpoint_whose_node_was_renamed_needs_attention(story):
    executed = []
    graph = own_graph(executed=executed)
    reference = story.register(graph.compile(interrupt_before=["approval"]), version="1")
    run_id = await story.start(reference, {"input": "x"})
    renamed = story.chain(named("planning", executed), named("gate", executed), state=Approval)
    story.register(renamed.compile(interrupt_before=["gate"]), reference, version="2", compatible_with=["1"])
    await story.decide(await story.asked(run_id))
    run = await story.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "version_mismatch")
    assert executed == []


def named(name, done):
    def node(state):
        done.append(name)
        return {}

    node.__name__ = name
    return node
