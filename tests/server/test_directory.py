"""Groups, roles, delegations and tokens change while servers run: the next decision knows, and the log says who."""

import asyncio

import pytest
from tests.server.sockets import Events

from interlock.agents import AGENTS
from interlock.bootstrap import build
from interlock.domain.credentials import Scope
from interlock.domain.directory import STREAM
from interlock.engine.audit import audit_record
from interlock.errors import Forbidden
from interlock.service.configuration import note, note_changes
from interlock.service.people import People
from interlock.service.sentences import sentence
from interlock.testing.people import principal

MIA, NOAH, OLGA, ZOE = (f"{name}@example.com" for name in ("mia", "noah", "olga", "zoe"))
SOON = "2026-12-01T09:00:00Z"


async def ask(server, key="k", name="send"):
    agent = await server.agent()
    body = {"asked": {"kind": "approval", "name": name, "args": {}}}
    return (await agent.post("/requests", json=body, headers={"Idempotency-Key": key})).json(), agent


def vote(request, verdict="approve"):
    return {"verdict": verdict, "digest": request["digest"]}


async def test_the_next_decision_knows_who_came_and_who_went(server):
    olga, zoe = await server.person(OLGA), await server.person(ZOE)
    asked, agent = await ask(server)
    place, votes = f"/directory/groups/managers/members/{ZOE}", f"/requests/{asked['id']}/votes"
    assert (await zoe.post(votes, json=vote(asked))).status_code == 403
    assert (await olga.put(place)).status_code == 200
    assert ZOE in (await olga.get("/directory/groups")).json()["groups"]["managers"]
    assert [one["id"] for one in (await zoe.get("/requests/inbox/mine")).json()["requests"]] == [asked["id"]]
    assert (await zoe.post(votes, json=vote(asked))).json()["status"] == "approved"
    assert (await olga.delete(place)).status_code == 204
    claim = {"digest": asked["digest"], "tool": "x"}
    refused = await agent.post(f"/requests/{asked['id']}/claim", json=claim)
    assert refused.status_code == 409
    view = (await olga.get(f"/requests/{asked['id']}")).json()
    assert view["effect"]["state"] == "lapsed", "I9: who lost the role has approved nothing"
    other, _ = await ask(server, "k2")
    assert (await zoe.post(f"/requests/{other['id']}/votes", json=vote(other))).status_code == 403
    told = [entry for entry in await server.system.store.history("default", STREAM) if "member" in entry.event.type]
    assert [(entry.event.type, entry.by, entry.via) for entry in told] == [
        ("member_added", OLGA, "api"),
        ("member_removed", OLGA, "api"),
    ]


async def test_what_looks_like_a_mistake_is_told_and_done(server):
    olga = await server.person(OLGA)

    async def warnings(kind, name, person):
        answer = await olga.put(f"/directory/{kind}/{name}/members/{person}")
        assert person in (await olga.get(f"/directory/{kind}")).json()[kind][name]
        return answer.json()["warnings"]

    assert await warnings("groups", "managers", OLGA) == []
    (stranger,) = await warnings("groups", "managers", ZOE)
    assert ZOE in stranger
    assert await warnings("groups", "directors", ZOE) == []  # who is somewhere is known
    (nothing,) = await warnings("groups", "mangers", MIA)
    assert ("mangers" in nothing, "directors, managers" in nothing) == (True, True)
    assert "Nothing asks for the role" in (await warnings("roles", "operater", MIA))[0]
    assert await warnings("roles", "operator", MIA) == []
    assert any("mixes" in one for one in await warnings("groups", "managers", "m\u0456a@example.com"))


async def test_a_role_is_revoked_in_every_process_on_one_database(open_server, clock):
    here = open_server("postgres")
    there = build(here.system.settings, AGENTS, clock=clock)
    admin = People(there.directories, principal(OLGA))
    noah = await here.person(NOAH)
    await admin.add("role", "admin", NOAH)
    assert (await noah.put(f"/directory/groups/managers/members/{ZOE}")).status_code == 200
    await admin.remove("role", "admin", NOAH)
    assert (await noah.put(f"/directory/groups/managers/members/{ZOE}")).status_code == 403
    await there.close()


async def test_who_is_no_admin_changes_nobody(server):
    place = f"/directory/roles/admin/members/{MIA}"
    for who in (await server.person(MIA), await server.agent(), await server.agent("service:cron")):
        for method in ("PUT", "DELETE"):
            assert (await who.request(method, place)).status_code == 403
        assert (await who.get("/directory/groups")).status_code == 403
    with pytest.raises(Forbidden):
        await People(server.system.directories, principal(MIA)).add("role", "admin", MIA)
    olga = await server.person(OLGA)
    for wrong in ("agent:bot", "group:managers", "%20", "a%0Ab", "AGENT:bot"):
        assert (await olga.put(f"/directory/groups/managers/members/{wrong}")).status_code == 400, wrong
    assert (await olga.delete(place)).status_code == 404
    assert (await olga.delete(f"/directory/groups/managers/members/{MIA}")).json()["code"] == "closed"
    assert (await olga.get("/directory/people")).status_code == 400
    assert "member" not in str([entry.event.type for entry in await server.system.store.feed("default")])


async def test_people_of_another_tenant_are_others(server):
    olga, there = await server.person(OLGA), await server.person(OLGA, "other")
    await olga.put(f"/directory/groups/managers/members/{ZOE}")
    assert ZOE not in (await there.get("/directory/groups")).json()["groups"]["managers"]
    assert (await there.delete(f"/directory/groups/managers/members/{ZOE}")).status_code == 404
    made = (await olga.post("/directory/delegations", json={"to": ZOE, "until": SOON})).json()["id"]
    assert (await there.delete(f"/directory/delegations/{made}")).status_code == 404
    assert (await there.get("/directory/delegations")).json()["delegations"] == []


async def test_people_give_their_own_vote_away_and_take_it_back(server):
    mia, noah, zoe = await server.person(MIA), await server.person(NOAH), await server.person(ZOE)
    asked, agent = await ask(server)
    given = {"to": ZOE, "until": SOON, "reason": "away"}
    assert (await noah.post("/directory/delegations", json=given | {"from": MIA})).status_code == 403
    assert (await agent.post("/directory/delegations", json=given)).status_code == 403
    made = (await mia.post("/directory/delegations", json=given)).json()["id"]
    listed = (await zoe.get("/directory/delegations")).json()["delegations"]
    assert [(one["id"], one["from"], one["to"]) for one in listed] == [(made, MIA, ZOE)]
    assert (await noah.get("/directory/delegations")).json()["delegations"] == []
    voted = (await zoe.post(f"/requests/{asked['id']}/votes", json=vote(asked))).json()
    assert [(one["voter"], one["on_behalf_of"]) for one in voted["votes"]] == [(ZOE, MIA)]
    assert (await noah.delete(f"/directory/delegations/{made}")).status_code == 403
    assert (await mia.delete(f"/directory/delegations/{made}")).status_code == 204
    assert (await mia.delete(f"/directory/delegations/{made}")).status_code == 404
    refused = await agent.post(f"/requests/{asked['id']}/claim", json={"digest": asked["digest"], "tool": "x"})
    assert refused.status_code == 409
    assert (await mia.get(f"/requests/{asked['id']}")).json()["effect"]["state"] == "lapsed"
    for wrong in ({"until": "tomorrow"}, {"until": "2020-01-01T00:00:00Z"}, {"to": "agent:bot"}, {"to": MIA}, {"x": 1}):
        assert (await mia.post("/directory/delegations", json=given | wrong)).status_code == 400, wrong


async def test_tokens_are_in_the_log_and_one_that_is_not_proves_nothing(server):
    olga, store = await server.person(OLGA), server.system.store
    made = (await olga.post("/tokens", json={"principal": "agent:new", "scopes": ["read"], "lasts": "1h"})).json()
    await olga.delete(f"/tokens/{made['id']}")
    told = await store.history("default", STREAM)
    assert [(entry.event.type, entry.event.id, entry.by) for entry in told] == [
        ("token_created", made["id"], OLGA),
        ("token_revoked", made["id"], OLGA),
    ]
    assert made["secret"] not in str(told)
    assert await audit_record(store) == []
    lasts = server.clock.at - server.clock.at.replace(hour=0)
    other = await server.context.authenticator._new(
        "token", "default", "agent:bot", OLGA, lasts, principal_kind="agent"
    )
    await store.keep_credential(other.credential)
    forged = server.client(Authorization=f"Bearer {other.secret}")
    answer = await forged.get("/requests")
    assert (answer.status_code, "no log says" in answer.json()["detail"]) == (401, True)
    found = [str(one) for one in await audit_record(store)]
    assert len(found) == 1
    assert other.credential.id in found[0]


async def test_entries_about_people_are_for_who_may_read_the_log(server):
    await ask(server)
    for who, first in ((MIA, "opened"), (NOAH, "token_created")):
        headers = {"Cookie": await server.cookie(who), "Origin": server.context.origin}
        async with Events(server.app, headers, query="after=") as stream:
            assert (await stream.hear())["event"] == first


async def test_a_changed_file_is_noted_once_and_by_what_changed(open_server, tmp_path):
    server = open_server()
    system, file = server.system, tmp_path / "interlock.yaml"

    async def noted():
        await note(system.directories, system.directories.configured())
        told = await system.store.history("default", STREAM)
        return [
            (entry.by, getattr(entry.event, "added", None), getattr(entry.event, "removed", None)) for entry in told
        ]

    ((by, added, removed),) = await noted()
    assert (by, removed) == ("service:server", {})
    assert added["groups"] == ("directors: olga@example.com", "managers: mia@example.com", "managers: noah@example.com")
    assert {one.split(" sha256:")[0] for one in added["policies"]} == {"payments", "default"}
    assert len(await noted()) == 1
    asked, _ = await ask(server)
    zoe = await server.person(ZOE)
    before = file.read_text()
    file.write_text(before.replace("[mia@example.com, noah@example.com]", f"[mia@example.com, {ZOE}]"))
    assert (await zoe.post(f"/requests/{asked['id']}/votes", json=vote(asked))).status_code == 200
    assert (await noted())[-1][1:] == ({"groups": (f"managers: {ZOE}",)}, {"groups": (f"managers: {NOAH}",)})
    assert len(await noted()) == 3, "the first, the token, the second"
    file.write_text("groups: [")
    assert system.directories.configured().held is not None
    assert len(await noted()) == 3, "a file that is broken changes nothing"
    assert (await server.client().get("../../readyz")).json()["configuration"] == "held"
    assert "the configuration has changed: groups now say managers: zoe" in sentence(
        (await system.store.history("default", STREAM))[-1]
    )
    watching = await server.agent("service:prometheus", Scope.metrics)
    assert "interlock_configuration_held 1.0" in (await watching.get("../../metrics")).text
    file.write_text(before)
    assert "interlock_configuration_held 0.0" in (await watching.get("../../metrics")).text


async def test_a_server_notes_the_file_when_it_begins_and_until_it_is_told_to_stop(server):
    stop = asyncio.Event()
    noting = asyncio.create_task(note_changes(server.system.directories, stop, every=0.01))
    while not await server.system.store.history("default", STREAM):
        await asyncio.sleep(0)
    stop.set()
    await noting
    assert await server.system.store.directory_version("default") == 1
