"""What people decide reaches the agent, through the API and on a WebSocket alike: S3 and S12."""

from http import HTTPStatus

import pytest
from tests.server.sockets import Socket
from tests.server.test_agents_api import ask, claim
from tests.server.test_live import of

from interlock.engine.deadlines import sweep

MIA, NOAH, OLGA = "mia@example.com", "noah@example.com", "olga@example.com"
CONFIG = """
people: {mia@example.com: {}, noah@example.com: {}, olga@example.com: {}}
groups: {managers: [mia@example.com, noah@example.com], directors: [olga@example.com]}
policies:
  payments:
    applies_to: action.name == "pay"
    facts: {amount: {from: args.amount, type: decimal, min: 0}}
    levels:
      - {name: small, when: amount < 100, steps: [{ask: [group:managers], within: 50m}]}
      - name: large
        steps:
          - {ask: [group:managers], approvals: 2, within: 50m, escalate: {after: 30m, to: [group:directors]}}
default: {levels: [{steps: [{ask: [group:managers], within: 50m}]}]}
"""
QUESTION = {"asked": {"kind": "input", "text": "Which airline?"}}
DRAFT = {"asked": {"kind": "review", "title": "report", "body": "one"}}


def pay(amount):
    return {"asked": {"kind": "approval", "name": "pay", "args": {"amount": amount}}}


async def rest(server, person, request, **said):
    answer = await (await server.person(person)).post(f"/requests/{request['id']}/votes", json=said)
    return answer.json()


async def websocket(server, person, request, **said):
    async with Socket(server.app, of(await server.person(person))) as socket:
        told = await socket.answer_to({"request_id": request["id"], **said})
    return told["problem"] if told["type"] == "problem" else told["request"]


DOORS = pytest.mark.parametrize("vote", [rest, websocket])


@pytest.fixture
def server(open_server):
    return open_server(config=CONFIG)


@DOORS
async def test_S3_what_is_approved_is_carried_out_as_asked_and_what_is_rejected_is_not(server, vote):
    agent = await server.agent()
    yes, no = await ask(agent, pay("5"), key="a"), await ask(agent, pay("6"), key="b")
    approved = await vote(server, MIA, yes, verdict="approve", digest=yes["digest"])
    rejected = await vote(server, MIA, no, verdict="reject", digest=no["digest"], comment="too much")
    assert (approved["status"], rejected["status"], rejected["comment"]) == ("approved", "rejected", "too much")
    assert (await claim(agent, approved)).json()["effect"]["state"] == "claimed"
    refused = await claim(agent, rejected)
    assert (refused.status_code, refused.json()["code"]) == (HTTPStatus.CONFLICT, "effect_refused")


@DOORS
async def test_S3_what_is_modified_is_carried_out_as_modified_and_not_as_asked(server, vote):
    agent = await server.agent()
    asked = await ask(agent, pay("90"))
    after = await vote(server, MIA, asked, verdict="edit", digest=asked["digest"], value={"amount": "80"})
    assert (after["status"], after["stands"]["args"]) == ("approved", {"amount": "80"})
    assert (await agent.get(f"/requests/{asked['id']}/outcome")).json()["stands"]["args"] == {"amount": "80"}
    assert (await claim(agent, asked)).json()["code"] == "effect_refused", "by the digest of what was asked"
    assert (await claim(agent, after)).json()["effect"]["state"] == "claimed"


@DOORS
async def test_S3_a_change_that_does_not_fit_is_refused_and_changes_nothing(server, vote):
    schema = {"type": "object", "properties": {"amount": {"type": "string"}}, "additionalProperties": False}
    body = {"asked": {"kind": "approval", "name": "pay", "args": {"amount": "90"}, "schema": schema}}
    asked = await ask(await server.agent(), body)
    refused = await vote(server, MIA, asked, verdict="edit", digest=asked["digest"], value={"amount": 80})
    assert refused["code"] == "invalid_answer"
    assert (await (await server.person(MIA)).get(f"/requests/{asked['id']}")).json()["digest"] == asked["digest"]


@DOORS
async def test_S3_an_answer_and_feedback_reach_the_agent(server, vote):
    agent = await server.agent()
    question, draft = await ask(agent, QUESTION, key="q"), await ask(agent, DRAFT, key="d")
    answered = await vote(server, MIA, question, verdict="respond", digest=question["digest"], value="KLM")
    revised = await vote(server, MIA, draft, verdict="revise", digest=draft["digest"], comment="shorter")
    assert (answered["status"], revised["status"]) == ("answered", "revised")
    outcomes = [(await agent.get(f"/requests/{one['id']}/outcome")).json() for one in (question, draft)]
    assert (outcomes[0]["answer"], outcomes[1]["comment"]) == ("KLM", "shorter")


@pytest.mark.parametrize(
    ("body", "told_as"),
    [(pay("5"), "approval_required"), (QUESTION, "input_required"), (DRAFT, "review_required")],
)
async def test_S3_a_socket_tells_what_is_asked_for_and_takes_what_is_said_to_it(server, body, told_as):
    async with Socket(server.app, of(await server.person(MIA))) as socket:
        assert (await socket.hear())["type"] == "ready"
        asked = await ask(await server.agent(), body)
        told = await socket.hear()
        assert (told["type"], told["request_id"], told["digest"]) == (told_as, asked["id"], asked["digest"])
        assert told["asked"].items() <= (asked["asked"] | {"schema": asked["asked"].get("schema")}).items()
        said = {"input": {"verdict": "respond", "value": "KLM"}, "review": {"verdict": "revise", "comment": "shorter"}}
        answer = await socket.answer_to({"request_id": asked["id"], **said.get(asked["kind"], {"approved": True})})
    assert answer["type"] == "voted"
    assert answer["request"]["status"] == {"input": "answered", "review": "revised"}.get(asked["kind"], "approved")


@DOORS
async def test_S12_the_amount_chooses_the_level_and_a_quorum_is_of_distinct_people(server, vote):
    agent = await server.agent()
    small, large = await ask(agent, pay("99"), key="s"), await ask(agent, pay("100"), key="l")
    assert [one["policy"]["level"] for one in (small, large)] == [0, 1]
    assert (await vote(server, MIA, small, verdict="approve", digest=small["digest"]))["status"] == "approved"
    for _ in range(2):
        assert (await vote(server, MIA, large, verdict="approve", digest=large["digest"]))["status"] == "open"
    assert (await vote(server, OLGA, large, verdict="approve", digest=large["digest"]))["code"] == "forbidden"
    decided = await vote(server, NOAH, large, verdict="approve", digest=large["digest"])
    assert (decided["status"], decided["decided_by"]) == ("approved", [MIA, NOAH])


@DOORS
async def test_S12_who_stays_silent_is_followed_by_whom_the_policy_names(server, vote):
    asked = await ask(await server.agent(), pay("100"))
    assert (await vote(server, MIA, asked, verdict="approve", digest=asked["digest"]))["status"] == "open"
    server.clock.advance(minutes=30)
    await sweep(server.system.store, server.system.desk)
    decided = await vote(server, OLGA, asked, verdict="approve", digest=asked["digest"])
    assert (decided["status"], decided["decided_by"]) == ("approved", [MIA, OLGA])


@DOORS
async def test_S12_silence_is_expired_and_never_approved(server, vote):
    agent = await server.agent()
    asked = await ask(agent, pay("100"))
    assert (await vote(server, MIA, asked, verdict="approve", digest=asked["digest"]))["status"] == "open"
    server.clock.advance(minutes=50)
    assert (await vote(server, NOAH, asked, verdict="approve", digest=asked["digest"]))["code"] == "too_late"
    await sweep(server.system.store, server.system.desk)
    outcome = (await agent.get(f"/requests/{asked['id']}/outcome")).json()
    assert (outcome["status"], outcome["decided_by"]) == ("expired", [])
    assert (await vote(server, NOAH, asked, verdict="approve", digest=asked["digest"]))["code"] == "closed"
    assert (await claim(agent, asked)).json()["code"] == "effect_refused"
