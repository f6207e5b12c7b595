"""A run goes on when the hold is over, and not before."""

from interlock import Action, ask
from interlock.domain.run import RunStatus
from interlock.testing.people import principal

CONFIG = """
people: {mia@example.com: {}, noah@example.com: {}}
groups: {managers: [mia@example.com, noah@example.com]}
default: {initiator_may_approve: true, levels: [{hold: 10s, steps: [{ask: [group:managers]}]}]}
"""


async def test_a_run_waits_for_the_end_of_the_hold(tmp_path, make_story):
    file = tmp_path / "interlock.yaml"
    file.write_text(CONFIG)
    story = make_story("sqlite", file, me="mia@example.com")
    paid = []

    def gate(state):
        decision = ask(Action("pay", {"amount": 120}))
        return {"out": [decision.perform(lambda amount: paid.append(amount) or "paid") if decision.approved else "no"]}

    run_id = await story.go(story.chain(gate), None)
    asked = await story.asked(run_id)
    client = story.system.client(principal("mia@example.com"))
    await client.approve(asked.id, digest=asked.digest)
    await story.later(seconds=9)
    assert ((await story.run(run_id)).status, paid) == (RunStatus.paused, [])
    await story.later(seconds=1)
    assert ((await story.run(run_id)).status, paid) == (RunStatus.done, [120])


async def test_a_run_that_is_cancelled_takes_what_is_held_along(tmp_path, make_story):
    file = tmp_path / "interlock.yaml"
    file.write_text(CONFIG)
    story = make_story("memory", file, me="mia@example.com")

    def gate(state):
        return {"out": [ask(Action("pay", {"amount": 120})).approved]}

    run_id = await story.go(story.chain(gate), None)
    asked = await story.asked(run_id)
    client = story.system.client(principal("mia@example.com"))
    await client.approve(asked.id, digest=asked.digest)
    await client.cancel(run_id)
    await story.later(seconds=10)
    view = await client.request(asked.id)
    assert (view.request.status, view.request.held_until) == ("withdrawn", None)
