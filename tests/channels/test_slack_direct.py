"""Each person whose account is known has a card of what waits for them, which says how it stands and ends with it."""

from urllib.parse import urlencode

import pytest
from tests.channels.slack_room import buttons, words

from interlock.domain.action import Action
from interlock.domain.authority import Principal
from interlock.domain.directory import ChatUser
from interlock.domain.notice_choice import NoticeChoice, Way
from interlock.domain.slack_signatures import slack_signature
from interlock.engine.changes import Actor
from interlock.engine.directories import PlannedChange
from interlock.testing.slack import TEAM, press

MIA, NOAH = "mia@example.com", "noah@example.com"


@pytest.fixture
async def people(open_room):
    room = open_room(room=None)
    for user, person in (("UMIA", MIA), ("UNOAH", NOAH)):
        await room.knows(user, person)
    return room


def cards(room):
    """Return what stands in each person's messages, below each other."""
    found = {}
    for one in room.slack.cards():
        found.setdefault(one.room, []).append(words(one.content["blocks"]))
    return found


async def test_those_for_whom_it_waits_have_a_card_each_and_decide_by_it(people):
    wire = await people.ask(Action("wire", {"amount": 1}))
    await people.tell()
    assert {room: "Waits for you." in one for room, (one,) in cards(people).items()} == {"DUMIA": True, "DUNOAH": True}
    mias, noahs = sorted(people.slack.cards(), key=lambda one: one.room)
    await people.call(press(mias, "reject", "UMIA"))
    assert people.slack.views[-1]["title"]["text"] == "Reject"
    await people.person(MIA, "slack").approve(wire.id, digest=wire.digest, comment="ok")
    await people.tell(rounds=8)
    assert "You have approved it." in words(mias.content["blocks"])
    assert "mia@example.com approved in Slack" in words(noahs.content["blocks"])
    await people.person(NOAH).approve(wire.id, digest=wire.digest, comment="ok")
    await people.tell(rounds=8)
    for one in (mias, noahs):
        assert "noah@example.com approved on the page" in words(one.content["blocks"])
        assert buttons(one.content["blocks"]).keys() == {"open"}
    assert len(people.slack.cards()) == 2


async def test_who_wants_none_or_a_digest_gets_that(people):
    choices = {MIA: Way("digest", "12:00"), NOAH: Way("never")}
    for person, way in choices.items():
        choice = NoticeChoice({"ops": way})
        await people.system.directories.change(
            "default",
            Actor(person, "web"),
            lambda rules, who=person, one=choice: PlannedChange(rules.choose_notices(who, one)),
        )
    for _ in range(3):
        await people.ask(Action("buy", {"amount": 1, "to": "<!channel>"}))
    await people.tell()
    assert people.slack.cards() == []
    people.clock.advance(hours=4)
    await people.tell()
    ((room, (digest,)),) = cards(people).items()
    assert room == "DUMIA"
    assert digest.startswith('3 requests wait for you\nbuy(amount=1, to="<!channel>")')


async def test_who_is_reminded_is_told_below_the_card(people):
    await people.ask(Action("late", {}))
    await people.tell()
    people.clock.advance(minutes=30)
    await people.person(MIA).sweep()
    await people.tell(rounds=6)
    below = [one for one in people.slack.cards() if "thread_ts" in one.content]
    assert {one.room for one in below} == {"DUMIA", "DUNOAH"}
    assert {one.content["thread_ts"] for one in below} == {one.ts for one in people.slack.cards()} - {
        one.ts for one in below
    }


async def test_a_command_says_who_one_is_and_leads_to_where_one_says_so(people):
    async def told(user):
        body = urlencode({"command": "/interlock", "team_id": TEAM, "user_id": user, "user_name": "somebody"}).encode()
        at = str(int(people.clock.at.timestamp()))
        sent = {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": slack_signature(people.slack.secret, at, body)}
        async with people.browser() as client:
            answer = await client.post("/slack/ops", content=body, headers=sent)
        assert answer.json()["response_type"] == "ephemeral"
        return answer.json()["blocks"]

    assert "Here you are mia@example.com." in words(await told("UMIA"))
    (button,) = (await told("UNEW"))[1]["elements"]
    code = button["url"].partition("code=")[2]
    person = Principal("olga@example.com", "person", "default", "web")
    assert (await people.context.chat_accounts.link(person, code)).account == ChatUser("slack", TEAM, "UNEW")


async def test_who_may_see_it_no_more_is_shown_nothing_of_it_and_keeps_no_buttons(people):
    eve, admin = "eve@example.com", Actor("zoe@example.com", "web")
    await people.knows("UEVE", eve)
    await people.system.directories.change(
        "default", admin, lambda rules: PlannedChange(rules.add_member("group", "managers", eve))
    )
    pay = await people.ask(Action("pay", {"to": "ACME"}))
    await people.tell()
    assert "ACME" in cards(people)["DUEVE"][0]
    await people.system.directories.change(
        "default", admin, lambda rules: PlannedChange(rules.remove_member("group", "managers", eve))
    )
    await people.person(MIA).ask_back(pay.id, "Is that the secret account?")
    await people.person(MIA).edit(pay.id, {"to": "the secret account"}, digest=pay.digest)
    await people.tell(rounds=8)
    [eves], [mias] = cards(people)["DUEVE"], cards(people)["DUMIA"]
    assert "secret" in mias
    assert eves.startswith("You do not see this request any more\n")
    assert not any(one in eves for one in ("secret", "ACME", pay.id))
    card = next(one for one in people.slack.cards() if one.room == "DUEVE")
    assert "secret" not in str(card.content) + str(card.before)
    assert not buttons(card.content["blocks"])


async def test_an_account_of_another_workspace_is_told_nothing_here(people):
    people.clock.advance(minutes=1)
    await people.knows("UELSE", MIA, team="TOTHER")
    await people.knows("UEVE", "olga@example.com", team="TOTHER")
    await people.ask(Action("buy", {"amount": 1}))
    await people.tell()
    assert cards(people).keys() == {"DUMIA", "DUNOAH"}
