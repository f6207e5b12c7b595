"""What somebody may do, as the answer to a GET says, is what the server then lets them do, and nothing else."""

import pytest
from tests.server.test_agents_api import MAIL, PAY, ask, vote

MIA, NOAH, OLGA, RUTH = "mia@example.com", "noah@example.com", "olga@example.com", "ruth@example.com"
ACTS = {
    "take_back": ("POST", "take-back", None),
    "comment": ("POST", "comments", {"text": "I look into it."}),
    "reserve": ("POST", "reservation", {}),
    "end_reservation": ("DELETE", "reservation", None),
    "delegate": ("POST", "delegations", {"to": RUTH, "reason": "I am away."}),
    "take_back_delegation": ("DELETE", "delegations", None),
    "ask_back": ("POST", "clarifications", {"text": "Which bill?"}),
    "extend": ("POST", "extensions", {"by": "1h", "reason": "I need the bill."}),
    "withdraw": ("POST", "withdrawal", {"reason": "It is paid."}),
    "settle": ("POST", "settlement", {"became": "did_not"}),
}
OK = range(200, 300)


async def waiting(server, agent, key):
    return await ask(agent, MAIL, key)


async def passed_on(server, agent, key):
    asked = await ask(agent, PAY, key)
    assert (await vote(await server.person(MIA), asked)).status_code in OK
    return asked


async def reserved(server, agent, key):
    asked = await ask(agent, MAIL, key)
    assert (await (await server.person(MIA)).post(f"/requests/{asked['id']}/reservation", json={})).status_code in OK
    return asked


async def decided(server, agent, key):
    asked = await ask(agent, MAIL, key)
    assert (await vote(await server.person(MIA), asked)).status_code in OK
    return asked


async def expired(server, agent, key):
    asked = await ask(agent, MAIL, key)
    server.clock.advance(days=30)
    return asked


STATES = (waiting, passed_on, reserved, decided, expired)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("person", [MIA, OLGA, RUTH])
async def test_who_may_do_something_can_and_nobody_else(server, state, person):
    for number, (name, (method, path, body)) in enumerate(ACTS.items()):
        asked = await state(server, await server.agent(), f"order-{number}")
        client = await server.person(person)
        seen = (await client.get(f"/requests/{asked['id']}")).json()
        sent = {"json": body} if body is not None else {}
        answer = await client.request(method, f"/requests/{asked['id']}/{path}", **sent)
        changes = answer.status_code in OK and answer.json()["version"] > seen["version"]
        assert changes is seen["may"][name], (name, answer.text)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
async def test_who_may_vote_can_and_nobody_else(server, state):
    for number, person in enumerate((MIA, NOAH, OLGA, RUTH)):
        asked = await state(server, await server.agent(), f"order-{number}")
        client = await server.person(person)
        seen = (await client.get(f"/requests/{asked['id']}")).json()
        answer = await vote(client, seen)
        assert (answer.status_code in OK) is ("approve" in seen["may"]["vote"]), (person, answer.text)
        assert seen["may_vote"] is bool(seen["may"]["vote"]), person
        can = seen["candidates"]["people"]
        assert seen["may_vote"] is (person in can) or seen["status"] != "open" or seen["votes"], (person, can)
