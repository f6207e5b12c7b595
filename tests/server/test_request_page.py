"""The page of a request over HTTP: how it stands, what its forms do, and what they do when somebody was faster."""

import re
from datetime import datetime, timedelta
from http import HTTPStatus
from types import SimpleNamespace

import pytest
from tests.server.conftest import CONFIG
from tests.server.test_agents_api import MAIL, PAY, ask, claim, result, vote

from interlock.engine.deadlines import sweep

MIA, NOAH, OLGA, RUTH = (f"{name}@example.com" for name in ("mia", "noah", "olga", "ruth"))


async def shown(person, request):
    return await person.get(f"../../requests/{request['id']}")


async def sent(person, request, act="decide", **fields):
    return await person.post(f"../../requests/{request['id']}/{act}", data=fields)


async def decided(person, request, verdict="approve", **fields):
    return await sent(person, request, verdict=verdict, digest=request["digest"], **fields)


def status_of(answer):
    found = re.search(r'<p role="status"><strong>(.*?)</strong>', answer.text)
    assert found is not None, answer.text
    return found[1]


def has_form(answer, act="decide"):
    return f'/{act}"' in answer.text


async def test_the_three_truths_stand_apart(server):
    agent, mia, olga = await server.agent(), await server.person(MIA), await server.person(OLGA)
    asked = await ask(agent, PAY)
    assert status_of(await shown(mia, asked)) == "Waits for you"
    answer = await decided(mia, asked)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.headers["location"].partition("?sent=")[0] == f"/requests/{asked['id']}"
    recorded = await shown(mia, asked)
    assert status_of(recorded) == "Waits for others"
    assert recorded.text.count("You have approved it in step 1 of 2. ") == 2, "above, and where the bar was"
    assert "You may not decide" not in recorded.text
    await decided(olga, asked, understood=asked["digest"])
    assert status_of(await shown(mia, asked)) == "Approved"
    await claim(agent, asked)
    assert status_of(await shown(mia, asked)) == "Approved, running"
    await result(agent, asked, result={"receipt": 7})
    done = await shown(mia, asked)
    assert (status_of(done), "receipt" in done.text) == ("Done", True)


@pytest.mark.parametrize("said", [{"verdict": "approve"}, {"verdict": "reject"}, {"option": "0"}])
async def test_whoever_does_not_see_it_has_not_viewed_it_whatever_they_send(server, said):
    agent, mia = await server.agent(), await server.person(MIA)
    asked = await ask(agent, {"asked": {"kind": "input", "text": "Go on?", "options": ["yes"]}})
    stranger = await server.person("stranger@example.com")
    answer = await sent(stranger, asked, digest=asked["digest"], **said)
    assert answer.status_code == HTTPStatus.NOT_FOUND
    seen = re.search(r"Seen by (.*)\.</p>", (await shown(mia, asked)).text)
    assert seen is not None
    assert "stranger" not in seen[1]
    if "verdict" in said:
        history = (await agent.get(f"/requests/{asked['id']}")).json()["history"]
        refused = [one["event"]["by"] for one in history if one["event"]["type"] == "refusal_noted"]
        assert refused == ["stranger@example.com"]


async def test_done_is_when_it_was_done_and_not_when_it_was_begun(server):
    agent, mia = await server.agent(), await server.person(MIA)
    asked = await ask(agent)
    await decided(mia, asked)
    begun = (await claim(agent, asked)).json()["effect"]["at"]
    server.clock.advance(minutes=7)
    await result(agent, asked, result={})
    (at,) = re.findall(
        r'<strong>Done</strong> <span class="nowrap"><time datetime="(.*?)"', (await shown(mia, asked)).text
    )
    assert datetime.fromisoformat(at) - datetime.fromisoformat(begun) == timedelta(minutes=7)


async def test_what_nobody_knows_is_said_and_a_person_says_it(server):
    agent, mia = await server.agent(), await server.person(MIA)
    asked = await ask(agent)
    await decided(mia, asked)
    await claim(agent, asked)
    await result(agent, asked, state="unknown", reason="the line broke")
    page = await shown(mia, asked)
    assert (status_of(page), has_form(page, "settle")) == ("Unknown whether it was done: a person must say", True)
    wrong = await sent(mia, asked, "settle", became="happened", result="{", note="the bank says so")
    assert (wrong.status_code, "the bank says so" in wrong.text) == (HTTPStatus.BAD_REQUEST, True)
    await sent(mia, asked, "settle", became="happened", note="the bank says so")
    assert status_of(await shown(mia, asked)) == f"Done, as {MIA} has said"


async def test_whoever_comes_late_sees_how_it_stands_and_what_was_typed(server):
    mia, noah = await server.person(MIA), await server.person(NOAH)
    asked = await ask(await server.agent())
    await decided(noah, asked, "reject")
    answer = await decided(mia, asked, comment="fine <b>for</b> me")
    assert answer.status_code == HTTPStatus.CONFLICT
    assert status_of(answer) == "Rejected"
    assert "fine &lt;b&gt;for&lt;/b&gt; me" in answer.text
    assert not has_form(answer)


async def test_who_votes_on_what_has_changed_keeps_the_comment_and_sees_the_change(server):
    olga, noah = await server.person(OLGA), await server.person(NOAH)
    asked = await ask(await server.agent(), PAY)
    await vote(noah, asked, "edit", value={"amount": "9.00"})
    answer = await decided(olga, asked, comment="fine")
    assert (answer.status_code, "9.00" in answer.text, ">\nfine</textarea>" in answer.text) == (409, True, True)


async def test_the_same_form_sent_twice_is_one_vote(server):
    mia, agent = await server.person(MIA), await server.agent()
    asked = await ask(agent, PAY)
    first, second = [await decided(mia, asked, key="abc-1") for _ in range(2)]
    assert (first.status_code, second.status_code) == (HTTPStatus.SEE_OTHER,) * 2
    history = (await agent.get(f"/requests/{asked['id']}")).json()["history"]
    assert [one["event"]["type"] for one in history].count("vote_cast") == 1


@pytest.mark.parametrize("act", ["comment", "ask-back", "delegate", "extend"])
async def test_what_says_nothing_is_refused_at_its_field(server, act):
    mia = await server.person(MIA)
    asked = await ask(await server.agent(), MAIL)
    field = {"comment": "text", "ask-back": "question", "delegate": "to", "extend": "why"}[act]
    answer = await sent(mia, asked, act, **{field: " ", "by": "1h"})
    assert answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
    name = f"{field}-{asked['id']}"
    assert f'aria-describedby="{name}-error"' in answer.text
    assert f'id="{name}-error"' in answer.text
    assert f'href="#{name}"' in answer.text


ACTS = {
    "comment": ({"text": "<i>seen</i>"}, "commented", "&lt;i&gt;seen&lt;/i&gt;"),
    "reserve": ({}, "reserved", "is on it"),
    "ask-back": ({"question": "Which <i>one</i>?"}, "asked_back", "Which &lt;i&gt;one&lt;/i&gt;?"),
    "delegate": ({"to": f" {RUTH} ", "reason": "on leave"}, "delegated", "on leave"),
    "extend": ({"by": "4h", "why": "a long one"}, "extended", "a long one"),
}


@pytest.mark.parametrize("act", ACTS)
async def test_what_a_form_says_is_done_once_and_stands_on_the_page_that_it_leads_to(server, act):
    fields, event, shows = ACTS[act]
    mia, agent = await server.person(MIA), await server.agent()
    asked = await ask(agent, MAIL)
    for _ in range(2):
        answer = await sent(mia, asked, act, key="abc-1", **fields)
        assert answer.status_code == HTTPStatus.SEE_OTHER, answer.text
        assert answer.headers["location"].startswith(f"/requests/{asked['id']}")
    assert shows in (await shown(mia, asked)).text
    history = (await agent.get(f"/requests/{asked['id']}")).json()["history"]
    assert [one["event"]["type"] for one in history].count(event) == 1


async def test_what_an_action_changes_stands_there_where_its_agent_says_what_there_is(server):
    mia, agent = await server.person(MIA), await server.agent()
    body = {"asked": {"kind": "approval", "name": "set", "args": {"service": "x", "change": {"rate": 6}}}}
    before = {"change": {"rate": "<i>5</i>"}, "other": 1}
    page = (await shown(mia, await ask(agent, body | {"context": {"before": before}}))).text
    part = page.partition("What it changes, as the agent says")[2].partition("</section>")[0]
    assert part.index("&lt;i&gt;5&lt;/i&gt;") < part.index('<ins><span class="visually-hidden">Now: </span>')
    assert "other" not in part
    assert "What it changes" not in (await shown(mia, await ask(agent, body, "k"))).text


async def test_who_may_vote_for_somebody_here_may_no_more_when_that_is_taken_back(server):
    mia, ruth, asked = await server.person(MIA), await server.person(RUTH), await ask(await server.agent(), MAIL)
    await sent(mia, asked, "delegate", to=RUTH, reason="", key="a")
    assert "You decide for mia@example.com" in (await shown(ruth, asked)).text
    page, settings = (await shown(mia, asked)).text, (await mia.get("../../settings/delegations")).text
    for told in (page, settings):
        assert f"/requests/{asked['id']}/take-back-delegation" in told
    assert "take-back-delegation" not in (await shown(ruth, asked)).text
    for _ in range(2):
        answer = await sent(mia, asked, "take-back-delegation", key="abc-1")
        assert answer.status_code == HTTPStatus.SEE_OTHER
    page = (await mia.get(f"../..{answer.headers['location']}")).text
    assert "votes for you here no more." in page
    assert "lets <bdi>ruth" not in page
    assert (await ruth.get(f"/requests/{asked['id']}")).status_code == HTTPStatus.OK  # a reviewer sees it as before
    assert (await vote(ruth, asked)).status_code == HTTPStatus.FORBIDDEN


async def test_what_was_asked_back_is_answered_by_who_started_the_run_on_the_page(server):
    mia, ruth = await server.person(MIA), await server.person(RUTH)
    run = (await ruth.post("/runs", json={"agent": "approval", "input": "Send email to ann@example.com"})).json()["id"]
    await server.drain()
    (asked,) = (await mia.get("/requests", params={"run": run})).json()["requests"]
    await sent(mia, asked, "ask-back", question="When?")
    offered = [has_form(await shown(person, asked), "clarify") for person in (mia, ruth)]
    assert offered == [False, True]
    refused = await sent(ruth, asked, "clarify", number="1", said=" ")
    assert (refused.status_code, f'id="said-{asked["id"]}-error"' in refused.text) == (HTTPStatus.BAD_REQUEST, True)
    assert (await sent(ruth, asked, "clarify", number="1", said="On Monday")).status_code == HTTPStatus.SEE_OTHER
    page = await shown(mia, asked)
    assert ("On Monday" in page.text, "No answer yet." in page.text) == (True, False)
    assert (await sent(mia, asked, "reserve", key="a")).status_code == HTTPStatus.SEE_OTHER
    assert (await sent(mia, asked, "end-reservation", key="b")).status_code == HTTPStatus.SEE_OTHER
    assert has_form(await shown(mia, asked), "reserve")


async def test_who_does_not_see_it_gets_the_same_404_from_every_form(server):
    asked = await ask(await server.agent())
    for person in (await server.person("stranger@example.com"), await server.person(MIA, tenant="other")):
        assert (await shown(person, asked)).status_code == HTTPStatus.NOT_FOUND
        for act in ("comment", "take-back", "settle", "extend", "clarify", "reserve"):
            answer = await sent(person, asked, act, text="x", said="x", number="1", became="retry", by="1h", why="x")
            assert answer.status_code == HTTPStatus.NOT_FOUND, act
            assert asked["digest"] not in answer.text
    refused = await decided(await server.person("stranger@example.com"), asked)
    assert refused.status_code == HTTPStatus.NOT_FOUND
    assert asked["digest"] not in refused.text


TWO = CONFIG.replace(
    "default: {levels: [{steps: [{ask: [group:managers]",
    "default: {hold: 1h, levels: [{steps: [{approvals: 2, ask: [group:managers]",
)


async def _open(_):
    pass


async def _voted(story):
    await vote(await story.server.person(NOAH), story.asked)


async def _held(story):
    for name in (NOAH, MIA):
        await vote(await story.server.person(name), story.asked)


async def _approved(story):
    await _held(story)
    story.server.clock.advance(hours=2)
    await story.server.drain()


async def _rejected(story):
    await vote(await story.server.person(NOAH), story.asked, "reject")
    story.server.clock.advance(hours=2)
    await story.server.drain()


async def _over(story):
    story.server.clock.advance(days=2)


async def _expired(story):
    await _over(story)
    await sweep(story.server.system.store, story.server.system.desk)


async def _withdrawn(story):
    await story.agent.post(f"/requests/{story.asked['id']}/withdrawal", json={"reason": "not needed"})


STATES = {
    "Waits for": _open,
    "1 of 2": _voted,
    "Approved, and not final yet": _held,
    "Approved": _approved,
    "Rejected": _rejected,
    "The time is over": _over,
    "Expired": _expired,
    "Withdrawn": _withdrawn,
}


@pytest.mark.parametrize("state", STATES)
async def test_each_sees_the_verdicts_that_they_may_say_or_why_not_and_who_can(open_server, state):
    server = open_server(config=TWO)
    agent = await server.agent()
    story = SimpleNamespace(server=server, agent=agent, asked=await ask(agent))
    await STATES[state](story)
    for name in (MIA, NOAH, OLGA, RUTH):
        person = await server.person(name)
        page, view = await shown(person, story.asked), (await person.get(f"/requests/{story.asked['id']}")).json()
        assert page.status_code == HTTPStatus.OK
        may = view["may"]["vote"]
        assert has_form(page) == bool(may), name
        said = {one["verdict"] for one in view["votes"] if one["voter"] == name}
        assert set(re.findall(r'name="verdict" value="(\w+)"', page.text)) == set(may) - {"edit"} - said
        assert ("Edit</a>" in page.text) == ("edit" in may)
        if view["status"] == "open" and not may:
            assert "You may not decide: " in page.text
            for candidate in view["candidates"]["people"]:
                assert candidate in page.text
    assert state in status_of(await shown(await server.person(NOAH), story.asked))
