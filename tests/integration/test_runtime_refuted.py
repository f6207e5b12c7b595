"""What somebody who tried to refute the promises found, held from now on."""

import asyncio

import pytest
from langchain_core.runnables.config import ContextThreadPoolExecutor

from interlock import Action, NotDone, ask
from interlock.domain.request import EffectState
from interlock.domain.run import RunStatus

PAY = Action("pay", {"amount": 1})


@pytest.mark.parametrize("kind", ["coroutine", "generator", "async generator"])
async def test_I2_a_tool_that_nobody_awaited_is_never_recorded_as_executed(story, kind):
    ran = []

    async def later(amount):
        ran.append(amount)

    def lazily(amount):
        ran.append(amount)
        yield

    async def both(amount):
        ran.append(amount)
        yield

    def act(state):
        start = {"coroutine": later, "generator": lazily, "async generator": both}[kind]

        def tool(amount):
            return start(amount)

        return {"out": [ask(PAY).perform(tool)]}

    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "effect_unknown")
    assert "aperform" in run.note
    assert ((await story.every(run_id))[0].effect, ran) == (EffectState.unknown, [])


async def test_I2_a_tool_that_acts_and_returns_a_generator_is_never_recorded_as_failed(story):
    paid = []

    def pay(amount):
        paid.append(amount)
        return (line for line in "receipt")

    def act(state):
        return {"out": [ask(PAY).perform(pay)]}

    run_id = await story.go(story.chain(act))
    await story.approve_all(run_id)
    assert ((await story.every(run_id))[0].effect, paid) == (EffectState.unknown, [1])


async def test_I2_a_generator_function_is_refused_before_anything_begins(story):
    def pay(amount):
        yield amount

    def act(state):
        return {"out": [ask(PAY).perform(pay)]}

    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask")
    assert "generator function" in run.note
    assert (await story.every(run_id))[0].effect is EffectState.none


async def test_I2_an_unknown_effect_that_a_node_swallows_is_still_a_persons_question(story):
    def act(state):
        decision = ask(PAY)
        try:
            decision.perform(lambda amount: 1 / 0)
        except BaseException:  # noqa: BLE001 - what a careless author writes
            return {"out": ["all is well"]}

    run = await story.approve_all(await story.go(story.chain(act)))
    assert (run.status, run.attention) == (RunStatus.needs_attention, "effect_unknown")


async def test_I1_an_approved_argument_is_never_replaced_by_the_key(story):
    given = []

    def act(state):
        decision = ask(Action("pay", {"amount": 1, "idempotency_key": "mine"}))
        return {"out": [decision.perform(lambda amount, idempotency_key: given.append(idempotency_key))]}

    run = await story.approve_all(await story.go(story.chain(act)))
    assert (run.status, run.attention, given) == (RunStatus.needs_attention, "invalid_ask", [])


async def test_a_tool_that_cannot_take_the_approved_arguments_never_begins(story):
    def act(state):
        return {"out": [ask(PAY).perform(lambda total: total)]}

    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert (run.attention, (await story.every(run_id))[0].effect) == ("invalid_ask", EffectState.none)


async def test_I2_a_task_that_nobody_awaited_is_a_persons_question(story):
    class Promise:
        def __await__(self):
            yield

    def act(state):
        return {"out": [ask(PAY).perform(lambda amount: Promise())]}

    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "effect_unknown")
    assert "aperform" in run.note
    assert (await story.every(run_id))[0].effect is EffectState.unknown


async def test_I11_a_tool_that_changes_its_arguments_changes_nothing_that_is_recorded(story):
    def pay(to, terms):
        to.append("me")
        return terms.pop("days")

    def act(state):
        decision = ask(Action("pay", {"to": ["ACME"], "terms": {"days": 30}}))
        return {"out": [decision.perform(pay), decision.perform(pay)]}

    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert (run.status, run.output) == (RunStatus.done, {"out": [30, 30]})
    assert (await story.every(run_id))[0].asked.args == {"to": ["ACME"], "terms": {"days": 30}}


async def test_I1_what_a_node_does_to_a_decision_changes_neither_it_nor_the_effect(story):
    paid = []

    def pay(to):
        paid.append(to)
        return {"to": to}

    def act(state):
        decision = ask(Action("pay", {"to": ["ACME"]}))
        decision.action.args["to"].append("me")
        decision.perform(pay)["to"].append("me")
        return {"out": [decision.perform(pay)]}

    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert (run.status, run.output, paid) == (RunStatus.done, {"out": [{"to": ["ACME"]}]}, [["ACME"]])


async def test_fault_15_a_node_that_gives_up_on_its_tool_leaves_a_persons_question(story):
    begun = asyncio.Event()

    async def pay(amount):
        begun.set()
        await asyncio.Event().wait()

    async def act(state):
        paying = asyncio.ensure_future(ask(PAY).aperform(pay))
        await begun.wait()
        paying.cancel()
        await asyncio.wait({paying})
        return {"out": ["gave up"]}

    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "effect_unknown")
    assert (await story.every(run_id))[0].effect is EffectState.unknown


async def test_I4_a_node_that_gives_up_while_its_effect_is_claimed_does_not_end_the_run(story):
    paid = []

    async def pay(amount):
        paid.append(amount)

    async def act(state):
        paying = asyncio.ensure_future(ask(PAY).aperform(pay, idempotent=True))
        if not given_up:
            given_up.append(True)
            await asyncio.sleep(0)
            paying.cancel()
        await asyncio.wait({paying})
        return {"out": ["went on"]}

    given_up = []
    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert (run.status, paid) == (RunStatus.queued, [])
    await story.later(minutes=1)
    assert ((await story.run(run_id)).status, paid) == (RunStatus.done, [1])
    assert (await story.every(run_id))[0].effect is EffectState.executed


async def test_I2_one_effect_performed_twice_at_once_is_called_once_and_both_have_its_result(story):
    paid = []

    async def pay(amount):
        paid.append(amount)
        await asyncio.sleep(0)
        return "receipt"

    async def act(state):
        decision = ask(PAY)
        return {"out": await asyncio.gather(decision.aperform(pay), decision.aperform(pay))}

    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert (run.status, run.output, paid) == (RunStatus.done, {"out": ["receipt", "receipt"]}, [1])
    assert (await story.every(run_id))[0].effect is EffectState.executed


async def test_I2_one_effect_performed_in_two_threads_is_called_once_and_both_have_its_result(story):
    paid = []

    def pay(amount):
        paid.append(amount)
        return "receipt"

    def act(state):
        decision = ask(PAY)
        with ContextThreadPoolExecutor() as pool:
            return {"out": [done.result() for done in [pool.submit(decision.perform, pay) for _ in range(4)]]}

    run = await story.approve_all(await story.go(story.chain(act)))
    assert (run.status, run.output, paid) == (RunStatus.done, {"out": ["receipt"] * 4}, [1])


async def test_I4_whoever_waits_for_an_effect_that_fails_fails_as_well(story):
    async def pay(amount):
        await asyncio.sleep(0)
        raise NotDone("the bank is closed")

    async def act(state):
        decision = ask(PAY)
        both = await asyncio.gather(decision.aperform(pay), decision.aperform(pay), return_exceptions=True)
        return {"out": [str(error) for error in both]}

    run = await story.approve_all(await story.go(story.chain(act)))
    assert (run.status, run.output) == (RunStatus.done, {"out": ["the bank is closed"] * 2})


async def test_I1_what_was_decided_for_another_run_is_performed_by_none(story):
    kept, paid = [], []

    def pay(amount):
        paid.append(amount)

    def keep(state):
        kept.append(ask(PAY))
        return {"out": []}

    def act(state):
        try:
            kept[0].perform(pay)
        except Exception:  # noqa: BLE001 - what a careless author writes
            return {"out": ["all is well"]}

    await story.approve_all(await story.go(story.chain(keep)))
    run_id = await story.go(story.chain(act))
    run = await story.run(run_id)
    assert (run.status, run.attention, paid) == (RunStatus.needs_attention, "effect_refused", [])
    assert f"{kept[0].request_id} was decided for another run" in run.note
