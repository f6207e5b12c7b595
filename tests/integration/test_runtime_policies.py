"""I5, I9: approvals that are too old or whose voters lost their role are worth nothing; rules approve what they may."""

import pytest

from interlock import Action, ask, gated
from interlock.domain.request import EffectState, Status
from interlock.domain.run import RunStatus
from interlock.errors import Forbidden

CONFIG = """
groups:
  finance: [{finance}]
default:
  answer_expires: 1h
  facts:
    amount: {{from: args.amount, type: decimal}}
  levels:
    - name: small
      when: amount < 100.0
      approve: automatically
    - name: large
      steps: [{{ask: ["group:finance"], within: 2d}}]
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "interlock.yaml"
    path.write_text(CONFIG.format(finance="ann, bob"))
    return path


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def story(request, make_story, config):
    bench = make_story(request.param, config, "ian")
    yield bench
    await bench.assert_invariants()


def paying(paid, amount):
    def act(state):
        decision = ask(Action("pay", {"amount": amount}))
        return {"out": [decision.perform(lambda amount: paid.append(amount) or amount), list(decision.by)]}

    return act


async def test_S2_a_rule_approves_without_people(story):
    paid = []
    run = await story.run(await story.go(story.chain(paying(paid, 5))))
    assert (run.status, paid) == (RunStatus.done, [5])
    assert run.output["out"][1] == ["rule:small"]


async def test_I8_a_rule_does_not_answer_for_people_beside_it(story):
    paid = []
    small, large = paying(paid, 5), paying(paid, 500)
    small.__name__, large.__name__ = "small", "large"
    run_id = await story.go(story.fan(small, large))
    assert (await story.run(run_id)).status is RunStatus.paused
    await story.vote(await story.asked(), who="ann")
    await story.drain()
    assert (await story.run(run_id)).status is RunStatus.done
    assert sorted(paid) == [5, 500]


async def test_I7_the_initiator_does_not_decide(story):
    await story.go(story.chain(paying([], 500)))
    with pytest.raises(Forbidden):
        await story.vote(await story.asked())


async def test_I9_an_approval_that_is_too_old_is_asked_again_and_executed_once(story, clock):
    paid = []
    run_id = await story.go(story.chain(paying(paid, 500)))
    await story.vote(await story.asked(), who="ann")
    await story.later(hours=1, seconds=1)
    first, second = await story.every(run_id)
    assert (first.effect, second.replaces, second.status) == (EffectState.lapsed, first.id, Status.open)
    assert first.replaced_by in {None, second.id}
    assert paid == []
    await story.vote(second, who="bob")
    await story.drain()
    assert ((await story.run(run_id)).status, paid) == (RunStatus.done, [500])


async def test_I9_a_voter_who_lost_the_role_before_the_claim_does_not_count(story, config):
    paid = []
    run_id = await story.go(story.chain(paying(paid, 500)))
    await story.vote(await story.asked(), who="ann")
    config.write_text(CONFIG.format(finance="bob"))
    await story.drain()
    first, second = await story.every(run_id)
    assert first.effect is EffectState.lapsed
    assert "ann counted and may not decide any more" in first.effect_note
    with pytest.raises(Forbidden):
        await story.vote(second, who="ann")
    await story.vote(second, who="bob")
    await story.drain()
    assert ((await story.run(run_id)).status, paid) == (RunStatus.done, [500])


async def test_I9_a_lapsed_approval_may_lapse_again_and_be_rejected_in_the_end(story):
    paid = []
    run_id = await story.go(story.chain(paying(paid, 500)))
    for _ in range(3):
        await story.vote(await story.asked(run_id), who="ann")
        await story.later(hours=2)
    await story.vote(await story.asked(run_id), "reject", "enough", who="ann")
    await story.drain()
    run = await story.run(run_id)
    assert (run.status, paid) == (RunStatus.failed, [])
    assert [request.effect for request in await story.every(run_id)][:3] == [EffectState.lapsed] * 3


@pytest.mark.parametrize("colour", ["plain", "async"])
async def test_I9_a_lapsed_approval_of_a_gated_function_is_asked_again(story, colour):
    paid = []

    if colour == "plain":

        @gated
        def pay(amount: int) -> int:
            paid.append(amount)
            return amount

        def act(state):
            return {"out": [pay(amount=500)]}

    else:

        @gated
        async def pay(amount: int) -> int:
            paid.append(amount)
            return amount

        async def act(state):
            return {"out": [await pay(amount=500)]}

    run_id = await story.go(story.chain(act))
    await story.vote(await story.asked(), who="ann")
    await story.later(hours=2)
    await story.vote(await story.asked(), who="ann")
    await story.drain()
    assert ((await story.run(run_id)).status, paid) == (RunStatus.done, [500])


async def test_I8_an_edit_that_raises_the_level_asks_people_and_runs_as_edited(story):
    paid = []
    run_id = await story.go(story.chain(paying(paid, 500)))
    await story.vote(await story.asked(), "edit", who="ann", subject=Action("pay", {"amount": 5}))
    for request in await story.open(run_id):
        assert paid == []
        await story.vote(request, who="bob")
    await story.drain()
    assert ((await story.run(run_id)).status, paid) == (RunStatus.done, [5])
