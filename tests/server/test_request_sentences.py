"""What the page of a request says is true of how it stands, is said once, and a form's page says what it has done."""

import re

import pytest
from tests.server.conftest import CONFIG
from tests.server.test_agents_api import MAIL, PAY, ask
from tests.server.test_request_page import MIA, NOAH, TWO, decided, sent, shown, status_of

DRAFT = {"asked": {"kind": "review", "title": "Letter", "body": "Dear Ann"}}
NEEDS_TWO = CONFIG.replace("{ask: [group:directors]}]", "{ask: [group:directors], approvals: 2}]")


def words(answer):
    main = answer.text[answer.text.index("<main") :]
    return " ".join(re.sub(r"<[^>]*>", " ", main).split())


def section(answer, title):
    found = re.search(rf"<h2 [^>]*>{title}</h2>(.*?)</section>", answer.text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", found[1]).split()) if found else ""


async def test_of_what_is_not_carried_out_nothing_follows(server):
    mia = await server.person(MIA)
    asked = await ask(await server.agent(), MAIL)
    before = await shown(mia, asked)
    assert "nobody can take the approval back" in section(before, "What follows")
    await decided(mia, asked, "reject", comment="not <now>")
    after = await shown(mia, asked)
    assert section(after, "What was asked, and does not happen")
    assert "What follows" not in words(after)
    assert "What will happen" not in words(after)
    assert section(after, "People").count("not &lt;now&gt;") == 1


async def test_a_draft_is_told_by_its_verdicts_and_what_it_was_sent_back_with_once(server):
    mia = await server.person(MIA)
    asked = await ask(await server.agent(), DRAFT)
    follows = section(await shown(mia, asked), "What follows")
    assert "Edit Your version of the draft is accepted." in follows
    assert "Approve The draft is accepted as it stands." in follows
    await decided(mia, asked, "revise", comment="warmer")
    assert section(await shown(mia, asked), "People").count("warmer") == 1


async def test_what_is_held_says_what_was_decided_and_explains_only_what_is_left_to_say(open_server):
    server = open_server(config=TWO.replace("approvals: 2, ", ""))
    mia = await server.person(MIA)
    for verdict, title in (("approve", "Approved"), ("reject", "Rejected")):
        asked = await ask(await server.agent(), MAIL, key=verdict)
        await decided(mia, asked, verdict)
        page = await shown(mia, asked)
        assert status_of(page) == f"{title}, and not final yet"
        left = {"approve": "Reject", "reject": "Approve"}[verdict]
        assert re.findall(r"<dt>(Approve|Reject)</dt>", page.text) == [left]


async def test_nobody_can_approve_it_stands_at_the_top_and_what_silence_brings_beside_the_policy(open_server):
    server = open_server(config=NEEDS_TWO)
    page = await shown(await server.person(MIA), await ask(await server.agent(), PAY))
    notice = re.search(r'<p role="status">(.*?)</p>', page.text, re.DOTALL)
    assert notice is not None
    assert "Nobody can approve this: step 2 of 2 needs 2 of the group directors" in re.sub(r"</?bdi>", "", notice[1])
    assert "If nobody decides It expires: it is not approved." in section(page, "Why it is here")


@pytest.mark.parametrize(
    ("risk", "takes"), [("high", True), ({"level": "critical", "reasons": ["x"]}, True), ("low", False)]
)
async def test_what_the_agent_calls_of_high_risk_takes_a_second_act(server, risk, takes):
    mia = await server.person(MIA)
    asked = await ask(await server.agent(), MAIL | {"context": {"risk": risk}})
    assert ('name="understood"' in (await shown(mia, asked)).text) == takes
    assert ((await decided(mia, asked)).status_code == 303) != takes
    assert (await decided(mia, asked, understood=asked["digest"])).status_code == (303 if takes else 409)


DEEDS = {
    "reserve": ({}, "Others see now that you are on it."),
    "comment": ({"text": "hm"}, "Your comment stands under questions and comments."),
    "ask-back": ({"question": "why?"}, "Your question is asked."),
    "snooze": ({"lasts": "1h"}, "You have put it aside."),
    "extend": ({"by": "1h", "why": "longer"}, "It has more time now."),
    "delegate": ({"to": "Olga@example.com", "reason": ""}, "olga@example.com may vote for you here now."),
}


@pytest.mark.parametrize("act", DEEDS)
async def test_a_small_deed_is_confirmed_and_no_address_alone_says_so(server, act):
    mia, noah = await server.person(MIA), await server.person(NOAH)
    asked = await ask(await server.agent(), MAIL)
    fields, said = DEEDS[act]
    done = await sent(mia, asked, act, key="abc-1", **fields)
    to = done.headers["location"].removeprefix("/")
    assert f"autofocus>{said}" in re.sub(r"</?bdi>", "", (await mia.get(f"../../{to}")).text)
    for reader, address in ((noah, to), (mia, to.replace("abc-1", "abc-2"))):
        assert "just-done" not in (await reader.get(f"../../{address}")).text


async def test_the_next_one_says_what_was_done_with_the_one_before(server):
    mia, agent = await server.person(MIA), await server.agent()
    first, second = [await ask(agent, MAIL | {"reference": name}, key=name) for name in ("A-1", "B-2")]
    done = await decided(mia, first, key="abc-1", then="next")
    page = await mia.get(f"../../{done.headers['location'].removeprefix('/')}")
    assert second["id"] in done.headers["location"]
    assert "You have approved send (A-1). See how it stands" in words(page)


async def test_a_vote_and_that_it_decided_are_one_deed_and_every_moment_of_a_record_has_one_form(server):
    mia, agent = await server.person(MIA), await server.agent()
    asked = await ask(agent, MAIL | {"reference": "at 2026-02-31 25:61:61 UTC"})
    await mia.post(f"/requests/{asked['id']}/snooze", json={"lasts": "1h"})
    await decided(mia, asked, comment="Fine")
    page = (await shown(mia, asked)).text
    record = page.partition("All that has happened to it")[2].partition("</details>")[0]
    said = re.sub(r"</?bdi>", "", record)
    assert "mia@example.com approved: &#34;Fine&#34;; that decided it" in said
    assert "approved by mia" not in said
    assert re.search(r"mia@example.com puts it aside, until <time datetime=", said)
    assert "UTC" not in re.sub(r"<time.*?</time>", "", record)
    assert "at 2026-02-31 25:61:61 UTC" in page
