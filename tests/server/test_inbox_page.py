"""The inbox as a page: its lists, filters and counts, what stays while things change, and nothing of another tenant."""

import html
import re
from http import HTTPStatus

import pytest
from tests.server.test_agents_api import MAIL, PAY, ask, claim, result, vote
from tests.server.test_hold import HELD

from interlock.domain.credentials import Scope
from interlock.service import pages
from interlock.web.pages import inbox

MIA, NOAH, OLGA = "mia@example.com", "noah@example.com", "olga@example.com"


async def opened(person, address="/", **given):
    answer = await person.get(f"../..{address}", params=given or None)
    assert answer.status_code == HTTPStatus.OK, answer.text
    return answer.text


def rows(page):
    return re.findall(r'data-request="([^"]*)"', page)


def tab(page, words):
    """Return what a tab counts."""
    return re.search(rf">{words}\s*<span class=\"count\">([^<]*)<", page).group(1)


def row(page, request):
    found = re.search(rf'<li id="row-{request["id"]}".*?</li>', page, re.DOTALL).group()
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", found).split()))


async def test_a_row_says_what_will_happen_about_what_by_whom_and_who_has_voted(server):
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person(NOAH)
    mail = {"kind": "approval", "name": "send_email", "args": {"to": ["a@x", "b@x"], "subject": "<b>Hi\u202e"}}
    context = {"reversible": False, "risk": {"level": "<i>high</i>", "reasons": ["many"]}}
    asked = await ask(agent, {"asked": mail, "reference": "CAMPAIGN-7", "context": context})
    await noah.post(f"/requests/{asked['id']}/reservation", json={"lasts": "5m"})
    page = await opened(mia)
    assert "<b>Hi" not in page
    assert "<i>high" not in page
    said = row(page, asked)
    for part in ("send_email", "to 2 recipients", "<b>Hi U+202E", "CAMPAIGN-7", "bot", "noah@example.com is on it"):
        assert part in said
    assert said.index("send_email") < said.index("cannot be undone risk “ <i>high</i> ”, says the agent")


@pytest.mark.parametrize(
    ("became", "says"),
    [
        (None, "Not carried out so far"),
        ("claimed", "Under way"),
        ("executed", "Carried out"),
        ("failed", "Not carried out"),
        ("unknown", "Nobody knows whether it happened"),
    ],
)
async def test_what_is_decided_says_what_came_of_it_by_whom_and_when(server, became, says):
    agent, mia, olga = await server.agent(), await server.person(MIA), await server.person(OLGA)
    asked = await ask(agent, PAY)
    assert (await mia.post(f"/requests/{asked['id']}/delegations", json={"to": "ruth@example.com"})).is_success
    assert "asked <time" in await opened(mia)
    for person in (await server.person("ruth@example.com"), olga):
        assert (await vote(person, asked)).is_success
    if became is not None:
        assert (await claim(agent, asked)).is_success
    if became not in {None, "claimed"}:
        assert (await result(agent, asked, state=became)).is_success
    for which in ("decided", "all"):
        page = await opened(olga, list=which)
        assert f">{says}</span>" in page
        said = row(page, asked)
        assert f"Approved {says}" in said
        by = re.escape("by ruth@example.com (for mia@example.com), olga@example.com")
        assert re.search(rf"{by} · \d+ \w+ \d{{4}}, \d\d:\d\d UTC", said)


async def test_what_is_asked_twice_says_so_in_its_row_and_on_its_page(server):
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person(NOAH)
    other = {"asked": {"kind": "approval", "name": "send", "args": {"to": "bob"}}}
    first, second = [await ask(agent, MAIL, key=key) for key in "ab"]
    third = await ask(agent, other, key="c")
    page = await opened(mia)
    assert ["exactly the same" in row(page, one) for one in (first, second, third)] == [True, True, False]
    shown = await opened(mia, f"/requests/{first['id']}")
    assert ("is asked more than once" in shown, f'<a href="/requests/{second["id"]}">' in shown) == (True, True)
    assert (await vote(noah, second)).is_success
    server.clock.advance(seconds=1)
    shown = await opened(mia, f"/requests/{first['id']}")
    assert ("was approved before" in shown, "Not carried out so far" in shown) == (True, True)
    assert "Exactly the same" not in await opened(mia, f"/requests/{third['id']}")
    assert "exactly the same" not in await opened(mia)
    there = await server.person(MIA, "other")
    asked = await ask(await server.agent(tenant="other"), MAIL)
    assert "Exactly the same" not in await opened(there, f"/requests/{asked['id']}")


async def test_the_filter_offers_the_agents_that_ask(server):
    mia, olga = await server.person(MIA), await server.person(OLGA)
    bot, _ = await server.agent("agent:billing"), await server.agent("agent:idle")
    await ask(bot)

    def offered(page):
        return set(
            re.findall(r'<option value="(\w+)"', page.partition('id="filter-agent"')[2].partition("</select>")[0])
        )

    assert {"billing", "idle"} <= offered(await opened(olga))
    assert "billing" in offered(await opened(mia))
    assert not {"billing", "idle"} & offered(await opened(await server.person("pia@example.com")))


async def test_each_list_has_what_the_kit_says_and_says_how_many(server):
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person(NOAH)
    first, second, third = [await ask(agent, PAY, key=key) for key in "abc"]
    assert (await vote(mia, first)).is_success
    assert (await mia.post(f"/requests/{second['id']}/snooze", json={"lasts": "1h"})).is_success
    expected = {"mine": [third], "snoozed": [second], "others": [first], "decided": [first]}
    for name, found in expected.items():
        page = await opened(mia, list=name)
        assert rows(page) == [one["id"] for one in found]
        counted = [tab(page, words) for words in ("Waits for you", "Put aside", "Waits for others", "Decided by you")]
        assert counted == ["1", "1", "1", "1"]
        assert "<title>(1) " in page
    assert "Put aside" not in await opened(noah)
    assert set(rows(await opened(mia, list="all"))) == {one["id"] for one in (first, second, third)}


async def test_filters_choose_by_agent_kind_group_reference_and_status(server):
    agent, other = await server.agent("agent:bot", *Scope), await server.agent("agent:other", *Scope)
    mia = await server.person(MIA)
    pay = await ask(agent, {**PAY, "reference": "INV-17"}, key="1")
    mail = await ask(other, {**MAIL, "reference": "INV-2"}, key="2")
    question = await ask(agent, {"asked": {"kind": "input", "text": "Which?"}}, key="3")
    for given, found in (
        ({"agent": "other"}, [mail]),
        ({"kind": "input"}, [question]),
        ({"group": "managers"}, [pay, mail, question]),
        ({"group": "directors"}, []),
        ({"reference": "INV-"}, [pay, mail]),
        ({"reference": "INV-1", "agent": "bot"}, [pay]),
        ({"reference": "nv"}, []),
        ({"text": "inv-17"}, [pay]),
        ({"text": "nv-"}, [pay, mail]),
        ({"text": "which other"}, []),
        ({"text": "WHICH bot"}, [question]),
    ):
        page = await opened(mia, **given)
        assert set(rows(page)) == {one["id"] for one in found}, given
        assert tab(page, "Waits for you") == str(len(found))
    nothing = await opened(mia, text="nothing")
    assert "Search all requests" in nothing
    assert "Look further" not in nothing
    await vote(mia, mail, "reject")
    assert rows(await opened(mia, list="decided", status="rejected")) == [mail["id"]]
    assert rows(await opened(mia, list="decided", status="approved")) == []
    assert rows(await opened(mia, list="all", status="rejected")) == [mail["id"]]
    assert rows(await opened(mia, list="all", reference="INV-1")) == [pay["id"]]
    assert rows(await opened(mia, list="all", text="inv-2")) == rows(await opened(mia, list="decided", text="inv-2"))


async def test_who_searches_goes_on_where_what_was_looked_at_ends(server, monkeypatch):
    monkeypatch.setattr(pages, "MOST_READ", 5)
    monkeypatch.setattr(inbox, "MOST_PAGES", 1)
    monkeypatch.setattr(inbox, "ON_A_PAGE", 3)
    agent, mia = await server.agent(), await server.person(MIA)
    wanted = {"mine": (await ask(agent, {**MAIL, "reference": "needle"}, key="mine"))["id"]}
    for number in range(8):
        await ask(agent, MAIL, key=str(number))
    wanted["all"] = wanted["mine"]
    for which, found in wanted.items():
        page, seen = await opened(mia, list=which, text="needle"), []
        while not seen:
            seen = rows(page)
            onward = re.search(r'href="([^"]*after=[^"]*)"', page)
            if not seen:
                assert "Nothing fits so far." in page
                page = await opened(mia, html.unescape(onward[1]))
        assert seen == [found]


async def test_what_a_tab_counts_is_what_it_leads_to_whatever_is_filtered(server):
    agent, mia = await server.agent(), await server.person(MIA)
    bodies = (MAIL, {**PAY, "reference": "INV-1"}, {"asked": {"kind": "input", "text": "Which?"}})
    for number, body in enumerate((*bodies, *bodies)):
        asked = await ask(agent, body, key=str(number))
        if number < len(bodies):
            await vote(mia, asked, "reject")
    filters = (
        {"group": "managers"},
        {"kind": "input"},
        {"reference": "INV"},
        {"list": "decided", "status": "rejected"},
    )
    for given in filters:
        page = await opened(mia, **given)
        tabs = re.findall(r'<a href="([^"]*)"[^>]*>[^<]*<span class="count">(\d+)</span></a>', page)
        assert len(tabs) >= 3, page
        for address, number in tabs[-3:]:
            assert len(rows(await opened(mia, html.unescape(address)))) == int(number), (given, address)


async def test_a_number_in_the_search_leads_to_its_request_unless_it_is_anothers(server):
    asked = await ask(await server.agent(), PAY)
    found = await (await server.person(MIA)).get("../../", params={"reference": asked["id"][:12]})
    assert (found.status_code, found.headers["location"]) == (HTTPStatus.SEE_OTHER, f"/requests/{asked['id']}")
    there = await server.person(MIA, "other")
    assert (await there.get("../../", params={"reference": asked["id"]})).status_code == HTTPStatus.OK


async def test_what_somebody_sees_stays_and_says_what_became_of_it_and_what_is_new_waits(server):
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person(NOAH)
    first, second = [await ask(agent, MAIL, key=key) for key in "ab"]
    page = await opened(mia)
    since = html.unescape(re.search(r'data-since="([^"]*)"', page).group(1))
    given = {"shown": ",".join(rows(page)), "since": since}
    server.clock.advance(seconds=1)
    await vote(noah, first, "reject")
    third = await ask(agent, MAIL, key="c")
    page = await opened(mia, **given)
    assert rows(page) == given["shown"].split(",")
    assert "Rejected by noah@example.com" in row(page, first)
    assert ">1 new</a>" in page
    assert tab(page, "Waits for you") == "2"
    assert set(rows(await opened(mia))) == {second["id"], third["id"]}


async def test_nobody_sees_another_tenants_rows_by_naming_them(server):
    asked = await ask(await server.agent(), PAY)
    there = await server.person(MIA, "other")
    page = await opened(there, shown=f"{asked['id']},req_nothing", since="2020-01-01T00:00:00+00:00", list="all")
    assert rows(page) == []
    stranger = await server.person("stranger@example.com")
    assert rows(await opened(stranger, shown=asked["id"], since="2020-01-01T00:00:00+00:00")) == []


@pytest.mark.parametrize(
    "query", ["after=nonsense", "list=x&kind=%00", "reference=%ff%00", "since=1", "agent=%ed%a0%80"]
)
async def test_an_address_that_means_nothing_is_a_list_all_the_same(server, query):
    await ask(await server.agent(), PAY)
    await opened(await server.person(MIA), f"/?{query}")


async def test_a_list_is_read_on_by_fifties(server):
    agent, mia = await server.agent(), await server.person(MIA)
    asked = {(await ask(agent, PAY, key=str(number)))["id"] for number in range(53)}
    page = await opened(mia)
    assert (len(rows(page)), tab(page, "Waits for you")) == (50, "53")
    more = html.unescape(re.search(r'href="([^"]*after=[^"]*)"', page).group(1))
    rest = await opened(mia, more)
    assert len(rows(rest)) == 3
    assert {*rows(page), *rows(rest)} == asked


async def test_what_is_put_aside_on_its_page_leaves_the_list_of_that_person_alone_and_is_taken_up_again(server):
    agent, mia, noah = await server.agent(), await server.person(MIA), await server.person(NOAH)
    asked = await ask(agent, MAIL)
    where = f"../../requests/{asked['id']}"
    refused = await mia.post(f"{where}/snooze", data={"lasts": "soon", "key": "a"})
    assert (refused.status_code, "soon" in refused.text) == (HTTPStatus.BAD_REQUEST, True)
    assert (await mia.post(f"{where}/snooze", data={"lasts": "1h", "key": "b"})).status_code == HTTPStatus.SEE_OTHER
    top = (await mia.get(where)).text.partition('<div class="notice')[2].partition("</header>")[0]
    assert ("Put aside by you" in top, "Take it up again" in top, "Waits for you" in top) == (True, True, False)
    assert "Waits for you" in (await (await server.person(NOAH)).get(where)).text
    assert (rows(await opened(mia)), rows(await opened(noah))) == ([], [asked["id"]])
    page = await opened(mia, list="snoozed")
    assert "put aside until" in row(page, asked)
    assert (await mia.post(f"{where}/end-snooze", data={"key": "c"})).status_code == HTTPStatus.SEE_OTHER
    assert rows(await opened(mia)) == [asked["id"]]
    await mia.post(f"{where}/snooze", data={"lasts": "30m", "key": "d"})
    server.clock.advance(seconds=1800)
    assert rows(await opened(mia)) == [asked["id"]]


async def test_the_first_page_of_the_inbox_weighs_less_than_150_kilobytes_with_fifty_rows(server):
    agent, mia = await server.agent(), await server.person(MIA)
    for number in range(inbox.ON_A_PAGE + 1):
        args = {"to": [f"{one}.{number}@customers.example" for one in range(3)], "subject": f"The invoice {number}"}
        about = {"reference": f"INV-{number}", "context": {"reversible": False, "risk": "high"}}
        await ask(
            agent, {"asked": {"kind": "approval", "name": f"send_{number}", "args": args}, **about}, key=str(number)
        )
    page = await mia.get("../../")
    assert len(rows(page.text)) == inbox.ON_A_PAGE
    assets = {one: await mia.get(f"../..{one}") for one in re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text)}
    weight = sum(one.num_bytes_downloaded for one in (page, *assets.values()))
    assert len(assets) < 15
    assert weight < 150_000, f"{weight:,}, of which the page has {len(page.content):,}"


async def test_what_is_held_shows_how_long_a_vote_can_be_taken_back_and_not_its_deadline(open_server):
    server = open_server("memory", HELD)
    asked = await ask(await server.agent())
    noah = await server.person(NOAH)
    assert "not final" not in row(await opened(noah), asked)
    held = (await vote(await server.person(MIA), asked)).json()["held_until"]
    said = row(await opened(noah, list="others"), asked)
    assert "not final yet:" in said
    assert f'<time datetime="{held}" data-left>' in await opened(noah, list="others")
