"""No agent fills the inbox of others: so many of its requests wait at once, and like ones are one row."""

import asyncio

import pytest
from tests.server.conftest import CONFIG
from tests.server.test_agents_api import MAIL, PAY, ask, vote

LIMITED = CONFIG + "request_limits: {default: 3, busy: 7}\n"


async def tried(agent, key, body=MAIL):
    return await agent.post("/requests", json=body, headers={"Idempotency-Key": key})


@pytest.mark.parametrize("store", ["memory", "sqlite", "postgres"])
async def test_an_agent_asks_for_no_more_than_may_wait_at_once(open_server, store):
    server = open_server(store, LIMITED)
    bot, busy, other = await server.agent(), await server.agent("agent:busy"), await server.agent(tenant="other")
    mia = await server.person("mia@example.com")
    asked = [await ask(bot, key=f"{number}") for number in range(3)]
    refused = await tried(bot, "one too many")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.json()["details"] == {"agent": "bot", "limit": 3}
    assert int(refused.headers["retry-after"]) > 0
    assert (await tried(bot, "0")).json()["id"] == asked[0]["id"]  # asking again asks nothing new
    for client in (busy, other):
        assert (await tried(client, "of another")).status_code == 201
    await vote(mia, asked[1], "reject")
    assert (await tried(bot, "there is room again")).status_code == 201
    assert (await tried(bot, "and no more")).status_code == 429
    assert len((await mia.get("/requests", params={"agent": "bot"})).json()["requests"]) == 3


async def test_what_a_rule_approves_waits_for_nobody_and_is_never_too_much(open_server):
    rule = "{name: small, when: 'action.name == \"ping\"', approve: automatically}, {steps"
    server = open_server(config=LIMITED.replace("default: {levels: [{steps", f"default: {{levels: [{rule}"))
    bot = await server.agent()
    for number in range(3):
        await ask(bot, key=f"{number}")
    ping = {"asked": {"kind": "approval", "name": "ping", "args": {}}}
    assert (await tried(bot, "ping", ping)).json()["status"] == "approved"


@pytest.mark.parametrize("store", ["memory", "sqlite", "postgres"])
async def test_an_agent_opens_no_more_within_an_hour_than_it_may_whatever_became_of_them(open_server, store):
    server = open_server(store, CONFIG + "requests_per_hour: {default: 1000, bot: 2}\n")
    bot, other, mia = await server.agent(), await server.agent("agent:other"), await server.person("mia@example.com")
    for number in range(2):
        asked = await ask(bot, key=f"{number}")
        await vote(mia, asked)
        server.clock.advance(minutes=20)
    refused = await tried(bot, "one too many")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.json()["details"] == {"agent": "bot", "limit": 2}
    assert "requests_per_hour" in refused.json()["detail"]
    assert (await tried(bot, "0")).json()["status"] == "approved"  # asking again asks nothing new
    assert (await tried(other, "of another")).status_code == 201
    server.clock.advance(minutes=20)  # the first was an hour ago
    assert (await tried(bot, "again")).status_code == 201
    assert (await tried(bot, "and no more")).status_code == 429


async def test_who_asks_for_many_at_once_exceeds_the_limit_by_no_more_than_these(open_server):
    server = open_server("sqlite", LIMITED)
    bot = await server.agent()
    for number in range(2):
        await ask(bot, key=f"{number}")
    answers = await asyncio.gather(*(tried(bot, f"at once {number}") for number in range(5)))
    assert {answer.status_code for answer in answers} <= {201, 429}
    assert (await tried(bot, "afterwards")).status_code == 429


async def test_like_requests_are_one_row_and_one_batch_decides_them(open_server):
    server = open_server(config=LIMITED)
    busy, bot = await server.agent("agent:busy"), await server.agent()
    mails = [await ask(busy, key=f"{number}") for number in range(5)]
    payment = await ask(busy, PAY, key="payment")
    server.clock.advance(seconds=1)
    alone = await ask(bot, key="alone")
    mia = await server.person("mia@example.com")
    bundles = (await mia.get("/requests/inbox/mine/bundles")).json()
    assert bundles["more"] is False
    told = [(one["agent"], one["what"], one["number"]) for one in bundles["bundles"]]
    assert sorted(told) == [("bot", "send", 1), ("busy", "pay", 1), ("busy", "send", 5)]
    (bundle,) = [one for one in bundles["bundles"] if one["number"] == 5]
    assert {one["id"] for one in bundle["requests"]} == {one["id"] for one in mails}
    votes = [{"request_id": one["id"], "verdict": "approve", "digest": one["digest"]} for one in bundle["requests"]]
    results = (await mia.post("/requests/votes", json={"votes": votes})).json()["results"]
    assert [one["request"]["status"] for one in results] == ["approved"] * 5
    left = (await mia.get("/requests/inbox/mine/bundles")).json()["bundles"]
    assert {one["requests"][0]["id"] for one in left} == {alone["id"], payment["id"]}
    of_bot = (await mia.get("/requests/inbox/mine/bundles", params={"agent": "bot"})).json()["bundles"]
    assert [one["agent"] for one in of_bot] == ["bot"]
    stranger = await server.person("mia@example.com", tenant="other")
    assert (await stranger.get("/requests/inbox/mine/bundles")).json() == {"bundles": [], "more": False}
