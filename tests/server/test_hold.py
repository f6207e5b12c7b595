"""A vote can be taken back until its hold is over: on every door, on every store, and after a restart."""

import json

import pytest
from tests.server.conftest import CONFIG
from tests.server.test_agents_api import STORES, ask, claim, vote
from websockets.asyncio.client import connect

HELD = CONFIG.replace("default: {levels: [{steps", "default: {hold: 10s, levels: [{steps")


async def take_back(person, request):
    return await person.post(f"/requests/{request['id']}/take-back")


@pytest.mark.parametrize("store", STORES)
async def test_nothing_acts_before_the_hold_ends_and_then_it_does(open_server, store):
    server = open_server(store, HELD)
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    voted = (await vote(mia, asked)).json()
    assert (voted["status"], voted["held_by"]) == ("open", ["mia@example.com"])
    server.clock.advance(seconds=9)
    await server.drain()
    assert (await agent.get(f"/requests/{asked['id']}/outcome")).json()["status"] == "open"
    assert (await claim(agent, asked)).status_code == 409
    taken = (await take_back(mia, asked)).json()
    assert (taken["status"], taken["votes"], taken["held_until"]) == ("open", [], None)
    server.clock.advance(seconds=60)
    await server.drain()
    assert (await agent.get(f"/requests/{asked['id']}/outcome")).json()["status"] == "open"
    await vote(mia, asked)
    server.clock.advance(seconds=10)
    late = await take_back(mia, asked)
    assert (late.status_code, late.json()["code"]) == (409, "too_late")
    await server.drain()
    assert (await agent.get(f"/requests/{asked['id']}/outcome")).json()["status"] == "approved"
    assert (await claim(agent, asked)).json()["effect"]["state"] == "claimed"
    history = (await mia.get(f"/requests/{asked['id']}/history")).json()["entries"]
    assert [one["event"]["type"] for one in history if one["by"] == "mia@example.com"] == [
        *("viewed", "vote_cast", "step_held", "vote_taken_back", "step_held", "vote_cast", "step_held", "refusal_noted")
    ]


async def test_a_level_opts_out_of_the_hold_of_its_policy(open_server):
    config = HELD.replace(
        "levels: [{steps: [{ask: [group:managers]}]}]", "levels: [{hold: 0s, steps: [{ask: [group:managers]}]}]"
    )
    assert config != HELD
    server = open_server("memory", config)
    asked = await ask(await server.agent())
    voted = (await vote(await server.person("mia@example.com"), asked)).json()
    assert (voted["status"], voted["held_until"]) == ("approved", None)


async def test_a_process_that_died_while_it_was_held_leaves_it_held(open_server):
    before = open_server("sqlite", HELD)
    asked = await ask(await before.agent())
    await vote(await before.person("mia@example.com"), asked)
    after = open_server("sqlite", HELD)  # the first one has said nothing more
    mia = await after.person("mia@example.com")
    await after.drain()
    assert (await mia.get(f"/requests/{asked['id']}")).json()["held_by"] == ["mia@example.com"]
    after.clock.advance(seconds=1200)  # nobody swept for so long
    await after.drain()
    view = (await mia.get(f"/requests/{asked['id']}")).json()
    assert (view["status"], view["decided_by"]) == ("approved", ["mia@example.com"])


async def test_who_has_no_vote_takes_none_back_at_any_door_and_the_log_says_that_they_tried(open_server):
    server = open_server(config=HELD)
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    await vote(mia, asked)
    refused = {
        "forbidden": (403, agent),
        "no_vote": (409, await server.person("noah@example.com")),
        "not_found": (404, await server.person("mia@example.com", tenant="other")),
    }
    for code, (status, who) in refused.items():
        answer = await take_back(who, asked)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    history = (await mia.get(f"/requests/{asked['id']}/history")).json()["entries"]
    noted = [one["event"]["by"] for one in history if one["event"]["type"] == "refusal_noted"]
    assert noted == ["agent:bot", "noah@example.com"]
    assert (await mia.get(f"/requests/{asked['id']}")).json()["held_by"] == ["mia@example.com"]


async def test_people_see_what_comes_and_whose_inbox_it_has_left(open_server):
    server = open_server(config=HELD)
    mia, noah = await server.person("mia@example.com"), await server.person("noah@example.com")
    asked = await ask(await server.agent())
    assert (await noah.get("/requests/inbox/mine/count")).json()["number"] == 1
    await vote(mia, asked)
    view = (await noah.get(f"/requests/{asked['id']}")).json()
    assert "Decided by mia@example.com: final from " in view["explanation"]
    (listed,) = (await noah.get("/requests/inbox/others")).json()["requests"]
    assert "about to be final" in listed["excluded"]
    await take_back(mia, asked)
    assert (await noah.get("/requests/inbox/mine/count")).json()["number"] == 1


@pytest.fixture
async def held(open_server):
    server = open_server(config=HELD)
    return server, await server.listen()


async def test_a_vote_is_taken_back_on_the_socket_that_cast_it(held):
    server, at = held
    headers = {"Cookie": await server.cookie("mia@example.com")}
    async with connect(f"ws://{at}/api/v1/socket", origin=f"http://{at}", additional_headers=headers) as socket:

        async def answered(**said):
            await socket.send(json.dumps(said))
            while (message := json.loads(await socket.recv()))["type"] not in {"voted", "taken_back", "problem"}:
                pass
            return message

        assert json.loads(await socket.recv())["type"] == "ready"
        asked = await ask(await server.agent())
        while json.loads(await socket.recv())["type"] != "approval_required":
            pass
        wanted = {"request_id": asked["id"]}
        assert (await answered(**wanted, approved=True))["request"]["held_by"] == ["mia@example.com"]
        both = await answered(**wanted, approved=True, take_back=True)
        assert (both["type"], both["problem"]["code"]) == ("problem", "bad_input")
        taken = await answered(**wanted, take_back=True)
        assert (taken["type"], taken["request"]["votes"]) == ("taken_back", [])
