"""Delta channels: what they are made of survives each pause, as bare LangGraph would have it, on each store."""

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any, TypedDict

import ormsgpack
import pytest
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, Overwrite, interrupt

from interlock.domain.run import RunStatus
from interlock.engine.ports import runtime as port
from interlock.errors import InvalidState
from interlock.runtime.state.checkpointer import Checkpointer
from interlock.runtime.state.run_state import RunState

sys.path.insert(0, str(Path(__file__).parent))
others = importlib.import_module("others")

HI = {"messages": [{"role": "user", "content": "clean up"}]}


@pytest.fixture(autouse=True)
def nothing_done(tmp_path, monkeypatch):
    monkeypatch.setenv(others.DONE, str(tmp_path / "done"))


def added(state, writes):
    return [*state, *(one for write in writes for one in write)]


class Delta(TypedDict, total=False):
    input: Any
    notes: Annotated[list, DeltaChannel(added, snapshot_frequency=3)]
    seldom: Annotated[list, DeltaChannel(added, snapshot_frequency=1000)]


def noting(name, *, asks=True):
    def node(state):
        answer = interrupt(f"{name} after {state.get('notes')} {state.get('seldom')}") if asks else "unasked"
        return {"notes": [f"{name} {answer}"], "seldom": [name]}

    node.__name__ = name
    return node


async def test_each_pause_sees_every_write_since_the_last_snapshot_and_before(story):
    names = [f"n{number}" for number in range(8)]
    graph = story.chain(*(noting(name, asks=number % 2 == 1) for number, name in enumerate(names)), state=Delta)
    run_id = await story.go(graph, {"notes": ["first"]})
    bare = graph.compile(InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    seen = bare.invoke({"notes": ["first"]}, config)
    for round_ in range(4):
        request = await story.asked(run_id)
        assert request.asked.text == seen["__interrupt__"][0].value
        await story.vote(request, "respond", answer=f"answer {round_}")
        await story.drain()
        seen = bare.invoke(Command(resume=f"answer {round_}"), config)
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    assert run.output == seen
    assert run.output["seldom"] == names


async def test_parallel_writes_are_replayed_in_the_order_in_which_they_were_applied(story):
    graph = story.fan(*(noting(name, asks=name == "b") for name in "cabd"), state=Delta)
    graph.add_node("last", noting("last"))
    graph.add_edge("b", "last")
    run_id = await story.go(graph)
    await story.vote(await story.asked(run_id), "respond", answer="yes")
    await story.drain()
    assert "['a', 'b', 'c', 'd']" in (await story.asked(run_id)).asked.text.replace("notes", "")
    await story.vote(await story.asked(run_id), "respond", answer="yes")
    await story.drain()
    assert (await story.run(run_id)).output["seldom"] == ["a", "b", "c", "d", "last"]


async def test_an_overwrite_leaves_nothing_of_what_was_before(story):
    def begin_again(state):
        return {"seldom": Overwrite(["anew"])}

    graph = story.chain(noting("a"), noting("b"), begin_again, noting("c"), noting("d"), state=Delta)
    run_id = await story.go(graph)
    for _ in "abcd":
        await story.vote(await story.asked(run_id), "respond", answer="yes")
        await story.drain()
    assert (await story.run(run_id)).output["seldom"] == ["anew", "c", "d"]


async def test_a_retried_advance_replays_nothing_twice(story):
    raised = [True, True]

    def shaky(state):
        if raised:
            raised.pop()
            raise ConnectionError("away")
        return {"seldom": ["shaky"]}

    run_id = await story.go(story.chain(noting("a"), noting("b"), shaky, noting("c"), state=Delta))
    await story.vote(await story.asked(run_id), "respond", answer="yes")
    await story.drain()
    await story.vote(await story.asked(run_id), "respond", answer="yes")
    await story.drain()
    for _ in range(4):
        if (await story.run(run_id)).status is RunStatus.needs_attention:
            await story.retry(run_id)
        await story.later(seconds=60)
    assert raised == []
    await story.vote(await story.asked(run_id), "respond", answer="yes")
    await story.drain()
    assert (await story.run(run_id)).output["seldom"] == ["a", "b", "shaky", "c"]


async def test_what_would_not_come_back_is_refused_in_a_delta_channel_too(story):
    def write(state):
        return {"seldom": [port.Done(1)]}

    run_id = await story.go(story.chain(noting("z", asks=False), write, noting("a"), state=Delta))
    run = await story.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_state"), run.note
    assert "'seldom'" in run.note
    assert "Done" in run.note
    beside = story.fan(write, noting("a"), state=Delta)
    run = await story.run(await story.go(beside))
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_state"), run.note


async def test_a_state_that_did_not_keep_them_stops_with_a_sentence(make_story):
    story = make_story("memory")
    run_id = await story.go(story.chain(noting("a"), noting("b"), state=Delta), {"notes": ["first"]})
    await story.vote(await story.asked(run_id), "respond", answer="yes")
    await story.drain()
    stored = ormsgpack.unpackb((await story.record(run_id)).state)
    assert stored["format"] == 2
    old = {**stored, "format": 1, "namespaces": {name: it[:5] for name, it in stored["namespaces"].items()}}
    agent = story.system.registry.load((await story.run(run_id)).reference)
    state = RunState(agent.serde, ormsgpack.packb(old))
    graph = agent.graph.copy(update={"checkpointer": Checkpointer(state)})
    with pytest.raises(InvalidState, match=r"'notes'.*did not keep it"):
        await graph.ainvoke(None, {"configurable": {"thread_id": run_id}})


async def test_a_deep_agent_with_files_todos_and_two_subagents_answered_separately(story):
    run_id = await story.go(others.deep_with_two(), HI)
    request = await story.asked(run_id)
    assert request.asked.args == {"file_path": "/plan.md", "content": "left and right"}
    await story.decide(request)
    left, right = sorted(await story.open(run_id), key=lambda one: one.asked.args["path"])
    assert [one.asked.args["path"] for one in (left, right)] == ["left/1", "right/1"]
    await story.decide(right, "reject", "not that one")
    await story.decide(left)
    assert others.done().count("delete left/1") == 1
    left, right = sorted(await story.open(run_id), key=lambda one: one.asked.args["path"])
    assert [one.asked.args["path"] for one in (left, right)] == ["left/2", "right/2"]
    await story.decide(left, "reject", "keep it")
    await story.decide(right)
    last = await story.asked(run_id)
    assert last.asked.args == {"path": "rest"}
    await story.decide(last)
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    assert sorted(others.done()) == ["delete left/1", "delete rest", "delete right/2", "search left", "search right"]
    assert run.output["files"]["/plan.md"]["content"]
    assert run.output["todos"] == [{"content": "clean up", "status": "in_progress"}]


async def test_what_is_approved_in_a_deep_agent_inside_of_a_tool_is_done(story):
    run_id = await story.go(others.deep_in_a_tool(), HI)
    for number in "12":
        first, second = sorted(await story.open(run_id), key=lambda one: one.asked.args["path"])
        assert [first.asked.args["path"], second.asked.args["path"]] == [f"a/{number}", f"b/{number}"]
        await story.vote(second)
        await story.vote(first)
        await story.drain()
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    told = [message["content"] for message in run.output["messages"] if message["type"] == "tool"]
    assert told == ["a is clean", "b is clean"]
    assert sorted(others.done()) == ["delete a/1", "delete a/2", "delete b/1", "delete b/2", "search a", "search b"]
