"""One card a request, updated in place and in order, whatever Slack delays, repeats, refuses or loses."""

import asyncio
import contextlib
from datetime import timedelta

import httpx2
import pytest
from tests.channels.slack_room import ROOM, buttons, words

from interlock import failpoints
from interlock.domain.action import Action
from interlock.domain.delivery import DeliveryState, Failure
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.engine.ports.sender import NotTaken
from interlock.errors import RecordAltered
from interlock.failpoints import FailpointError
from interlock.service.deliveries import send_again
from interlock.slack.api import UNKNOWN_WAIT, SlackApi
from interlock.testing.slack import FakeSlack, Trouble

MIA = "mia@example.com"


class Disarmed:
    """Takes all failpoints away in the end."""

    def close(self):
        failpoints.configure("")


async def test_a_request_gets_one_card_which_is_updated_where_it_stands(room):
    first, second = await room.ask(), await room.ask()
    await room.tell()
    assert [one.room for one in room.slack.cards()] == [ROOM, ROOM]
    await room.person(MIA).approve(first.id, digest=first.digest)
    await room.person(MIA).reject(second.id, digest=second.digest, comment="no")
    await room.tell()
    (approved, rejected) = room.slack.cards()
    assert "Approved." in words(approved.content["blocks"])
    assert "mia@example.com rejected on the page: “no”" in words(rejected.content["blocks"])
    assert [method for method, _ in room.slack.calls] == ["chat.postMessage"] * 2 + ["chat.update"] * 2
    for _, given in room.slack.calls:  # by default Slack looks for names and addresses in the text of an update
        assert (given["parse"], given["link_names"]) == ("none", False)
    posted = room.slack.calls[0][1]
    assert (posted["unfurl_links"], posted["unfurl_media"]) == (False, False)


async def test_old_messages_may_go_and_the_card_of_an_open_request_still_ends_with_it(room):
    request = await room.ask()
    await room.tell()
    room.clock.advance(minutes=10)
    await room.system.store.prune_deliveries("default", room.clock.at)
    await room.person(MIA).reject(request.id, digest=request.digest, comment="no")
    await room.tell()
    [card] = room.slack.cards()
    assert buttons(card.content["blocks"]).keys() == {"open"}


async def test_the_room_has_the_agents_and_levels_that_it_names(open_room):
    by_agent, by_level = open_room(agents=frozenset({"other"})), open_room(levels=frozenset({"big"}))
    await by_agent.ask()
    await by_level.ask()
    wire = await by_level.ask(Action("wire", {}))
    for room in (by_agent, by_level):
        await room.tell()
    assert by_agent.slack.cards() == []
    assert [one.content["metadata"]["event_payload"] for one in by_level.slack.cards()] == [{"request": wire.id}]


async def test_a_card_follows_its_request_to_another_level(open_room):
    room = open_room(levels=frozenset({"low"}))
    request = await room.ask(Action("buy", {"amount": 1}))
    await room.tell()
    await room.person(MIA).edit(request.id, {"amount": 900}, digest=None)
    await room.tell()
    (card,) = room.slack.cards()
    assert "amount: 900" in words(card.content["blocks"])


async def test_a_policy_that_is_altered_keeps_no_card_from_being_updated(open_room, monkeypatch):
    room = open_room(levels=frozenset({"small"}))
    shown = await room.ask()
    await room.tell()

    async def altered(policy_hash):
        raise RecordAltered("The policy version is not in the store as it was written.")

    unseen = await room.ask()
    await room.person(MIA).reject(shown.id, digest=shown.digest, comment="no")
    monkeypatch.setattr(room.system.pinned_policies, "pinned", altered)
    await room.plan()
    found = await room.system.store.deliveries("default")
    assert {(one.request_id, one.event) for one in found} >= {(shown.id, "vote_cast")}
    assert unseen.id not in {one.request_id for one in found}


async def test_what_is_over_before_it_was_shown_is_not_shown(room):
    request = await room.ask()
    await room.person(MIA).approve(request.id, digest=None)
    await room.tell()
    assert not [method for method, _ in room.slack.calls if method.startswith("chat.")]
    assert {one.state for one in await room.system.store.deliveries("default")} == {DeliveryState.dropped}


@pytest.mark.parametrize("trouble", [Trouble(lost=True), "killed"])
async def test_a_card_that_was_posted_without_our_hearing_so_is_found_and_not_posted_twice(room, trouble):
    request = await room.ask()
    if trouble == "killed":
        failpoints.configure("delivery.sent=raise")
        with contextlib.closing(Disarmed()), pytest.raises(FailpointError):
            await room.tell(rounds=1)
    else:
        room.slack.next("chat.postMessage", trouble)
        await room.tell()
    room.clock.advance(minutes=2)
    await room.person(MIA).approve(request.id, digest=None)
    await room.tell(rounds=8)
    (card,) = room.slack.cards()
    assert "Approved." in words(card.content["blocks"])


async def test_an_older_update_never_stands_in_the_place_of_a_newer_one(room):
    """The voter's name would be lost (openclaw#48567): the first update arrives after the second would have."""
    wire = await room.ask(Action("wire", {}))
    await room.tell()
    room.slack.next("chat.update", Trouble(late=True))
    await room.person(MIA).approve(wire.id, digest=None, comment="yes")
    await room.tell(rounds=1)
    await room.person("noah@example.com").approve(wire.id, digest=None, comment="yes")
    await room.tell(rounds=3)
    (card,) = room.slack.cards()
    assert card.before == [], "nothing follows while nobody knows what became of the first update"
    room.slack.apply_late()
    room.clock.advance(seconds=UNKNOWN_WAIT.total_seconds())
    await room.tell(rounds=8)
    assert "noah@example.com approved on the page" in words(card.content["blocks"])
    assert buttons(card.content["blocks"]).keys() == {"open"}


async def test_updates_that_slack_holds_up_go_one_after_the_other(room):
    wire = await room.ask(Action("wire", {}))
    await room.tell()
    held = asyncio.Event()
    room.slack.next("chat.update", Trouble(until=held))
    await room.person(MIA).approve(wire.id, digest=None, comment="yes")
    await room.plan()
    first = asyncio.create_task(room.deliverer.drain())
    while len(room.slack.calls) < 2:
        await asyncio.sleep(0)
    await room.person("noah@example.com").reject(wire.id, digest=None, comment="no")
    await room.plan()
    second = asyncio.create_task(room.deliverer.drain())
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(room.slack.calls) == 2
    held.set()
    await asyncio.gather(first, second)
    room.clock.advance(seconds=2)
    await room.tell()
    (card,) = room.slack.cards()
    assert "noah@example.com rejected on the page" in words(card.content["blocks"])


async def test_a_card_that_somebody_has_deleted_is_posted_anew(room):
    wire = await room.ask(Action("wire", {}))
    await room.tell()
    room.slack.messages.clear()
    await room.person(MIA).approve(wire.id, digest=None, comment="yes")
    await room.tell()
    assert len(room.slack.cards()) == 1


@pytest.mark.parametrize(
    ("trouble", "failure"),
    [
        (Trouble(429, retry_after=7), Failure("chat.postMessage: Slack says ratelimited.", wait=timedelta(seconds=7))),
        (Trouble(error="ratelimited"), Failure("chat.postMessage: Slack says ratelimited.")),
        (Trouble(error="not_in_channel"), Failure("chat.postMessage: Slack says not_in_channel.", final=True)),
        (Trouble(500), Failure("chat.postMessage: Slack answered 500.", wait=UNKNOWN_WAIT)),
        (
            Trouble(lost=True),
            Failure("chat.postMessage: nobody knows what became of it: No answer came..", wait=UNKNOWN_WAIT),
        ),
    ],
)
async def test_what_slack_answers_is_told_apart(trouble, failure):
    slack = FakeSlack()
    slack.next("chat.postMessage", trouble)
    with pytest.raises(NotTaken) as refused:
        await SlackApi("xoxb-1", "https://slack.example/api", slack).call("chat.postMessage", channel=ROOM, text="a")
    assert refused.value.failure == failure


async def test_slack_that_cannot_be_reached_or_speaks_no_json_is_tried_again():
    for answer in (httpx2.ConnectError("refused"), httpx2.Response(200, text="<html>"), httpx2.Response(200, json=[])):

        def answered(_, answer=answer):
            if isinstance(answer, Exception):
                raise answer
            return answer

        with pytest.raises(NotTaken) as refused:
            await SlackApi("xoxb-1", "https://a.example", httpx2.MockTransport(answered)).call("chat.postMessage")
        assert not refused.value.failure.final


@pytest.mark.parametrize(
    "down", [Trouble(503), Trouble(429, retry_after=30), Trouble(0)], ids=["503", "429", "refused"]
)
async def test_slack_that_is_down_for_an_hour_holds_nothing_up_and_shows_how_things_stand_then(room, down):
    """Fault 14: the inbox works, and the cards follow."""
    asked = [await room.ask(Action("urgent", {"number": number})) for number in range(3)]
    room.slack.next("chat.postMessage", *[down] * 60)
    await room.person(MIA).approve(asked[0].id, digest=None)
    assert (await room.events(asked[0].id))[-2:] == ["vote_cast", "decided"]
    for _ in range(12):
        await room.tell(rounds=1)
        room.clock.advance(minutes=5)
        await room.system.worker().drain()
    assert room.slack.cards() == []
    for request in asked[1:]:
        assert {"reminded", "escalated"} <= {*await room.events(request.id)}
    await room.person("noah@example.com").approve(asked[1].id, digest=None)  # whom the escalation asks
    assert (await room.events(asked[1].id))[-1] == "decided"
    room.slack._trouble.clear()
    room.clock.advance(minutes=5)
    await room.tell(rounds=8)
    (card,) = room.slack.cards()
    assert card.content["metadata"]["event_payload"] == {"request": asked[2].id}
    assert "noah@example.com" in words(card.content["blocks"]), "it says who is asked now"


async def test_an_operator_has_a_card_sent_again(room):
    request = await room.ask()
    await room.tell()
    room.slack.cards()[0].content = {"blocks": []}
    sent = await room.system.store.deliveries("default", DeliveryFilter(about=[request.id]))
    await send_again(room.system.store, "default", sent[0].id)
    await room.tell()
    (card,) = room.slack.cards()
    assert "approve" in buttons(card.content["blocks"])
