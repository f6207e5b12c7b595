"""The log in pages: each entry once, in either direction, by each filter; its receipts; and all of it as lines."""

import hashlib
import html
import json
import re
from http import HTTPStatus

import pytest
from tests.server.test_agents_api import MAIL, ask, claim, vote

MIA, NOAH, OLGA = "mia@example.com", "noah@example.com", "olga@example.com"
STORES = pytest.mark.parametrize("store", ["memory", "sqlite", "postgres"])
RECEIPT = re.compile(r'href="(/log/[^"/]+/\d+)"')
EVIL = "no <script>alert(1)</script>\u202e"


async def opened(person, path="/log", **params):
    answer = await person.get(f"../..{path}", params=params) if params else await person.get(f"../..{path}")
    assert answer.status_code == HTTPStatus.OK, answer.text
    return answer.text


async def walked(person, **params):
    """Return the receipts of all pages, in their order."""
    page = await opened(person, **params)
    found = RECEIPT.findall(page)
    while more := re.search(r'href="([^"]+)">(Later|Earlier) entries', page):
        page = await opened(person, more[1].replace("&amp;", "&"))
        found += RECEIPT.findall(page)
    return found


async def happened(server):
    agent, mia = await server.agent(), await server.person(MIA)
    first, second = await ask(agent, key="a"), await ask(agent, key="b")
    await vote(mia, first)
    await vote(mia, second, "reject", comment=EVIL)
    return first, second


@STORES
async def test_each_entry_is_found_once_in_either_direction(open_server, store, monkeypatch):
    monkeypatch.setattr("interlock.web.pages.log.ROWS", 3)
    server = open_server(store)
    first, second = await happened(server)
    lead = await server.person(NOAH)
    feed = await server.system.store.feed("default", limit=500)
    places = [f"/log/{entry.stream}/{entry.seq}" for entry in feed]
    back = await walked(lead)
    assert back[: len(places)] == places[::-1]
    today = f"{server.clock.at:%Y-%m-%d}"
    assert (await walked(lead, since=today))[: len(places)] == places
    assert await walked(lead, since="2099-01-01") == []
    assert await walked(lead, stream=first["id"]) == [one for one in places if first["id"] in one][::-1]
    votes = [one for one in await walked(lead, kind="decided", by=MIA.upper()) if "/req_" in one]
    assert {one.split("/")[2] for one in votes} == {first["id"], second["id"]}
    assert await walked(lead, by="nobody@example.com") == []


async def test_an_entry_says_what_it_is_about_in_the_words_of_people(server):
    agent, mia, lead = await server.agent(), await server.person(MIA), await server.person(NOAH)
    asked = await ask(agent, MAIL | {"reference": "INV-7"})
    assert (await vote(await server.person(OLGA), asked)).status_code == 403
    assert (await mia.post(f"/requests/{asked['id']}/clarifications", json={"text": EVIL})).is_success
    await vote(mia, asked)
    await claim(agent, asked)
    page = html.unescape(" ".join(re.sub(r"<[^>]*>", " ", await opened(lead)).split()))
    for said in (
        "approved by mia@example.com 2 Nov 2026, 09:00 UTC · mia@example.com · send ( INV-7 )",
        "the agent bot asks: send: to ann",
        "olga@example.com was refused: ",
        "this step asks the group managers",
        "mia@example.com asks: no <script>",
        "it is begun 2 Nov",
    ):
        assert said in page, page.partition("Every entry has")[2]
    for code in ("CastVote", "agent:bot asks", "bank:pay", "asks back (", "group:managers"):
        assert code not in page.partition("Every entry has")[2], code


async def test_a_page_looks_at_so_much_and_says_that_there_is_more(server, monkeypatch):
    monkeypatch.setattr("interlock.service.log_pages.MOST_LOOKED_AT", 2)
    monkeypatch.setattr("interlock.service.log_pages.PAGE", 2)
    first, _ = await happened(server)
    lead = await server.person(NOAH)
    page = await opened(lead, kind="asked")
    assert "there are more" in page
    assert f"/log/{first['id']}/1" in await walked(lead, kind="asked")


@STORES
async def test_a_receipt_has_the_bytes_and_the_hash_that_anybody_can_check(open_server, store):
    server = open_server(store)
    _, second = await happened(server)
    lead = await server.person(NOAH)
    page = await opened(lead, f"/log/{second['id']}/1")
    body = (await lead.get(f"../../log/{second['id']}/1/bytes")).content
    digest = hashlib.sha256(b"\0" + body).hexdigest()
    assert f"sha256:{digest}" in page
    assert json.loads(body)["event"]["type"] == "opened"
    assert "As it was written" in page
    for place in ("/log/req_none/1", f"/log/{second['id']}/99", f"/log/{second['id']}/0"):
        assert (await lead.get(f"../..{place}")).status_code == HTTPStatus.NOT_FOUND
    assert (await lead.get("../../log/x/y")).status_code == HTTPStatus.BAD_REQUEST


async def test_what_others_have_written_is_only_read(server):
    _, second = await happened(server)
    lead = await server.person(NOAH)
    for page in (await opened(lead), await opened(lead, f"/log/{second['id']}/4")):
        assert "&lt;script&gt;alert(1)" in page
        assert "\u202e" not in page
        assert "<script>alert" not in page


async def test_all_of_it_is_exported_in_lines_and_what_fits_alone(server):
    first, _ = await happened(server)
    lead = await server.person(NOAH)
    whole = await lead.get("../../log/export")
    assert "attachment" in whole.headers["content-disposition"]
    lines = [json.loads(line) for line in whole.text.splitlines()]
    listed = (await lead.get("/log", params={"limit": 200})).json()["entries"]
    assert lines == listed
    part = (await lead.get("../../log/export", params={"stream": first["id"], "kind": "asked"})).text.splitlines()
    assert [json.loads(line)["event"]["type"] for line in part] == ["opened"]


async def test_it_is_for_who_may_read_the_log_of_this_tenant(server):
    first, _ = await happened(server)
    mia, there = await server.person(MIA), await server.person(OLGA, "other")
    for path in ("/log", "/log/export", f"/log/{first['id']}/1", f"/log/{first['id']}/1/bytes"):
        assert (await mia.get(f"../..{path}")).status_code == HTTPStatus.FORBIDDEN
    assert (await there.get(f"../../log/{first['id']}/1")).status_code == HTTPStatus.NOT_FOUND
    assert first["id"] not in await opened(there)
    assert first["id"] not in (await there.get("../../log/export")).text


@pytest.mark.parametrize("given", [{"at": "x"}, {"at": "1;2"}, {"since": "soon"}, {"since": "2026-13-01"}])
async def test_what_is_no_place_and_no_day_is_refused(server, given):
    answer = await (await server.person(NOAH)).get("../../log", params=given)
    assert answer.status_code == HTTPStatus.BAD_REQUEST


async def test_a_receipt_of_much_shows_its_beginning_and_has_all_of_it_to_download(server):
    asked = await ask(
        await server.agent(), {"asked": {"kind": "approval", "name": "pay", "args": {"a": "é" * 100_000}}}
    )
    lead = await server.person(NOAH)
    page = await opened(lead, f"/log/{asked['id']}/1")
    assert len(page) < 60_000
    assert "more characters are left out here" in page
    assert len((await lead.get(f"../../log/{asked['id']}/1/bytes")).content) > 200_000
