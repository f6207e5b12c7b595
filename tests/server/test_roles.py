"""What people see and start: with a role all that it allows, without one what they take part in (I7, I13, S13)."""

import pytest
from tests.server.sockets import Events, Socket

from interlock.domain.access import ACCESS, ROLES, Permission, why_refused
from interlock.domain.authority import Directory
from interlock.domain.credentials import Scope
from interlock.domain.directory import STREAM
from interlock.testing.people import principal
from interlock.web import broadcast

CONFIG = """
groups: {managers: [mia@example.com], finance: [pete@example.com], guests: [zoe@example.com]}
roles:
  viewer: [vera@example.com]
  reviewer: [rita@example.com]
  operator: [otto@example.com]
  auditor: [anna@example.com]
  admin: [olga@example.com]
policies:
  payments:
    applies_to: action.name == "pay"
    levels: [{steps: [{ask: [group:managers]}, {ask: [group:finance]}]}]
  salaries:
    applies_to: action.name == "pay salaries"
    levels: [{steps: [{ask: [group:finance]}]}]
default: {levels: [{steps: [{ask: [role:reviewer]}]}]}
"""
MIA, PETE, RITA, ZOE = "mia@example.com", "pete@example.com", "rita@example.com", "zoe@example.com"

MAY = {
    None: set(),
    "viewer": {Permission.read_all},
    "reviewer": {Permission.read_all, Permission.start},
    "operator": {
        Permission.read_all,
        Permission.start,
        Permission.log,
        Permission.measure,
        Permission.examine,
        Permission.send,
    },
    "auditor": {Permission.read_all, Permission.log, Permission.measure, Permission.examine, Permission.export},
    "admin": set(ACCESS) - {Permission.ask},  # agents ask, and nobody does both
}
"""Each role's table, as `docs/how-to/people.md` has it; beside that, what everybody may."""

EVERYBODY = {
    *(Permission.read, Permission.follow, Permission.decide),
    *(Permission.clarify, Permission.withdraw, Permission.operate),
}


@pytest.fixture
async def house(open_server):
    """Return a server, and what waits there: a payment, salaries, and a mail that any reviewer decides on."""
    server = open_server(config=CONFIG)
    agent = await server.agent()
    server.ids, server.asked = {}, {}
    for name in ("pay", "pay salaries", "mail"):
        body = {"asked": {"kind": "approval", "name": name, "args": {"secret": f"of {name}"}}}
        asked = (await agent.post("/requests", json=body, headers={"Idempotency-Key": name})).json()
        server.ids[name], server.asked[name] = asked["id"], asked
    return server


async def listed(client, path="/requests", **query):
    rows = (await client.get(path, params=query)).json()["requests"]
    return [one["asked"]["name"] for one in rows]


async def vote(client, asked):
    return await client.post(f"/requests/{asked['id']}/votes", json={"verdict": "approve", "digest": asked["digest"]})


def test_the_roles_are_five_and_each_does_what_its_row_says():
    assert set(MAY) - {None} == ROLES
    for role, may in MAY.items():
        directory = Directory(roles={role: frozenset({MIA})} if role else {})
        allowed = {need for need in ACCESS if why_refused(need, principal(MIA), frozenset(Scope), directory) is None}
        assert allowed == may | EVERYBODY, role
    local = {need for need in ACCESS if why_refused(need, principal("local:me"), frozenset(), Directory()) is None}
    assert local == MAY["admin"] | EVERYBODY


@pytest.mark.parametrize(("person", "names"), [(ZOE, []), (MIA, ["pay"]), (PETE, ["pay", "pay salaries"])])
async def test_people_without_a_role_see_what_they_are_asked_and_nothing_else(house, person, names):
    client = await house.person(person)
    assert sorted(await listed(client)) == names
    for name, request in house.ids.items():
        sees = name in names
        for path in ("", "/history", "/outcome"):
            answer = await client.get(f"/requests/{request}{path}")
            assert answer.status_code == (200 if sees else 404), (name, path)
            assert sees or f"of {name}" not in answer.text
        said = await client.post(f"/requests/{request}/comments", json={"text": "x"})
        back = await client.post(f"/requests/{request}/clarifications", json={"text": "x"})
        over = await client.delete(f"/requests/{request}/reservation")
        assert {one.status_code for one in (said, back, over)} == {200 if sees else 404}
        assert (await client.get(f"/requests/ids/{request[:20]}")).status_code == (200 if sees else 404)
    waits = [name for name in names if not (person == PETE and name == "pay")]
    assert await listed(client, "/requests/inbox/mine") == waits
    assert await listed(client, "/requests/inbox/others") == []
    assert (await client.get("/requests/inbox/others/count")).json() == {"number": 0, "more": False}
    log = str([entry.body for entry in await house.system.store.feed("default")])
    assert log.count('"type":"viewed"') == len(names), "who is told of nothing has seen nothing"


async def test_whoever_is_refused_a_vote_is_told_nothing_of_the_request_and_the_log_says_so(house):
    answer = await vote(await house.person(ZOE), house.asked["pay salaries"])
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "of pay salaries" not in answer.text
    history = await house.system.store.history("default", house.ids["pay salaries"])
    assert history[-1].event.type == "refusal_noted"


async def test_who_has_acted_sees_it_still_and_who_votes_for_somebody_as_long_as_that_lasts(house):
    mia, zoe, olga = await house.person(MIA), await house.person(ZOE), await house.person("olga@example.com")
    lasts = {"to": ZOE, "until": house.clock.at.replace(year=house.clock.at.year + 1).isoformat()}
    given = await mia.post("/directory/delegations", json=lasts)
    assert given.status_code in {200, 201}, given.text
    assert (await listed(zoe), await listed(zoe, "/requests/inbox/mine")) == (["pay"], ["pay"])
    assert (await vote(mia, house.asked["pay"])).status_code == 200
    assert await listed(mia, "/requests/inbox/others") == ["pay"]
    assert (await olga.delete(f"/directory/delegations/{given.json()['id']}")).status_code in {200, 204}
    assert await listed(zoe) == []
    assert (await vote(await house.person(PETE), house.asked["pay"])).status_code == 200
    assert await listed(mia, status="approved") == ["pay"]


async def test_runs_are_started_by_role_and_seen_by_who_started_them(house):
    body = {"agent": "approval", "input": "Send email to team about SALARIES", "thread": "t"}
    for person in (ZOE, MIA, "vera@example.com", "anna@example.com"):
        refused = await (await house.person(person)).post("/runs", json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), person
    rita, zoe, vera = await house.person(RITA), await house.person(ZOE), await house.person("vera@example.com")
    run = (await rita.post("/runs", json=body)).json()["id"]
    await house.drain()
    (waiting,) = (await rita.get(f"/runs/{run}")).json()["requests"]
    for path in (f"/runs/{run}", f"/runs/{run}/history", f"/runs/{run}/state", "/threads/t", f"/runs/ids/{run[:12]}"):
        assert (await vera.get(path)).status_code == 200, path
        assert (await zoe.get(path)).status_code == 404, path
        assert "SALARIES" not in (await zoe.get(path)).text
    assert (await zoe.get(f"/runs/{run}/stream")).status_code == 404
    for path, rows in (("/runs", "runs"), ("/threads", "threads"), (f"/runs/pauses?run={run}", "pauses")):
        assert (bool((await vera.get(path)).json()[rows]), (await zoe.get(path)).json()[rows] or None) == (True, None)
    assert (await zoe.get(f"/requests/{waiting['id']}")).status_code == 404
    assert (await vera.post(f"/runs/{run}/forks", json={})).status_code == 403
    olga = await house.person("olga@example.com")
    assert (await olga.delete(f"/directory/roles/reviewer/members/{RITA}")).status_code == 409, "the file says so"
    assert (await rita.post(f"/runs/{run}/cancel", json={"reason": "x"})).status_code == 200


async def test_who_lost_the_role_sees_what_they_have_started(house):
    olga, zoe = await house.person("olga@example.com"), await house.person(ZOE)
    role = f"/directory/roles/reviewer/members/{ZOE}"
    await olga.put(role)
    body = {"agent": "approval", "input": "Send email to team about meeting"}
    run = (await zoe.post("/runs", json=body)).json()["id"]
    await house.drain()
    assert len(await listed(zoe)) == 4
    await olga.delete(role)
    assert [one["id"] for one in (await zoe.get("/runs")).json()["runs"]] == [run]
    (mine,) = (await zoe.get("/requests")).json()["requests"]
    assert mine["run"] == run
    assert (await zoe.post("/runs", json=body)).status_code == 403


async def told(house, person):
    """Return the positions of all that a stream of the whole log has told somebody when it has no more."""
    headers, found = {"Cookie": await house.cookie(person), "Origin": house.context.origin}, []
    async with Events(house.app, headers, query="after=") as stream:
        while "id" in (event := await stream.hear()):
            found.append(event["id"])
    return found


async def test_the_log_tells_people_without_a_role_of_what_they_take_part_in(house, monkeypatch):
    monkeypatch.setattr(broadcast, "HEARTBEAT", 0.01)
    await (await house.person(RITA)).post("/runs", json={"agent": "approval", "input": "Send email to all"})
    await house.drain()
    log = await house.system.store.feed("default", limit=1000)
    for person, names in ((ZOE, set()), (MIA, {"pay"}), (PETE, {"pay", "pay salaries"})):
        positions = await told(house, person)
        streams = {entry.stream for entry in log if entry.position in positions}
        assert streams == {house.ids[name] for name in names}, person
    whole = [entry for entry in log if entry.stream != STREAM]
    for person in ("vera@example.com", RITA):
        assert await told(house, person) == [entry.position for entry in whole]
    assert {"run_started", "opened"} <= {entry.event.type for entry in whole}


async def test_a_socket_tells_them_what_they_take_part_in_as_it_comes(house):
    agent, seen = await house.agent(), []
    async with Socket(house.app, {"Cookie": await house.cookie(MIA), "Origin": house.context.origin}) as socket:
        assert (await socket.hear())["type"] == "ready"
        for name in ("pay salaries", "pay"):
            body = {"asked": {"kind": "approval", "name": name, "args": {}}}
            await agent.post("/requests", json=body, headers={"Idempotency-Key": f"{name} again"})
        seen.append(await socket.hear())
        await socket.say({"request_id": house.ids["mail"], "ask_back": "What is it?"})
        seen.append(await socket.hear())
        while seen[-1]["type"] != "problem":
            seen.append(await socket.hear())
    assert seen[0]["asked"]["name"] == "pay"
    assert "salaries" not in str(seen)
    assert seen[-1]["problem"]["code"] == "not_found"
