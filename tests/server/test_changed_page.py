"""What a page with a form hears of what it is about: that it was decided, changed, or waits for its reader no more."""

import html
import re

import pytest
from tests.server.conftest import CONFIG
from tests.server.test_agents_api import MAIL, ask, vote
from tests.server.test_inbox_page import MIA, NOAH, opened

TWO = CONFIG.replace("default: {levels: [{steps: [{ask:", "default: {levels: [{steps: [{approvals: 2, ask:")


async def told(person, *asked):
    page = await opened(person, "/changed", on=[f"{one['id']} {one['digest']}" for one in asked])
    return [html.unescape(re.sub("<[^>]*>", "", one)) for one in re.findall(r"<li><a href.*?</li>", page)]


@pytest.fixture
def server(open_server):
    return open_server(config=TWO)


async def test_nothing_is_said_of_what_stands_as_it_was_shown(server):
    agent, mia = await server.agent(), await server.person(MIA)
    asked = await ask(agent)
    assert await told(mia, asked) == []
    await vote(mia, asked)
    assert await told(mia, asked) == []  # who has voted may still change it


async def test_what_was_decided_or_changed_is_said_and_by_whom(server):
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person(NOAH)
    kept, rejected, changed = [await ask(agent, key=key) for key in "abc"]
    await vote(noah, rejected, "reject")
    await vote(noah, changed, "edit", value=MAIL["asked"]["args"] | {"to": "eve"})
    said = await told(mia, kept, rejected, changed)
    assert [one.split(": ", 1)[1] for one in said] == [
        f"Rejected by {NOAH}.",
        "Somebody has changed it: what stands there now is not what you see here.",
    ]
    assert "eve" not in said[1].split(": ", 1)[1]


async def test_nobody_has_viewed_what_they_were_told_has_changed(server):
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person(NOAH)
    asked = await ask(agent)
    await vote(noah, asked, "edit", value={"to": "eve"})
    await told(mia, asked)
    history = (await agent.get(f"/requests/{asked['id']}")).json()["history"]
    assert MIA not in str([one for one in history if one["event"]["type"] == "viewed"])


async def test_of_what_somebody_does_not_see_nothing_is_said(server):
    agent, noah = await server.agent(), await server.person(NOAH)
    asked = await ask(agent)
    await vote(noah, asked, "reject")
    for person, tenant in (("stranger@example.com", "default"), (MIA, "other")):
        assert await told(await server.person(person, tenant), asked) == []
