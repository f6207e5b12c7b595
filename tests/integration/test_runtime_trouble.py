"""What needs a person's attention, says so, and goes on when it is mended; what fails is tried again a few times."""

import asyncio
import itertools

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphInterrupt
from langgraph.types import Command, RetryPolicy, interrupt

from interlock import Action, InterlockError, ModelNotUsable, ModelUnavailable, ask
from interlock.domain.request import EffectState, Status
from interlock.domain.run import RunStatus
from interlock.errors import InvalidAgent


def paying(amounts, paid):
    """Return a node whose model makes up another amount each time."""

    def act(state):
        return {
            "out": [ask(Action("pay", {"amount": next(amounts)})).perform(lambda amount: paid.append(amount) or amount)]
        }

    return act


async def attention(story, run_id, code):
    run = await story.run(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, code), run.note
    return run.note


async def test_I8_other_arguments_on_replay_are_asked_anew_at_most_twice(story):
    paid = []
    run_id = await story.go(story.chain(paying(itertools.count(1), paid)))
    for _ in range(3):
        await story.decide(await story.asked(run_id))
    note = await attention(story, run_id, "arguments_changed")
    assert "Move the model call into a node before" in note
    requests = await story.every(run_id)
    assert [request.replacements for request in requests] == [0, 1, 2]
    assert [request.effect for request in requests] == [EffectState.lapsed, EffectState.lapsed, EffectState.none]
    assert [request.replaced_by for request in requests[:2]] == [request.id for request in requests[1:]]
    assert paid == []


async def test_I8_other_arguments_once_are_asked_and_then_executed(story):
    paid = []
    run_id = await story.go(story.chain(paying(itertools.chain([1], itertools.repeat(2)), paid)))
    await story.decide(await story.asked(run_id))
    assert paid == []
    run = await story.approve_all(run_id)
    assert (run.status, paid) == (RunStatus.done, [2])


async def test_I2_other_arguments_after_the_effect_began_open_nothing(story):
    amounts, paid, crashes = itertools.chain([1, 1, 2]), [], iter([True, False])

    def act(state):
        ask(Action("pay", {"amount": next(amounts)})).perform(lambda amount: paid.append(amount) or amount)
        if next(crashes):
            raise RuntimeError("crash after the effect")

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked(run_id))
    await story.later(seconds=5)
    await attention(story, run_id, "arguments_changed")
    assert len(await story.every(run_id)) == 1
    assert paid == [1]


@pytest.mark.parametrize("answer", [True, {"interlock_request": "req_x"}, {"approved": True}, "yes"])
async def test_I1_an_invented_answer_on_bare_langgraph_is_worth_nothing(story, answer):
    paid = []
    graph = story.chain(paying(itertools.repeat(1), paid))
    bare = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    assert bare.invoke({}, config)["__interrupt__"]
    with pytest.raises(InvalidAgent, match="worth nothing"):
        bare.invoke(Command(resume=answer), config)
    bare.update_state(config, {"out": ["approved"]})
    assert bare.invoke(None, config)["__interrupt__"]
    assert paid == []


async def test_I1_a_real_decision_is_worth_nothing_on_bare_langgraph(story):
    paid = []
    graph = story.chain(paying(itertools.repeat(1), paid))
    run_id = await story.go(graph)
    request = await story.vote(await story.asked(run_id))
    bare = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": run_id}}
    bare.invoke({}, config)
    with pytest.raises(InvalidAgent, match="worth nothing"):
        bare.invoke(Command(resume={"interlock_request": request.id}), config)
    assert paid == []


async def test_I16_a_node_that_names_a_decision_of_another_run_gets_nothing(story):
    """The graph resumes itself inside of a node with somebody else's decision."""
    paid, stolen = [], []
    inner = story.chain(paying(itertools.repeat(1), paid)).compile(checkpointer=InMemorySaver())

    def thief(state):
        config = {"configurable": {"thread_id": "stolen"}}
        inner.invoke({}, config)
        inner.invoke(Command(resume={"interlock_request": stolen[0]}), config)

    first = await story.go(story.chain(paying(itertools.repeat(1), [])))
    stolen.append((await story.vote(await story.asked(first))).id)
    run_id = await story.go(story.chain(thief))
    await attention(story, run_id, "invalid_ask")
    assert paid == []


async def test_a_retry_policy_around_a_node_that_asks(story):
    tries, paid = [], []

    def act(state):
        tries.append(1)
        decision = ask(Action("pay", {"amount": 1}))
        if len(tries) in {2, 3}:
            raise ConnectionError("the model is away")
        again = ask(Action("tell", {}))
        return {"out": [decision.perform(lambda amount: paid.append(amount) or amount), again.approved]}

    policy = RetryPolicy(initial_interval=0.001, jitter=False, retry_on=ConnectionError)
    run_id = await story.go(story.chain(act, retry=policy))
    run = await story.approve_all(run_id)
    assert run.status is RunStatus.done, run.note
    assert [request.asked.name for request in await story.every(run_id)] == ["pay", "tell"]
    assert paid == [1]


async def test_a_retry_policy_does_not_repeat_an_effect(story):
    tries, paid = [], []

    def act(state):
        result = ask(Action("pay", {"amount": 1})).perform(lambda amount: paid.append(amount) or "paid")
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError
        return {"out": [result]}

    policy = RetryPolicy(initial_interval=0.001, jitter=False, retry_on=ConnectionError)
    run_id = await story.go(story.chain(act, retry=policy))
    assert (await story.approve_all(run_id)).output["out"] == ["paid"]
    assert (len(tries), paid) == (3, [1])


@pytest.mark.parametrize(
    "forged",
    [
        {"interlock": 1, "subject": {}},
        {"interlock": 1, "subject": {"kind": "approval", "name": "pay", "args": {}, "schema": None}},
        {
            "interlock": 1, "subject": {"kind": "approval", "name": "pay", "args": {}, "schema": None}, "task": "t",
            "description": "", "context": None, "verdicts": None, "policy": None, "passed_over": ["req_other"],
            "replaces": None,
        },
    ],
)  # fmt: skip
async def test_an_interrupt_forged_in_our_dialect_does_no_harm(story, forged):
    def act(state):
        interrupt(forged)

    victim = await story.go(story.chain(paying(itertools.repeat(1), [])))
    request = await story.vote(await story.asked(victim))
    if "passed_over" in forged:
        forged = {**forged, "passed_over": [request.id]}
    run_id = await story.go(story.chain(act))
    run = await story.run(run_id)
    assert run.status is RunStatus.paused or run.attention == "invalid_ask"
    assert (await story.request(request.id)).effect is not EffectState.lapsed


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "args", [{"at": object()}, {"n": float("nan")}, {"s": "\ud800"}, {"\ud800": 1}, {1: 2}, {"n": 2**60}]
)
async def test_I14_arguments_that_are_not_json_are_refused_with_their_path_and_mended(story, args):
    mended = []

    def act(state):
        return {"out": [ask(Action("pay", {"amount": 1} if mended else args)).approved]}

    run_id = await story.go(story.chain(act))
    await attention(story, run_id, "invalid_ask")
    assert await story.every(run_id) == []
    mended.append(True)
    assert (await story.retry(run_id)).status is RunStatus.paused
    assert (await story.approve_all(run_id)).output["out"] == [True]


async def test_a_policy_that_is_not_configured_is_named(story):
    def act(state):
        ask(Action("pay", {}), policy="payments")

    assert "'payments'" in await attention(story, await story.go(story.chain(act)), "invalid_ask")


async def test_I4_an_agent_that_raises_is_tried_five_times_with_back_off(story, clock):
    times, broken = [], [True]

    def act(state):
        times.append(clock.at)
        if broken:
            raise ValueError("the model is away \ud800")
        return {"out": ["well"]}

    run_id = await story.go(story.chain(act))
    for _ in range(400):
        await story.later(seconds=1)
    waits = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
    assert len(times) == 5
    assert waits == sorted(waits)
    assert waits[0] >= 1
    assert "ValueError: the model is away" in await attention(story, run_id, "attempts_exhausted")
    broken.clear()
    assert (await story.retry(run_id)).output["out"] == ["well"]


async def test_a_model_that_cannot_be_used_is_a_persons_at_once_and_one_that_is_away_is_asked_again(story):
    errors, tries = [ModelUnavailable("The endpoint is busy."), ModelNotUsable("There is no such endpoint.")], []

    def act(state):
        tries.append(1)
        if errors:
            raise errors.pop(0)
        return {"out": ["well"]}

    run_id = await story.go(story.chain(act))
    assert (await story.run(run_id)).status is RunStatus.queued
    await story.later(seconds=60)
    assert await attention(story, run_id, "model_not_usable") == "There is no such endpoint."
    await story.later(seconds=600)
    assert len(tries) == 2
    assert (await story.retry(run_id)).output["out"] == ["well"]


async def test_I4_what_a_graph_may_have_done_comes_before_its_model(story):
    def act(state):
        ask(Action("pay", {}))
        raise ModelNotUsable("There is no such endpoint.")

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked(run_id))
    note = await attention(story, run_id, "may_have_happened")
    assert "There is no such endpoint." in note
    assert "look before you let the run try again" in note


async def test_I10_a_failed_attempt_keeps_the_answer_for_the_next(story):
    tries = []

    def act(state):
        decision = ask(Action("pay", {}))
        tries.append(1)
        if len(tries) < 3:
            raise ValueError
        return {"out": [decision.comment]}

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked(), "reject", "too much")
    await story.later(seconds=60)
    await story.later(seconds=60)
    assert (await story.run(run_id)).output["out"] == ["too much"]


async def test_a_node_that_swallows_its_own_pause_does_not_pass_silently(story):
    """`except Exception` catches LangGraph's interrupt: the node goes on as if nobody had to be asked."""
    deleted, caught = [], []

    def act(state):
        try:
            ask(Action("delete", {}))
        except Exception as error:  # noqa: BLE001 - as people write it
            caught.append(type(error))
        deleted.append("all")
        return {"out": ["done"]}

    await attention(story, await story.go(story.chain(act)), "not_governed")
    assert caught == [GraphInterrupt]


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyError("\ud800")])
async def test_whatever_leaves_a_node_is_an_attempt_that_failed(story, error):
    tries = []

    async def act(state):
        tries.append(1)
        if len(tries) == 1:
            raise error
        return {"out": ["well"]}

    run_id = await story.go(story.chain(act))
    await story.later(seconds=60)
    assert (await story.run(run_id)).output["out"] == ["well"]


async def test_an_output_that_is_too_large_ends_the_run_all_the_same(story):
    def act(state):
        return {"out": ["x" * 3_000_000]}

    run = await story.run(await story.go(story.chain(act)))
    assert run.status is RunStatus.done
    assert run.output["out"] == [{"not_recorded": "text, 3,000,000 characters, for which no room is left"}]


async def test_a_reason_that_is_too_large_ends_the_run_all_the_same(story):
    def act(state):
        raise InterlockError("x" * 3_000_000)

    run_id = await story.go(story.chain(act))
    assert (await story.run(run_id)).status is RunStatus.queued


async def test_cancelling_withdraws_what_is_open(story):
    run_id = await story.go(story.chain(paying(itertools.repeat(1), [])))
    await story.system.runs.cancel(run_id, story.me, "enough")
    await story.drain()
    assert [request.status for request in await story.every(run_id)] == [Status.withdrawn]
    record = await story.record(run_id)
    assert (record.run.status, record.state) == (RunStatus.cancelled, None)


async def test_I5_a_process_that_was_stopped_while_it_cancelled_does_not_withdraw_by_yesterdays_time(
    story, clock, monkeypatch
):
    run_id = await story.go(story.chain(paying(itertools.repeat(1), [])))
    (request,) = await story.every(run_id)
    store = story.store
    commit, stops = store.commit, iter([True])

    async def stopped_before(changes):
        if next(stops, False):
            clock.advance(days=1)
        await commit(changes)

    monkeypatch.setattr(store, "commit", stopped_before)
    await story.system.runs.cancel(run_id, story.me, "enough")
    withdrawn = (await store.history(story.me.tenant, request.id))[-1]
    assert withdrawn.event.type == "withdrawn"
    assert withdrawn.event.at == withdrawn.at == clock()


async def test_a_claimed_effect_of_a_cancelled_run_is_still_recorded(story):
    paid, after = [], []

    async def pay(amount):
        await story.system.runs.cancel(run_id, story.me, "stop")
        paid.append(amount)
        return "receipt"

    async def act(state):
        await ask(Action("pay", {"amount": 1})).aperform(pay)
        after.append(await ask(Action("pay", {"amount": 2})).aperform(pay))

    run_id = await story.go(story.chain(act))
    request = await story.asked()
    await story.decide(request)
    request = await story.request(request.id)
    assert (request.effect, request.result) == (EffectState.executed, "receipt")
    assert (await story.run(run_id)).status is RunStatus.cancelled
    assert len(await story.every(run_id)) == 1
    assert (paid, after) == ([1], [])


async def test_I2_after_a_cancellation_nothing_more_is_claimed(story):
    paid = []

    async def act(state):
        decision = ask(Action("pay", {"amount": 1}))
        await story.system.runs.cancel(run_id, story.me, "stop")
        decision.perform(paid.append) if paid else await decision.aperform(pay)

    async def pay(amount):
        paid.append(amount)

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked())
    assert paid == []
    assert (await story.every(run_id))[0].effect is EffectState.none
