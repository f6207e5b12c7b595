"""The guarantees through the API: one outcome, by the store's clock, of people who may, on every store alike."""

import asyncio
import json
from dataclasses import replace
from ipaddress import ip_network

import httpx2
import psycopg
import pytest
from tests.server.sockets import Socket
from tests.server.test_agents_api import ask, claim, vote
from tests.server.test_streams import told as events_of

STORES = ("memory", "sqlite", "postgres")
CONFIG = """
groups: {managers: [mia@example.com, noah@example.com, pete@example.com], directors: [olga@example.com]}
roles: {admin: [olga@example.com]}
policies:
  payments:
    applies_to: action.name == "pay"
    facts: {amount: {from: args.amount, type: decimal, min: 0}}
    levels:
      - {name: small, when: amount < 100, steps: [{ask: [group:managers], approvals: 2, within: 1h}]}
      - {name: large, steps: [{ask: [group:managers], within: 1h}, {ask: [group:directors], within: 1h}]}
default: {levels: [{steps: [{ask: [group:managers], within: 1h}]}]}
"""
PAY = {"asked": {"kind": "approval", "name": "pay", "args": {"amount": "5"}}}


async def people(server, *names):
    return [await server.person(f"{name}@example.com") for name in names]


async def told(person, request):
    """Return what the log says of a request, and the request."""
    view = (await person.get(f"/requests/{request['id']}")).json()
    return [entry["event"]["type"] for entry in view["history"]], view


def code_of(answer):
    return answer.json().get("code")


@pytest.mark.parametrize("store", STORES)
async def test_fault_10_two_who_decide_in_one_instant_come_to_one_outcome_and_both_are_in_the_log(open_server, store):
    server = open_server(store, CONFIG)
    agent, (mia, noah) = await server.agent(), await people(server, "mia", "noah")
    for key in "abcd":
        asked = await ask(agent, key=key)
        answers = await asyncio.gather(vote(mia, asked), vote(noah, asked, "reject", comment="no"))
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert (won.status_code, lost.status_code, code_of(lost)) == (200, 409, "closed")
        log, view = await told(mia, asked)
        assert view["status"] == won.json()["status"] == ("approved" if won is answers[0] else "rejected")
        assert (log.count("vote_cast"), log.count("decided"), log.count("refusal_noted")) == (1, 1, 1)
        by = {entry["by"] for entry in view["history"]}
        assert {"mia@example.com", "noah@example.com"} <= by


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("early", [True, False])
async def test_fault_11_a_vote_and_the_deadline_at_once_have_one_winner_by_the_stores_clock(open_server, store, early):
    server = open_server(store, CONFIG)
    agent = await server.agent()
    asked = [await ask(agent, key=key) for key in "abc"]
    server.clock.advance(minutes=59, seconds=59 if early else 60)
    mia, noah = await people(server, "mia", "noah")
    votes = [vote(person, one) for one in asked for person in (mia, noah)]
    *answers, _, _ = await asyncio.gather(*votes, server.drain(), server.drain())
    for one, pair in zip(asked, _pairs(answers), strict=True):
        log, view = await told(mia, one)
        if early:
            assert view["status"] == "approved"
            assert sorted(answer.status_code for answer in pair) == [200, 409]
        else:  # I5: silence never approves, and a vote that comes too late has no effect
            assert view["status"] == "expired"
            assert {code_of(answer) for answer in pair} <= {"too_late", "closed"}
            assert "vote_cast" not in log
        assert log.count("decided") + log.count("expired") == 1, "I3: two outcomes"


def _pairs(answers):
    return list(zip(answers[::2], answers[1::2], strict=True))


async def test_fault_17_a_pool_without_a_free_connection_is_a_503_and_nothing_is_half_done(
    open_server, new_database, monkeypatch
):
    monkeypatch.setattr("interlock.storage.postgres.POOL_SECONDS", 0.3)
    address = new_database()
    server = open_server(address, CONFIG)
    agent, (mia,) = await server.agent(), await people(server, "mia")
    asked = [await ask(agent, key=str(each)) for each in range(40)]
    keyed = [{"Idempotency-Key": one["id"]} for one in asked]

    async def cast(one, key):
        body = {"verdict": "approve", "digest": one["digest"]}
        return await mia.post(f"/requests/{one['id']}/votes", json=body, headers=key)

    with psycopg.connect(address) as somebody:  # who has the log for themselves, so that no vote can be written
        somebody.execute("LOCK TABLE log IN EXCLUSIVE MODE")
        under_way = [asyncio.ensure_future(cast(*each)) for each in zip(asked, keyed, strict=True)]
        refused, _ = await asyncio.wait(under_way, timeout=3)
        assert refused, "nobody was refused: the pool is as large as the crowd"
    answers = await asyncio.gather(*under_way)
    assert {answer.status_code for answer in answers} == {200, 503}
    for answer in (answer for answer in answers if answer.status_code == 503):
        assert (code_of(answer), answer.headers["retry-after"]) == ("store_unavailable", "2")
    for one, answer in zip(asked, answers, strict=True):
        log, view = await told(mia, one)
        done = answer.status_code == 200
        assert (view["status"], log.count("vote_cast"), log.count("decided")) == (
            ("approved", 1, 1) if done else ("open", 0, 0)
        )
    again = [await cast(*each) for each in zip(asked, keyed, strict=True)]  # no crowd for that pool
    assert {answer.json()["status"] for answer in again} == {"approved"}
    assert [(await told(mia, one))[0].count("vote_cast") for one in asked] == [1] * len(asked)


@pytest.mark.parametrize("store", STORES)
async def test_I6_a_quorum_counts_people_once_however_many_vote_at_once(open_server, store):
    server = open_server(store, CONFIG)
    agent, (mia, again, noah) = await server.agent(), await people(server, "mia", "MIA", "noah")
    asked = await ask(agent, PAY)
    await asyncio.gather(*(vote(one, asked) for one in (mia, again) * 3))
    log, view = await told(mia, asked)
    assert (view["status"], log.count("vote_cast")) == ("open", 1)
    assert (await vote(noah, asked)).json()["status"] == "approved"


async def test_I8_an_edit_is_a_new_digest_voids_votes_and_is_routed_again_never_lower(open_server):
    server = open_server(config=CONFIG)
    agent, (mia, noah, pete, olga) = await server.agent(), await people(server, "mia", "noah", "pete", "olga")
    asked = await ask(agent, PAY)
    await vote(mia, asked)
    large = (await vote(noah, asked, "edit", value={"amount": "500"})).json()
    assert large["digest"] != asked["digest"]
    assert (large["policy"]["level"], large["policy"]["step"]) == (1, 1)  # the editor's vote counts, and Mia's does not
    assert "mia@example.com" not in json.dumps(large)
    assert code_of(await vote(pete, asked)) == "wrong_digest"
    small = (await vote(olga, large, "edit", value={"amount": "5"})).json()
    assert (small["policy"]["level"], small["status"]) == (1, "open"), "I8: it went down a level"
    assert code_of(await claim(agent, small)) == "effect_refused"


@pytest.mark.parametrize("store", STORES)
async def test_I9_who_has_lost_the_role_does_not_count_when_the_effect_is_claimed(open_server, store, tmp_path):
    server = open_server(store, CONFIG)
    agent, (mia, noah) = await server.agent(), await people(server, "mia", "noah")
    asked = await ask(agent, PAY)
    for person in (mia, noah):
        after = (await vote(person, asked)).json()
    assert after["status"] == "approved"
    (tmp_path / "interlock.yaml").write_text(CONFIG.replace("mia@example.com, ", ""))
    refused = await claim(agent, asked)
    assert (refused.status_code, code_of(refused)) == (409, "effect_refused")
    log, view = await told(noah, asked)
    assert (view["status"], view["effect"]["state"], log.count("effect_claimed")) == ("approved", "lapsed", 0)


@pytest.mark.parametrize("store", STORES)
async def test_I15_a_link_changes_something_once_however_many_use_it_at_once(open_server, store):
    server = open_server(store, CONFIG)
    link = (await server.context.authenticator.link("default", "mia@example.com", by="test")).secret
    answers = await asyncio.gather(*(server.client().post("/session", json={"link": link}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


async def test_I17_the_same_calls_come_to_the_same_on_every_store(open_server, clock):
    """Ids, digests, codes and statuses do not depend on where it is kept."""
    told_by = {}
    begun = clock.at
    for store in STORES:
        clock.at = begun
        told_by[store] = [without_chance(answer) for answer in await calls(open_server(store, CONFIG))]
    assert told_by["memory"] == told_by["sqlite"] == told_by["postgres"]
    assert len({json.dumps(answer) for answer in told_by["memory"]}) > 15


async def calls(server):
    agent, (mia, noah, olga, zoe) = await server.agent(), await people(server, "mia", "noah", "olga", "zoe")
    answers = []

    async def say(person, path, **body):
        answer = await person.post(path, json=body, headers={"Idempotency-Key": str(len(answers))})
        answers.append((answer.status_code, answer.json()))
        return answer.json()

    pay = await say(agent, "/requests", asked={"kind": "approval", "name": "pay", "args": {"amount": "5"}})
    mail = await say(agent, "/requests", asked={"kind": "approval", "name": "send", "args": {}})
    question = await say(agent, "/requests", asked={"kind": "input", "text": "Which?", "options": ["a", "b"]})
    for person, request, verdict, more in (
        (zoe, pay, "approve", {}),
        (mia, pay, "approve", {}),
        (mia, pay, "approve", {}),
        (noah, pay, "edit", {"value": {"amount": "700"}}),
        (mia, pay, "approve", {}),
        (mia, question, "respond", {"value": "c"}),
        (mia, question, "respond", {"value": "b"}),
        (noah, mail, "reject", {"comment": "no"}),
        (mia, mail, "approve", {}),
    ):
        await say(person, f"/requests/{request['id']}/votes", verdict=verdict, digest=request["digest"], **more)
        server.clock.advance(minutes=1)
    large = (await mia.get(f"/requests/{pay['id']}")).json()
    await beside_votes_and_afterwards(server, say, (agent, olga, zoe), pay, large)
    lists = [
        (await agent.get("/requests", params={"status": status})).json() for status in ("open", "expired", "approved")
    ]
    history = (await agent.get(f"/requests/{pay['id']}/history")).json()
    return [*answers, *lists, history]


async def beside_votes_and_afterwards(server, say, callers, pay, large):
    """Say what is said beside a vote, approve at the second level, act, and let another one expire."""
    agent, olga, zoe = callers
    await say(olga, f"/requests/{pay['id']}/comments", text="why?")
    await say(olga, f"/requests/{pay['id']}/extensions", by="1h", reason="on a plane")
    await say(olga, f"/requests/{pay['id']}/delegations", to="zoe@example.com")
    await say(zoe, f"/requests/{pay['id']}/votes", verdict="approve", digest=large["digest"])
    await say(agent, f"/requests/{pay['id']}/claim", digest=pay["digest"], tool="bank:pay")
    await say(agent, f"/requests/{pay['id']}/claim", digest=large["digest"], tool="bank:pay", lasts=60)
    await say(agent, f"/requests/{pay['id']}/claim", digest=large["digest"], tool="bank:pay", lasts=60)
    server.clock.advance(seconds=60)
    await say(olga, f"/requests/{pay['id']}/settlement", became="happened", result=1)
    await say(agent, f"/requests/{pay['id']}/result", attempt=1, state="executed", result=2)
    late = await say(agent, "/requests", asked={"kind": "approval", "name": "send", "args": {"late": True}})
    server.clock.advance(hours=2)
    await server.drain()
    await say(agent, f"/requests/{late['id']}/withdrawal", reason="late")


async def by_rest(server, headers, request, body):
    return await server.client(**headers).post(f"/requests/{request['id']}/votes", json=body)


async def in_a_batch(server, headers, request, body):
    return await server.client(**headers).post(
        "/requests/votes", json={"votes": [{"request_id": request["id"], **body}]}
    )


async def on_a_websocket(server, headers, request, body):
    host = server.context.origin.removeprefix("http://")
    async with Socket(server.app, {"Origin": server.context.origin, **headers}, host=host) as socket:
        return await socket.answer_to({"request_id": request["id"], **body})


VOTING = (
    (by_rest, "mia@example.com", "approve", "203.0.113.1"),
    (in_a_batch, "noah@example.com", "reject", "203.0.113.2"),
    (on_a_websocket, "pete@example.com", "approve", "2001:db8::3"),
)
"""A door, who votes there, and from where."""


@pytest.mark.parametrize("store", STORES)
async def test_S14_what_was_decided_and_refused_is_logged_with_time_request_action_verdict_who_and_address(
    open_server, store
):
    server = open_server(store, CONFIG)
    server.context = replace(server.context, proxies=(ip_network("127.0.0.1"),))
    at = await server.listen()
    agent, expected = await server.agent(), []
    for door, person, verdict, address in VOTING:
        asked = await ask(agent, key=verdict + address)
        body = {"verdict": verdict, "digest": asked["digest"], "comment": "because"}
        for who, comes_to in (("zoe@example.com", "forbidden"), (person, verdict)):
            server.clock.advance(minutes=1)
            # What stands before the last address was sent by the caller: the proxy says the last one alone.
            sent = {"Cookie": await server.cookie(who), "X-Forwarded-For": f"198.51.100.66, {address}"}
            await door(server, sent, asked, body)
            expected.append((server.clock.at.isoformat(), asked["id"], ("send", {"to": "ann"}), comes_to, who, address))
    olga = await server.cookie("olga@example.com")
    async with httpx2.AsyncClient(
        base_url=f"http://{at}/api/v1", headers={"Origin": f"http://{at}", "Cookie": olga}
    ) as auditor:
        log = (await auditor.get("/log", params={"after": "", "limit": 200})).json()["entries"]
        history = [
            entry
            for key in dict.fromkeys(row[1] for row in expected)
            for entry in (await auditor.get(f"/requests/{key}/history")).json()["entries"]
        ]
        async with auditor.stream("GET", "/events", params={"after": ""}) as stream:
            events = events_of(stream.aiter_lines())
            told_live = [json.loads((await anext(events))["data"]) for _ in log]
    for entries in (log, history, told_live):
        assert list(decided_and_refused(entries)) == expected


def decided_and_refused(entries):
    """Yield when, about which request and action, what, who and from where, of each vote and each refusal."""
    asked = {entry["stream"]: entry["event"] for entry in entries if entry["event"]["type"] == "opened"}
    for entry in entries:
        event = entry["event"]
        if event["type"] in {"vote_cast", "refusal_noted"}:
            said = event["vote"]["verdict"] if "vote" in event else event["code"]
            action = asked[entry["stream"]]["ask"]["subject"]
            yield entry["at"], entry["stream"], (action["name"], action["args"]), said, entry["by"], entry["address"]


def without_chance(answer):
    """Return an answer without positions and cursors, which are a store's own."""
    match answer:
        case dict():
            return {
                key: without_chance(value) for key, value in answer.items() if key not in {"position", "next", "hash"}
            }
        case list() | tuple():
            return [without_chance(each) for each in answer]
    return answer
