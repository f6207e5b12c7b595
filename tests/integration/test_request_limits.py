"""A run that would ask for more than may wait at once comes to a person, and goes on when there is room."""

from interlock import Action, ask
from interlock.domain.run import RunStatus

CONFIG = """
default: {initiator_may_approve: true, levels: [{steps: [{ask: [role:reviewer]}]}]}
request_limits: {agent1: 2}
"""


async def test_a_run_that_would_open_too_many_within_an_hour_comes_to_a_person(tmp_path, make_story):
    file = tmp_path / "interlock.yaml"
    file.write_text(CONFIG.replace("request_limits: {agent1: 2}", "requests_per_hour: {agent1: 2}"))
    story = make_story("memory", file)

    def gate(state):
        return {"out": [ask(Action("pay", {"amount": 120})).approved]}

    reference = story.register(story.chain(gate))
    for _ in range(2):
        await story.approve_all(await story.start(reference))
    run_id = await story.start(reference)
    stopped = await story.run(run_id)
    assert (stopped.status, stopped.attention) == (RunStatus.needs_attention, "too_many_requests")
    assert "2 requests within an hour" in stopped.note
    story.clock.advance(hours=1)
    assert (await story.retry(run_id)).status is RunStatus.paused


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
