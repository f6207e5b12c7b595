"""A run that would ask for more than may wait at once comes to a person, and goes on when there is room."""

from interlock import Action, ask
from interlock.domain.run import RunStatus

CONFIG = """
default: {initiator_may_approve: true, levels: [{steps: [{ask: [role:reviewer]}]}]}
request_limits: {agent1: 2}
"""


async def test_a_run_over_the_limit_waits_for_a_person_and_goes_on_when_there_is_room(tmp_path, make_story):
    file = tmp_path / "interlock.yaml"
    file.write_text(CONFIG)
    story = make_story("sqlite", file)

    def gate(state):
        return {"out": [ask(Action("pay", {"amount": 120})).approved]}

    reference = story.register(story.chain(gate))
    runs = [await story.start(reference) for _ in range(3)]
    stopped = await story.run(runs[2])
    assert (stopped.status, stopped.attention) == (RunStatus.needs_attention, "too_many_requests")
    assert "at most 2 requests" in stopped.note
    assert len(await story.open()) == 2
    assert (await story.retry(runs[2])).attention == "too_many_requests"
    await story.decide((await story.open())[0])
    assert (await story.retry(runs[2])).status is RunStatus.paused
    assert len(await story.open()) == 2
    await story.assert_invariants()
