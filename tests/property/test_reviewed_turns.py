"""Random turns of LangChain's agent, random verdicts in a random order: they end as in bare LangGraph."""

import asyncio
import importlib
import os
import sys
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock import Agent
from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.testing.fakes import SettableClock
from interlock.testing.story import Story

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
people = importlib.import_module("people")
shapes = importlib.import_module("shapes")

VENDORS, AMOUNTS = "ABC", (1, 2)
PAYMENTS = [{"vendor": vendor, "amount": amount} for vendor in VENDORS for amount in AMOUNTS]
VERDICTS = [people.YES, people.NO, people.edit(amount=9), people.respond("it is paid")]
TURNS = st.lists(st.lists(st.sampled_from(PAYMENTS), max_size=3), max_size=2)


def turns_of(payments):
    """Return what the model says: in each turn it searches and pays, and then it is done."""
    turns = [
        [
            shapes.call("search", f"{number}s", query="rates"),
            *(shapes.call("pay", f"{number}{place}", **one) for place, one in enumerate(turn)),
        ]
        for number, turn in enumerate(payments)
    ]
    return [*turns, "done"]


async def governed(shape, plan, shuffled):
    """Return the output of a run of Interlock."""
    clock = SettableClock()
    system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": "memory:"}), {}, clock=clock)
    try:
        story = Story(system, clock)
        system.registry._loaded["tests:reviewed"] = Agent(shape.make())
        run_id = await story.start("tests:reviewed", shape.start)
        while waiting := shuffled(await story.open(run_id)):
            for request in waiting:
                await system.desk.handle(people.vote_on(request, plan), story.me)
            await story.drain()
        run = await story.run(run_id)
        assert run.status == "done", run.note
        await story.assert_invariants()
        return people.comparable(run.output)
    finally:
        await system.close()


def in_a_world_of_its_own(ends):
    """Return how something ends, and what it did."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, {people.others.DONE: f"{folder}/done"}):
        return asyncio.run(ends), people.acts()


@pytest.mark.parametrize("mode", ["batched", "per_call"])
@settings(max_examples=10)
@given(payments=TURNS, verdicts=st.tuples(*[st.sampled_from(VERDICTS)] * len(PAYMENTS)), random=st.randoms())
def test_random_turns_end_as_in_bare_langgraph(mode, payments, verdicts, random):
    shape = shapes.Shape(lambda: shapes.reviewed(mode, turns=turns_of(payments)), shapes.HI)
    plan = {people.label("pay", one): said for one, said in zip(PAYMENTS, verdicts, strict=True)}

    def shuffled(requests):
        return random.sample(list(requests), len(requests))

    run = in_a_world_of_its_own(governed(shape, plan, shuffled))
    assert run == in_a_world_of_its_own(people.bare_end(shape, plan))
