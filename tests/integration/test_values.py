"""What models, tools and states hold, as LangGraph takes it: wrong types are repaired, odd values are kept."""

import dataclasses
import enum
from typing import Any, NamedTuple

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import StructuredTool
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel

from interlock import Action, Status, ask, gated
from interlock.domain.run import RunStatus
from interlock.errors import InvalidAnswer
from interlock.langchain import GatedTools

HI = {"messages": [{"role": "user", "content": "pay"}]}


class Scripted(BaseChatModel):
    """Makes one call, and is done."""

    args: Any

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **options):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **options):
        call = {"name": "pay", "args": self.args, "id": "c1"}
        first = isinstance(messages[-1], HumanMessage)
        message = AIMessage("", tool_calls=[call]) if first else AIMessage("a plan")
        return ChatResult(generations=[ChatGeneration(message=message)])


def told(run):
    return [message["content"] for message in run.output["messages"] if message["type"] == "tool"]


def transfer(paid):
    def pay(to: str, amount: int) -> str:
        """Transfer money."""
        paid.append((to, amount))
        return "paid"

    return pay


def hitl(mode):
    return HumanInTheLoopMiddleware(interrupt_on={"pay": True}, interrupt_mode=mode)


MODES = pytest.mark.parametrize("mode", ["batched", "per_call"])
WRONG = {"to": "ACME", "amount": "lots"}


# ── arguments of a wrong type ──


@MODES
async def test_wrong_type_the_reviewer_sees_it_and_the_tool_tells_the_model(story, mode):
    paid = []
    run_id = await story.go(create_agent(Scripted(args=WRONG), [transfer(paid)], middleware=[hitl(mode)]), HI)
    assert (await story.run(run_id)).note == ""
    request = await story.asked(run_id)
    if mode == "batched":
        assert "do not fit what the tool takes: amount: it must be a whole number" in request.ask.description
    await story.decide(request)
    run = await story.run(run_id)
    assert (run.status, paid) == (RunStatus.done, [])
    assert "amount" in told(run)[0]
    assert "valid integer" in told(run)[0]


@MODES
async def test_wrong_type_the_reviewer_may_repair_it(story, mode):
    paid = []
    run_id = await story.go(create_agent(Scripted(args=WRONG), [transfer(paid)], middleware=[hitl(mode)]), HI)
    request = await story.asked(run_id)
    if mode == "batched":
        with pytest.raises(InvalidAnswer, match="amount"):
            await story.vote(request, "edit", subject=Action("pay", {"to": "ACME", "amount": "few"}))
    await story.vote(request, "edit", subject=Action("pay", {"to": "ACME", "amount": 5}))
    await story.drain()
    assert ((await story.run(run_id)).status, paid) == (RunStatus.done, [("ACME", 5)])


async def test_wrong_type_at_the_tool_itself_is_told_to_the_model(story):
    paid = []
    graph = create_agent(Scripted(args=WRONG), [transfer(paid)], middleware=[GatedTools("pay")])
    run = await story.run(await story.go(graph, HI))
    assert (run.status, paid) == (RunStatus.done, [])
    assert "arguments do not fit" in told(run)[0]


async def test_wrong_type_of_a_gated_function_is_shown_and_may_be_repaired(story):
    paid = []
    pay = gated(transfer(paid))
    run_id = await story.go(story.chain(_calling(pay)))
    request = await story.asked(run_id)
    assert "amount: it must be a whole number" in request.ask.description
    await story.vote(request, "edit", subject=Action("pay", {"to": "ACME", "amount": 7}, request.asked.schema))
    await story.drain()
    assert paid == [("ACME", 7)]


def _calling(pay):
    def call(state):
        return {"out": [pay(**WRONG)]}

    return call


# ── a tool that brings its own JSON Schema ──

REMOTE = {
    "type": "object",
    "properties": {
        "amount": {"type": "integer", "maximum": 10},
        "on": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "time": {"type": "string", "format": "time"},
        "mail": {"type": "string", "format": "email"},
        "site": {"type": "string", "format": "uri"},
        "id": {"type": "string", "format": "uuid"},
        "odd": {"type": "string", "format": "of-their-own"},
    },
    "required": ["amount"],
    "additionalProperties": False,
}


def remote(paid, schema=REMOTE):
    return StructuredTool(
        name="pay", description="Pay.", args_schema=schema, func=lambda **args: str(paid.append(args))
    )


def remotely(paid, gate, schema=REMOTE):
    return create_agent(Scripted(args={"amount": 5}), [remote(paid, schema)], middleware=[gate])


GATES = pytest.mark.parametrize(
    "gate", [hitl("batched"), hitl("per_call"), GatedTools("pay")], ids=["batch", "call", "gated"]
)


@pytest.mark.sampled(12)
@GATES
@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 500, "evil": 1},
        {"amount": 500},
        {"amount": 5, "evil": 1},
        {"amount": "five"},
        {},
        {"amount": 5, "on": "soon"},
        {"amount": 5, "on": "2027-02-30"},
        {"amount": 5, "at": "2027-01-05"},
        {"amount": 5, "at": "soon"},
        {"amount": 5, "time": "noon"},
        {"amount": 5, "mail": "nobody"},
        {"amount": 5, "site": "not an address"},
        {"amount": 5, "id": "seven"},
    ],
)
async def test_remote_tool_an_edit_is_refused_by_the_tools_own_schema(make_story, gate, wrong):
    story = make_story("memory")
    paid = []
    run_id = await story.go(remotely(paid, gate), HI)
    request = await story.asked(run_id)
    with pytest.raises(InvalidAnswer):
        await story.vote(request, "edit", subject=Action("pay", wrong))
    await story.decide(await story.request(request.id))
    assert paid == [{"amount": 5}]


@pytest.mark.sampled(3)
@GATES
async def test_remote_tool_an_edit_that_fits_is_executed(story, gate):
    paid = []
    run_id = await story.go(remotely(paid, gate), HI)
    good = {
        "amount": 7, "on": "2027-01-05", "at": "2027-01-05T10:00:00", "time": "10:00", "mail": "a@example.org",
        "site": "https://example.org", "id": "5b6ba1f0-9b6c-4a5f-9d7f-0d3f3a2f5c11", "odd": "anything",
    }  # fmt: skip
    await story.vote(await story.asked(run_id), "edit", subject=Action("pay", good))
    await story.drain()
    assert (paid, (await story.run(run_id)).status) == ([good], RunStatus.done)


async def test_remote_tool_a_schema_that_cannot_be_used_offers_no_edit(story):
    paid = []
    broken = {"type": "object", "properties": {"amount": {"$ref": "https://example.org/amount.json"}}}
    run_id = await story.go(remotely(paid, hitl("batched"), broken), HI)
    request = await story.asked(run_id)
    assert "edit" not in {str(verdict) for verdict in request.ask.verdicts}
    assert "cannot be changed" in request.ask.description
    await story.decide(request)
    assert paid == [{"amount": 5}]


# ── values in the state ──


class Colour(enum.Enum):
    red = 1


class Word(enum.StrEnum):
    yes = "yes"


@dataclasses.dataclass
class Point:
    x: int


class Form(BaseModel):
    x: int


class Pair(NamedTuple):
    a: int


class Text(str):
    __slots__ = ()


KEPT = [Text("a"), (1, "a"), {"k": [(1, Text("b"))]}, Status.approved, Action("pay", {}), Colour.red, Word.yes,
        Point(1), Form(x=1), Pair(1), [Point(2), (Colour.red,)]]  # fmt: skip
SEEN = ["a", [1, "a"], {"k": [[1, "b"]]}, Status.approved, Action("pay", {}), Colour.red, Word.yes,
        Point(1), Form(x=1), Pair(1), [Point(2), [Colour.red]]]  # fmt: skip


async def test_kept_values_come_back_as_from_langgraphs_savers(story):
    seen = []

    def thinks(state):
        text = Scripted(args={}).invoke([AIMessage("x")]).text
        return {"input": [text, *KEPT], "out": [ask(Action("pay", {})).outcome]}

    def then(state):
        interrupt("go on?")
        seen.append(state)
        return {"out": ["end"]}

    run_id = await story.go(story.chain(thinks, then))
    await story.decide(await story.asked(run_id))
    run = await story.run(run_id)
    assert (run.status, run.note) == (RunStatus.paused, "")
    await story.vote(await story.asked(run_id), "respond", answer="yes")
    await story.drain()
    assert seen[0]["input"] == ["a plan", *SEEN]
    assert [type(value) for value in seen[0]["input"][1:]] == [type(value) for value in SEEN]
    assert seen[0]["out"] == [Status.approved]


async def test_kept_values_not_what_comes_back_as_something_else(story):
    class Hidden(BaseModel):
        x: int

    def thinks(state):
        return {"input": (Hidden(x=1),)}

    def then(state):
        return {"out": [interrupt("go on?")]}

    run = await story.run(await story.go(story.chain(thinks, then)))
    assert run.attention == "invalid_state"
    assert "Hidden" in run.note


@pytest.mark.parametrize("asks", [False, True])
async def test_bytes_at_the_end_are_described_in_their_place(story, asks):
    def ends(state):
        if asks:
            interrupt("go on?")
        value = [b"%PDF\xff", float("nan"), "three pages", {"inner": (b"\xff", HumanMessage("hi"))}, Form(x=2)]
        return {"out": value}

    run_id = await story.go(StateGraph(story.State).add_node("ends", ends).add_edge(START, "ends"), {"input": "x"})
    if asks:
        await story.vote(await story.asked(run_id), "respond", answer="yes")
        await story.drain()
    out = (await story.run(run_id)).output
    assert out["input"] == "x"
    assert out["out"][:3] == [{"not_recorded": "bytes, 5 of them"}, "NaN", "three pages"]
    assert out["out"][3]["inner"][0] == {"not_recorded": "bytes, 1 of them"}
    assert (out["out"][3]["inner"][1]["content"], out["out"][4]) == ("hi", {"x": 2})
