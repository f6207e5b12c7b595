"""Several requests at once: each exactly as it stands, of one level, once; and what changed meanwhile drops out."""

import html
import re
from http import HTTPStatus

import pytest
from tests.server.test_agents_api import MAIL, PAY, ask, vote
from tests.server.test_inbox_page import MIA, NOAH, opened

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def mia(server):
    return await server.person(MIA)


async def chosen(person, *asked):
    return await opened(person, "/batch?" + "&".join(f"id={one['id']}" for one in asked))


def fields(page):
    return {
        "on": [html.unescape(value) for value in re.findall(r'name="on" value="([^"]*)"', page)],
        "key": re.search(r'name="key" value="([^"]*)"', page).group(1),
    }


async def decide(person, page, verdict="approve", **more):
    return await person.post("../../batch", data={**fields(page), "verdict": verdict, "comment": "", **more})


async def stands(person, asked):
    found = (await person.get(f"/requests/{asked['id']}")).json()
    return found["status"], len(found["votes"]), found["policy"]["step"]


async def test_one_verdict_on_each_as_it_was_shown_and_sent_again_it_does_no_more(server, mia):
    agent = await server.agent()
    asked = [await ask(agent, MAIL, key=key) for key in "abc"]
    page = await chosen(mia, *asked, asked[0])
    assert fields(page)["on"] == [f"{one['id']} {one['digest']}" for one in asked]
    for _ in range(2):
        done = await decide(mia, page)
        assert (done.status_code, "3 of 3 approved" in done.text) == (HTTPStatus.OK, True)
    assert [await stands(mia, one) for one in asked] == [("approved", 1, 0)] * 3


async def test_what_changed_meanwhile_drops_out_and_the_rest_is_decided(server, mia):
    agent, noah = await server.agent(), await server.person(NOAH)
    kept, changed, decided = [await ask(agent, MAIL, key=key) for key in "abc"]
    page = await chosen(mia, kept, changed, decided)
    edit = {"verdict": "edit", "value": {**changed["stands"]["args"], "to": "other@x"}}
    await vote(noah, changed, **edit)
    await vote(noah, decided, "reject")
    done = await decide(mia, page, "reject")
    assert "1 of 3 rejected" in done.text
    assert done.text.count("Not decided: ") == 2
    assert (await stands(mia, kept))[0] == "rejected"
    left = await chosen(mia, kept, decided)
    assert "2 left out" in left
    assert "Nothing to decide together" in left


async def test_levels_are_not_mixed_and_each_is_a_click_away(server, mia):
    agent = await server.agent()
    mail, pay = await ask(agent, MAIL, key="m"), await ask(agent, PAY, key="p")
    page = await chosen(mia, mail, pay)
    assert "These stand on different levels" in page
    assert 'name="on"' not in page
    assert page.count('href="/batch?id=') == 2
    alone = fields(await chosen(mia, mail))
    both = {**alone, "on": [*alone["on"], f"{pay['id']} {pay['digest']}"]}
    refused = await mia.post("../../batch", data={**both, "verdict": "approve"})
    assert (refused.status_code, "Nothing was decided." in refused.text) == (HTTPStatus.BAD_REQUEST, True)
    assert (await stands(mia, mail))[0] == "open"


async def test_what_cannot_be_undone_takes_a_second_act_for_exactly_these(server, mia):
    agent = await server.agent()
    grave = [await ask(agent, {**MAIL, "context": {"reversible": False}}, key=key) for key in "ab"]
    page = await chosen(mia, *grave)
    frozen = re.search(r'name="understood" value="([^"]*)"', page).group(1)
    for wrong in ({}, {"understood": "on"}, {"understood": frozen, "on": fields(page)["on"][:1]}):
        refused = await decide(mia, page, **{"comment": "typed", **wrong})
        assert refused.status_code == HTTPStatus.BAD_REQUEST
        assert "Tick the box first" in refused.text
        assert "typed</textarea>" in refused.text
    assert (await stands(mia, grave[0]))[0] == "open"
    assert "2 of 2 approved" in (await decide(mia, page, understood=frozen)).text


async def test_what_cannot_be_read_in_a_table_or_takes_an_answer_is_left_out_and_so_is_what_is_not_theirs(server, mia):
    agent = await server.agent()
    long = await ask(agent, {"asked": {"kind": "approval", "name": "send", "args": {"body": "x" * 5000}}}, key="l")
    page = await chosen(mia, long)
    assert "too long to be read in a table" in page
    there = await server.person(MIA, "other")
    asked = await ask(agent, MAIL, key="m")
    assert "Choose some rows" in await chosen(there, asked)
    sent = {"on": [f"{asked['id']} {asked['digest']}"], "verdict": "approve", "key": "k", "comment": ""}
    done = await there.post("../../batch", data=sent)
    assert "0 of 1 approved" in done.text
    assert "send_" not in done.text
    assert (await stands(mia, asked))[0] == "open"


async def test_a_row_is_left_out_tells_the_agents_reason_and_that_another_is_the_same(server, mia):
    agent = await server.agent()
    first, second = [await ask(agent, MAIL | {"description": "So <i>that</i>"}, key=key) for key in "ab"]
    third = await ask(agent, {"asked": {"kind": "input", "text": "Which?", "options": ["a", "b"]}}, key="c")
    page = await chosen(mia, first, second)
    assert (page.count("The agent says:"), "<i>that" in page, page.count("exactly the same as another here")) == (
        2,
        False,
        2,
    )
    assert f'href="/batch?id={second["id"]}">Leave it out' in page
    assert "exactly the same" not in await chosen(mia, first)
    mixed = await chosen(mia, first, third)
    assert ("Approve all" in mixed, "leave out those that are marked" in mixed) == (False, "Reject all" in mixed)


async def test_each_action_is_shown_by_its_fields_with_its_exact_bytes_folded_beside_it(server, mia):
    args = {"to": "ann", "rows": [{"n": 1, "x": "<b>"}, {"n": 2.50, "x": "\u202e"}], "body": "line\n" * 100}
    asked = await ask(await server.agent(), {"asked": {"kind": "approval", "name": "send", "args": args}}, key="t")
    page = await chosen(mia, asked)
    row = page.partition("<tbody>")[2].partition("Until")[0]
    shown, _, exact = row.partition("Its exact bytes</summary>")
    assert ("<b>" in row, "Right-to-left override" in shown) == (False, True)
    assert '<div class="scroll value-table"' in shown
    assert re.search(r'id="subject-[^"]*">.*<details class="fold" data-folded', shown, re.DOTALL), "it is opened first"
    assert (html.unescape(exact).count('"n":2.5'), "data-approves>Approve all 1" in page) == (1, True)


async def test_nothing_of_a_hostile_form_is_more_than_a_refusal(mia):
    for sent in ({}, {"verdict": "edit"}, {"on": ["", " ", "x"], "verdict": "approve"}, {"on": ["req_1 " + "f" * 999]}):
        answer = await mia.post("../../batch", data=sent, headers=FORM)
        assert answer.status_code in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}, sent
