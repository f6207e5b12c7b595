"""I11, I14: what a paused run's state may hold, how much of it, and that it comes back as it went."""

import dataclasses
import datetime as dt
import enum
from typing import Any, TypedDict

import pytest
from langgraph.graph import MessagesState
from pydantic import BaseModel

from interlock import Action, Agent, ask
from interlock.domain.run import RunStatus
from interlock.engine.ports import runtime as port


class Colour(enum.Enum):
    red = "red"


@dataclasses.dataclass
class Money:
    amount: int
    colour: Colour = Colour.red


class Letter(BaseModel):
    to: str
    money: Money | None = None


class Unknown(BaseModel):
    secret: int


@dataclasses.dataclass
class Box:
    inside: Any


class Typed(TypedDict, total=False):
    input: Any
    letter: Letter
    money: dict[str, list[Money]]
    colour: Colour | None
    anything: Any


def remembering(values, seen):
    """Return two nodes: one that writes values into the state, one that asks and then looks at them."""

    def write(state):
        return values

    def look(state):
        ask(Action("look", {}))
        seen.append({key: state[key] for key in values})

    return write, look


async def attention(story, run_id, code):
    run = await story.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, code), run.note
    return run.note


async def test_types_of_the_schema_survive_a_pause(story):
    seen = []
    values = {"letter": Letter(to="ann", money=Money(3)), "money": {"a": [Money(1)]}, "colour": Colour.red}
    run_id = await story.go(story.chain(*remembering(values, seen), state=Typed))
    assert (await story.approve_all(run_id)).status is RunStatus.done
    assert seen == [values]
    assert isinstance(seen[0]["letter"].money, Money)


async def test_a_pydantic_state_and_messages_survive_a_pause(story):
    class Whole(BaseModel):
        input: Any = None
        letter: Letter | None = None

    seen = []

    def write(state):
        return {"letter": Letter(to="ann")}

    def look(state):
        ask(Action("look", {}))
        seen.append(state.letter)

    run_id = await story.go(story.chain(write, look, state=Whole))
    await story.approve_all(run_id)
    assert seen == [Letter(to="ann")]

    def talk(state):
        ask(Action("look", {}))
        seen.append(state["messages"][0].content)

    run_id = await story.go(story.chain(talk, state=MessagesState), {"messages": [{"role": "user", "content": "hi"}]})
    await story.approve_all(run_id)
    assert seen[1:] == ["hi"]


@pytest.mark.parametrize("value", [port.Done(1), [port.Done(1)], {"deep": {"er": [(port.Done(1),)]}}])
async def test_an_unknown_type_in_the_state_is_named_with_its_channel(story, value):
    seen = []
    run_id = await story.go(story.chain(*remembering({"anything": value}, seen), state=Typed))
    note = await attention(story, run_id, "invalid_state")
    assert "'anything'" in note
    assert "interlock.engine.ports.runtime.Done" in note
    assert await story.every(run_id) == []


async def test_state_types_let_further_types_through(story):
    seen = []
    values = {"anything": [port.Done(1), Box(port.Done(2)), Unknown(secret=1)]}
    agent = Agent(story.chain(*remembering(values, seen), state=Typed), state_types=[port.Done])
    run_id = await story.go(agent)
    await story.approve_all(run_id)
    assert seen == [values]


async def test_common_types_of_python_survive_or_are_refused_but_never_change(story):
    values = [
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.timedelta(3), b"bytes", {1, 2}, frozenset({3}),
        (1, (2,)), 2**70, float("inf"), {1: "int key", (1, 2): "tuple key"}, "\x00", None, 1.0, complex(1, 2),
    ]  # fmt: skip
    for value in values:
        seen = []
        run_id = await story.go(story.chain(*remembering({"anything": value}, seen), state=Typed))
        run = await story.approve_all(run_id)
        if run.status is RunStatus.done:
            kept = [1, [2]] if value == (1, (2,)) else value  # a tuple is a list, as from LangGraph's own savers
            assert seen == [{"anything": kept}]
            assert type(seen[0]["anything"]) is type(kept)
        else:
            assert run.attention in {"invalid_state", "attempts_exhausted"} or run.status is RunStatus.queued, value


async def test_a_state_that_is_too_large_is_refused_with_its_size(story):
    seen = []
    run_id = await story.go(story.chain(*remembering({"anything": "x" * 9_000_000}, seen), state=Typed))
    note = await attention(story, run_id, "invalid_state")
    assert "9,0" in note
    assert "8,000,000" in note


async def test_a_state_of_many_megabytes_is_kept(story):
    seen = []
    run_id = await story.go(story.chain(*remembering({"anything": "x" * 7_000_000}, seen), state=Typed))
    assert (await story.approve_all(run_id)).status is RunStatus.done
    assert len(seen[0]["anything"]) == 7_000_000
