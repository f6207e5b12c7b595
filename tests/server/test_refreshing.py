"""The inbox that fetches itself again: what has left the list says so, and whoever decides waits for few who look."""

import asyncio
import re

import pytest
from tests.server.test_agents_api import MAIL, PAY, ask, vote
from tests.server.test_inbox_page import MIA, NOAH, OLGA, opened, row, rows

from interlock.domain.authority import Principal
from interlock.service.client import Client

SINCE = "2026-11-02T09:00:00+00:00"
BROWSERS = 30
LIST = re.compile(r'<div id="inbox".*?</ol>', re.DOTALL)
NONCE = re.compile(r'nonce="([^"]+)"')


async def approve(server, asked):
    await vote(await server.person(NOAH), asked)


async def reject(server, asked):
    await vote(await server.person(NOAH), asked, "reject", comment="no")


async def withdraw(server, asked):
    await (await server.agent()).post(f"/requests/{asked['id']}/withdrawal", json={})


async def withdraw_as_initiator(server, asked):
    await (await server.person(OLGA)).post(f"/requests/{asked['id']}/withdrawal", json={"reason": "it is paid"})


async def snooze(server, asked):
    await (await server.person(MIA)).post(f"/requests/{asked['id']}/snooze", json={"lasts": "1h"})


async def expire(server, asked):
    server.clock.advance(hours=25)
    await Client(server.system, Principal(OLGA, "person", "default", "web")).sweep()


LEAVES = {
    (approve, "pay"): "This step asks group:directors",
    (approve, "send_email"): f"Approved by {NOAH}",
    (reject, "pay"): f"Rejected by {NOAH}",
    (withdraw, "pay"): "Taken back by the agent",
    (withdraw_as_initiator, "pay"): f"Taken back by {OLGA}",
    (snooze, "pay"): "You have put it aside",
    (expire, "pay"): "Expired: nobody decided in time",
}


@pytest.mark.parametrize(("leaves", "name"), LEAVES, ids=[f"{how.__name__} {name}" for how, name in LEAVES])
async def test_a_row_that_leaves_the_list_says_why(server, leaves, name):
    asked = await ask(await server.agent(), (PAY if name == "pay" else MAIL) | {"initiator": OLGA})
    await leaves(server, asked)
    page = await opened(await server.person(MIA), shown=asked["id"], since=SINCE)
    assert rows(page) == [asked["id"]]
    assert LEAVES[leaves, name] in row(page, asked)


async def test_a_page_that_fetches_itself_again_gets_its_list_the_same_and_nothing_around_it(server):
    asked = await ask(await server.agent(), PAY)
    mia, seen = await server.person(MIA), {"shown": asked["id"], "since": SINCE}
    server.clock.advance(minutes=1)
    later = await ask(await server.agent(), MAIL, key="2")
    whole = await mia.get("../../", params=seen)
    part = await mia.get("../../", params=seen, headers={"HX-Request": "true"})
    lists = [LIST.search(NONCE.sub("", one.text)).group() for one in (whole, part)]
    assert lists[0] == lists[1]
    for found in (asked["id"], 'data-new="1"', 'data-counted="2"'):
        assert found in lists[1]
    assert later["id"] not in lists[1]
    assert "<title>(2) Waits for you · Interlock</title>" in part.text
    assert '<nav class="nav"' in whole.text
    assert '<nav class="nav"' not in part.text
    nonce = NONCE.search(part.text).group(1)
    assert f"'nonce-{nonce}'" in part.headers["content-security-policy"], "what it brings is told from what is injected"
    assert part.headers["made-for"] == whole.headers["made-for"]
    first = await mia.get("../../", headers={"HX-Request": "true"})
    assert '<nav class="nav"' in first.text, "who has seen no row sees a page"


async def test_a_vote_waits_for_few_of_the_pages_that_are_fetched_again_at_once(server):
    asked = await ask(await server.agent(), PAY)
    mia, noah = await server.person(MIA), await server.person(NOAH)
    again = {"shown": asked["id"], "since": SINCE}
    fetching = [asyncio.create_task(mia.get("../../", params=again)) for _ in range(BROWSERS)]
    await asyncio.sleep(0)
    assert (await vote(noah, asked)).is_success
    assert sum(one.done() for one in fetching) < BROWSERS / 2
    assert all(one.is_success for one in await asyncio.gather(*fetching))
