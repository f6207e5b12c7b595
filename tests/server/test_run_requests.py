"""What a run asks at once, and the rounds of a review, stand on the page of who is asked about them, without a role."""

import re

import pytest
from tests.server.conftest import CONFIG
from tests.server.test_agents_api import vote

MIA, OLGA, PETE = (f"{name}@example.com" for name in ("mia", "olga", "pete"))
AT_ONCE = """
people: {mia@example.com: {}, pete@example.com: {}, olga@example.com: {}}
groups: {managers: [mia@example.com, pete@example.com], directors: [olga@example.com]}
roles: {operator: [olga@example.com], reviewer: [mia@example.com]}
agents: {bookkeeper: 'tests.server.bookkeeper:agent'}
policies: {transfers: {applies_to: action.name == "pay", levels: [{steps: [{ask: [group:directors]}]}]}}
default: {levels: [{steps: [{ask: [group:managers]}]}]}
"""


@pytest.fixture(autouse=True)
def kept_here(tmp_path, monkeypatch):
    """Have agents write what they do into the test's own folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


async def asked_by(server, agent, given, person):
    """Start a run; return what somebody sees of what it asks then."""
    run = (await (await server.person(OLGA)).post("/runs", json={"agent": agent, "input": given})).json()["id"]
    await server.drain()
    return run, await seen_of(person, run)


async def seen_of(person, run):
    return (await person.get("/requests", params={"run": run, "status": "open"})).json()["requests"]


async def page_of(person, request):
    answer = await person.get(f"../../requests/{request['id']}")
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())


async def test_a_pause_stands_on_one_page_as_much_of_it_as_somebody_is_asked_about(open_server):
    server = open_server(config=AT_ONCE)
    pete, mia = await server.person(PETE), await server.person(MIA)
    run, (question,) = await asked_by(server, "bookkeeper", "pay the bills", pete)
    page = await page_of(pete, question)
    assert "0 of 5 decided; nothing runs before all are." in page
    assert ("4 that you are not asked about" in page, page.count("<article")) == (True, 1)
    assert "/runs/" not in page, "the run is not theirs to see"
    assert (await page_of(mia, question)).count("<article") == 5
    unseen = next(one for one in await seen_of(mia, run) if one["id"] != question["id"])
    assert unseen["id"] not in page


async def test_each_round_of_a_review_says_what_was_said_and_what_has_changed(open_server):
    server = open_server(config=CONFIG.replace("[mia@example.com, noah", "[mia@example.com, pete@example.com, noah"))
    pete, mia = await server.person(PETE), await server.person(MIA)
    run, (draft,) = await asked_by(server, "feedback", "a report on the rivers", pete)
    assert "What was said before" not in await page_of(pete, draft)
    for feedback in ("shorter <b>please</b>\u202e", "with a table"):
        assert (await vote(mia, draft, "revise", comment=feedback)).status_code == 200
        server.clock.advance(minutes=1)
        await server.drain()
        (draft,) = await seen_of(pete, run)
    page = await page_of(pete, draft)
    rounds = re.findall(r'<details class="round".*?</details>', page)
    assert [" open><summary" in one.replace("> <", "><") for one in rounds] == [False, True]
    assert "shorter &lt;b&gt;please&lt;/b&gt;<span" in rounds[0]
    assert "with a table" in rounds[1]
    assert all('class="change-lines"' in one for one in rounds)
    assert page.index("The draft</h2>") < page.index("What was said before")
