"""A button or a form of a card is the vote of the person whose account it is: once, on what was shown (I6, I9, I15)."""

import asyncio
import logging
import time

import pytest
from tests.channels.slack_room import buttons, words

from interlock.domain.action import Action, Draft, Question
from interlock.engine import desk
from interlock.errors import StoreUnavailable
from interlock.slack import interactions
from interlock.testing.slack import Trouble, press, submit

MIA, NOAH, OLGA = "mia@example.com", "noah@example.com", "olga@example.com"


@pytest.fixture
async def people(room):
    """Return a room in which three people are known."""
    for user, person in (("UMIA", MIA), ("UNOAH", NOAH), ("UOLGA", OLGA)):
        await room.knows(user, person)
    return room


async def pressed(room, request, button, user="UMIA", **more):
    answer = await room.call(press(room.card_of(request), button, user, **more))
    assert answer.status_code == 200, answer.text
    return answer


async def asked(room, subject=None, **more):
    request = await room.ask(subject, **more)
    await room.tell()
    return request


async def stands(room, request):
    return (await room.system.store.load("default", [request.id])).requests[request.id]


async def test_a_button_is_the_vote_of_that_person_by_slack_and_the_card_says_so(people):
    request = await asked(people)
    answer = await pressed(people, request, "approve")
    assert (answer.content, people.slack.ephemeral) == (b"", [])
    after = await stands(people, request)
    assert (after.status, after.decided_by) == ("approved", (MIA,))
    entries = await people.system.store.history("default", request.id)
    cast = next(one for one in entries if one.event.type == "vote_cast")
    assert (cast.by, cast.via, cast.event.unseen) == (MIA, "slack", False)
    await people.tell()
    shown = words(people.card_of(request).content["blocks"])
    assert "mia@example.com approved in Slack" in shown
    assert buttons(people.card_of(request).content["blocks"]).keys() == {"open"}


async def test_the_record_is_one_whichever_way_each_has_come(people):
    wire = await asked(people, Action("wire", {"amount": 1}))
    await pressed(people, wire, "approve")
    form = people.slack.views[-1]
    answer = await people.call(submit(form, {"Comment": "checked"}, "UMIA"))
    assert answer.json() == {"response_action": "clear"}
    async with await people.signed_in(NOAH) as page:
        assert "in Slack" in (await page.get(f"/requests/{wire.id}")).text
        body = {"verdict": "approve", "digest": wire.digest, "comment": "paid"}
        assert (await page.post(f"/api/v1/requests/{wire.id}/votes", json=body)).status_code == 200
    await people.tell()
    shown = words(people.card_of(wire).content["blocks"])
    assert "mia@example.com approved in Slack: “checked”" in shown
    assert "noah@example.com approved through the API: “paid”" in shown
    assert "Approved." in shown


async def test_what_slack_tells_twice_counts_once_also_after_the_vote_was_taken_back(people):
    wire = await asked(people, Action("wire", {"amount": 1}))
    await pressed(people, wire, "approve")
    sent = submit(people.slack.views[-1], {"Comment": "yes"}, "UMIA")
    for _ in range(3):  # each signed anew, as Slack does when it tries again
        people.clock.advance(seconds=1)
        assert (await people.call(sent)).status_code == 200
    assert (await people.events(wire.id)).count("vote_cast") == 1
    await people.person(MIA).take_back(wire.id)
    people.clock.advance(seconds=1)
    await people.call(sent)
    assert (await stands(people, wire)).votes == ()


async def test_a_button_that_slack_tells_of_twice_counts_once_too(people):
    request = await asked(people, Action("buy", {"amount": 500}))
    payload = press(people.card_of(request), "approve", "UMIA")
    await people.call(payload)
    await people.person(MIA).take_back(request.id)
    people.clock.advance(seconds=1)
    assert (await people.call(payload)).status_code == 200
    assert (await stands(people, request)).votes == ()
    await pressed(people, request, "approve", at="1700000200.000001")
    assert len((await stands(people, request)).votes) == 1, "another click is another one"


async def test_a_call_that_is_repeated_changed_late_early_or_forged_is_refused(people, open_room):
    request = await asked(people)
    payload = press(people.card_of(request), "approve", "UMIA")
    assert (await people.call(payload, late=301)).status_code == 401
    assert (await people.call(payload, late=-301)).status_code == 401
    body, signed = people.slack.signed(payload, int(people.clock.at.timestamp()))
    async with people.browser() as client:
        for content, headers in (
            (body.replace(b"UMIA", b"UOLGA"), signed),
            (body, signed | {"X-Slack-Signature": "v0=" + "0" * 64}),
            (body, {name: value for name, value in signed.items() if name != "X-Slack-Signature"}),
            (body, signed | {"X-Slack-Request-Timestamp": str(int(signed["X-Slack-Request-Timestamp"]) + 1)}),
        ):
            assert (await client.post("/slack/ops", content=content, headers=headers)).status_code == 401
        assert (await client.post("/slack/none", content=body, headers=signed)).status_code == 404
        assert (await stands(people, request)).is_open
        came = await asyncio.gather(*(client.post("/slack/ops", content=body, headers=signed) for _ in range(4)))
        assert sorted(one.status_code for one in came) == [200, 401, 401, 401]
        people.clock.advance(minutes=4)
        assert (await client.post("/slack/ops", content=body, headers=signed)).status_code == 401
    assert (await people.events(request.id)).count("vote_cast") == 1


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "block_actions"},
        {"type": "block_actions", "actions": [{"action_id": "approve", "value": "x"}], "user": {"id": "U1"}},
        {"type": "view_submission", "view": {"callback_id": "decide", "private_metadata": "[1, 2]"}},
        {"type": "view_submission", "view": {"callback_id": "decide", "private_metadata": '["a", "b", "c", "d"]'}},
        [],
        "text",
    ],
)
async def test_what_cannot_be_read_is_refused(people, payload):
    answer = await people.call(payload)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("payload", [{"type": "view_closed"}, {"type": "shortcut", "callback_id": "x"}])
async def test_what_does_not_concern_a_request_is_taken(people, payload):
    assert (await people.call(payload)).status_code == 200


async def test_a_button_of_a_card_that_shows_what_stood_there_before_is_refused_and_the_card_shown_anew(people):
    wire = await asked(people, Action("wire", {"amount": 1}))
    old = press(people.card_of(wire), "reject", "UMIA")
    request = await asked(people)
    stale = press(people.card_of(request), "approve", "UMIA")
    await people.person(NOAH).edit(request.id, {"amount": 9, "to": "ACME"}, digest=None)
    await people.person(NOAH).edit(wire.id, {"amount": 9}, digest=None, comment="x")
    await people.tell()
    for one in (wire, request):
        people.card_of(one).content = {**people.card_of(one).content, "blocks": []}  # Slack has lost it
    again = await asked(people, Action("buy", {"amount": 1}))
    await people.person(NOAH).edit(again.id, {"amount": 2}, digest=None)
    await people.call(old)
    assert people.told()[0] == f"UMIA: {interactions.STALE}\n[Open the page]"
    assert (await people.call(stale)).status_code == 200
    assert "already" in people.told()[0] or interactions.STALE in people.told()[0]
    people.clock.advance(seconds=2)
    await people.tell()
    assert "amount: 9" in words(people.card_of(wire).content["blocks"])


async def test_who_may_not_decide_is_told_why_and_the_log_says_that_they_tried(people):
    await people.knows("UEVE", "eve@example.com")
    request = await asked(people)
    await pressed(people, request, "approve", "UEVE")
    assert people.told()[0].startswith("UEVE: eve@example.com may not decide on")
    assert (await people.events(request.id))[-1] == "refusal_noted"
    await pressed(people, request, "reject", "UEVE", at="1700000200.000001")
    assert "You may not say this" in people.told()[0]
    assert people.slack.views == []
    await people.person(NOAH).approve(request.id, digest=None)
    await pressed(people, request, "reject", "UMIA", at="1700000300.000001")
    assert "Nothing was recorded: it is approved already." in people.told()[0]


async def test_a_rejection_has_its_reason_and_what_is_wrong_stands_at_its_field(people):
    wire = await asked(people, Action("wire", {"amount": 1}))
    await pressed(people, wire, "reject")
    form = people.slack.views[-1]
    comment = next(one for one in form["blocks"] if one.get("block_id") == "comment")
    assert (comment["optional"], comment["label"]["text"]) == (False, "Reason")
    assert words(form["blocks"]).startswith("wire(amount=1)")
    refused = await people.call(submit(form, {"Reason": "  "}, "UMIA"))
    assert refused.json()["response_action"] == "errors"
    assert "comment" in refused.json()["errors"]
    people.clock.advance(seconds=1)
    assert (await people.call(submit(form, {"Reason": "too dear"}, "UMIA"))).json() == {"response_action": "clear"}
    after = await stands(people, wire)
    assert (after.status, after.comment) == ("rejected", "too dear")
    people.clock.advance(seconds=1)
    late = (await people.call(submit(form, {"Reason": "me too"}, "UNOAH", view_id="V2"))).json()
    assert late["view"]["title"]["text"] == "Not recorded"


async def test_an_edit_changes_what_was_touched_and_keeps_the_rest_exactly(people):
    args = {"amount": 10, "to": "ACME", "note": "", "more": {"a": [1, 2.50]}, "lines": "a\nb", "late": True}
    request = await asked(people, Action("pay", args))
    await pressed(people, request, "edit")
    form = people.slack.views[-1]
    wrong = await people.call(submit(form, {"more": "{no"}, "UMIA"))
    ((_, said),) = wrong.json()["errors"].items()
    assert "This is not read" in said
    people.clock.advance(seconds=1)
    given = {"amount": "12", "to": "ACME Ltd", "late": "no", "Comment": "ok"}
    assert (await people.call(submit(form, given, "UMIA"))).json() == {"response_action": "clear"}
    after = await stands(people, request)
    assert after.edition.subject.args == args | {"amount": 12, "to": "ACME Ltd", "late": False}
    assert (after.status, after.edition.author) == ("approved", MIA)


@pytest.mark.parametrize(
    "args", [{"a\u202e": "x"}, {"a": "pay\u200b"}, {"a": " x"}, {"a": {"b": "\u202e"}}, {f"n{n}": n for n in range(21)}]
)
async def test_what_a_field_could_not_show_as_it_is_is_edited_on_the_page(people, args):
    request = await asked(people, Action("pay", args))
    await pressed(people, request, "edit")
    assert people.slack.views == []
    assert f"UMIA: {interactions.TOO_LARGE}" in people.told()[0]


SCHEMA = {
    "type": "object",
    "properties": {
        "who": {"type": "string"},
        "many": {"type": "integer", "minimum": 1},
        "sure": {"type": "boolean"},
        "size": {"enum": ["small", "large"]},
    },
    "required": ["who", "many"],
}


@pytest.mark.parametrize(
    ("question", "given", "answer"),
    [
        (Question("which?", options=["a", "b"]), {"Your answer": "b"}, "b"),
        (Question("which?", options=[f"n{n}" for n in range(30)]), {"Your answer": "n29"}, "n29"),
        (Question("how many?", schema={"type": "integer"}), {"Your answer": "7"}, 7),
        (Question("what?"), {"Your answer": "some text"}, "some text"),
        (Question("who?", schema={"type": "string"}), {"Your answer": "12"}, "12"),
        (
            Question("form?", schema=SCHEMA),
            {"who": "12", "many": "3", "sure": "yes", "size": "large"},
            {"who": "12", "many": 3, "sure": True, "size": "large"},
        ),
        (Question("form?", schema=SCHEMA), {"who": "x", "many": "3"}, {"who": "x", "many": 3}),
    ],
)
async def test_an_answer_is_given_as_the_question_wants_it(people, question, given, answer):
    request = await asked(people, question)
    await pressed(people, request, "respond")
    assert (await people.call(submit(people.slack.views[-1], given, "UMIA"))).json() == {"response_action": "clear"}
    after = await stands(people, request)
    assert (after.status, after.edition.answer) == ("answered", answer)


@pytest.mark.parametrize(
    ("question", "given"),
    [
        (Question("form?", schema=SCHEMA), {"who": "x", "many": "0"}),
        (Question("which?", options=["a"]), {}),
        (Question("how many?", schema={"type": "integer"}), {"Your answer": "many"}),
    ],
)
async def test_an_answer_that_does_not_fit_stands_at_its_field_with_what_is_wrong(people, question, given):
    request = await asked(people, question)
    await pressed(people, request, "respond")
    answer = (await people.call(submit(people.slack.views[-1], given, "UMIA"))).json()
    assert answer["response_action"] == "errors"
    assert (await stands(people, request)).is_open


async def test_a_draft_goes_back_with_feedback(people):
    request = await asked(people, Draft("a draft"))
    await pressed(people, request, "revise")
    await people.call(submit(people.slack.views[-1], {"Your feedback": "warmer"}, "UMIA"))
    assert ((await stands(people, request)).status, (await stands(people, request)).comment) == ("revised", "warmer")


@pytest.mark.parametrize("as_form", [False, True])
async def test_slack_is_answered_within_a_second_and_told_the_truth_when_it_takes_longer(people, monkeypatch, as_form):
    monkeypatch.setattr(interactions, "ACKNOWLEDGED_WITHIN", 0.05)
    subject = Action("wire", {"amount": 1}) if as_form else None
    request, goes_on = await asked(people, subject), asyncio.Event()
    if as_form:
        await pressed(people, request, "approve")
    handle = desk.Desk.handle

    async def slow(self, *given, **more):
        await goes_on.wait()
        return await handle(self, *given, **more)

    monkeypatch.setattr(desk.Desk, "handle", slow)
    card = press(people.card_of(request), "approve", "UMIA", at="1700000999.000001")
    payload = submit(people.slack.views[-1], {"Comment": "yes"}, "UMIA") if as_form else card
    received = people.interactions.read(*_signed(people, payload))
    began = time.monotonic()
    done = await people.interactions.take(received, received.what, None, lambda _: None)
    assert time.monotonic() - began < 1
    assert (await stands(people, request)).is_open
    assert ((done.body or {}).get("response_action") == "update") is as_form
    after = asyncio.create_task(done.after())
    while not as_form and not people.slack.ephemeral:
        await asyncio.sleep(0)
    assert people.told()[:1] == ([] if as_form else [f"UMIA: {interactions.NOT_YET}"])
    goes_on.set()
    await after
    assert people.told()[0] == "UMIA: It is recorded now."
    assert [one.voter for one in (await stands(people, request)).votes] == [MIA]


async def test_a_database_that_is_slow_holds_slack_up_no_longer_and_the_same_call_again_counts_nothing(
    people, monkeypatch
):
    monkeypatch.setattr(interactions, "ACKNOWLEDGED_WITHIN", 0.05)
    request, goes_on = await asked(people), asyncio.Event()
    keep = people.system.store.keep_received

    async def slow(*given):
        await goes_on.wait()
        await keep(*given)

    monkeypatch.setattr(people.system.store, "keep_received", slow)
    received = people.interactions.read(*_signed(people, press(people.card_of(request), "approve", "UMIA")))
    done = [await people.interactions.take(received, received.what, None, lambda _: None) for _ in range(2)]
    goes_on.set()
    await asyncio.gather(*(one.after() for one in done))
    assert sorted(people.told())[:2] == ["UMIA: It is recorded now.", "UMIA: This has come before: it changes nothing."]
    assert (await people.events(request.id)).count("vote_cast") == 1


def _signed(room, payload):
    body, headers = room.slack.signed(payload, int(room.clock.at.timestamp()))
    return headers["X-Slack-Request-Timestamp"], headers["X-Slack-Signature"], body


async def test_what_fails_is_said_and_nothing_is_taken_for_recorded(people, monkeypatch, caplog):
    request = await asked(people)

    async def down(*_, **__):
        raise StoreUnavailable("The database does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(desk.Desk, "handle", down)
        await pressed(people, request, "approve")
        assert people.told()[0].startswith("UMIA: The database does not answer.")
        patch.setattr(desk.Desk, "handle", lambda *_, **__: 1 / 0)
        await pressed(people, request, "approve", at="1700000200.000001")
        assert people.told()[0].startswith(f"UMIA: {interactions.DEFECT}")
    people.slack.next("views.open", Trouble(error="expired_trigger_id"))
    await pressed(people, request, "reject", at="1700000300.000001")
    assert "The form could not be opened." in people.told()[0]
    people.slack.next("chat.postEphemeral", Trouble(error="user_not_in_channel"))
    caplog.set_level(logging.WARNING)
    await pressed(people, request, "edit", "UX", at="1700000400.000001")
    assert "was not told" in caplog.text
    assert (await stands(people, request)).is_open


async def test_who_calls_too_often_is_told_and_nobody_else_is_slowed(people, monkeypatch):
    request = await asked(people)
    received = people.interactions.read(*_signed(people, press(people.card_of(request), "approve", "UMIA")))
    counted = []
    await people.interactions.take(received, received.what, "192.0.2.1", counted.append)
    assert counted == [MIA]
    (entry,) = [
        one for one in await people.system.store.history("default", request.id) if one.event.type == "vote_cast"
    ]
    assert (entry.by, entry.address) == (MIA, "192.0.2.1")


async def test_an_account_of_another_workspace_is_another_one(people):
    request = await asked(people)
    await pressed(people, request, "approve", "UMIA", team="T0OTHER")
    assert (await stands(people, request)).is_open
    assert "Nobody here knows yet who you are in Slack" in people.told()[0]


async def test_a_request_of_another_tenant_cannot_be_named(people):
    request = await asked(people)
    payload = press(people.card_of(request), "approve", "UMIA")
    payload["actions"][0]["value"] = payload["actions"][0]["value"].replace(request.id, "req_of_somebody_else")
    assert (await people.call(payload)).status_code == 200
    assert "There is no request req_of_somebody_else here." in people.told()[0]
