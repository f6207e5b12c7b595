"""Faults 3, 4, 9; I2, I16: several workers at one run: one goes on, and nobody overwrites."""

import asyncio
import contextvars

import pytest

from interlock import Action, ask
from interlock.domain.request import EffectState
from interlock.domain.run import RunStatus

PAY = Action("pay", {"amount": 1})


async def elsewhere(work):
    """Do it as another process would, knowing nothing of the node that calls."""
    await asyncio.get_running_loop().create_task(work, context=contextvars.Context())


def paying(paid):
    def act(state):
        return {"out": [ask(PAY).perform(lambda amount: paid.append(amount) or "paid")]}

    return act


@pytest.mark.parametrize("times", [50, pytest.param(1_000, marks=pytest.mark.soak)])
async def test_fault_4_fifty_resumes_at_once_make_one_effect(story, times):
    paid = []
    run_id = await story.go(story.chain(paying(paid)))
    await story.vote(await story.asked())
    await asyncio.gather(*(story.drain() for _ in range(times)))
    assert ((await story.run(run_id)).status, paid) == (RunStatus.done, [1])
    assert (await story.types(run_id)).count("advance_began") == 2


async def test_fault_10_fifty_votes_at_once_make_one_outcome(story):
    paid = []
    run_id = await story.go(story.chain(paying(paid)))
    request = await story.asked()
    votes = [story.vote(request, "approve" if turn % 2 else "reject", "no") for turn in range(20)]
    results = await asyncio.gather(*votes, return_exceptions=True)
    await story.drain()
    assert sum(not isinstance(result, Exception) for result in results) == 1
    types = await story.types(request.id)
    assert (types.count("decided"), types.count("vote_cast")) == (1, 1)
    assert types.count("refusal_noted") in {1, 2}  # of all the equal ones, one is noted until something else happens
    assert len(paid) == ((await story.request(request.id)).status == "approved")
    assert (await story.run(run_id)).status in {RunStatus.done, RunStatus.failed}


async def test_fault_3_a_worker_whose_lease_ended_cannot_overwrite(story, clock):
    """A second worker takes the run while the first one's agent is thinking."""
    paid, turns = [], []

    async def act(state):
        turns.append(1)
        if len(turns) == 2:  # the resumed advance: time passes, somebody else takes over
            clock.advance(seconds=31)
            await elsewhere(story.drain())
        return {"out": [await ask(PAY).aperform(pay), len(turns)]}

    async def pay(amount):
        paid.append(amount)

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked())
    run = await story.run(run_id)
    assert (run.status, paid, turns) == (RunStatus.done, [1], [1, 1, 1])
    assert run.output["out"] == [None, 3]
    assert (await story.types(run_id)).count("run_done") == 1


@pytest.mark.parametrize("declared", ["idempotent", "verifiable", "neither"])
async def test_fault_3_the_true_result_of_a_slow_effect_is_recorded(story, clock, declared):
    """The lease ends while the tool is under way; another worker comes before it returns."""
    calls = []

    async def pay(amount, idempotency_key):
        calls.append(idempotency_key)
        if len(calls) == 1:
            clock.advance(seconds=31)
            await elsewhere(story.drain())
        return f"receipt {len(calls)}"

    async def verify(amount, idempotency_key):
        return "verified"

    how = {"idempotent": {"idempotent": True}, "verifiable": {"verify": verify}, "neither": {}}[declared]

    async def act(state):
        return {"out": [await ask(PAY).aperform(pay, **how)]}

    run_id = await story.go(story.chain(act))
    request = await story.asked()
    await story.decide(request)
    await story.drain()
    run, request = await story.run(run_id), await story.request(request.id)
    assert (run.status, request.effect) == (RunStatus.done, EffectState.executed)
    assert len(set(calls)) == 1
    assert len(calls) == (2 if declared == "idempotent" else 1)
    expected = {"idempotent": "receipt 2", "verifiable": "verified", "neither": "receipt 1"}[declared]
    assert run.output["out"] == [expected]
    if declared == "neither":
        assert "effect_unknown" in await story.types(request.id)


async def test_fault_9_jobs_asked_for_twice_do_nothing_twice(story):
    paid = []
    run_id = await story.go(story.chain(paying(paid)))
    await story.decide(await story.asked())
    for _ in range(3):
        await story.drain()
    assert paid == [1]
    assert (await story.types(run_id))[-1] == "run_done"


async def test_many_runs_at_once_keep_apart(story):
    paid = []

    def act(state):
        amount = state["input"]
        return {"out": [ask(Action("pay", {"amount": amount})).perform(lambda amount: paid.append(amount) or amount)]}

    reference = story.register(story.chain(act))
    runs = [await story.start(reference, {"input": number}) for number in range(30)]
    await asyncio.gather(*(story.vote(request) for request in await story.open()))
    await asyncio.gather(*(story.drain() for _ in range(3)))
    assert sorted(paid) == list(range(30))
    assert [(await story.run(run_id)).output["out"] for run_id in runs] == [[number] for number in range(30)]
