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


async def paused_at_approval(circle, executed, **options):
    graph = own_graph(executed=executed, **options).compile(interrupt_before=["approval"])
    return await circle.go(graph, {"input": "the team", "approved": None})


async def test_S7_a_breakpoint_asks_for_what_would_run_next(circle):
    executed = []
    run_id = await paused_at_approval(circle, executed)
    request = await circle.asked(run_id)
    assert request.asked == Action(
        "approval",
        {"input": "the team", "plan": "mail: the team", "amount": 5, "notes": ["planned"]},
        request.asked.schema,
    )
    assert "sets 'approved' to true" in request.ask.description
    assert executed == []


async def test_S7_approved_the_graph_goes_on_with_approved_true(circle):
    executed = []
    run_id = await paused_at_approval(circle, executed)
    await circle.decide(await circle.asked(run_id))
    run = await circle.run(run_id)
    assert (run.status, run.output["approved"]) == (RunStatus.done, True)
    assert run.output["result"] == "done: mail: the team, 5"
    assert executed == ["mail: the team"]


async def test_S7_rejected_the_graph_goes_on_with_approved_false(circle):
    executed = []
    run_id = await paused_at_approval(circle, executed)
    await circle.decide(await circle.asked(run_id), "reject", "no")
    run = await circle.run(run_id)
    assert (run.status, run.output["approved"]) == (RunStatus.done, False)
    assert executed == []


async def test_S7_I5_silence_is_false_for_the_graph_and_expired_in_the_record(circle):
    executed = []
    run_id = await paused_at_approval(circle, executed)
    await circle.later(days=30)
    run = await circle.run(run_id)
    assert (run.status, run.output["approved"]) == (RunStatus.done, False)
    assert [request.status for request in await circle.every(run_id)] == [Status.expired]
    assert executed == []


async def test_S3_S7_an_edit_is_the_state_that_the_graph_goes_on_with(circle):
    executed = []
    run_id = await paused_at_approval(circle, executed)
    request = await circle.asked(run_id)
    args = {**request.asked.args, "plan": "mail: the board", "notes": ["edited"]}
    await circle.vote(request, "edit", subject=Action("approval", args))
    await circle.drain()
    run = await circle.run(run_id)
    assert (run.output["plan"], run.output["notes"]) == ("mail: the board", ["edited"])
    assert executed == ["mail: the board"]


@pytest.mark.parametrize("change", [{"amount": "five"}, {"unknown": 1}, {"plan": None}, {"approved": True}])
async def test_S3_an_edit_that_the_state_cannot_hold_is_refused_at_the_vote(circle, change):
    run_id = await paused_at_approval(circle, [])
    request = await circle.asked(run_id)
    with pytest.raises(InvalidAnswer):
        await circle.vote(request, "edit", subject=Action("approval", {**request.asked.args, **change}))
    assert (await circle.asked(run_id)).id == request.id


async def test_S7_another_channel_can_be_named(circle):
    class Named(TypedDict, total=False):
        input: str
        plan: str
        amount: int
        notes: Annotated[list, operator.add]
        go: bool
        result: str

    executed = []
    graph = own_graph(executed=executed, state=Named, channel="go").compile(interrupt_before=["approval"])
    run_id = await circle.go(Agent(graph, approval_channel="go"), {"input": "x"})
    await circle.decide(await circle.asked(run_id))
    assert (await circle.run(run_id)).output["go"] is True
    assert executed == ["mail: x"]


async def test_S7_a_channel_that_is_not_there_is_named(circle):
    with pytest.raises(InvalidAgent, match=r"'go'.*approved"):
        Agent(own_graph(executed=[]), approval_channel="go")


async def test_I5_where_nothing_would_keep_the_node_from_running_a_refusal_ends_the_run(circle):
    """The breakpoint is before the node that acts: to go on with `approved` false would still run it."""
    executed = []
    graph = own_graph(executed=executed).compile(interrupt_before=["approval", "execute"])
    run_id = await circle.go(graph, {"input": "the team"})
    await circle.decide(await circle.asked(run_id))
    request = await circle.asked(run_id)
    assert (request.asked.name, "Rejecting ends the run" in request.ask.description) == ("execute", True)
    await circle.decide(request, "reject", "no")
    run = await circle.run(run_id)
    assert run.status is RunStatus.failed
    assert f"{request.id} was rejected, so execute does not run" in run.note
    assert executed == []


async def test_S7_a_crash_after_the_decision_is_no_second_breakpoint(circle):
    executed, crashes = [], [False, True, True]
    run_id = await paused_at_approval(circle, executed, crashes=crashes)
    await circle.decide(await circle.asked(run_id))
    assert (await circle.run(run_id)).attention == "may_have_happened"
    assert await circle.open(run_id) == []
    assert (await circle.retry(run_id)).attention == "may_have_happened"
    run = await circle.retry(run_id)
    assert (run.status, run.output["approved"]) == (RunStatus.done, True)
    assert len(await circle.every(run_id)) == 1
    assert executed == ["mail: the team"]


async def test_S7_a_crash_before_the_breakpoint_asks_nothing(circle):
    crashes = [True]

    def planning(state):
        if crashes and crashes.pop():
            raise ConnectionError("away")
        return {"out": ["planned"]}

    def act(state):
        return {"out": ["acted"]}

    run_id = await circle.go(circle.chain(planning, act).compile(interrupt_before=["act"]))
    assert await circle.open(run_id) == []
    await circle.later(seconds=60)
    assert (await circle.asked(run_id)).asked.args == {"out": ["planned"]}
    assert (await circle.approve_all(run_id)).output["out"] == ["planned", "acted"]


async def test_S7_the_same_breakpoint_in_every_round_asks_every_time(circle):
    class Rounds(TypedDict, total=False):
        n: int
        approved: bool | None

    graph = StateGraph(Rounds)
    graph.add_node("plan", lambda s: {"n": s.get("n", 0) + 1})
    graph.add_node("approval", lambda s: {})
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "approval")
    graph.add_conditional_edges("approval", lambda s: END if s["approved"] else "plan")
    run_id = await circle.go(graph.compile(interrupt_before=["approval"]))
    for _ in range(2):
        await circle.decide(await circle.asked(run_id), "reject")
    await circle.decide(await circle.asked(run_id))
    assert [request.asked.args for request in await circle.every(run_id)] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert (await circle.run(run_id)).output == {"n": 3, "approved": True}


async def test_S7_a_node_behind_the_breakpoint_may_ask_as_well(circle):
    def act(state):
        return {"out": [ask(Action("pay", {})).approved, interrupt("Which account?")]}

    run_id = await circle.go(circle.chain(act).compile(interrupt_before=["act"]))
    request = await circle.asked(run_id)
    await circle.vote(request, "edit", subject=Action("act", {**request.asked.args, "out": ["edited"]}))
    await circle.drain()
    await circle.decide(await circle.asked(run_id))
    await circle.vote(await circle.asked(run_id), "respond", answer="the first")
    await circle.drain()
    assert (await circle.run(run_id)).output["out"] == ["edited", True, "the first"]


async def test_S7_interrupt_after_asks_for_what_comes_next(circle):
    def plan(state):
        return {"out": ["planned"]}

    def act(state):
        return {"out": ["acted"]}

    run_id = await circle.go(circle.chain(plan, act).compile(interrupt_after=["plan"]))
    assert (await circle.asked(run_id)).asked.name == "act"
    assert (await circle.approve_all(run_id)).output["out"] == ["planned", "acted"]


async def test_S7_messages_are_shown_and_cannot_be_changed(circle):
    class Chat(TypedDict, total=False):
        messages: Annotated[list[Any], operator.add]
        note: str

    graph = StateGraph(Chat)
    graph.add_node("talk", lambda s: {"messages": [HumanMessage("hello")]})
    graph.add_node("act", lambda s: {"note": type(s["messages"][0]).__name__ + s.get("note", "")})
    graph.add_edge(START, "talk")
    graph.add_edge("talk", "act")
    run_id = await circle.go(graph.compile(interrupt_before=["act"]))
    request = await circle.asked(run_id)
    assert request.asked.args["messages"][0]["content"] == "hello"
    other = [{**request.asked.args["messages"][0], "content": "bye"}]
    with pytest.raises(InvalidAnswer):
        await circle.vote(request, "edit", subject=Action("act", {"messages": other}))
    await circle.vote(request, "edit", subject=Action("act", {**request.asked.args, "note": "!"}))
    await circle.drain()
    assert (await circle.run(run_id)).output["note"] == "HumanMessage!"


async def test_S7_a_long_conversation_is_shown_whole_and_then_nothing_can_be_changed(circle):
    class Chat(TypedDict, total=False):
        messages: Annotated[list[Any], operator.add]
        note: str

    graph = StateGraph(Chat)
    graph.add_node("talk", lambda s: {"messages": [HumanMessage("x" * 100_000)]})
    graph.add_node("act", lambda s: {"note": "acted"})
    graph.add_edge(START, "talk")
    graph.add_edge("talk", "act")
    run_id = await circle.go(graph.compile(interrupt_before=["act"]))
    request = await circle.asked(run_id)
    assert len(request.asked.args["messages"][0]["content"]) == 100_000
    assert Verdict.edit not in request.ask.verdicts
    await circle.decide(request)
    assert (await circle.run(run_id)).output["note"] == "acted"


@pytest.mark.parametrize("beside", [False, True])
async def test_S20_a_breakpoint_in_a_sub_graph_surfaces_even_behind_an_interrupt(circle, beside):
    done = []
    inner = circle.chain(named("prepare", done), named("act", done)).compile(interrupt_before=["act"])

    def other(state):
        return {"out": [interrupt("Which?") if beside else "none"]}

    graph = StateGraph(circle.State)
    graph.add_node("team", inner)
    graph.add_node("other", other)
    for node in ("team", "other"):
        graph.add_edge(START, node)
        graph.add_edge(node, END)
    run_id = await circle.go(graph)
    found = {request.kind: request for request in await circle.open(run_id)}
    assert len(found) == 1 + beside
    request = found["approval"]
    assert (request.asked.name, request.ask.context["in"]) == ("act", ["team"])
    if beside:
        await circle.vote(found["input"], "respond", answer="that")
    await circle.decide(request)
    assert (await circle.run(run_id)).status is RunStatus.done, (await circle.run(run_id)).note
    assert done == ["prepare", "act"]


async def test_S20_a_refused_breakpoint_in_a_sub_graph_ends_the_run(circle):
    done = []
    inner = circle.chain(named("prepare", done), named("act", done)).compile(interrupt_before=["act"])
    graph = StateGraph(circle.State).add_node("team", inner).add_edge(START, "team")
    run_id = await circle.go(graph)
    await circle.decide(await circle.asked(run_id), "reject")
    assert (await circle.run(run_id)).status is RunStatus.failed
    assert done == ["prepare"]


async def test_S20_a_breakpoint_in_a_graph_that_a_node_calls_surfaces_as_well(circle):
    done = []
    inner = circle.chain(named("prepare", done), named("act", done)).compile(interrupt_before=["act"])

    async def team(state):
        await inner.ainvoke({"input": "x"})
        return {"out": ["finished"]}

    run_id = await circle.go(circle.chain(team))
    assert (await circle.asked(run_id)).asked.name == "act"
    await circle.decide(await circle.asked(run_id))
    run = await circle.run(run_id)
    assert (run.status, run.output["out"], done) == (RunStatus.done, ["finished"], ["prepare", "act"]), run.note


async def test_S7_every_node_can_be_a_breakpoint_also_of_a_state_that_is_a_model(circle):
    class Model(BaseModel):
        input: str = ""
        amount: int = 1
        due: date = date(2026, 11, 24)

    graph = StateGraph(Model)
    graph.add_node("first", lambda s: {"amount": s.amount + 1})
    graph.add_node("second", lambda s: {"amount": s.amount * 10})
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    run_id = await circle.go(graph.compile(interrupt_before="*"), {"input": "x", "due": "2026-12-01"})
    await circle.decide(await circle.asked(run_id))
    request = await circle.asked(run_id)
    assert (request.asked.name, request.asked.args["amount"]) == ("second", 2)
    await circle.vote(request, "edit", subject=Action("second", {**request.asked.args, "amount": 7}))
    await circle.drain()
    run = await circle.run(run_id)
    assert (run.status, run.output["amount"]) == (RunStatus.done, 70), run.note


async def test_S7_of_nodes_side_by_side_the_one_at_the_breakpoint_is_asked_about(circle):
    done = []
    graph = circle.fan(named("one", done), named("two", done)).compile(interrupt_before=["two"])
    run_id = await circle.go(graph)
    assert (await circle.asked(run_id)).asked.name == "two"
    await circle.decide(await circle.asked(run_id))
    assert sorted(done) == ["one", "two"]


async def test_S7_tasks_sent_to_a_breakpoint_are_held_and_kept(circle):
    done = []

    def plan(state):
        return {"out": ["planned"]}

    def pay(task):
        done.append(task["input"])

    graph = StateGraph(circle.State).add_node("plan", plan).add_node("pay", pay).add_edge(START, "plan")
    graph.add_conditional_edges("plan", lambda _: [Send("pay", {"input": n}) for n in range(3)], ["pay"])
    run_id = await circle.go(graph.compile(interrupt_before=["pay"]))
    request = await circle.asked(run_id)
    await circle.vote(request, "edit", subject=Action("pay", {"out": ["changed"]}))
    await circle.drain()
    run = await circle.run(run_id)
    assert (run.status, run.output["out"], sorted(done)) == (RunStatus.done, ["changed"], [0, 1, 2]), run.note


async def test_S7_a_functional_graph_asks_by_interrupt(circle):
    @entrypoint()
    def flow(given):
        return {"said": interrupt("Which?")}

    run_id = await circle.start(circle.register(flow), {"input": "x"})
    await circle.vote(await circle.asked(run_id), "respond", answer="that")
    await circle.drain()
    run = await circle.run(run_id)
    assert (run.status, run.output) == (RunStatus.done, {"said": "that"}), run.note


async def test_S7_a_state_that_is_larger_than_an_action_needs_attention(circle):
    graph = circle.chain(named("act", [])).compile(interrupt_before=["act"])
    run = await circle.run(await circle.go(graph, {"input": "x" * 300_000}))
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask"), run.note


async def test_I16_a_breakpoint_whose_node_was_renamed_needs_attention(circle):
    executed = []
    graph = own_graph(executed=executed)
    reference = circle.register(graph.compile(interrupt_before=["approval"]), version="1")
    run_id = await circle.start(reference, {"input": "x"})
    renamed = circle.chain(named("planning", executed), named("gate", executed), state=Approval)
    circle.register(renamed.compile(interrupt_before=["gate"]), reference, version="2", compatible_with=["1"])
    await circle.decide(await circle.asked(run_id))
    run = await circle.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "version_mismatch")
    assert executed == []


def named(name, done):
    def node(state):
        done.append(name)
        return {}

    node.__name__ = name
    return node
