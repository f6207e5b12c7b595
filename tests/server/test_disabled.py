"""Whoever is disabled decides nothing: as if they had lost every group, every role and every mention of their name."""

import pytest
from tests.server.conftest import CONFIG
from tests.server.test_agents_api import STORES, ask, claim, vote

from interlock.domain.eligibility import DISABLED

MIA, NOAH, OLGA, ZOE = (f"{name}@example.com" for name in ("mia", "noah", "olga", "zoe"))
HELD = CONFIG.replace("default: {levels: [{steps", "default: {hold: 10s, levels: [{steps")
BY_NAME = HELD.replace("[{ask: [group:managers]}]}]}", f"[{{ask: [person:{MIA}]}}]}}]}}")


async def disable(server, name):
    assert (await (await server.person(OLGA)).post(f"/people/{name}/disable")).status_code == 204


async def view(server, request, person=OLGA):
    return (await (await server.person(person)).get(f"/requests/{request['id']}")).json()


@pytest.mark.parametrize("store", STORES)
async def test_the_vote_of_who_was_disabled_approves_nothing(open_server, store):
    server = open_server(store)
    agent, mia = await server.agent(), await server.person(MIA)
    asked = await ask(agent)
    assert (await vote(mia, asked)).json()["status"] == "approved"
    await disable(server, MIA)
    assert (await claim(agent, asked)).status_code == 409
    effect = (await view(server, asked))["effect"]
    assert effect["state"] == "lapsed"
    assert DISABLED in str(effect)


@pytest.mark.parametrize("by", [HELD, BY_NAME])
async def test_a_hold_of_who_was_disabled_ends_in_nothing(open_server, by):
    server = open_server(config=by)
    agent, mia = await server.agent(), await server.person(MIA)
    asked = await ask(agent)
    assert (await vote(mia, asked)).json()["held_by"] == [MIA]
    await disable(server, MIA)
    server.clock.advance(seconds=10)
    await server.drain()
    assert (await agent.get(f"/requests/{asked['id']}/outcome")).json()["status"] == "open"
    assert (await claim(agent, asked)).status_code == 409


async def test_what_who_was_disabled_has_delegated_rests_until_they_are_enabled(server):
    mia, zoe, olga = [await server.person(one) for one in (MIA, ZOE, OLGA)]
    agent = await server.agent()
    voted, other = await ask(agent), await ask(agent, key="order-2")
    given = {"to": ZOE, "until": "2026-12-01T09:00:00Z"}
    assert (await mia.post("/directory/delegations", json=given)).status_code == 201
    assert (await vote(zoe, voted)).json()["status"] == "approved"
    assert len((await zoe.get("/requests/inbox/mine")).json()["requests"]) == 1
    await disable(server, MIA)
    assert (await claim(agent, voted)).status_code == 409
    refused = await vote(zoe, other)
    assert refused.status_code == 403
    assert f"the vote is {MIA}'s, and {DISABLED}" in refused.json()["detail"]
    assert (await zoe.get("/requests/inbox/mine")).json()["requests"] == []
    assert (await olga.post(f"/people/{MIA}/enable")).status_code == 204
    assert (await vote(zoe, other)).json()["status"] == "approved"


async def test_a_delegate_who_was_disabled_votes_for_nobody(server):
    mia, zoe = await server.person(MIA), await server.person(ZOE)
    agent = await server.agent()
    asked = await ask(agent)
    await mia.post("/directory/delegations", json={"to": ZOE, "until": "2026-12-01T09:00:00Z"})
    assert (await vote(zoe, asked)).json()["status"] == "approved"
    await disable(server, ZOE)
    assert (await claim(agent, asked)).status_code == 409


async def test_people_are_told_why_who_was_disabled_may_not_vote(server):
    asked = await ask(await server.agent())
    await disable(server, MIA)
    olga = await server.person(OLGA)
    told = await olga.post("/policies/explain", json={"request_id": asked["id"]})
    assert f"Not {MIA}: {DISABLED}." in told.text
    await disable(server, NOAH)
    assert f"not {MIA}: {DISABLED}" in (await olga.get(f"/requests/{asked['id']}")).text


async def test_anybody_can_be_kept_out_and_is_nobodys_account_afterwards(server):
    mia, olga = await server.person(MIA), await server.person(OLGA)
    await disable(server, MIA.upper())
    assert (await mia.get("/session")).status_code == 401
    assert (await (await server.person(MIA)).get("/session")).json()["detail"] == f"The account {MIA} is disabled."
    listed = (await olga.get("/people")).json()["people"]
    assert [(one["name"], one["status"], one["invited_at"]) for one in listed] == [(MIA, "disabled", None)]
    for path in (f"/people/{MIA}/disable", f"/people/{MIA}/reset"):
        assert (await olga.post(path)).json()["code"] == "closed"
    assert (await olga.post(f"/people/{MIA}/enable")).status_code == 204
    assert (await olga.get("/people")).json()["people"] == []
    assert (await (await server.person(MIA)).get("/session")).status_code == 200
    for nobody in ("agent:bot", "local:me", "group:managers"):
        assert (await olga.post(f"/people/{nobody}/disable")).status_code == 400
