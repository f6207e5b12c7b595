"""A card shows the whole action, and nothing of it is markup, or it has no button; and how things truly stand (I14)."""

import json
from datetime import timedelta

import pytest
from tests.browser.hostile import EVIL, LINES, MARKUP
from tests.channels.slack_room import buttons, words

from interlock.domain.action import Action, Draft, Question
from interlock.testing.slack_limits import why_refused

MENTIONS = "<!channel> <@U1> <https://evil.example|pay> *bold* :skull: &lt;!here&gt; @channel"


def taken(card):
    """Say whether Slack would take it as it is."""
    return why_refused("chat.postMessage", {"blocks": card.blocks, "text": card.text}) == ""


def markup(blocks):
    """Return every text of a card in which Slack would look for markup."""
    if isinstance(blocks, dict):
        own = [blocks["text"]] if blocks.get("type") == "mrkdwn" else []
        return own + [one for value in blocks.values() for one in markup(value)]
    return [one for value in blocks for one in markup(value)] if isinstance(blocks, list) else []


async def test_the_action_comes_first_whole_and_exact_and_the_agents_words_below(room):
    args = {
        "amount": 1e21,
        "rate": 0.10,
        "text": "12",
        "yes": True,
        "none": None,
        "list": [],
        "o": {"a": [1, {"b": ""}]},
    }
    request = await room.ask(Action("pay_out", args), description="Only a test, just approve!", reference="INV-7")
    card = await room.card(request.id)
    shown = words(card.blocks)
    lines = ("pay_out", "amount: 1e+21", "rate: 0.1", 'text: "12"', "yes: yes", "none: nothing", "list: (empty list)")
    assert shown.startswith("Approval needed\n" + "\n".join(lines[:1]))
    for line in (*lines, 'o:\na:\n  1. 1\n  2.\n    b: ""'):
        assert line in shown, shown
    order = [shown.index(one) for one in ("amount: 1e+21", "In the agent's own words:", "just approve!", "Asked:")]
    assert order == sorted(order)
    assert "Asked: the group managers. Until" in shown
    assert "mia@example.com, noah@example.com and olga@example.com can decide." in shown
    assert f"Agent payer about INV-7 · {request.id}" in shown
    assert (card.whole, taken(card), markup(card.blocks)) == (True, True, [])
    assert list(buttons(card.blocks)) == ["approve", "edit", "reject", "open"]
    assert buttons(card.blocks)["open"]["url"] == f"https://approvals.example.com/requests/{request.id}"
    assert json.loads(buttons(card.blocks)["approve"]["value"]) == [request.id, request.digest]


@pytest.mark.parametrize("subject", ["action", "question", "draft"])
async def test_hostile_text_is_neither_markup_nor_mention_nor_link_and_what_does_not_show_is_named(room, subject):
    text = f"{MENTIONS} {EVIL}"
    asked = {
        "action": Action(f"pay {MENTIONS}", {text: text, "nested": {text: [text]}, "lines": f"a\n{text}"}),
        "question": Question(text, options=[text, "no"]),
        "draft": Draft({"text": f"{text}\n{text}"}, title=MENTIONS),
    }[subject]
    request = await room.ask(asked, description=text, reference=f"ref {MARKUP}"[:100])
    await room.person("mia@example.com").comment(request.id, text)
    cards = [await room.card(request.id)]
    await room.person("mia@example.com").reject(request.id, digest=None, comment=text)
    for card in (*cards, await room.card(request.id)):
        assert taken(card), why_refused("chat.postMessage", {"blocks": card.blocks})
        assert markup(card.blocks) == []
        assert "<!" not in card.text
        assert "<h" not in card.text
        assert "&lt;!channel&gt;" in card.text
        shown = words(card.blocks)
        assert MENTIONS in shown
        assert "⟨U+202E⟩" in shown
        assert not set("\u202e\u2066\u200b\u2060\ufeff\u00ad\U000e0041") & set(
            json.dumps(card.blocks, ensure_ascii=False)
        )
        assert "shown as ⟨U+…⟩" in shown
        rich = [part for block in card.blocks for part in block.get("elements", ())]
        assert {one["type"] for part in rich for one in part.get("elements", ())} <= {"text", "date"}


@pytest.mark.parametrize(
    "args",
    [
        {"body": "x" * 3_001},
        {"body": LINES},
        {f"name {number}": number for number in range(60)},
        {"deep": [{"line": "y" * 60, "n": number} for number in range(400)]},
        {f"n{number}": "z" * 900 for number in range(12)},
        {"hidden": "\u200b" * 400},
    ],
)
async def test_a_card_that_cannot_show_all_of_it_has_no_button_but_a_link(room, args):
    request = await room.ask(Action("pay", args))
    card = await room.card(request.id)
    assert (card.whole, taken(card)) == (False, True)
    assert list(buttons(card.blocks)) == ["open"]
    shown = words(card.blocks)
    assert "This is not all of it, so that nobody can decide here" in shown
    assert f"{next(iter(args))}" in shown, "what fits is shown all the same"
    assert "actions" not in [block["type"] for block in (await room.card(request.id, origin=None)).blocks]


@pytest.mark.parametrize("padding", ["\n" * 3_000, " " * 3_000, " \n" * 2_000, " " * 2_990 + "\n" * 2_990])
async def test_padding_hides_nothing_that_stands_behind_it(room, padding):
    text = f"Dear all,\nwe meet at nine.{padding}And wire 1,000,000 to evil."
    for asked in (Action("mail", {"body": text}), Draft(text), Question(text), Action("mail", {"body": [text]})):
        request = await room.ask(asked)
        card = await room.card(request.id)
        assert card.whole or asked == Action("mail", {"body": [text]}), "its padding takes one line"
        assert ("And wire 1,000,000 to evil." in words(card.blocks)) is card.whole, "who can decide here sees it"
    long = await room.ask(Action("mail", {"body": text + "x" * 3_000}))
    assert not (await room.card(long.id)).whole


async def test_what_cannot_be_undone_is_asked_twice(room):
    request = await room.ask(Action("delete", {"what": MENTIONS}), context={"reversible": False})
    approve = buttons((await room.card(request.id)).blocks)["approve"]
    assert "The agent's author says that it cannot be undone." in approve["confirm"]["text"]["text"]
    plain = await room.ask()
    assert "confirm" not in buttons((await room.card(plain.id)).blocks)["approve"]


async def test_what_is_offered_is_what_may_be_said_and_a_reason_is_asked_for(room):
    wire = await room.ask(Action("wire", {"amount": 1}))
    assert buttons((await room.card(wire.id)).blocks)["approve"]["text"]["text"] == "Approve…"
    question = await room.ask(Question("which one?", options=["a", "b"]))
    assert list(buttons((await room.card(question.id)).blocks)) == ["respond", "reject", "open"]
    draft = await room.ask(Draft("text"))
    assert list(buttons((await room.card(draft.id)).blocks)) == ["approve", "edit", "revise", "reject", "open"]
    room.clock.advance(hours=1)
    assert list(buttons((await room.card(draft.id)).blocks)) == ["open"]
    assert "The time is over." in words((await room.card(draft.id)).blocks)


async def test_the_card_says_the_true_outcome_by_whom_and_by_what_way(room):
    async def says(request, *wanted):
        card = await room.card(request.id)
        assert taken(card)
        for one in wanted:
            assert one in words(card.blocks), words(card.blocks)
        return list(buttons(card.blocks))

    wire = await room.ask(Action("wire", {"amount": 1}))
    await room.person("mia@example.com", "slack").approve(wire.id, digest=wire.digest, comment="fine")
    mias = "mia@example.com approved in Slack: “fine”"
    assert await says(wire, "Recorded, 1 of 2.", mias, "noah@example.com and olga@example.com can decide.") != ["open"]
    await room.person("noah@example.com").approve(wire.id, digest=wire.digest, comment="me too")
    noahs = "noah@example.com approved on the page: “me too”"
    assert await says(wire, "Approved.", "By mia@example.com, noah@example.com.", mias, noahs) == ["open"]
    claimed = await room.agent().claim(wire.id, digest=wire.digest, tool="bank:wire", lasts=timedelta(minutes=1))
    await says(wire, "Approved, running.", "its result is not there yet")
    await room.agent().record(wire.id, claimed.claim.attempt, "unknown", reason="no answer")
    await says(wire, "Unknown whether it was done: a person must say.")
    await room.person("mia@example.com").settle(wire.id, "happened", result={"id": 7})
    await says(wire, "Done, as ", "By mia@example.com, noah@example.com.")
    rejected = await room.ask()
    await room.person("olga@example.com", "terminal").reject(rejected.id, digest=None, comment=MENTIONS)
    await says(rejected, "Rejected.", f"olga@example.com rejected in a terminal: “{MENTIONS}”")
    by_link = await room.ask()
    await room.person("mia@example.com", "link").approve(by_link.id, digest=None)
    await says(by_link, "Approved.", "mia@example.com approved by a mail's link")
    withdrawn, expired = await room.ask(), await room.ask()
    await room.agent().withdraw(withdrawn.id, reason="not needed")
    await says(withdrawn, "Withdrawn.", "not needed")
    room.clock.advance(hours=1)
    await room.person("olga@example.com").sweep()
    await says(expired, "Expired.", "Nobody decided in time: it is not approved.")


async def test_an_edit_makes_earlier_votes_void_and_is_named(room):
    wire = await room.ask(Action("wire", {"amount": 1}))
    await room.person("mia@example.com").approve(wire.id, digest=None, comment="ok")
    await room.person("noah@example.com").edit(wire.id, {"amount": 2}, digest=None, comment="less")
    shown = words((await room.card(wire.id)).blocks)
    assert "Changed by noah@example.com" in shown
    assert "amount: 2" in shown
    assert "mia@example.com approved" not in shown
