"""I16: an answer reaches the `interrupt` whose question the person saw, once, or nothing."""

import asyncio
import json
import random
import time
import warnings
from collections import namedtuple
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.errors import NodeInterrupt
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Interrupt, RetryPolicy, _interrupt_id, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from interlock import Action, ask
from interlock.domain.run import RunStatus
from interlock.runtime.answers.binding import interrupt_id


class State(TypedDict):
    out: list


ASYNC = pytest.mark.parametrize("colour", ["sync", "async"])


def tools(colour, questions, got, pause=0.02):
    """Return tools that ask these questions, each at a moment of its own."""

    def make(name, question):
        if colour == "sync":

            @tool(name)
            def asking() -> str:
                """Ask."""
                time.sleep(random.random() * pause)
                got[name] = interrupt(question)
                return str(got[name])

        else:

            @tool(name)
            async def asking() -> str:
                """Ask."""
                await asyncio.sleep(random.random() * pause)
                got[name] = interrupt(question)
                return str(got[name])

        return asking

    return [make(name, question) for name, question in questions.items()]


def tool_graph(made):
    calls = [{"name": one.name, "args": {}, "id": one.name} for one in made]
    graph = StateGraph(MessagesState)
    graph.add_node("agent", lambda _: {"messages": [AIMessage("", tool_calls=calls)]})
    graph.add_node("tools", ToolNode(made))
    graph.add_edge(START, "agent").add_edge("agent", "tools")
    return graph


async def answer_all(story, run_id, say, rounds=20):
    """Answer every question by what `say` makes of its request, in odd orders, until the run waits no more."""
    asked = []
    for number in range(rounds):
        found = list(await story.open(run_id))
        if not found:
            break
        for request in sorted(found, key=lambda one: one.id, reverse=number % 2 == 1):
            asked.append(request)
            verdict, more = say(request)
            await story.vote(request, verdict, **more)
        await story.drain()
    return asked


def same(request):
    """Answer a question with its own text."""
    return "respond", {"answer": f"to {request.asked.text}"}


@ASYNC
@pytest.mark.parametrize("nested", [False, True])
async def test_tools_that_ask_at_once_in_any_order_get_their_own_answers(story, colour, nested):
    got: dict[str, Any] = {}
    graph = tool_graph(tools(colour, {name: f"question {name}?" for name in "abcd"}, got))
    if nested:
        inner = graph.compile()
        graph = StateGraph(MessagesState).add_node("team", inner).add_edge(START, "team").add_edge("team", END)
    run_id = await story.go(graph)
    asked = await answer_all(story, run_id, same)
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    assert got == {name: f"to question {name}?" for name in "abcd"}
    assert sorted(request.asked.text for request in asked) == [f"question {name}?" for name in "abcd"]


async def test_agent_inbox_lists_of_tools_get_their_own_responses(story):
    def inbox(name):
        return [{
            "action_request": {"action": name, "args": {}}, "description": name,
            "config": {"allow_accept": True, "allow_ignore": True, "allow_respond": True, "allow_edit": True},
        }]  # fmt: skip

    got: dict[str, Any] = {}
    run_id = await story.go(tool_graph(tools("sync", {name: inbox(name) for name in "abc"}, got)))
    await answer_all(story, run_id, lambda request: ("respond", {"answer": request.asked.name}))
    assert got == {name: [{"type": "response", "args": name}] for name in "abc"}


@ASYNC
async def test_tools_of_both_kinds_in_one_node(story, colour):
    got, paid = {}, []

    @tool
    def pay() -> str:
        """Pay."""
        return str(ask(Action("pay", {"amount": 1})).perform(lambda amount: paid.append(amount) or "paid"))

    run_id = await story.go(tool_graph([*tools(colour, {"a": "a?", "b": "b?"}, got), pay]))
    await answer_all(story, run_id, lambda one: ("approve", {}) if one.kind == "approval" else same(one))
    assert (await story.run(run_id)).status is RunStatus.done
    assert (got, paid) == ({"a": "to a?", "b": "to b?"}, [1])


# ── a question that changes ──


def listed(items):
    def act(state):
        return {"out": [f"{item}: {interrupt(f'pay {item}?')}" for item in items]}

    return act


def listed_async(items):
    async def act(state):
        return {"out": [f"{item}: {interrupt(f'pay {item}?')}" for item in items]}

    return act


def in_tools(items):
    @tool
    def pay(item: str) -> str:
        """Pay."""
        return f"{item}: {interrupt(f'pay {item}?')}"

    def act(state):
        return {"out": [pay.invoke({"item": item}) for item in items]}

    return act


def in_a_sub_graph(items):
    def act(state):
        inner = StateGraph(State).add_node("n", listed(items)).add_edge(START, "n")
        return inner.compile().invoke({"out": []})

    return act


NODES = pytest.mark.parametrize("node", [listed, listed_async, in_tools, in_a_sub_graph])


@pytest.mark.sampled(3)
@NODES
async def test_the_answer_of_a_question_that_vanished_is_used_for_nothing(story, node):
    items = ["a", "b"]
    run_id = await story.go(story.chain(node(items)))
    items.remove("a")
    asked = await answer_all(story, run_id, same)
    assert (await story.run(run_id)).output["out"] == ["b: to pay b?"]
    assert [request.asked.text for request in asked] == ["pay a?", "pay b?"]


@NODES
async def test_answers_stay_with_their_questions_when_the_order_changes(story, node):
    items = ["a", "b", "c"]
    run_id = await story.go(story.chain(node(items)))
    for name in "ab":
        assert (await story.asked(run_id)).asked.text == f"pay {name}?"
        await story.vote(await story.asked(run_id), "respond", answer=name)
        await story.drain()
    items.reverse()
    await answer_all(story, run_id, lambda _: ("respond", {"answer": "c"}))
    assert (await story.run(run_id)).output["out"] == ["c: c", "b: b", "a: a"]


async def test_a_question_that_comes_back_has_its_answer_still(story):
    items = ["a", "b"]
    run_id = await story.go(story.chain(listed(items)))
    items[:] = ["b"]
    await story.vote(await story.asked(run_id), "respond", answer="for a")
    await story.drain()
    items[:] = ["b", "a"]
    await answer_all(story, run_id, same)
    assert (await story.run(run_id)).output["out"] == ["b: to pay b?", "a: for a"]


async def test_another_schema_is_another_question(story):
    class Seats(BaseModel):
        seats: int

    schemas = [None]

    def act(state):
        if schemas[0] is None:
            return {"out": [interrupt("How many?")]}
        return {"out": [interrupt("How many?", response_schema=schemas[0]).seats]}

    run_id = await story.go(story.chain(act))
    await story.vote(await story.asked(run_id), "respond", answer="two")
    schemas[0] = Seats
    await story.drain()
    await story.vote(await story.asked(run_id), "respond", answer={"seats": 2})
    await story.drain()
    assert (await story.run(run_id)).output["out"] == [2]


async def test_a_question_that_changes_with_each_execution_does_not_come_back_for_ever(story):
    def act(state):
        return {"out": [interrupt(f"Now, {random.random()}?")]}

    run_id = await story.go(story.chain(act))
    asked = await answer_all(story, run_id, same)
    run = await story.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "arguments_changed"), run.note
    assert len(asked) == 3


LETTERS = ["c", "a", "b", "dd", "eee", "f1"]


@dataclass
class Offers:
    open: set[str]


@pytest.mark.parametrize("made", [set, frozenset, lambda names: {"offers": {*names}}, lambda names: [Offers({*names})]])
async def test_a_set_has_another_order_each_time_and_is_the_same_question(story, made):
    times = count()

    def act(state):
        turned = LETTERS if next(times) % 2 else LETTERS[::-1]
        return {"out": [interrupt({"round": number, "of": made(turned)}) for number in range(3)]}

    run_id = await story.go(story.chain(act))
    for number in range(3):
        request = await story.asked(run_id)
        assert request.ask.context["round"] == number, (await story.run(run_id)).note
        assert '"a", "b", "c", "dd", "eee", "f1"' in json.dumps(request.ask.context)
        await story.vote(request, "respond", answer=number)
        await story.drain()
    assert (await story.run(run_id)).output["out"] == [0, 1, 2]


async def test_what_comes_back_as_something_else_is_refused_before_anybody_is_asked(story):
    def act(state):
        return {"out": [interrupt(namedtuple("Offer", "to price")("ann", 5))]}  # noqa: PYI024 - a class of no module

    run = await story.run(await story.go(story.chain(act)))
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask")
    assert "comes back from the store as something else" in run.note
    assert await story.every(run.id) == []


# ── equal questions ──


@ASYNC
async def test_equal_questions_one_after_the_other_are_each_asked(story, colour):
    def act(state):
        return {"out": [interrupt("More?") for _ in range(3)]}

    async def act_async(state):
        return act(state)

    run_id = await story.go(story.chain(act if colour == "sync" else act_async))
    answers = iter([1, 2, 3])
    await answer_all(story, run_id, lambda _: ("respond", {"answer": next(answers)}))
    assert (await story.run(run_id)).output["out"] == [1, 2, 3]


async def test_tools_looped_in_one_node_may_ask_the_same(story):
    @tool
    def more() -> str:
        """Ask."""
        return interrupt("More?")

    def act(state):
        return {"out": [more.invoke({}) for _ in range(3)]}

    run_id = await story.go(story.chain(act))
    answers = iter("abc")
    await answer_all(story, run_id, lambda _: ("respond", {"answer": next(answers)}))
    assert (await story.run(run_id)).output["out"] == ["a", "b", "c"]


@ASYNC
@pytest.mark.parametrize("differs", [False, True])
async def test_equal_questions_of_tools_at_once_are_clear_only_if_answered_alike(story, colour, differs):
    got: dict[str, Any] = {}
    run_id = await story.go(tool_graph(tools(colour, {"a": "Go on?", "b": "Go on?"}, got)))
    answers = iter(["yes", "no" if differs else "yes"])
    await answer_all(story, run_id, lambda _: ("respond", {"answer": next(answers)}))
    run = await story.run(run_id)
    if differs:
        assert (run.status, run.attention) == (RunStatus.needs_attention, "ambiguous_answer")
        assert "Go on?" in run.note
        await story.retry(run_id)
        assert (await story.run(run_id)).attention == "ambiguous_answer"
    else:
        assert (run.status, got) == (RunStatus.done, {"a": "yes", "b": "yes"}), run.note


# ── workflows ──


@ASYNC
async def test_parallel_tasks_of_a_workflow_are_all_asked(story, colour):
    """Asked at once, and none is accused of having swallowed the others."""
    paid = []

    @task
    def pay_one(to: str) -> str:
        return ask(Action("pay", {"to": to})).perform(lambda to: paid.append(to) or f"paid {to}")

    @task
    async def tell(name: str) -> str:
        return interrupt(f"tell {name}?")

    @entrypoint()
    def workflow(inputs: dict) -> dict:
        return {"paid": [future.result() for future in [pay_one(name) for name in inputs["input"].split()]]}

    @entrypoint()
    async def workflow_async(inputs: dict) -> dict:
        return {"paid": list(await asyncio.gather(*(tell(name) for name in inputs["input"].split())))}

    run_id = await story.go(workflow if colour == "sync" else workflow_async, {"input": "ann bob eve"})
    assert len(await story.open(run_id)) == 3, (await story.run(run_id)).note
    await answer_all(story, run_id, lambda one: ("approve", {}) if one.kind == "approval" else same(one))
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    if colour == "sync":
        assert (run.output["paid"], sorted(paid)) == (["paid ann", "paid bob", "paid eve"], ["ann", "bob", "eve"])
    else:
        assert run.output["paid"] == [f"to tell {name}?" for name in ("ann", "bob", "eve")]


async def test_a_retry_policy_gives_the_answers_again(story):
    tries = []

    def act(state):
        first, second = interrupt("first?"), interrupt("second?")
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError
        return {"out": [first, second]}

    policy = RetryPolicy(initial_interval=0.001, jitter=False, retry_on=ConnectionError)
    run_id = await story.go(story.chain(act, retry=policy))
    await answer_all(story, run_id, same)
    assert (await story.run(run_id)).output["out"] == ["to first?", "to second?"]
    assert len(tries) == 3


# ── what no answer reaches ──


async def test_a_node_interrupt_is_refused_when_it_pauses(story):
    def act(state):
        raise NodeInterrupt("too long")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_id = await story.go(story.chain(act))
    run = await story.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask")
    assert "NodeInterrupt" in run.note
    assert await story.open(run_id) == []


async def test_a_sub_graph_without_state_is_not_asked_for_ever(story):
    inner = story.chain(listed(["a"])).compile(checkpointer=False)
    graph = StateGraph(story.State).add_node("team", inner).add_edge(START, "team").add_edge("team", END)
    run_id = await story.go(graph)
    asked = await answer_all(story, run_id, same)
    run = await story.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask")
    assert "checkpointer=False" in run.note
    assert len(asked) <= 1


# ── what it stands on ──


def test_the_id_of_an_interrupt_is_the_one_that_langgraph_gives():
    assert [interrupt_id("n:1", answered) for answered in range(3)] == [_interrupt_id("n:1", n) for n in range(3)]
    assert interrupt_id("n:1", 0) == Interrupt.from_ns(None, "n:1").id
