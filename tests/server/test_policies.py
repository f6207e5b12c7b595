"""Policies through the API: checked, explained, simulated; and a file that breaks while requests wait."""

import asyncio
import json
from types import SimpleNamespace

import jsonschema_rs
import pytest
from tests.server.conftest import CONFIG
from tests.server.test_agents_api import MAIL, PAY, ask, vote

from interlock.cli.serve import tell_of_configuration
from interlock.domain.credentials import Scope
from interlock.service.shapes import schema
from interlock.web import policies

NEW = """
groups: {managers: [mia@example.com, noah@example.com]}
policies:
  payments:
    applies_to: action.name == "pay"
    facts: {amount: {from: args.amount, type: decimal, min: 0}}
    levels:
      - {name: small, when: "amount < 100 && recent_24h.count < 5", approve: automatically}
      - {name: people, steps: [{ask: [group:managers]}]}
default: {levels: [{steps: [{ask: [group:managers]}]}]}
"""


def shaped(shape, answer):
    assert answer.status_code == 200, answer.text
    jsonschema_rs.validator_for({**schema(), "$ref": f"#/$defs/{shape}"}).validate(answer.json())
    return answer.json()


async def test_what_is_suspicious_about_policies_is_said_to_whoever_may_read(server):
    mia = await server.person("mia@example.com")
    held = shaped("policy_check", await mia.post("/policies/check", json={}))
    assert held["held"] is None
    sent = {"configuration": NEW.replace("[mia@example.com, noah@example.com]", "[]")}
    found = shaped("policy_check", await mia.post("/policies/check", json=sent))["findings"]
    assert {one["code"] for one in found if one["severity"] == "error"}
    assert shaped("policy_check", await mia.post("/policies/check", json={})) == held, "nothing runs by what was sent"
    reader = await server.agent("service:dashboard", Scope.read)
    assert (await reader.post("/policies/check", json={})).status_code == 200
    other = await server.agent("service:other", Scope.run)
    assert (await other.post("/policies/check", json={})).status_code == 403


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("policies: {a: {levels: []}}", "configuration:1: policies.a.levels"),
        ("a: [", "configuration:1: the file is not YAML"),
        ("a: &a [*a]", "configuration:1"),
        (
            "policies: {a: {applies_to: 'nothing', levels: [{steps: [{ask: [group:x]}]}]}}",
            "configuration:1: policies.a",
        ),
        ("- a", "the file must consist of sections"),
    ],
)
async def test_a_configuration_that_cannot_be_used_is_refused_with_its_line(server, text, why):
    olga = await server.person("olga@example.com")
    for door, more in (("check", {}), ("simulate", {"since": "1d"})):
        answer = await olga.post(f"/policies/{door}", json={"configuration": text, **more})
        assert answer.status_code == 400, answer.text
        assert why in answer.json()["detail"]


async def test_a_configuration_that_is_too_large_or_no_text_is_refused(server):
    olga = await server.person("olga@example.com")
    for text in ("# " + "x" * 256_000, "\ud800"):
        content = json.dumps({"configuration": text})
        answer = await olga.post("/policies/check", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, text[:9]


async def test_a_request_and_an_action_are_explained_to_who_looks_after_policies(server):
    agent = await server.agent()
    olga, noah, mia = [await server.person(f"{name}@example.com") for name in ("olga", "noah", "mia")]
    asked = await ask(agent, PAY)
    for person in (olga, noah):  # an admin, an auditor
        told = shaped("explanation", await person.post("/policies/explain", json={"request_id": asked["id"]}))
        assert "Policy payments" in told["explanation"]
    action = {"action": {"name": "send", "args": {"to": "ann"}}, "agent": "bot", "initiator": "mia@example.com"}
    told = shaped("explanation", await olga.post("/policies/explain", json=action))["explanation"]
    assert "Policy default" in told
    assert "Not mia@example.com: whoever started the run" in told
    for refused in (mia, agent, await server.agent("service:s")):
        answer = await refused.post("/policies/explain", json=action)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    for wrong in ({}, {"request_id": asked["id"], **action}, {**action, "policy": "no such"}, {"action": {"name": ""}}):
        assert (await olga.post("/policies/explain", json=wrong)).status_code == 400
    stranger = await server.person("local:olga", tenant="other")
    assert (await stranger.post("/policies/explain", json={"request_id": asked["id"]})).status_code in {403, 404}


async def test_what_other_policies_would_have_done_is_told_and_nothing_is_changed(server):
    agent, mia, olga = (
        await server.agent(),
        await server.person("mia@example.com"),
        await server.person("olga@example.com"),
    )
    asked = await ask(agent, PAY, key="pay")
    await ask(agent, MAIL, key="mail")
    server.clock.advance(seconds=60)
    await vote(mia, asked)
    position = (await olga.get("/log", params={"limit": 200})).json()["entries"][-1]["position"]
    body = {"configuration": NEW, "since": "1d"}
    found = shaped("simulation", await olga.post("/policies/simulate", json=body))
    assert found["requests"] == 2
    (different,) = found["different"]
    assert (different["request"], different["after"]["level"]) == (asked["id"], "small")
    assert found["response_seconds"] == 60
    assert (await olga.get("/log", params={"limit": 200})).json()["entries"][-1]["position"] == position
    assert (await mia.post("/policies/simulate", json=body)).status_code == 403
    for since in ("soon", "9999d"):
        assert (await olga.post("/policies/simulate", json={**body, "since": since})).status_code == 400


async def test_a_simulation_is_bounded_in_time_and_there_is_one_at_a_time(server, monkeypatch):
    olga = await server.person("olga@example.com")
    await ask(await server.agent())
    body = {"configuration": NEW, "since": "1d"}
    server.context.simulating.add("default")
    answer = await olga.post("/policies/simulate", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    elsewhere = await server.person("olga@example.com", tenant="other")
    assert (await elsewhere.post("/policies/simulate", json=body)).status_code == 200, "another tenant has its own"
    server.context.simulating.clear()

    async def endless(*_):
        await asyncio.Event().wait()

    monkeypatch.setattr(policies, "LONGEST", 0.01)
    monkeypatch.setattr(policies, "simulate_policies", endless)
    answer = await olga.post("/policies/simulate", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "takes_too_long")
    assert not server.context.simulating


async def test_rules_are_suggested_from_what_people_decided_and_a_simulation_says_what_they_would_have_approved(server):
    agent, mia, olga = await server.agent(), *[await server.person(f"{who}@example.com") for who in ("mia", "olga")]
    sent, clear = {}, "approve"
    for number in range(12):
        to, verdict = (f"u{number}@example.com", clear) if number < 10 else ("eve@evil.org", "reject")
        body = {"asked": {"kind": "approval", "name": "send", "args": {"to": to, "copies": number}}}
        sent[number] = await ask(agent, body, key=f"{number}")
        assert (await vote(mia, sent[number], verdict)).status_code == 200
    found = shaped("suggested_rules", await olga.post("/policies/suggest", json={"at_least": 0.5}))
    assert (found["decided"], found["needed"]) == (12, 5)
    (rule,) = found["suggestions"]
    assert [one["message"] for one in rule["conditions"]] == [
        "copies is from 0 to 5",
        "to is one address at example.com",
    ]
    assert {one["request"] for one in rule["against"]} == {sent[10]["id"], sent[11]["id"]}
    assert (rule["approved"], rule["people"]) == (6, ["mia@example.com"])
    assert shaped("policy_check", await mia.post("/policies/check", json={"configuration": rule["configuration"]}))
    simulated = {"configuration": rule["configuration"], "since": "1d"}
    came = shaped("simulation", await olga.post("/policies/simulate", json=simulated))
    automatic = [one["request"] for one in came["different"] if one["after"]["automatic"]]
    assert (sorted(automatic), came["against"]) == (sorted(sent[number]["id"] for number in range(6)), 0)
    wider = (
        rule["configuration"]
        .replace("copies <= 5.0", "copies <= 50.0")
        .replace("@example", "@[a-z]+")
        .replace("com$", "*")
    )
    came = shaped("simulation", await olga.post("/policies/simulate", json={"configuration": wider, "since": "1d"}))
    assert came["against"] == 2, "a rule that people would not have agreed with"
    assert shaped("suggested_rules", await olga.post("/policies/suggest", json={}))["suggestions"] == []
    assert (await mia.post("/policies/suggest", json={})).status_code == 403
    for body in ({"since": "soon"}, {"confidence": 1}, {"at_least": 0.1}):
        assert (await olga.post("/policies/suggest", json=body)).status_code == 400
    page = (await olga.get("../../policies/suggested")).text
    assert "Nothing is supported that much." in page


HELD = CONFIG.replace("default: {levels: [{steps", "default: {answer_expires: 1h, levels: [{steps")


@pytest.mark.parametrize("how", ["edited", "broken", "deleted"])
async def test_a_file_that_changes_while_requests_wait(open_server, tmp_path, how):
    server = open_server(config=CONFIG)
    agent, mia = await server.agent(), await server.person("mia@example.com")
    before = await ask(agent, key="before")
    file = tmp_path / "interlock.yaml"
    match how:
        case "edited":
            file.write_text(HELD)
        case "broken":
            file.write_text(f"{HELD}  oops: [\n")
        case "deleted":
            file.unlink()
    after = await ask(agent, key="after")
    used = after["policy"]["version"] != before["policy"]["version"]
    assert used is (how == "edited"), "what is new gets the last good one"
    health = (await server.client().get("../../readyz")).json()
    assert health == {"status": "ready", "configuration": "in use" if used else "held"}
    checked = (await mia.post("/policies/check", json={})).json()["held"]
    assert (checked is None) is used
    history = (await mia.get(f"/requests/{after['id']}/history")).json()["entries"]
    assert ("configuration_held" in {one["event"]["type"] for one in history}) is not used
    decided = (await vote(mia, before)).json()
    assert (decided["status"], decided["policy"]["version"]) == ("approved", before["policy"]["version"])
    said = []
    await server.system.worker(complain=said.append).drain()
    assert bool(said) is not used
    file.write_text(HELD)
    assert (await server.client().get("../../readyz")).json()["configuration"] == "in use"
    mended = await ask(agent, key="mended")
    assert mended["policy"]["version"] != before["policy"]["version"]


async def test_a_server_that_works_on_nothing_says_when_the_file_breaks_and_when_it_is_mended(server, tmp_path):
    said, file = asyncio.Queue(), tmp_path / "interlock.yaml"
    session = SimpleNamespace(
        system=server.system, stop=asyncio.Event(), write=said.put_nowait, tell=lambda text, style: None
    )
    task = asyncio.create_task(tell_of_configuration(session, every=0.01))
    file.write_text("oops: [")
    assert "interlock.yaml:1" in (await said.get())["message"]
    file.write_text(CONFIG)
    assert "valid again" in (await said.get())["message"]
    session.stop.set()
    await task
    assert said.empty()
