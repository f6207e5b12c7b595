"""A breakpoint beside other nodes: whatever a policy names is held by it, the strictest of all."""

import pytest
from langgraph.graph import END, START, StateGraph

from interlock import Action, Agent, InvalidAgent
from interlock.domain.run import RunStatus

POLICIES = """
policies:
  payments:
    applies_to: action.name == "pay"
    initiator_may_approve: true
    levels: [{name: two, steps: [{ask: ["person:ann", "person:bob"], approvals: 2, within: 1d}]}]
  refunds:
    applies_to: action.name == "refund"
    initiator_may_approve: true
    levels: [{name: boss, steps: [{ask: ["person:local:me"], within: 1d}]}]
default:
  initiator_may_approve: true
  levels: [{name: boss, steps: [{ask: ["person:local:me"], within: 1d}]}]
"""


@pytest.fixture
def governed(make_story, tmp_path):
    file = tmp_path / "interlock.yaml"
    file.write_text(POLICIES)
    return lambda kind: make_story(kind, config=file)


STORES = pytest.mark.parametrize("store", ["memory", "sqlite", "postgres"])


def beside(story, acted, *names, **stops):
    graph = StateGraph(story.State)
    for name in names:

        def act(state, name=name):
            acted.append(name)
            return {"out": [name]}

        graph.add_node(name, act)
        graph.add_edge(START, name)
        graph.add_edge(name, END)
    return graph.compile(**stops)


async def by_name(story, run_id):
    return {request.asked.name: request for request in await story.open(run_id)}


@STORES
async def test_breakpoint_beside_the_node_is_held_by_its_own_policy(governed, store):
    story, acted = governed(store), []
    run_id = await story.go(beside(story, acted, "pay", "audit", interrupt_before=["pay"]))
    asked = await by_name(story, run_id)
    assert {name: request.route.policy for name, request in asked.items()} == {"pay": "payments"}
    assert "edit" in {str(verdict) for verdict in asked["pay"].ask.verdicts}
    for who in ("ann", "bob"):
        assert acted == []
        await story.vote(await story.request(asked["pay"].id), who=who)
        await story.drain()
    assert sorted(acted) == ["audit", "pay"]


@STORES
@pytest.mark.parametrize("stops", [["pay"], ["pay", "refund"], ["refund"]])
async def test_breakpoint_beside_another_named_node_both_are_held(governed, store, stops):
    story, acted = governed(store), []
    run_id = await story.go(beside(story, acted, "pay", "refund", "audit", interrupt_before=stops))
    asked = await by_name(story, run_id)
    assert {name: request.route.policy for name, request in asked.items()} == {"pay": "payments", "refund": "refunds"}
    assert all("edit" not in {str(verdict) for verdict in request.ask.verdicts} for request in asked.values())
    for who in ("ann", "bob"):
        await story.vote(await story.request(asked["pay"].id), who=who)
        await story.drain()
    assert acted == []
    await story.decide(await story.request(asked["refund"].id))
    assert sorted(acted) == ["audit", "pay", "refund"]


async def test_breakpoint_beside_one_refusal_holds_all(governed):
    story, acted = governed("memory"), []
    run_id = await story.go(beside(story, acted, "pay", "refund", interrupt_before=["pay", "refund"]))
    asked = await by_name(story, run_id)
    await story.decide(asked["refund"], "reject", "no")
    for who in ("ann", "bob"):
        await story.vote(await story.request(asked["pay"].id), who=who)
    await story.drain()
    run = await story.run(run_id)
    assert (run.status, acted) == (RunStatus.failed, [])
    assert asked["refund"].id in run.note


async def test_breakpoint_beside_after_a_node_everything_next_is_asked(governed):
    story, acted = governed("memory"), []
    graph = StateGraph(story.State)
    graph.add_node("plan", lambda state: {})
    graph.add_edge(START, "plan")
    for name in ("pay", "a/b"):
        graph.add_node(name, lambda state, name=name: acted.append(name))
        graph.add_edge("plan", name)
    run_id = await story.go(graph.compile(interrupt_after=["plan"]))
    asked = await by_name(story, run_id)
    assert {name: request.route.policy for name, request in asked.items()} == {"pay": "payments", "a/b": "default"}
    for who in ("ann", "bob"):
        await story.vote(await story.request(asked["pay"].id), who=who)
    await story.decide(await story.request(asked["a/b"].id))
    assert sorted(acted) == ["a/b", "pay"]


async def test_breakpoint_beside_in_a_subgraph(governed):
    story, acted = governed("memory"), []
    inner = beside(story, acted, "pay", "audit", interrupt_before=["pay"])
    outer = StateGraph(story.State).add_node("inner", inner).add_edge(START, "inner")
    run_id = await story.go(outer)
    asked = await by_name(story, run_id)
    assert {name: request.route.policy for name, request in asked.items()} == {"pay": "payments"}
    for who in ("ann", "bob"):
        await story.vote(await story.request(asked["pay"].id), who=who)
    await story.drain()
    assert sorted(acted) == ["audit", "pay"]


async def test_breakpoint_at_a_node_with_a_slash_in_its_name(governed):
    story, acted = governed("memory"), []
    run_id = await story.go(beside(story, acted, "tools/mail", interrupt_before=["tools/mail"]))
    request = await story.asked(run_id)
    await story.vote(request, "edit", subject=Action("tools/mail", {"out": []}))
    await story.drain()
    assert acted == ["tools/mail"]


@pytest.mark.parametrize("inside", [False, True])
def test_a_stop_after_the_last_node_is_refused_with_a_sentence(inside):
    def graph(**stops):
        made = StateGraph(dict).add_node("pay", lambda state: {}).add_edge(START, "pay").add_edge("pay", END)
        return made.compile(**stops)

    stops = graph(interrupt_after=["pay"])
    if inside:
        stops = StateGraph(dict).add_node("sub", stops).add_edge(START, "sub").compile()
    with pytest.raises(InvalidAgent, match="nobody would be asked"):
        Agent(stops)


def test_a_stop_after_a_node_that_may_go_on_is_none():
    made = StateGraph(dict).add_node("agent", lambda state: {}).add_node("tools", lambda state: {})
    made.add_edge(START, "agent").add_conditional_edges("agent", lambda state: END, ["tools", END])
    made.add_edge("tools", "agent")
    Agent(made.compile(interrupt_after=["agent"]))
