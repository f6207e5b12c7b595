"""An agent without any framework: it asks, waits, and acts once (promise 2 outside LangGraph)."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from interlock.bootstrap import build
from interlock.cli.app import run
from interlock.config import load_settings
from interlock.domain.action import Action
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.client import Client
from interlock.testing.fakes import SettableClock
from interlock.testing.people import principal

STORES = ("memory", "sqlite", "postgres")
PAY = {"asked": {"kind": "approval", "name": "pay", "args": {"amount": "12.00"}}, "description": "The bill of May"}
MAIL = {"asked": {"kind": "approval", "name": "send", "args": {"to": "ann"}}}


async def ask(agent, body=MAIL, key="order-1"):
    answer = await agent.post("/requests", json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def vote(person, request, verdict="approve", **said):
    body = {"verdict": verdict, "digest": request["digest"], **said}
    return await person.post(f"/requests/{request['id']}/votes", json=body)


async def claim(agent, request, repeatable="no", lasts=60, key=None):
    body = {"digest": request["digest"], "tool": "bank:pay", "repeatable": repeatable, "lasts": lasts}
    headers = {} if key is None else {"Idempotency-Key": key}
    return await agent.post(f"/requests/{request['id']}/claim", json=body, headers=headers)


async def result(agent, request, attempt=1, state="executed", **more):
    return await agent.post(f"/requests/{request['id']}/result", json={"attempt": attempt, "state": state, **more})


@pytest.mark.parametrize("store", STORES)
async def test_an_agent_asks_and_acts_once(open_server, store):
    server = open_server(store)
    agent, mia, olga = (
        await server.agent(),
        await server.person("mia@example.com"),
        await server.person("olga@example.com"),
    )
    asked = await ask(agent, PAY)
    assert (asked["status"], asked["run"], asked["requester"]) == ("open", None, "agent:bot")
    assert (await vote(mia, asked)).json()["status"] == "open"
    assert (await vote(olga, asked)).json()["status"] == "approved"
    claimed = (await claim(agent, asked)).json()["effect"]
    assert (claimed["state"], claimed["attempt"], claimed["key"]) == ("claimed", 1, asked["id"])
    again = await claim(agent, asked)
    assert (again.status_code, again.json()["code"]) == (409, "effect_refused")
    done = (await result(agent, asked, result={"receipt": 7})).json()["effect"]
    assert (done["state"], done["result"]) == ("executed", {"receipt": 7})
    assert (await claim(agent, asked)).json()["effect"]["state"] == "executed"  # and nothing is called again
    view = (await mia.get(f"/requests/{asked['id']}")).json()
    assert view["became"].startswith("approved; done")
    assert await server.system.worker().drain() == 0


async def test_asking_again_with_the_same_key_asks_nothing_new(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    assert (await ask(agent))["id"] == asked["id"]
    await vote(mia, asked)
    assert (await ask(agent))["status"] == "approved"
    other = await agent.post("/requests", json=PAY, headers={"Idempotency-Key": "order-1"})
    assert (other.status_code, other.json()["code"]) == (409, "wrong_digest")
    assert (await ask(await server.agent("agent:other")))["id"] != asked["id"]
    without = await agent.post("/requests", json=PAY)
    assert (without.status_code, without.json()["code"]) == (400, "bad_input")


async def test_requests_are_found_by_what_they_are_about(server):
    agent, other, mia = await server.agent(), await server.agent("agent:other"), await server.person("mia@example.com")
    first = await ask(agent, MAIL | {"reference": "order 17"}, key="a")
    second = await ask(other, MAIL | {"reference": "order 17"}, key="b")
    await ask(agent, MAIL | {"reference": "order 18"}, key="c")
    assert first["reference"] == "order 17"
    await vote(mia, first)

    async def found(caller, **wanted):
        return [one["id"] for one in (await caller.get("/requests", params=wanted)).json()["requests"]]

    assert sorted(await found(mia, reference="order 17")) == sorted([first["id"], second["id"]])
    assert await found(mia, reference="order 17", status="open") == [second["id"]]
    assert await found(agent, reference="order 17") == [first["id"]]
    assert await found(await server.person("mia@example.com", "other"), reference="order 17") == []
    changed = await agent.post("/requests", json=MAIL | {"reference": "order 9"}, headers={"Idempotency-Key": "a"})
    assert changed.json()["reference"] == "order 17"  # asking again asks nothing new


@pytest.mark.parametrize("reference", ["", " ", " order", "a\nb", "x" * 201, "\u202e", 17])
async def test_what_is_no_reference_is_refused_where_it_is_asked(server, reference):
    agent = await server.agent()
    answer = await agent.post("/requests", json=MAIL | {"reference": reference}, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["code"]) in {(400, "bad_input"), (400, "invalid_value")}
    assert "reference" in answer.json()["detail"]


async def test_many_who_ask_at_once_with_one_key_ask_once(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await asyncio.gather(*(ask(agent) for _ in range(10)))
    assert len({one["id"] for one in asked}) == 1
    assert len((await mia.get("/requests")).json()["requests"]) == 1


async def test_an_agent_waits_until_people_have_decided(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    assert (await agent.get(f"/requests/{asked['id']}/outcome")).json()["status"] == "open"
    waiting = asyncio.create_task(agent.get(f"/requests/{asked['id']}/outcome", params={"wait": 30}))
    await asyncio.sleep(0)
    await vote(mia, asked, "reject", comment="too much")
    answer = (await asyncio.wait_for(waiting, 20)).json()
    assert (answer["status"], answer["comment"]) == ("rejected", "too much")


@pytest.mark.parametrize(("repeatable", "state", "attempt"), [("no", "unknown", 1), ("idempotent", "claimed", 2)])
async def test_a_claim_that_nobody_kept_is_concluded(server, repeatable, state, attempt):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    await vote(mia, asked)
    await claim(agent, asked, repeatable, lasts=60)
    server.clock.advance(seconds=59)
    assert (await claim(agent, asked, repeatable)).status_code == 409
    server.clock.advance(seconds=1)
    again = await claim(agent, asked, repeatable)
    assert (again.status_code, again.json().get("code")) == ((200, None) if attempt == 2 else (409, "effect_refused"))
    effect = (await agent.get(f"/requests/{asked['id']}")).json()["effect"]
    assert (effect["state"], effect["attempt"]) == (state, attempt)
    late = await result(agent, asked, attempt=1)
    assert late.status_code == (200 if state == "unknown" else 409)  # of an older attempt it is noted as late
    effect = (await agent.get(f"/requests/{asked['id']}")).json()["effect"]
    assert effect["state"] == ("executed" if state == "unknown" else "claimed")


@pytest.mark.parametrize("repeatable", ["no", "verifiable"])
async def test_a_claim_that_is_made_again_with_its_key_is_none_to_act_on(server, repeatable):
    """Promise 2: who has claimed, acted and vanished does not act again because it claims again."""
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    await vote(mia, asked)
    assert (await claim(agent, asked, repeatable, key="c")).json()["effect"]["state"] == "claimed"
    again = await claim(agent, asked, repeatable, key="c")
    assert (again.status_code, again.json()["code"]) == (409, "already_claimed")
    details = again.json()["details"]
    assert (details["attempt"], details["repeated"], details["request_id"]) == (1, True, asked["id"])
    unknown = await result(agent, asked, state="unknown", reason="the answer was lost")
    assert unknown.json()["effect"]["state"] == "unknown"
    assert (await claim(agent, asked, repeatable, key="c")).status_code == 409
    await mia.post(f"/requests/{asked['id']}/settlement", json={"became": "retry"})
    over = await claim(agent, asked, repeatable, key="c")
    assert (over.status_code, over.json()["code"]) == (409, "effect_refused")
    assert "new idempotency key" in over.json()["detail"]
    assert (await claim(agent, asked, repeatable, key="d")).json()["effect"]["attempt"] == 2
    await result(agent, asked, attempt=2, result=7)
    assert (await claim(agent, asked, repeatable, key="d")).json()["effect"]["result"] == 7  # how it ended is told


async def test_a_claim_of_an_idempotent_tool_is_the_same_however_often_it_is_made(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    await vote(mia, asked)
    effects = [(await claim(agent, asked, "idempotent", key="c")).json()["effect"] for _ in range(3)]
    assert [(one["state"], one["attempt"], one["key"]) for one in effects] == [("claimed", 1, asked["id"])] * 3


@pytest.mark.parametrize("store", STORES)
async def test_of_many_claims_at_once_with_one_key_one_is_to_be_acted_on(open_server, store):
    server = open_server(store)
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    await vote(mia, asked)
    answers = await asyncio.gather(*(claim(agent, asked, key="same") for _ in range(8)))
    assert sorted(one.status_code for one in answers) == [200] + [409] * 7


async def test_a_result_that_changes_nothing_is_told_what_stands_and_is_noted(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    await vote(mia, asked)
    nobody = await result(agent, asked)
    assert (nobody.status_code, nobody.json()["code"]) == (409, "effect_refused")
    assert "nobody has claimed attempt 1" in nobody.json()["detail"]
    other = await ask(agent, key="order-2")
    await vote(mia, other)
    await claim(agent, other)
    assert (await result(agent, other, result=7)).status_code == 200
    assert (await result(agent, other, result=7)).status_code == 200  # said again, as its answer was lost
    for more in ({"result": 8}, {"state": "failed", "reason": "no money"}, {"state": "unknown"}, {"attempt": 2}):
        refused = await result(agent, other, **more)
        details = refused.json()["details"]
        assert (refused.status_code, details["effect"], details["result"]) == (409, "executed", 7)
    log = (await agent.get(f"/requests/{other['id']}/history")).json()["entries"]
    assert [one["event"]["type"] for one in log].count("late_result") == 4


async def test_a_person_settles_what_an_agent_has_left(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    await vote(mia, asked)
    await claim(agent, asked, lasts=60)
    early = await mia.post(f"/requests/{asked['id']}/settlement", json={"became": "happened"})
    assert early.status_code == 409
    server.clock.advance(seconds=60)
    settled = await mia.post(f"/requests/{asked['id']}/settlement", json={"became": "happened", "result": 1})
    assert settled.json()["effect"]["state"] == "executed"


async def test_only_the_agent_that_asked_acts(server):
    agent, other, mia = await server.agent(), await server.agent("agent:other"), await server.person("mia@example.com")
    asked = await ask(agent)
    await vote(mia, asked)
    for answer in (await claim(other, asked), await result(other, asked), await other.get(f"/requests/{asked['id']}")):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await claim(mia, asked)).status_code == 403
    assert (await other.get("/requests", params={"status": "approved"})).json()["requests"] == []
    assert len((await agent.get("/requests", params={"status": "approved"})).json()["requests"]) == 1


async def test_S3_an_edit_is_what_the_agent_carries_out(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    after = (await vote(mia, asked, "edit", value={"to": "bob"})).json()
    assert after["stands"]["args"] == {"to": "bob"}
    refused = await claim(agent, asked)
    assert (refused.status_code, refused.json()["code"]) == (409, "effect_refused")
    assert (await claim(agent, after)).json()["effect"]["state"] == "claimed"


async def test_S3_a_question_is_answered_and_a_draft_sent_back(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    question = await ask(agent, {"asked": {"kind": "input", "text": "Which?", "options": ["a", "b"]}}, key="q")
    assert (await vote(mia, question, "respond", value="c")).status_code == 422
    assert (await vote(mia, question, "respond", value="b")).json()["answer"] == "b"
    draft = await ask(agent, {"asked": {"kind": "review", "title": "report", "body": "one"}}, key="d")
    assert (await vote(mia, draft, "revise", comment="more")).json()["status"] == "revised"


async def test_what_is_taken_back_is_not_decided_any_more(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    back = await agent.post(f"/requests/{asked['id']}/withdrawal", json={"reason": "the order was cancelled"})
    assert back.json()["status"] == "withdrawn"
    assert (await vote(mia, asked)).json()["code"] == "closed"


async def test_the_person_for_whom_an_agent_asks_does_not_decide(server):
    agent, mia, noah = (
        await server.agent(),
        await server.person("mia@example.com"),
        await server.person("NOAH@example.com"),
    )
    asked = await ask(agent, MAIL | {"initiator": "mia@example.com"})
    assert (await vote(mia, asked)).json()["code"] == "forbidden"
    assert (await vote(noah, asked)).json()["status"] == "approved"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"asked": {"kind": "approval", "name": "", "args": {}}}, "name"),
        ({"asked": {"kind": "approval", "name": "x", "args": []}}, "args"),
        ({"asked": {"kind": "input", "text": "x", "options": ["a"], "schema": {}}}, "options and a schema"),
        ({"asked": {"kind": "approval", "name": "x"}, "verdicts": ["revise"]}, "revise"),
        ({"asked": {"kind": "approval", "name": "x"}, "policy": "nope"}, "nope"),
        ({"asked": {"kind": "approval", "name": "x", "schema": {"type": "nope"}}}, "schema"),
        ({"asked": {"kind": "approval", "name": "x"}, "unknown": 1}, "unknown"),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_a_reason(server, body, reason):
    answer = await (await server.agent()).post("/requests", json=body, headers={"Idempotency-Key": "k"})
    assert answer.status_code in {400, 422}
    assert reason in answer.json()["detail"]
    assert (await (await server.person("mia@example.com")).get("/requests")).json()["requests"] == []


def test_a_request_without_a_run_is_decided_shown_and_settled_in_the_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ids = asyncio.run(asked_on_file(str(tmp_path / "a.db")))

    def typed(*words):
        code = run(["--database", str(tmp_path / "a.db"), *words])
        found = capsys.readouterr()
        assert code == 0, found
        return found.out

    for number, verdict in enumerate(("approve", "reject")):
        told = json.loads(typed(verdict, ids[number], "--yes", "--json"))
        assert (told["run"], told["advanced"], told["request"]["run"]) == (None, False, None)
    assert "Asked through the API" in typed("requests", "show", ids[0])
    assert "every row is the fold of its log" in typed("doctor", "--fold")
    asyncio.run(claimed_on_file(str(tmp_path / "a.db"), ids[0]))
    assert json.loads(typed("effects", "settle", ids[0], "--happened", "--json"))["run"] is None


async def asked_on_file(address):
    system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": address}), {})
    bot = AgentClient(system, principal("agent:bot", "agent"))
    found = [await bot.ask(Asked(Action("pay", {"amount": key})), key=key) for key in "ab"]
    await system.close()
    return [one.id for one in found]


async def claimed_on_file(address, request_id):
    """Claim it, and be away for longer than the claim lasts."""
    clock = SettableClock(datetime.now(UTC) - timedelta(minutes=5))
    system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": address}), {}, clock=clock)
    bot = AgentClient(system, principal("agent:bot", "agent"))
    digest = (await bot.own(request_id)).digest
    await bot.claim(request_id, digest=digest, tool="bank:pay", lasts=timedelta(seconds=1))
    await system.close()


async def test_a_run_may_be_started_under_the_name_of_an_agent_that_asks_by_itself(server, tmp_path):
    await ask(await server.agent("agent:approval"))
    (tmp_path / "approval.py").write_text("from interlock.agents.approval import agent")
    mia = Client(server.system, principal("mia@example.com"))
    assert (await mia.start(f"{tmp_path}/approval.py:agent", "Send email to team")).agent != "approval"


async def test_a_key_starts_one_run_and_names_no_other(server):
    mia = await server.person("mia@example.com")
    body = {"agent": "approval", "input": "Send email to team", "thread": "one"}
    key = {"Idempotency-Key": "k"}
    first = await mia.post("/runs", json=body, headers=key)
    assert (await mia.post("/runs", json=body, headers=key)).json()["id"] == first.json()["id"]
    for other in ({"thread": "two"}, {"input": "Send email to all"}):
        assert (await mia.post("/runs", json=body | other, headers=key)).status_code == 400
    for wrong in ("x" * 201, " "):
        assert (await mia.post("/runs", json=body, headers={"Idempotency-Key": wrong})).status_code == 400
