"""An answer that only the graph's code refuses is asked for again, where it is certain that nothing happened since."""

import json
from enum import Enum

import pytest
from langgraph.types import interrupt

from interlock.domain.run import RunStatus


def at_once(state):
    return {"out": [int(interrupt("How many?"))]}


def later(state):
    said = interrupt("How many?")
    if not said.strip().isdigit():
        raise RuntimeError("no number")
    return {"out": [int(said)]}


def as_json(state):
    return {"out": [int(json.loads(interrupt("How many?")))]}


async def in_async(state):
    return {"out": [int(interrupt("How many?"))]}


class Number(Enum):
    two = "2"


def by_name(state):
    return {"out": [int(Number(interrupt("How many?")).value)]}


def of_a_type(state):
    said = interrupt("How many?")
    if not (isinstance(said, str) and said.isdigit()):
        raise TypeError("no number")
    return {"out": [int(said)]}


@pytest.mark.parametrize("node", [at_once, later, as_json, in_async, by_name, of_a_type])
async def test_the_person_is_asked_again_with_the_error(story, node):
    run_id = await story.go(story.chain(node))
    first = await story.vote(await story.asked(run_id), "respond", answer="two")
    await story.drain()
    again = await story.asked(run_id)
    assert again.id != first.id
    assert "An answer was not taken" in again.ask.description
    assert "test_refused_answers.py, line" in again.ask.description
    await story.vote(again, "respond", answer="2")
    await story.drain()
    run = await story.run(run_id)
    assert (run.status, run.output and run.output["out"]) == (RunStatus.done, [2]), run.note


def acting_nodes(done):  # noqa: C901 - one node a form
    """Return nodes that act between the answer and the error, or while the error leaves them."""

    class Account:
        def split(self, said):
            done.append(said)
            return said

        def __exit__(self, *_):
            done.append("exit")

        def __enter__(self):
            return self

    account = Account()

    def comprehension(state):
        said = interrupt("How many?")
        [done.append(one) for one in ("x",)]
        return {"out": [int(said)]}

    def generator(state):
        said = interrupt("How many?")
        list(done.append(one) for one in ("x",))  # noqa: C400 - the form matters
        return {"out": [int(said)]}

    def method_of_its_name(state, account=account):
        said = interrupt("How many?")
        account.split(said)
        return {"out": [int(said)]}

    def with_exit(state, account=account):
        with account:
            return {"out": [int(interrupt("How many?"))]}

    def finally_acts(state):
        try:
            return {"out": [int(interrupt("How many?"))]}
        finally:
            done.append("finally")

    def after_a_yes(state):
        if interrupt("Pay?") is True and not done:
            done.append("paid")
        return {"out": [int(interrupt("How many?"))]}

    return [comprehension, generator, method_of_its_name, with_exit, finally_acts, after_a_yes]


@pytest.mark.parametrize("which", range(6))
async def test_what_acts_in_any_form_is_left_to_a_person(story, which):
    done = []
    run_id = await story.go(story.chain(acting_nodes(done)[which]))
    if which == 5:
        await story.vote(await story.asked(run_id), "approve")
        await story.drain()
    acted = len(done)
    await story.vote(await story.asked(run_id), "respond", answer="two")
    await story.drain()
    assert (await story.run(run_id)).attention == "may_have_happened"
    assert len(done) <= acted + 1


def winding_nodes(done):  # noqa: C901, PLR0915 - one node a form
    """Return nodes that act on a way that is not the shortest, and whether the answer may be asked for again."""

    def clause_after_a_raise(state):
        try:
            return {"out": [int(interrupt("How many?"))]}
        except KeyError:
            raise
        except ValueError:
            done.append("told")
            raise

    def statement_after_a_raise(state):
        quiet = state.get("quiet")
        try:
            return {"out": [int(interrupt("How many?"))]}
        except ValueError:
            if quiet:
                raise
            done.append("told")
            raise

    def around_the_try(state):
        asked = None
        try:
            try:
                return {"out": [int(asked := interrupt("How many?"))]}
            except KeyError:
                pass
        finally:
            if asked is not None:
                done.append("closed")

    def kept_and_raised_later(state):
        try:
            return {"out": [int(interrupt("How many?"))]}
        except ValueError as error:
            kept = error
        done.append("between")
        raise kept

    def next_turn_of_a_loop(state):
        said = None
        for turn in range(2):
            if turn:
                done.append("turned")
            if said is None:
                said = interrupt("How many?")
            if turn:
                int(said)

    def key_of_a_builtin(state, keep=done.append):
        said = interrupt("How many?")
        max(said, default=None, key=keep)

    def iterator(state):
        acts = (done.append(one) for one in "x")
        said = interrupt("How many?")
        list(acts)
        return {"out": [int(said)]}

    def function_that_was_loaded_before(state):
        done.append(interrupt("How many?"))
        raise ValueError("not that many")

    def function_of_its_own(state, keep=done.append):
        keep(str(interrupt("How many?")).strip())
        return {"out": [int("two")]}

    def method_beside_a_reader(state):
        return {"out": [int(done.append(str(interrupt("How many?"))) or "two")]}

    return [
        function_that_was_loaded_before,
        function_of_its_own,
        method_beside_a_reader,
        clause_after_a_raise,
        statement_after_a_raise,
        around_the_try,
        kept_and_raised_later,
        next_turn_of_a_loop,
        key_of_a_builtin,
        iterator,
    ]


@pytest.mark.parametrize("which", range(10))
async def test_what_acts_on_another_way_is_left_to_a_person(story, which):
    done = []
    run_id = await story.go(story.chain(winding_nodes(done)[which]))
    await story.vote(await story.asked(run_id), "respond", answer="two")
    await story.drain()
    assert (await story.run(run_id)).attention == "may_have_happened"
    assert len(done) == (2 if which == 8 else 1)  # `key` is called for two letters before they are compared


def handler_that_does_not_fit(state):
    try:
        number = int(interrupt("How many?"))
    except TypeError:
        number = 0
    state["out"].append(number)
    return {"out": [number]}


def in_a_loop_that_goes_on(state):
    numbers = []
    for _ in range(2):
        number = int(interrupt("How many?"))
        numbers.append(number)
    return {"out": numbers}


@pytest.mark.parametrize("node", [handler_that_does_not_fit, in_a_loop_that_goes_on])
async def test_what_stands_behind_the_error_does_not_keep_it_from_being_asked_again(story, node):
    run_id = await story.go(story.chain(node))
    await story.vote(await story.asked(run_id), "respond", answer="two")
    await story.drain()
    assert "An answer was not taken" in (await story.asked(run_id)).ask.description


@pytest.mark.parametrize("how", ["a method", "a local"])
async def test_what_may_have_acted_since_is_left_to_a_person(story, how):
    done = []

    def act(state):
        said = interrupt("How many?")
        done.append(said)
        return {"out": [int(said)]}

    def locally(state, keep=done.append):
        said = interrupt("How many?")
        keep(said)
        return {"out": [int(said)]}

    run_id = await story.go(story.chain(act if how == "a method" else locally))
    await story.vote(await story.asked(run_id), "respond", answer="two")
    await story.drain()
    assert (await story.run(run_id)).attention == "may_have_happened"
    assert done == ["two"]
