"""The page of statistics has the numbers of the API, for those who may have them."""

import re
from http import HTTPStatus

import pytest
from tests.server.test_statistics import ask, vote

MIA, NOAH = "mia@example.com", "noah@example.com"
EVIL = "pay</title><script>alert(1)</script>\u202e"


async def opened(person, **params):
    return await person.get("../../statistics", params=params)


def rows(page, of):
    """Return the rows of a table as lists of text."""
    body = page.partition(f'id="{of}"')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    ]


def words_of(page):
    return re.sub(r"<[^>]+>", " ", page)


async def decided(server):
    agent, mia = await server.agent(), await server.person(MIA)
    requests = [await ask(agent, f"k{number}") for number in range(4)]
    requests.append(await ask(agent, "evil", asked={"kind": "approval", "name": EVIL, "args": {}}))
    server.clock.advance(seconds=60)
    await vote(mia, requests[0])
    await vote(mia, requests[1], "reject", comment="no")
    server.clock.advance(seconds=60)
    await vote(mia, requests[2], "edit", value={"to": "eve"})
    await vote(mia, requests[4])


async def test_it_says_how_requests_ended_and_how_long_people_took(server):
    await decided(server)
    lead = await server.person(NOAH)
    page = (await opened(lead)).text
    (bot,) = rows(page, "groups")
    assert bot == ["bot", "4", "75%", "50%", "1", "0", "0", "0", "0", "1 min", "2 min"]
    periods = rows(page, "over-time")
    assert len(periods) == 31
    assert periods[0][1:] == bot[1:]
    assert 'role="img"' in page
    for said in ("75%", "of 4 that people", "2 min", "Waiting now", "Half of the answers that people gave came within"):
        assert said in page
    assert ("p50" in words_of(page), page.count("95 of 100 within</th>")) == (False, 2)
    (mia,) = rows((await opened(lead, by="reviewer")).text, "groups")
    assert mia == [MIA, *bot[1:]]
    assert len(rows((await opened(lead, since="90d", by="level")).text, "over-time")) == 14  # weeks


async def test_names_that_agents_choose_are_only_read(server):
    await decided(server)
    page = (await opened(await server.person(NOAH), by="action")).text
    assert {row[0] for row in rows(page, "groups")} == {
        "send",
        "pay&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;U+202E",
    }
    assert "<script>alert" not in page


async def test_reviewers_and_other_tenants_read_none_of_it(server):
    await decided(server)
    assert (await opened(await server.person(MIA))).status_code == HTTPStatus.FORBIDDEN
    assert 'href="/statistics"' not in (await (await server.person(MIA)).get("../../runs")).text
    there = await server.person("olga@example.com", "other")
    assert rows((await opened(there)).text, "groups") == []


@pytest.mark.parametrize("given", [{"since": "soon"}, {"by": "person"}, {"since": "\0"}, {"by": "<b>"}])
async def test_what_is_no_time_and_no_group_shows_what_is_usual(server, given):
    page = await opened(await server.person(NOAH), **given)
    assert page.status_code == HTTPStatus.OK
    assert 'value="30d" selected' in page.text
