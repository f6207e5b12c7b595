"""An `interrupt` in unusual places: in `finally`, `except`, a generator, an expression; and answers to nothing."""

import pytest
from langchain_core.tools import tool
from langgraph.types import interrupt

from interlock.domain.run import RunStatus

COLOURS = pytest.mark.parametrize("colour", ["sync", "async"])


def coloured(node, colour):
    """Return a node as a coroutine function where that is wanted."""

    async def node_async(state):
        return node(state)

    if colour == "sync":
        return node
    node_async.__name__ = node.__name__
    return node_async


async def answer_all(story, run_id):
    """Answer every question with its own text, and return what was asked, in order."""
    asked = []
    for _ in range(10):
        found = list(await story.open(run_id))
        for request in found:
            asked.append(request.asked.text)
            await story.vote(request, "respond", answer=f"to {request.asked.text}")
        if not found:
            break
        await story.drain()
    return asked


def two_in_one(state):
    return {"out": [interrupt("a?") + " and " + interrupt("b?")]}


def in_a_call(state):
    return {"out": [" and ".join((interrupt("a?"), interrupt("b?")))]}


def in_an_f_string(state):
    return {"out": [f"{interrupt('a?')} and {interrupt('b?')}"]}


def in_finally(state):
    got = []
    try:
        got.append(interrupt("a?"))
    finally:
        got.append(interrupt("b?"))
    return {"out": [" and ".join(got)]}


def in_except(state):
    try:
        first = interrupt("a?")
        int(first)
    except ValueError:
        return {"out": [f"{first} and {interrupt('b?')}"]}


def in_a_generator(state):
    def each():
        yield interrupt("a?")
        yield interrupt("b?")

    return {"out": [" and ".join(each())]}


def in_a_generator_of_a_tool(state):
    @tool
    def ask_both() -> str:
        """Ask."""

        def each():
            for name in "ab":
                yield interrupt(f"{name}?")

        return " and ".join(each())

    return {"out": [ask_both.invoke({})]}


@COLOURS
@pytest.mark.parametrize(
    "node",
    [
        two_in_one,
        in_a_call,
        in_an_f_string,
        in_finally,
        in_except,
        in_a_generator,
        in_a_generator_of_a_tool,
    ],
)
async def test_each_question_gets_its_own_answer_once(story, node, colour):
    run_id = await story.go(story.chain(coloured(node, colour)))
    asked = await answer_all(story, run_id)
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    assert run.output["out"] == ["to a? and to b?"]
    assert sorted(asked) == ["a?", "b?"]


@COLOURS
async def test_a_refused_answer_in_an_expression_is_asked_again_by_itself(story, colour):
    def node(state):
        return {"out": [int(interrupt("a?")) + int(interrupt("b?"))]}

    run_id = await story.go(story.chain(coloured(node, colour)))
    for text, said in [("a?", "one"), ("a?", "1"), ("b?", "two"), ("b?", "2")]:
        request = await story.asked(run_id)
        assert request.asked.text == text, (await story.run(run_id)).note
        await story.vote(request, "respond", answer=said)
        await story.drain()
    run = await story.run(run_id)
    assert (run.status, run.output["out"]) == (RunStatus.done, [3]), run.note


@COLOURS
@pytest.mark.parametrize("rest", [[], ["c"]])
async def test_the_answer_of_a_question_that_is_asked_no_more_is_used_for_nothing(story, colour, rest):
    names = ["a"]

    def node(state):
        return {"out": [f"{name} {interrupt(f'{name}?')}" for name in names]}

    run_id = await story.go(story.chain(coloured(node, colour)))
    await story.vote(await story.asked(run_id), "respond", answer="to a?")
    names[:] = rest
    await story.drain()
    asked = await answer_all(story, run_id)
    run = await story.run(run_id)
    assert (run.status, asked) == (RunStatus.done, [f"{name}?" for name in rest]), run.note
    assert run.output.get("out", []) == [f"{name} to {name}?" for name in rest]
