"""Durability `step`: what a step has left is kept, whatever becomes of the steps after it."""

import operator
from typing import Annotated, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from interlock import Action, Agent, ask
from interlock.domain.run import RunStatus
from interlock.engine.audit import audit_record
from interlock.errors import InvalidAgent


class State(TypedDict, total=False):
    input: str
    heard: Annotated[list[str], operator.add]


class Calls(list):
    """Nodes that note that they were called, and fail as often as they are told."""

    def node(self, name, fails=0):
        left = [fails]

        def call(_):
            self.append(name)
            if left[0]:
                left[0] -= 1
                raise RuntimeError(f"{name} fails")
            return {"heard": [name]}

        call.__name__ = name
        return call


def graph_of(*nodes):
    return Agent(chain(*nodes), durability="step")


def chain(*nodes):
    graph = StateGraph(State)
    before = START
    for node in nodes:
        graph.add_node(node.__name__, node)
        graph.add_edge(before, node.__name__)
        before = node.__name__
    graph.add_edge(before, END)
    return graph


async def go_on(story, clock, run_id):
    """Carry a run on, over its retries, until nothing is left to do."""
    for _ in range(5):
        clock.advance(seconds=600)
        await story.drain()
    return await story.run(run_id)


def pays(_):
    ask(Action("pay", {"amount": 5}))
    return {"heard": ["pays"]}


async def test_a_step_that_fails_is_tried_again_and_none_before_it(story, clock):
    calls = Calls()
    run_id = await story.go(graph_of(calls.node("plan"), calls.node("draft", fails=2), calls.node("file")))
    run = await go_on(story, clock, run_id)
    assert (run.status, run.output["heard"]) == (RunStatus.done, ["plan", "draft", "file"])
    assert calls == ["plan", "draft", "draft", "draft", "file"]
    assert [entry.event.type for entry in await story.store.history("default", run_id)].count("step_kept") == 3
    assert await audit_record(story.store) == []


async def test_after_a_pause_it_goes_on_behind_the_last_step_and_the_answer_is_given_once(story, clock):
    calls = Calls()
    run_id = await story.go(graph_of(calls.node("plan"), pays, calls.node("sum_up", fails=1)))
    paused = await story.run(run_id)
    assert (paused.status, paused.midway) == (RunStatus.paused, False)
    await story.vote(await story.asked(run_id))
    run = await go_on(story, clock, run_id)
    if run.status is RunStatus.needs_attention:  # it was approved, nobody performed it, and then it broke off
        assert run.attention == "may_have_happened"
        assert run.midway
        await story.system.runs.retry(run_id, story.me)
        run = await go_on(story, clock, run_id)
    assert (run.status, run.output["heard"]) == (RunStatus.done, ["plan", "pays", "sum_up"])
    assert calls == ["plan", "sum_up", "sum_up"]
    assert await audit_record(story.store) == []


async def test_an_answer_that_was_acted_on_before_the_last_step_is_still_doubted(story, clock):
    """What follows a yes of a graph's own `interrupt` is counted by nobody: a person says whether it is tried again."""
    calls = Calls()

    def asks(_):
        return {"heard": [str(interrupt("May I?"))]}

    run_id = await story.go(graph_of(asks, calls.node("acts"), calls.node("breaks", fails=1)))
    await story.vote(await story.asked(run_id))
    run = await go_on(story, clock, run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "may_have_happened")
    await story.system.runs.retry(run_id, story.me)
    run = await go_on(story, clock, run_id)
    assert (run.status, calls) == (RunStatus.done, ["acts", "breaks", "breaks"])


async def test_steps_of_a_graph_inside_are_kept_with_the_step_around_them(story, clock):
    calls = Calls()
    inner = chain(calls.node("one"), calls.node("two", fails=1)).compile()
    graph = StateGraph(State).add_node("plan", calls.node("plan")).add_node("inner", inner)
    graph.add_edge(START, "plan").add_edge("plan", "inner").add_edge("inner", END)
    run_id = await story.go(Agent(graph, durability="step"))
    run = await go_on(story, clock, run_id)
    assert run.status is RunStatus.done
    assert calls == ["plan", "one", "two", "one", "two"]


async def test_a_run_of_a_thread_begins_with_its_input_and_goes_on_from_its_own_steps(story, clock):
    calls = Calls()
    reference = story.register(graph_of(calls.node("plan"), calls.node("file", fails=1)))
    first = await go_on(story, clock, await story.start(reference, {"input": "x"}, thread="talk"))
    second = await go_on(story, clock, await story.start(reference, {"input": "y"}, thread="talk"))
    assert (first.status, second.status) == (RunStatus.done, RunStatus.done)
    assert second.output["heard"] == ["plan", "file", "plan", "file"]
    assert calls == ["plan", "file", "file", "plan", "file"]


async def test_a_changed_agent_does_not_go_on_from_another_ones_step(story, clock):
    calls = Calls()
    reference = story.register(graph_of(calls.node("plan"), calls.node("file", fails=1)))
    run_id = await story.start(reference, {"input": "x"})
    story.register(graph_of(calls.node("plan"), calls.node("other"), calls.node("file")), reference)
    run = await go_on(story, clock, run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "version_mismatch")
    assert calls == ["plan", "file"]


@pytest.mark.parametrize("stops", [{"interrupt_before": ["b"]}, {"interrupt_after": ["a"]}, {"interrupt_before": "*"}])
def test_a_graph_with_breakpoints_is_refused_at_any_depth(stops):
    calls = Calls()
    stopping = chain(calls.node("a"), calls.node("b")).compile(**stops)
    outer = StateGraph(State).add_node("inner", stopping).add_edge(START, "inner")
    for graph in (stopping, outer):
        assert Agent(graph).durability == "exit"
        with pytest.raises(InvalidAgent, match="breakpoints"):
            Agent(graph, durability="step")
    with pytest.raises(InvalidAgent, match="`exit` or `step`"):
        Agent(chain(calls.node("a")), durability="sync")
