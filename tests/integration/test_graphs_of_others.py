"""Graphs of the shapes that people publish: answered in odd orders, left at each pause, they end as bare LangGraph."""

import importlib
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from interlock.domain.run import RunStatus
from interlock.failpoints import FailpointError, configure

sys.path.insert(0, str(Path(__file__).parent))
people = importlib.import_module("people")
shapes = importlib.import_module("shapes")

PLANNED = [
    pytest.param(name, plan, id=f"{name}-{number}")
    for name, plans in people.PLANS.items()
    for number, plan in enumerate(plans)
]
LEASE = 31


@pytest.fixture(autouse=True)
def world(tmp_path, monkeypatch):
    """Give what is done a file; return a function that begins a world in which nothing has been done."""

    def anew(name):
        monkeypatch.setenv(people.others.DONE, str(tmp_path / name))

    anew("done")
    yield anew
    configure("")


async def answer(story, run_id, plan, order):
    """Vote on everything that is open, in an order; return how much that was."""
    waiting = order(await story.open(run_id))
    for request in waiting:
        await story.system.desk.handle(people.vote_on(request, plan), story.me)
    return len(waiting)


async def as_bare(world, shape, plan):
    """Return how a graph ends without Interlock, and what it does."""
    world("bare")
    output = await people.bare_end(shape, plan)
    return output, people.acts()


async def ended(story, run_id):
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    return people.comparable(run.output)


async def told(story, run_id, plan, order, move=None):
    """Answer whatever is asked until the run asks nothing more; return where that was.

    Args:
        move: returns, at each pause, the system in which the run goes on.
    """
    for _ in range(people.ROUNDS):
        story = await move(story) if move else story
        if not await answer(story, run_id, plan, order):
            return story
        await story.drain()
    raise AssertionError("it asks for ever")


def elsewhere(make_story, shape, reference):
    """Return what ends a system, and puts one that knows nothing of what was together on the same database."""

    async def move(story):
        await story.system.close()
        fresh = make_story("sqlite")
        fresh.register(shape.make(), reference)
        return fresh

    return move


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("name", "plan"), PLANNED)
async def test_answered_in_reverse_it_ends_as_in_bare_langgraph(make_story, world, name, plan):
    shape, story = shapes.SHAPES[name], make_story("sqlite")
    run_id = await story.go(shape.make(), shape.start)
    await told(story, run_id, plan, people.backward)
    output, done = await ended(story, run_id), people.acts()
    await story.assert_invariants()
    assert (output, done) == await as_bare(world, shape, plan)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("name", "plan"), PLANNED)
async def test_left_at_each_pause_and_answered_interleaved_it_ends_as_in_bare_langgraph(make_story, world, name, plan):
    shape, story = shapes.SHAPES[name], make_story("sqlite")
    reference = story.register(shape.make())
    run_id = await story.start(reference, shape.start)
    story = await told(story, run_id, plan, people.interleaved, elsewhere(make_story, shape, reference))
    output, done = await ended(story, run_id), people.acts()
    await story.assert_invariants()
    assert (output, done) == await as_bare(world, shape, plan)


@pytest.mark.parametrize("name", ["email_list", "dataclasses", "supervisor", "reviewed_per_call", "async_workflow"])
async def test_on_a_server_it_ends_as_in_bare_langgraph(make_story, world, name):
    shape, plan, story = shapes.SHAPES[name], people.PLANS[name][-1], make_story("postgres")
    run_id = await story.go(shape.make(), shape.start)
    await told(story, run_id, plan, people.backward)
    output, done = await ended(story, run_id), people.acts()
    await story.assert_invariants()
    assert (output, done) == await as_bare(world, shape, plan)


async def vanishing(story):
    """Let a worker vanish after the agent has run, and before anything of that is kept."""
    configure("agent.returned=raise")
    try:
        with pytest.raises(FailpointError):
            await story.drain()
    finally:
        configure("")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", shapes.SHAPES)
async def test_lost_before_each_pause_was_kept_it_goes_on_elsewhere(make_story, world, name):
    """What was allowed may have happened, so a person lets the run try again: all is done once more, and no other."""
    shape, plan, story = shapes.SHAPES[name], people.PLANS[name][-1 if name != "email" else 1], make_story("sqlite")
    reference = story.register(shape.make())
    move = elsewhere(make_story, shape, reference)
    run_id = (await story.system.runs.start(name, reference, shape.start, story.me)).id
    for _ in range(people.ROUNDS):
        await vanishing(story)
        story = await move(story)
        await story.later(seconds=LEASE)
        run = await story.run(run_id)
        if run.status is RunStatus.needs_attention:
            assert run.attention == "may_have_happened", run.note
            await story.retry(run_id)
        if not await answer(story, run_id, plan, people.interleaved):
            break
    output, done = await ended(story, run_id), people.acts()
    await story.assert_invariants()
    bare, done_bare = await as_bare(world, shape, plan)
    assert output == bare
    assert done == Counter({what: 2 * times for what, times in done_bare.items()})


class Updates:
    """Watches what the nodes of a graph change."""

    modes = ("updates",)

    def __init__(self):
        self.seen = []

    def said(self, run_id, text):
        pass

    def streamed(self, piece):
        if not piece.namespace:
            self.seen.append(piece.data)


def in_any_order(updates):
    """Return updates without the order in which nodes of one step have ended."""
    return sorted(json.dumps(people.comparable(update), sort_keys=True) for update in updates)


@pytest.mark.parametrize("name", shapes.SHAPES)
async def test_where_nobody_is_asked_it_streams_and_ends_as_in_bare_langgraph(make_story, world, name):
    shape, story, watcher = shapes.SHAPES[name], make_story("memory"), Updates()
    reference = story.register(shape.make(calm=True))
    run_id = (await story.system.runs.start(name, reference, shape.start, story.me)).id
    await story.system.worker(watcher=watcher).drain()
    assert await story.every(run_id) == []
    output, done = await ended(story, run_id), people.acts()
    world("bare")
    graph, config = people.bare(shape.make(calm=True))
    streamed = [part async for part in graph.astream(shape.start, config, stream_mode=["updates", "values"])]
    assert done == people.acts()
    assert output == people.comparable([part for mode, part in streamed if mode == "values"][-1])
    assert in_any_order(watcher.seen) == in_any_order(part for mode, part in streamed if mode == "updates")
