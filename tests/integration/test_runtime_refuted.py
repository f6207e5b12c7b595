"""What somebody who tried to refute the promises found, held from now on."""

import pytest

from interlock import Action, ask
from interlock.domain.request import EffectState
from interlock.domain.run import RunStatus

PAY = Action("pay", {"amount": 1})


@pytest.mark.parametrize("kind", ["coroutine", "generator"])
async def test_I2_a_tool_that_nobody_awaited_is_never_recorded_as_executed(circle, kind):
    ran = []

    async def later(amount):
        ran.append(amount)

    def lazily(amount):
        ran.append(amount)
        yield

    def act(state):
        start = {"coroutine": later, "generator": lazily}[kind]

        def tool(amount):
            return start(amount)

        return {"out": [ask(PAY).perform(tool)]}

    run_id = await circle.go(circle.chain(act))
    run = await circle.approve_all(run_id)
    assert run.status is not RunStatus.done
    assert "aperform" in run.note
    assert ((await circle.every(run_id))[0].effect, ran) == (EffectState.failed, [])


async def test_I2_an_unknown_effect_that_a_node_swallows_is_still_a_persons_question(circle):
    def act(state):
        decision = ask(PAY)
        try:
            decision.perform(lambda amount: 1 / 0)
        except BaseException:  # noqa: BLE001 - what a careless author writes
            return {"out": ["all is well"]}

    run = await circle.approve_all(await circle.go(circle.chain(act)))
    assert (run.status, run.attention) == (RunStatus.needs_attention, "effect_unknown")


async def test_I1_an_approved_argument_is_never_replaced_by_the_key(circle):
    given = []

    def act(state):
        decision = ask(Action("pay", {"amount": 1, "idempotency_key": "mine"}))
        return {"out": [decision.perform(lambda amount, idempotency_key: given.append(idempotency_key))]}

    run = await circle.approve_all(await circle.go(circle.chain(act)))
    assert (run.status, run.attention, given) == (RunStatus.needs_attention, "invalid_ask", [])


async def test_a_tool_that_cannot_take_the_approved_arguments_never_begins(circle):
    def act(state):
        return {"out": [ask(PAY).perform(lambda total: total)]}

    run_id = await circle.go(circle.chain(act))
    run = await circle.approve_all(run_id)
    assert (run.attention, (await circle.every(run_id))[0].effect) == ("invalid_ask", EffectState.none)
