"""I1, I2, fault 15: what is approved runs, once; what cannot be known is a person's question."""

import asyncio
import math
import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import pytest

from interlock import Action, NotApproved, NotDone, ask
from interlock.domain.commands import WithdrawAsPerson
from interlock.domain.request import EffectState, Status
from interlock.domain.run import RunStatus
from interlock.runtime.current import Advancing

PAY = Action("pay", {"amount": 1})


def acting(fn, **how):
    """Return a node that asks and performs `fn`."""

    def act(state):
        return {"out": [ask(PAY).perform(fn, **how)]}

    return act


async def test_I1_an_edit_is_executed_as_edited(story):
    paid = []

    def act(state):
        decision = ask(Action("pay", {"amount": 1, "to": "acme"}))
        result = decision.perform(lambda amount, to: paid.append((amount, to)))
        return {"out": [decision.edited, decision.action.args, result]}

    run_id = await story.go(story.chain(act))
    await story.vote(await story.asked(), "edit", subject=Action("pay", {"amount": 90, "to": "acme"}))
    run = await story.approve_all(run_id)
    assert paid == [(90, "acme")]
    assert run.output["out"] == [True, {"amount": 90, "to": "acme"}, None]


async def test_I1_what_is_rejected_does_not_run_and_says_so(story):
    paid = []

    def act(state):
        decision = ask(PAY)
        try:
            decision.perform(lambda amount: paid.append(amount) or amount)
        except NotApproved as refused:
            return {"out": [refused.decision.comment, str(refused.decision.outcome)]}

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked(), "reject", "too much")
    assert (await story.run(run_id)).output["out"] == ["too much", "rejected"]
    assert paid == []


async def test_a_rejection_that_the_graph_does_not_handle_fails_the_run(story):
    run_id = await story.go(story.chain(acting(lambda amount: amount)))
    await story.decide(await story.asked(), "reject", "too much")
    run = await story.run(run_id)
    assert run.status is RunStatus.failed
    assert "too much" in run.note


async def test_I5_silence_is_expired_never_approved(story):
    seen = []

    def act(state):
        decision = ask(PAY)
        seen.append((decision.approved, decision.outcome, decision.by))
        return {"out": [decision.summary]}

    run_id = await story.go(story.chain(act))
    await story.later(days=6, hours=23)
    assert (await story.run(run_id)).status is RunStatus.paused
    await story.later(hours=1)
    assert (await story.run(run_id)).status is RunStatus.done
    assert seen == [(False, Status.expired, ())]


async def test_a_run_goes_on_when_who_started_it_withdraws_what_it_asks(story):
    seen = []

    def act(state):
        decision = ask(PAY)
        seen.append((decision.approved, decision.outcome, decision.by, decision.comment))
        return {"out": [decision.summary]}

    run_id = await story.go(story.chain(act))
    request = await story.asked(run_id)
    await story.system.desk.handle(WithdrawAsPerson(request.id, "it is paid"), story.me)
    await story.drain()
    run = await story.run(run_id)
    assert run.status is RunStatus.done
    assert seen == [(False, Status.withdrawn, (story.me.id,), "it is paid")]
    assert run.output["out"] == [f"{request.id} was withdrawn by {story.me.id}: it is paid"]
    assert (await story.types(request.id))[-1] == "withdrawn"
    await story.assert_invariants()


async def test_a_result_is_recorded_and_returned_without_a_second_call(story):
    paid, crashes = [], iter([True, False])

    def act(state):
        result = ask(PAY).perform(lambda amount: paid.append(amount) or "receipt 1")
        if next(crashes):
            raise RuntimeError("after the effect")
        return {"out": [result]}

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked())
    assert (await story.run(run_id)).status is RunStatus.queued
    await story.later(seconds=2)
    assert (await story.run(run_id)).output["out"] == ["receipt 1"]
    assert paid == [1]


async def test_performing_twice_calls_once(story):
    paid = []

    def fn(amount):
        paid.append(amount)
        return len(paid)

    def act(state):
        decision = ask(PAY)
        return {"out": [decision.perform(fn), decision.perform(fn)]}

    run_id = await story.go(story.chain(act))
    assert (await story.approve_all(run_id)).output["out"] == [1, 1]


async def test_I2_one_approval_does_not_cover_two_functions(story):
    ran = []

    def one(amount):
        ran.append("one")

    def other(amount):
        ran.append("other")

    def act(state):
        decision = ask(PAY)
        decision.perform(one)
        decision.perform(other)

    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "effect_refused")
    assert ran == ["one"]


@pytest.mark.parametrize("how", ["raises NotDone", "not_done="])
async def test_not_done_is_failed_and_replays_as_such(story, how):
    tries, crashes = [], iter([True, False])

    def fn(amount):
        tries.append(amount)
        raise NotDone("no funds") if how == "raises NotDone" else KeyError("no funds")

    def act(state):
        try:
            ask(PAY).perform(fn, not_done=(KeyError,))
        except NotDone as error:
            if next(crashes):
                raise RuntimeError("later") from None
            return {"out": [str(error)]}

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked())
    await story.later(seconds=2)
    run = await story.run(run_id)
    assert "no funds" in run.output["out"][0]
    assert tries == [1]
    assert (await story.every(run_id))[0].effect is EffectState.failed


async def test_not_done_that_the_graph_does_not_handle_fails_the_run(story):
    def fn(amount):
        raise NotDone("no funds")

    run_id = await story.go(story.chain(acting(fn)))
    run = await story.approve_all(run_id)
    assert (run.status, run.note) == (RunStatus.failed, "no funds")


@pytest.mark.parametrize("verdict", ["happened", "did_not", "retry"])
async def test_fault_15_an_exception_is_unknown_and_a_person_settles_it(story, verdict):
    calls, swallowed, seen = [], [], []

    def fn(amount):
        calls.append(amount)
        if len(calls) == 1:
            raise TimeoutError("answered 500")
        return "second"

    def act(state):
        try:
            seen.append(ask(PAY).perform(fn))
        except NotDone as error:
            seen.append(str(error))
        except Exception as error:
            swallowed.append(error)
            raise
        return {"out": seen}

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked())
    run = await story.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "effect_unknown")
    request = (await story.every(run_id))[0]
    assert (request.effect, run.attention_request) == (EffectState.unknown, request.id)
    await story.later(days=30)
    assert calls == [1]
    await story.settle(request.id, verdict, "the receipt")
    run = await story.run(run_id)
    assert run.status is RunStatus.done
    expected = {"happened": "the receipt", "did_not": "I looked", "retry": "second"}[verdict]
    assert run.output["out"] == [expected]
    assert calls == ([1, 1] if verdict == "retry" else [1])
    assert len(swallowed) == 0 or all("Interrupt" in type(error).__name__ for error in swallowed)


async def test_fault_15_an_async_exception_is_unknown_too(story):
    async def fn(amount):
        raise ConnectionError("reset")

    async def act(state):
        try:
            return {"out": [await ask(PAY).aperform(fn)]}
        except ConnectionError:
            return {"out": ["swallowed"]}

    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "effect_unknown")
    assert "reset" in run.note


async def test_retrying_a_run_does_not_get_past_an_unknown_effect(story):
    calls = []

    def fn(amount):
        calls.append(amount)
        raise TimeoutError

    run_id = await story.go(story.chain(acting(fn)))
    await story.approve_all(run_id)
    for _ in range(3):
        run = await story.retry(run_id)
        assert (run.status, run.attention) == (RunStatus.needs_attention, "effect_unknown")
    assert calls == [1]


async def test_a_released_verifiable_effect_is_verified_before_it_is_called_again(story):
    calls, verified = [], []

    def fn(amount, idempotency_key):
        calls.append(idempotency_key)
        return (part for part in [])  # a result that nobody reads to its end: unknown

    def verify(amount, idempotency_key):
        verified.append(idempotency_key)
        return {"found": idempotency_key}

    run_id = await story.go(story.chain(acting(fn, verify=verify)))
    await story.approve_all(run_id)
    request = (await story.every(run_id))[0]
    await story.settle(request.id, "retry")
    assert (await story.run(run_id)).output["out"] == [{"found": request.id}]
    assert (calls, verified) == ([request.id], [request.id])


async def test_two_unknown_effects_in_parallel_are_settled_one_by_one(story):
    def left(state):
        return {"out": [ask(Action("left", {})).perform(broken)]}

    def right(state):
        return {"out": [ask(Action("right", {})).perform(broken)]}

    def broken():
        raise TimeoutError

    run_id = await story.go(story.fan(left, right))
    await story.approve_all(run_id)
    for _ in range(2):
        run = await story.run(run_id)
        assert run.attention == "effect_unknown"
        await story.settle(run.attention_request, "happened", run.attention_request)
    run = await story.run(run_id)
    assert run.status is RunStatus.done
    assert sorted(run.output["out"]) == sorted(request.id for request in await story.every(run_id))


class Pair(NamedTuple):
    left: int
    right: datetime


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (None, None),
        (Pair(1, datetime(2026, 1, 1, tzinfo=UTC)), [1, "2026-01-01T00:00:00Z"]),
        ({1: {2}}, {"1": [2]}),
        (Decimal("0.10"), "0.10"),
        (math.nan, "NaN"),
        (b"bytes", "bytes"),
        (2**60, None),
        ("\ud800", None),
        (b"\xff", None),
        ("x" * 300_000, None),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_results_of_odd_types_are_recorded_somehow(story, value, recorded):
    run_id = await story.go(story.chain(acting(lambda **_: value)))
    run = await story.approve_all(run_id)
    assert run.status is RunStatus.done
    assert (await story.every(run_id))[0].effect is EffectState.executed
    (out,) = run.output["out"]
    assert out == recorded or set(out) == {"not_recorded"}


async def test_a_result_whose_description_raises_is_executed_all_the_same(story):
    class Odd:
        def __repr__(self):
            raise RuntimeError("no description")

    calls = []

    def fn(amount):
        calls.append(amount)
        return Odd()

    run_id = await story.go(story.chain(acting(fn)))
    run = await story.approve_all(run_id)
    assert run.status is RunStatus.done
    assert calls == [1]


async def wrong_colours(story, node):
    run_id = await story.go(story.chain(node))
    run = await story.approve_all(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask")
    assert (await story.every(run_id))[0].effect is EffectState.none
    return run.note


async def test_perform_on_a_coroutine_function_is_a_clear_error(story):
    async def fn(amount): ...

    def act(state):
        ask(PAY).perform(fn)

    assert "aperform" in await wrong_colours(story, act)


async def test_aperform_on_a_plain_function_is_a_clear_error(story):
    async def act(state):
        await ask(PAY).aperform(lambda amount: amount)

    assert "perform(" in await wrong_colours(story, act)


async def test_perform_in_a_coroutine_is_a_clear_error(story):
    async def act(state):
        ask(PAY).perform(lambda amount: amount)

    assert "await decision.aperform" in await wrong_colours(story, act)


async def test_asking_inside_of_a_tool_is_refused_and_its_effect_unknown(story):
    def fn(amount):
        ask(Action("other", {}))

    run_id = await story.go(story.chain(acting(fn)))
    run = await story.approve_all(run_id)
    assert run.attention == "effect_unknown"
    assert "inside" in run.note


async def test_a_tool_that_leaves_by_system_exit_is_unknown_and_the_worker_lives(story):
    calls = []

    def fn(amount):
        calls.append(amount)
        raise SystemExit(3)

    run_id = await story.go(story.chain(acting(fn)))
    run = await story.approve_all(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "effect_unknown")
    assert calls == [1]


async def test_a_crash_beside_a_finished_effect_does_not_repeat_it(story):
    paid, crashes = [], iter([True, True, False])

    def left(state):
        return {"out": [ask(PAY).perform(lambda amount: paid.append(amount) or "paid")]}

    def right(state):
        if state.get("input") and ask(Action("go", {})).approved and next(crashes):
            raise RuntimeError("beside")
        return {"out": ["right"]}

    run_id = await story.go(story.fan(left, right), {"input": 1})
    await story.approve_all(run_id)
    for _ in range(2):
        assert (await story.run(run_id)).attention == "may_have_happened"  # "go" was approved, and not performed
        await story.retry(run_id)
    run = await story.run(run_id)
    assert sorted(run.output["out"]) == ["paid", "right"]
    assert paid == [1]


def break_off(state):
    if ask(Action("go", {})).approved:
        raise RuntimeError("beside")


def give_up(state):
    if ask(Action("go", {})).approved:
        raise NotDone("beside")


ENDED = {break_off: (RunStatus.needs_attention, "may_have_happened"), give_up: (RunStatus.failed, None)}


@pytest.mark.parametrize("beside", ENDED)
async def test_an_effect_that_comes_too_late_to_begin_hides_nothing_of_how_its_neighbour_ended(
    story, monkeypatch, beside
):
    under_way, turn = threading.Event(), Advancing.turn

    async def late(advancing, request_id):
        under_way.set()
        while not advancing.over:
            await asyncio.sleep(0)
        return await turn(advancing, request_id)

    def right(state):
        try:
            beside(state)
        except (RuntimeError, NotDone):
            assert under_way.wait(10)
            raise

    monkeypatch.setattr(Advancing, "turn", late)
    run_id = await story.go(story.fan(acting(lambda amount: "paid"), right))
    run = await story.approve_all(run_id)
    assert (run.status, run.attention) == ENDED[beside]
    assert "beside" in run.note


@pytest.mark.parametrize("beside", ENDED)
async def test_what_became_of_an_effect_is_asked_however_its_neighbour_ended(story, beside):
    begun, ended = threading.Event(), threading.Event()

    def fn(amount):
        begun.set()
        assert ended.wait(10)
        raise TimeoutError

    def right(state):
        try:
            beside(state)
        except (RuntimeError, NotDone):
            assert begun.wait(10)
            ended.set()
            raise

    run_id = await story.go(story.fan(acting(fn), right))
    run = await story.approve_all(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "effect_unknown")
