"""What an installation no longer needs is deleted; what a run, a thread or the log still needs stays."""

from datetime import timedelta

import pytest
from tests.integration.test_threads import asker, say, talker

from interlock.domain.delivery import Delivery, DeliveryState, delivery_id
from interlock.engine.audit import audit_record
from interlock.engine.states import kept_state
from interlock.errors import Forbidden, NotFound
from interlock.service.pruning import Pruned, prune
from interlock.testing.people import principal

DAY = timedelta(days=1)


async def is_kept(story, run):
    try:
        await kept_state(story.store, "default", run.id)
    except NotFound:
        return False
    return True


async def test_states_of_runs_that_ended_long_ago_go_and_a_thread_goes_on(story):
    agent, asking = story.register(talker()), story.register(asker([]))
    talk = [await say(story, agent, text) for text in ("one", "two")]
    alone, waiting = await say(story, agent, "alone", None), await story.start(asking, {"input": "wait"})
    await story.drain()
    failed = [await say(story, agent, text, "walk") for text in ("come", "fall")]
    await story.later(days=5)
    young = await say(story, agent, "young", None)
    before = young.ended_at - DAY

    rehearsed = await prune(story.system, story.me, before, only_count=True)
    assert await is_kept(story, alone)
    assert rehearsed == await prune(story.system, story.me, before) == Pruned(2, 0)
    assert [await is_kept(story, run) for run in (*talk, alone, young)] == [False, True, False, True]
    assert await is_kept(story, failed[0]), "what failed after it changed nothing: the thread goes on from it"
    assert (await story.types(alone.id))[-1] == "states_deleted"
    assert await prune(story.system, story.me, before) == Pruned(0, 0)

    assert (await say(story, agent, "three")).output["heard"] == ["one", "two", "three"]
    assert (await say(story, agent, "on", "walk")).output["heard"] == ["come", "on"]
    await story.vote(await story.asked(waiting))
    await story.drain()
    assert (await story.run(waiting)).status == "done"
    assert await audit_record(story.store) == []


async def test_old_messages_go_but_for_those_that_wait(story):
    now = await story.store.now()
    made = [
        Delivery(
            "default",
            delivery_id("default", "crm", "", "req_1", seq),
            "crm",
            "",
            "req_1",
            seq,
            "Opened",
            at,
            due,
            state=state,
        )
        for seq, at, due, state in (
            (1, now - 9 * DAY, None, DeliveryState.delivered),
            (2, now - 9 * DAY, now, DeliveryState.waiting),
            (3, now, None, DeliveryState.failed),
        )
    ]
    await story.store.add_deliveries(made)
    rehearsed = await prune(story.system, story.me, now - DAY, only_count=True)
    assert rehearsed == await prune(story.system, story.me, now - DAY) == Pruned(0, 1)
    assert {one.seq for one in await story.store.deliveries("default")} == {2, 3}


async def test_who_is_no_operator_deletes_nothing(story):
    alone = await say(story, story.register(talker()), "alone", None)
    for who in (principal("mallory"), principal("agent:talker", kind="agent")):
        with pytest.raises(Forbidden, match="is no operator"):
            await prune(story.system, who, alone.ended_at + DAY)
    assert await is_kept(story, alone)
