"""A change of the state at a breakpoint decides the way, or the page says what runs."""

import operator
from dataclasses import replace
from typing import Annotated

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from interlock.domain.run import RunStatus


class Routed(TypedDict, total=False):
    input: str
    next_step: str
    items: Annotated[list[str], operator.add]


def routed(acted, *, colour="sync", way=("buy", "skip"), **stops):
    graph = StateGraph(Routed)

    def plan(state):
        return {"next_step": "buy", "items": ["tea"]}

    def leads(state):
        return state["next_step"]

    async def leads_async(state):
        return leads(state)

    graph.add_node("plan", plan).add_edge(START, "plan")
    for name in ("buy", "skip", "ask"):
        graph.add_node(name, lambda state, name=name: acted.append((name, list(state["items"]))) or {})
    way = {**dict.fromkeys(way), "end": END}
    graph.add_conditional_edges(
        "plan", leads if colour == "sync" else leads_async, {name: node or name for name, node in way.items()}
    )
    return graph.compile(**stops)


async def change(story, run_id, **changes):
    request = await story.asked(run_id)
    subject = replace(request.asked, args={**request.asked.args, **changes})
    return await story.vote(request, "edit", subject=subject)


@pytest.mark.parametrize("colour", ["sync", "async"])
async def test_a_change_after_a_node_leads_elsewhere_and_that_is_asked(story, colour):
    acted = []
    run_id = await story.go(routed(acted, colour=colour, interrupt_after=["plan"]))
    first = await story.asked(run_id)
    assert first.asked.name == "buy"
    assert "would run buy next" in first.ask.description
    assert "may lead elsewhere" in first.ask.description
    await change(story, run_id, next_step="skip")
    await story.drain()
    assert acted == []
    second = await story.asked(run_id)
    assert (second.asked.name, second.asked.args["next_step"]) == ("skip", "skip")
    assert "has led the graph here" in second.ask.description
    await story.vote(second, "approve")
    await story.drain()
    run = await story.run(run_id)
    assert (run.status, acted) == (RunStatus.done, [("skip", ["tea"])]), run.note


async def test_a_change_back_and_forth_is_asked_each_time(story):
    acted = []
    run_id = await story.go(routed(acted, interrupt_after=["plan"]))
    for step in ("skip", "buy", "skip"):
        await change(story, run_id, next_step=step)
        await story.drain()
        assert (await story.asked(run_id)).asked.name == step
    await story.vote(await story.asked(run_id), "reject")
    await story.drain()
    assert ((await story.run(run_id)).status, acted) == (RunStatus.failed, [])


@pytest.mark.parametrize(("leads", "asked"), [("skip", False), ("ask", True), ("end", False)])
async def test_a_change_before_a_node_leads_to_others_which_are_asked_if_the_graph_stops_there(story, leads, asked):
    acted = []
    run_id = await story.go(routed(acted, way=("buy", "skip", "ask"), interrupt_before=["buy", "ask"]))
    await change(story, run_id, next_step=leads)
    await story.drain()
    if asked:
        assert (await story.asked(run_id)).asked.name == leads
        assert acted == []
        await story.vote(await story.asked(run_id), "approve")
        await story.drain()
    run = await story.run(run_id)
    assert (run.status, [name for name, _ in acted]) == (RunStatus.done, [] if leads == "end" else [leads]), run.note


async def test_a_change_that_leads_nowhere_else_is_taken_once(story):
    acted = []
    run_id = await story.go(routed(acted, interrupt_before=["buy"]))
    await change(story, run_id, items=["coffee"])
    await story.drain()
    run = await story.run(run_id)
    assert (run.status, acted, run.output["items"]) == (RunStatus.done, [("buy", ["coffee"])], ["coffee"]), run.note


async def test_what_is_sent_is_made_of_the_changed_state(story):
    got = []
    graph = StateGraph(Routed).add_node("plan", lambda _: {"items": ["a", "b"]}).add_edge(START, "plan")
    graph.add_node("pay", lambda item: got.append(item) or {})
    graph.add_conditional_edges("plan", lambda state: [Send("pay", one) for one in state["items"]], ["pay"])
    run_id = await story.go(graph.compile(interrupt_before=["pay"]))
    await change(story, run_id, items=["b"])
    await story.drain()
    assert ((await story.run(run_id)).status, got) == (RunStatus.done, ["b"])


async def test_where_a_command_has_chosen_the_way_the_page_says_what_runs(story):
    acted = []

    def plan(state) -> Command:
        return Command(goto="buy", update={"next_step": "buy", "items": ["tea"]})

    graph = StateGraph(Routed).add_node("plan", plan, destinations=("buy", "skip")).add_edge(START, "plan")
    graph.add_node("buy", lambda state: acted.append(state["next_step"]) or {})
    graph.add_node("skip", lambda state: acted.append("skipped") or {})
    graph.add_conditional_edges("skip", lambda _: END, [END])
    run_id = await story.go(graph.compile(interrupt_after=["plan"]))
    assert "would run buy next" in (await story.asked(run_id)).ask.description
    await change(story, run_id, next_step="skip")
    await story.drain()
    assert ((await story.run(run_id)).status, acted) == (RunStatus.done, ["skip"])


async def test_a_conditional_entry_is_chosen_again(story):
    acted = []
    graph = StateGraph(Routed)
    for name in ("buy", "skip"):
        graph.add_node(name, lambda state, name=name: acted.append(name) or {})
    graph.add_conditional_edges(START, lambda state: state["input"], ["buy", "skip"])
    run_id = await story.go(graph.compile(interrupt_before=["buy", "skip"]), {"input": "buy"})
    await change(story, run_id, input="skip")
    await story.drain()
    assert (await story.asked(run_id)).asked.name == "skip"
    await story.vote(await story.asked(run_id), "approve")
    await story.drain()
    assert acted == ["skip"]
