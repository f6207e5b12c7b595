"""A lead reads approval rates and response times; nobody else does, and no tenant another's (S18)."""

import pytest

from interlock.domain.credentials import Scope

ASKED = {"asked": {"kind": "approval", "name": "send", "args": {"to": "ann"}}}


async def ask(agent, key, **more):
    return (await agent.post("/requests", json=ASKED | more, headers={"Idempotency-Key": key})).json()


async def vote(person, request, verdict="approve", **more):
    body = {"verdict": verdict, "digest": request["digest"], **more}
    assert (await person.post(f"/requests/{request['id']}/votes", json=body)).status_code == 200


async def test_S18_a_lead_reads_how_requests_ended_and_how_long_people_took(server):
    agent, mia, lead = (
        await server.agent(),
        await server.person("mia@example.com"),
        await server.person("noah@example.com"),
    )
    requests = [await ask(agent, f"k{number}") for number in range(4)]
    server.clock.advance(seconds=60)
    await vote(mia, requests[0])
    await vote(mia, requests[1], "reject", comment="no")
    server.clock.advance(seconds=60)
    await vote(mia, requests[2], "edit", value={"to": "eve"})
    (group,) = (await lead.get("/statistics")).json()["groups"]
    assert group["response_seconds"] == {"p50": 60.0, "p95": 120.0}
    assert {name: group[name] for name in ("decided", "approved", "changed", "rejected", "overridden", "waiting")} == {
        "decided": 3, "approved": 1, "changed": 1, "rejected": 1, "overridden": 2, "waiting": 1,
    }  # fmt: skip
    assert (group["approval_rate"], group["override_rate"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    (reviewer,) = (await lead.get("/statistics", params={"by": "reviewer", "every": "week"})).json()["groups"]
    assert (reviewer["key"], reviewer["decided"], reviewer["waiting"]) == ("mia@example.com", 3, None)
    (level,) = (await lead.get("/statistics", params={"by": "level"})).json()["groups"]
    assert level["key"] == "default: level 1"
    none = (await lead.get("/statistics", params={"since": "2026-01-01T00:00:00Z", "until": "30d"})).json()
    assert none["groups"][0]["decided"] == 0


async def test_a_token_needs_the_scope_and_another_tenant_has_its_own_figures(server):
    agent = await server.agent("agent:bot", Scope.ask)
    await ask(agent, "k")
    dashboard = await server.agent("service:grafana", Scope.metrics)
    assert (await dashboard.get("/statistics")).json()["groups"][0]["waiting"] == 1
    assert (await agent.get("/statistics")).status_code == 403
    assert (await dashboard.get("/requests")).status_code == 403
    assert (await (await server.person("mia@example.com")).get("/statistics")).status_code == 403
    rival = await server.agent("service:grafana", Scope.metrics, tenant="rival")
    assert (await rival.get("/statistics")).json()["groups"][0]["waiting"] == 0


@pytest.mark.parametrize(
    "given",
    [
        {"by": "person"},
        {"every": "year"},
        {"since": "soon"},
        {"since": "1h", "until": "2h"},
        {"since": "2026-13-01T00:00:00Z"},
        {"until": "\0"},
    ],
)
async def test_what_is_no_time_and_no_group_is_refused(server, given):
    answer = await (await server.agent("service:x", Scope.metrics)).get("/statistics", params=given)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


async def test_too_many_groups_are_refused_and_not_cut_off(server, monkeypatch):
    monkeypatch.setattr("interlock.service.statistics.MOST_ROWS", 2)
    agent = await server.agent()
    for number in range(2):
        await ask(agent, f"k{number}", asked={"kind": "approval", "name": f"act_{number}", "args": {}})
    answer = await agent.get("/statistics", params={"by": "action"})
    assert answer.status_code == 400
    assert "shorter time" in answer.json()["detail"]
