"""Graphs that are called inside of nodes, tools and tasks: each is asked for, once, and what was approved is done."""

import asyncio
import importlib
import sys
from pathlib import Path

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from interlock.domain.run import RunStatus

sys.path.insert(0, str(Path(__file__).parent))
others = importlib.import_module("others")

ROUNDS = 10


@pytest.fixture(autouse=True)
def nothing_done(tmp_path, monkeypatch):
    monkeypatch.setenv(others.DONE, str(tmp_path / "done"))


def asking(story, name, times=1):
    """Return a graph that asks so often, and does what was said after each."""

    def ask(number):
        def node(state):
            answer = interrupt(f"{name} {number}?")
            others.did(f"{name} {number}: {answer}")
            return {"out": [f"{name} {number}: {answer}"]}

        node.__name__ = f"ask{number}"
        return node

    return story.chain(*(ask(number) for number in range(times))).compile()


async def answer_all(story, run_id):
    """Answer each question with its own text, one pause after the other; return the questions."""
    asked = []
    for _ in range(ROUNDS):
        waiting = await story.open(run_id)
        if not waiting:
            return asked
        for request in reversed(waiting):
            asked.append(request.asked.text)
            await story.vote(request, "respond", answer=f"to {request.asked.text}")
        await story.drain()
    raise AssertionError(f"it asks for ever: {asked}")


def sync_two(story):
    first, second = asking(story, "first", 2), asking(story, "second", 2)

    def node(state):
        return {"out": [*first.invoke({})["out"], *second.invoke({})["out"]]}

    return story.chain(node)


def async_two(story):
    first, second = asking(story, "first", 2), asking(story, "second", 2)

    async def node(state):
        return {"out": [*(await first.ainvoke({}))["out"], *(await second.ainvoke({}))["out"]]}

    return story.chain(node)


def deeper(story):
    inner = sync_two(story).compile()

    def outer(state):
        return {"out": inner.invoke({})["out"]}

    return story.chain(outer)


def in_a_sub_graph(story):
    graph = StateGraph(story.State).add_node("team", sync_two(story).compile())
    return graph.add_edge(START, "team").add_edge("team", END)


def in_tasks(story):
    graphs = {name: asking(story, name, 2) for name in ("first", "second")}

    @task
    def one(name):
        return graphs[name].invoke({})["out"]

    @entrypoint()
    def workflow(given):
        return {"out": [*one("first").result(), *one("second").result()]}

    return workflow


QUESTIONS = [f"{name} {number}?" for name in ("first", "second") for number in range(2)]


@pytest.mark.parametrize("made", [sync_two, async_two, deeper, in_a_sub_graph, in_tasks])
async def test_several_graphs_of_one_node_are_asked_for_once_each(story, made):
    run_id = await story.go(made(story))
    assert await answer_all(story, run_id) == QUESTIONS
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    assert run.output["out"] == [f"{text[:-1]}: to {text}" for text in QUESTIONS]
    assert others.done() == run.output["out"]  # nothing was done twice


async def test_what_ended_long_ago_is_not_kept(story):
    inner = asking(story, "inner")

    def again(state):
        return {"out": inner.invoke({})["out"]}

    graph = StateGraph(story.State).add_node("again", again).add_edge(START, "again")
    graph.add_conditional_edges("again", lambda state: END if len(state["out"]) > 4 else "again")
    run_id = await story.go(graph)
    for _ in range(4):
        request = await story.asked(run_id)
        assert len(await story.namespaces(run_id)) == 2
        await story.vote(request, "respond", answer="yes")
        await story.drain()


def with_its_own_thread(story, *, saver):
    inner = asking(story, "inner").copy(update={"checkpointer": saver})

    def node(state):
        inner.invoke({}, {"configurable": {"thread_id": "its own"}})
        return {"out": ["went on"]}

    return story.chain(node)


async def test_a_graph_with_a_thread_of_its_own_that_pauses_unheard_stops_the_run(story):
    run_id = await story.go(with_its_own_thread(story, saver=InMemorySaver()))
    run = await story.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "not_governed"), run.note
    assert "a thread of its own" in run.note
    assert await story.every(run_id) == []


async def test_a_graph_with_a_thread_of_its_own_that_is_answered_in_the_node_is_let_be(story):
    inner = asking(story, "inner").copy(update={"checkpointer": InMemorySaver()})

    async def node(state):
        config = {"configurable": {"thread_id": "its own"}}
        await inner.ainvoke({}, config)
        await asyncio.sleep(0)
        return {"out": (await inner.ainvoke(Command(resume="by itself"), config))["out"]}

    run_id = await story.go(story.chain(node))
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    assert run.output["out"] == ["inner 0: by itself"]
