"""The pages for approving with changes and for answering, as a browser without a script uses them."""

import re
from html import escape, unescape
from time import process_time
from urllib.parse import urlencode

import pytest
from tests.server.conftest import CONFIG
from tests.server.page_forms import form_of, with_typed
from tests.server.test_agents_api import ask, vote

from interlock.domain.canonical import normalize
from interlock.web.pages.form_builder import form
from interlock.web.pages.form_input import Given

SCHEMA = {
    "type": "object",
    "required": ["to", "amount"],
    "properties": {
        "to": {"type": "string", "format": "email"},
        "amount": {"type": "number", "maximum": 1000},
        "note": {"type": ["string", "null"]},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
    },
}
ARGS = {
    "to": "ann@example.com",
    "amount": 12.5,
    "note": None,
    "lines": [{"sku": "12.00", "count": 2}, {"sku": "B"}],
    "extra": {"x": [1, "1"]},
}
ORDER = {"asked": {"kind": "approval", "name": "order", "args": ARGS, "schema": SCHEMA}}
MIA, NOAH, OLGA = "mia@example.com", "noah@example.com", "olga@example.com"
TWO = CONFIG.replace("ask: [group:managers]}]}]}", "ask: [group:managers], approvals: 2}]}]}")
LIMITED = CONFIG.replace("default: {", "default: {edits: [amount], reason_for: [edit], ")


async def opened(person, request, page="edit"):
    return await person.get(f"../../requests/{request['id']}/{page}")


async def send(person, request, pairs, page="edit", do=None, **also):
    body = urlencode([*pairs, *([("do", do)] if do else [])])
    headers = {"Content-Type": "application/x-www-form-urlencoded", **also}
    return await person.post(f"../../requests/{request['id']}/{page}", content=body, headers=headers)


async def stands(server, request):
    return (await (await server.agent()).get(f"/requests/{request['id']}")).json()


async def asked_and_opened(server, body=ORDER, person=MIA, page="edit"):
    asked, mia = await ask(await server.agent(), body), await server.person(person)
    return asked, mia, form_of((await opened(mia, asked, page)).text)


async def test_one_field_is_changed_and_all_others_keep_their_types(server):
    asked, mia, pairs = await asked_and_opened(server)
    answer = await send(mia, asked, with_typed(pairs, **{"number:/amount": "13.25", "comment": "less"}))
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, f"/requests/{asked['id']}")
    found = await stands(server, asked)
    assert (found["status"], found["edited_by"]) == ("approved", MIA)
    assert found["stands"]["args"] == ARGS | {"amount": 13.25}


@pytest.mark.parametrize("button", ["preview", "add:/lines", "json:"])
async def test_no_button_but_the_last_one_votes(server, button):
    asked, mia, pairs = await asked_and_opened(server)
    shown = await send(mia, asked, with_typed(pairs, **{"number:/amount": "13.25"}), do=button)
    assert shown.status_code == 200
    assert ("13.25" in shown.text, "/lines/2" in shown.text) == (True, button == "add:/lines")
    assert (await stands(server, asked))["status"] == "open"


async def test_as_json_and_back_changes_nothing(server):
    asked, mia, pairs = await asked_and_opened(server)
    as_json = form_of((await send(mia, asked, pairs, do="json:")).text)
    assert [name for name, _ in as_json if ":" in name] == ["json:"]
    again = form_of((await send(mia, asked, as_json, do="fields:")).text)
    assert [one for one in again if ":" in one[0]] == [one for one in pairs if ":" in one[0]]


async def test_what_is_wrong_is_said_at_the_field_and_in_a_summary_that_takes_the_focus(server):
    asked, mia, pairs = await asked_and_opened(server)
    wrong = with_typed(pairs, **{"number:/amount": "2000", "text:/to": "ann", "json:/extra": "{", "comment": "why"})
    unread = await send(mia, asked, wrong)
    assert unread.status_code == 422
    assert 'id="errors" tabindex="-1" role="alert" autofocus' in unread.text
    assert 'href="#v/extra"' in unread.text
    assert '<textarea id="comment" name="comment" rows="2" dir="auto">\nwhy</textarea>' in unread.text
    misfit = await send(mia, asked, with_typed(form_of(unread.text), **{"json:/extra": "1"}))
    assert misfit.status_code == 422
    for at, says in (("/amount", "It must be at most 1000."), ("/to", "It must be an e-mail address")):
        assert f'href="#v{at}"' in misfit.text
        assert (
            f'<p class="error" id="v{at}-error"><span class="visually-hidden">Error: </span><bdi>{says}' in misfit.text
        )
        assert f'aria-describedby="v{at}-hint v{at}-error" aria-invalid="true"' in misfit.text
    assert (await stands(server, asked))["status"] == "open"


async def test_what_the_policy_lets_nobody_change_is_shown_so_before_anybody_types(open_server):
    server = open_server(config=LIMITED)
    asked, mia, pairs = await asked_and_opened(server)
    assert [name for name, _ in pairs if ":" in name] == ["group:", "number:/amount"]
    html = (await opened(mia, asked)).text
    assert html.count("The policy lets no reviewer change this.") == len(ARGS) - 1
    sent = [*with_typed(pairs, **{"number:/amount": "1"}), ("text:/to", "eve@example.com")]
    without = await send(mia, asked, sent)
    assert (without.status_code, "Give a reason" in without.text) == (422, True)
    assert (await send(mia, asked, with_typed(sent, comment="too much"))).status_code == 303
    assert (await stands(server, asked))["stands"]["args"] == ARGS | {"amount": 1}


async def test_nothing_changed_is_no_change(server):
    asked, mia, pairs = await asked_and_opened(server)
    same = await send(mia, asked, pairs)
    assert (same.status_code, "You have changed nothing" in same.text) == (422, True)


async def test_who_may_not_is_told_on_the_page_of_the_request(server):
    asked, _, pairs = await asked_and_opened(server)
    pairs = with_typed(pairs, made_for=None)
    olga = await server.person("olga@example.com")
    for answer in (await opened(olga, asked), await send(olga, asked, pairs), await opened(olga, asked, "answer")):
        assert (answer.status_code, 'id="form"' in answer.text) == (409, False)
        assert "You may not decide" in answer.text or "It cannot be answered" in answer.text
    other = await server.person(MIA, tenant="other")
    for answer in (await opened(other, asked), await send(other, asked, pairs)):
        assert answer.status_code == 404


async def test_who_comes_too_late_sees_how_it_stands(server):
    asked, mia, pairs = await asked_and_opened(server)
    assert (await vote(await server.person(NOAH), asked)).json()["status"] == "approved"
    late = await send(mia, asked, with_typed(pairs, **{"number:/amount": "1"}))
    assert (late.status_code, "It cannot be changed any more" in late.text) == (409, True)


async def test_what_cannot_be_undone_takes_a_second_act_here_too(server):
    asked, mia, pairs = await asked_and_opened(server, ORDER | {"context": {"reversible": False}})
    sent = with_typed(pairs, **{"number:/amount": "1"})
    without = await send(mia, asked, sent)
    assert (without.status_code, 'href="#understood"' in without.text) == (422, True)
    assert (await send(mia, asked, with_typed(sent, understood=asked["digest"]))).status_code == 303


async def test_what_was_changed_meanwhile_is_shown_with_what_was_typed(open_server):
    server = open_server(config=TWO)
    asked, mia, pairs = await asked_and_opened(server)
    await vote(await server.person(NOAH), asked, "edit", value=ARGS | {"amount": 11})
    shown = await send(mia, asked, with_typed(pairs, **{"number:/amount": "10", "comment": "mine"}))
    assert (shown.status_code, "It has changed since you opened it" in shown.text) == (200, True)
    again = form_of(shown.text)
    assert {("number:/amount", "10"), ("comment", "mine")} <= set(again)
    assert re.search(r"<del>.*?>11<", shown.text, re.DOTALL)  # what stands there, beside what was typed
    assert (await send(mia, asked, again)).status_code == 303
    assert (await stands(server, asked))["stands"]["args"]["amount"] == 10


async def test_a_second_click_changes_nothing_more(server):
    asked, mia, pairs = await asked_and_opened(server, {"asked": ORDER["asked"] | {"name": "pay"}})
    sent = with_typed(pairs, **{"number:/amount": "10"})
    assert (await send(mia, asked, sent)).status_code == 303
    votes = (await stands(server, asked))["counted"]
    again = await send(mia, asked, sent)
    assert (again.status_code, (await stands(server, asked))["counted"]) == (303, votes)


BY_AMOUNT = CONFIG.replace(
    "levels:\n      - steps: [{ask: [group:managers]}, {ask: [group:directors]}]",
    """facts: {amount: {from: args.amount, type: decimal, min: 0}}
    levels:
      - {name: small, when: amount < 100 && recent_24h.sum.amount < 500, steps: [{ask: [group:managers]}]}
      - {name: large, steps: [{ask: [group:managers], approvals: 2}, {ask: [group:directors]}]}""",
)
SMALL_PAY = {"asked": {"kind": "approval", "name": "pay", "args": {"amount": "64.90", "to": "ann"}}}


async def test_a_preview_shows_no_request_so_nobody_has_seen_what_somebody_else_made_of_it_meanwhile(open_server):
    server = open_server(config=TWO)
    asked, mia, pairs = await asked_and_opened(server, ORDER)
    noah = await server.person(NOAH)
    await send(noah, asked, with_typed(form_of((await opened(noah, asked)).text), **{"number:/amount": "7"}))
    now = (await stands(server, asked))["digest"]

    async def who_has_seen():
        entries = (await stands(server, asked))["history"]
        return [
            one["event"]["people"]
            for one in entries
            if one["event"]["type"] == "viewed" and one["event"]["digest"] == now
        ]

    before = await who_has_seen()
    beside = await send(mia, asked, pairs, do="preview", **{"HX-Request": "true"})
    assert "It has changed since you opened it" in beside.text
    explained = await (await server.person(OLGA)).post("/policies/explain", json={"request_id": asked["id"]})
    assert explained.is_success
    assert await who_has_seen() == before
    await send(mia, asked, pairs, do="preview")  # without a script: the whole form
    assert await who_has_seen() == [*before, [MIA]]


async def test_before_a_change_is_made_the_form_says_who_must_agree_on_it(open_server):
    server = open_server(config=BY_AMOUNT)
    asked, mia, pairs = await asked_and_opened(server, SMALL_PAY)
    said = {}
    for amount in ("60.00", "400"):
        shown = await send(mia, asked, with_typed(pairs, **{"text:/amount": amount}), do="preview")
        said[amount] = (
            unescape(re.sub(r"</?bdi>", "", shown.text))
            .partition("What it leads to:</strong> ")[2]
            .partition("</p>")[0]
        )
    assert said["60.00"] == "It is approved, and your version is carried out."
    assert said["400"] == (
        'Your version belongs to level "large": the group managers (2 of them), then the group directors must agree. '
        "It is recorded; 1 more approval must follow."
    )
    found = await stands(server, asked)
    assert (found["version"], [one["event"]["type"] for one in found["history"]][-1]) == (3, "viewed")
    await send(mia, asked, with_typed(pairs, **{"text:/amount": "400"}))
    assert (await stands(server, asked))["policy"]["level"] == 1


async def test_a_change_that_the_policy_cannot_read_is_refused_at_its_field_and_nobody_else_pays_for_it(open_server):
    server = open_server(config=BY_AMOUNT)
    asked, mia, pairs = await asked_and_opened(server, SMALL_PAY)
    for do in ("preview", None):
        wrong = await send(mia, asked, with_typed(pairs, **{"text:/amount": "sixty"}), do=do)
        assert wrong.status_code == (200 if do else 422)
        assert "It must be a number such as 12.50, at least 0" in wrong.text
        assert 'href="#v/amount"' in wrong.text
    assert (await stands(server, asked))["status"] == "open"
    other = await ask(await server.agent(), SMALL_PAY, key="other")
    assert (await stands(server, other))["policy"]["level"] == 0


QUESTION = {"asked": {"kind": "input", "text": "Where?", "schema": SCHEMA | {"required": ["to"]}}}


async def test_a_question_is_answered_by_its_form(server):
    asked, mia, pairs = await asked_and_opened(server, QUESTION, page="answer")
    empty = await send(mia, asked, pairs, "answer")
    assert (empty.status_code, 'href="#v/to"' in empty.text) == (422, True)
    assert "to: It is missing." in empty.text.replace("<bdi>", "").replace("</bdi>", "")
    sent = with_typed(pairs, **{"filled:/to": "ann@example.com", "number:/amount": "7"})
    assert (await send(mia, asked, sent, "answer")).status_code == 303
    assert (await stands(server, asked))["answer"] == {"to": "ann@example.com", "amount": 7}


async def test_nothing_is_wrong_before_anybody_has_answered(server):
    asked = await ask(await server.agent(), {"asked": {"kind": "input", "text": "Which?", "options": ["EUR", "USD"]}})
    first = (await (await server.person("mia@example.com")).get(f"../../requests/{asked['id']}/answer")).text
    assert ("Fill this in" in first, "aria-invalid" in first, "Nothing yet." in first) == (False, False, True)


@pytest.mark.parametrize(
    ("question", "field", "typed", "answer"),
    [
        ({"options": ["EUR", "USD"]}, "json:", '"USD"', "USD"),
        ({}, "filled:", "42", "42"),
        ({"schema": {"type": "integer"}}, "number:", "42", 42),
        ({"schema": {"type": "boolean"}}, "json:", "false", False),
        ({"schema": {"type": "string", "format": "date"}}, "filled:", "2027-01-05", "2027-01-05"),
    ],
)
async def test_an_answer_has_the_type_that_is_asked_for(server, question, field, typed, answer):
    body = {"asked": {"kind": "input", "text": "Which?"} | question}
    asked, mia, pairs = await asked_and_opened(server, body, page="answer")
    assert (await send(mia, asked, with_typed(pairs, **{field: typed}), "answer")).status_code == 303
    assert (await stands(server, asked))["answer"] == answer


async def test_a_draft_is_changed_in_its_form(server):
    draft = {"asked": {"kind": "review", "title": "Letter", "body": "Dear Ann,\n\n  thanks.\n"}}
    asked, mia, pairs = await asked_and_opened(server, draft)
    assert ("text:", "Dear Ann,\n\n  thanks.\n") in pairs
    assert (await send(mia, asked, with_typed(pairs, **{"text:": "\nDear Bob"}))).status_code == 303
    assert (await stands(server, asked))["stands"]["body"] == "\nDear Bob"


HOSTILE = {
    "<script>alert(1)</script>": '"><img src=x onerror=alert(1)>',
    "a/b~c.d": "\u202egpj.exe\u202c",
    "zero\u200bwidth": "\U000e0041\U000e0042",
    "lines": ["\n\n first", "", " ", "</textarea><script>"],
    "nul\x00": "\x00\r\n",
    "": {"": None},
}


@pytest.mark.parametrize(
    "args", [{"text": "a line\n" * 10_000}, {f"key {n}": n for n in range(10_000)}], ids=["10,000 lines", "10,000 keys"]
)
async def test_a_form_of_much_is_there_within_a_second_with_its_bar(server, args):
    asked, mia, pairs = await asked_and_opened(server, {"asked": {"kind": "approval", "name": "pay", "args": args}})
    took = []
    for _ in range(3):
        began = process_time()
        again = await mia.get(f"../../requests/{asked['id']}/edit")
        shown = await send(mia, asked, pairs, do="preview")
        took.append(process_time() - began)
    assert min(took) < 1, took
    assert all("data-decides>" in one.text for one in (again, shown))


async def test_hostile_content_is_only_read_and_comes_back_as_it_was(server):
    body = {"asked": {"kind": "approval", "name": "order", "args": HOSTILE}}
    asked, mia, pairs = await asked_and_opened(server, body)
    html = (await opened(mia, asked)).text
    for hostile in ("<script>alert", "<img src=x", "</textarea><script"):
        assert hostile not in html
        assert escape(hostile) in html
    rendered = [one for one in pairs if ":" in one[0]]
    assert rendered == list(form(None, Given(normalize(HOSTILE))).sent())
    assert "You have changed nothing" in (await send(mia, asked, pairs)).text


async def test_a_form_that_is_none_of_ours_is_refused_in_words(server):
    asked, mia, pairs = await asked_and_opened(server)
    deep = [*pairs, ("text:" + "/a" * 100, "x")]
    assert (await send(mia, asked, deep)).status_code == 400
    many = [*pairs, ("list:/lines", "999999999"), ("branch:/lines", "x" * 9_000)]
    assert (await send(mia, asked, many, do="preview")).status_code == 200
