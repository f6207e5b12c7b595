"""A callback: whoever got a message decides by its token, once, for one person, on what was shown (S10, S13, I15)."""

from dataclasses import replace

import pytest
from tests.server.conftest import REPLY_KEY

from interlock.config.server import RateSettings
from interlock.domain.action import Verdict
from interlock.domain.reply_tokens import ReplyGrant, reply_token
from interlock.service.token_replies import ReplyTokens
from interlock.web.app import application
from interlock.web.rates import Rates

TOKENS = ReplyTokens(REPLY_KEY, ["mia@example.com", "noah@example.com"])


@pytest.fixture
async def asked(server):
    """Return a request, and what calls its callback."""
    agent = await server.agent("agent:payer")
    body = {"asked": {"kind": "approval", "name": "send", "args": {"to": "ann"}}}
    made = (await agent.post("/requests", json=body, headers={"Idempotency-Key": "k"})).json()
    return (await server.system.store.load("default", [made["id"]])).requests[made["id"]]


async def call(server, request_id, **body):
    return await server.client().post(f"../../api/approval/{request_id}", json=body)


async def noted(server, request):
    entries = await server.system.store.history("default", request.id)
    return [(one.by, one.via, one.event.code) for one in entries if one.event.type == "refusal_noted"]


async def test_whoever_has_the_token_decides_by_one_call_and_the_same_call_again_changes_nothing(server, asked):
    token = TOKENS.of(asked)["mia@example.com"]["approve"]
    for _ in range(2):
        answer = await call(server, asked.id, approved=True, token=token, comment="fine")
        assert (answer.status_code, answer.json()) == (200, {"id": asked.id, "status": "approved"})
    entries = await server.system.store.history("default", asked.id)
    (cast,) = [one for one in entries if one.event.type == "vote_cast"]
    assert (cast.by, cast.via, cast.address, cast.event.vote.comment) == (
        *("mia@example.com", "callback", "127.0.0.1"),
        "fine",
    )
    late = TOKENS.of(asked)["noah@example.com"]["reject"]
    assert (await call(server, asked.id, approved=False, token=late)).json()["code"] == "closed"


async def test_changes_come_with_the_token_for_changes(server, asked):
    token = TOKENS.of(asked)["mia@example.com"]["edit"]
    answer = await call(server, asked.id, verdict="edit", value={"to": "bob"}, token=token)
    assert answer.json()["status"] == "approved"
    after = (await server.system.store.load("default", [asked.id])).requests[asked.id]
    assert after.edition.subject.args == {"to": "bob"}


CASES = "none", "forged", "a no for a yes", "another verdict", "another request", "another tenant", "no token"


@pytest.mark.parametrize("case", CASES)
async def test_what_the_token_does_not_prove_is_refused_and_in_the_log(server, asked, case):
    mine = TOKENS.of(asked)["mia@example.com"]
    forged = ReplyTokens(b"x" * 32, ["mia@example.com"]).of(asked)["mia@example.com"]["approve"]
    grant = ReplyGrant("elsewhere", asked.id, asked.digest, "mia@example.com", Verdict.approve, 2**33)
    elsewhere = reply_token(REPLY_KEY, grant)
    body = {
        "none": {"approved": True},
        "forged": {"approved": True, "token": forged},
        "a no for a yes": {"approved": True, "token": mine["reject"]},
        "another verdict": {"approved": True, "verdict": "edit", "token": mine["approve"]},
        "another request": {"approved": True, "token": mine["approve"]},
        "another tenant": {"approved": True, "token": elsewhere},
        "no token": {"approved": True, "token": "yes"},
    }[case]
    target = asked
    if case == "another request":
        agent = await server.agent("agent:payer")
        more = {"asked": {"kind": "approval", "name": "send", "args": {"to": "all"}}}
        made = (await agent.post("/requests", json=more, headers={"Idempotency-Key": "k2"})).json()
        target = (await server.system.store.load("default", [made["id"]])).requests[made["id"]]
    answer = await call(server, target.id, **body)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert await noted(server, target) == [("service:callback", "callback", "forbidden")]
    for request in {asked.id, target.id}:
        assert (await server.system.store.load("default", [request])).requests[request].votes == ()


async def test_no_answer_and_no_line_of_the_log_says_a_token(server, asked, caplog):
    caplog.set_level("INFO", "interlock.access")
    token = TOKENS.of(asked)["mia@example.com"]["approve"]
    for body in ({"token": token, "more": 1}, {"token": [token]}, {"token": f"{token}x"}, {"token": "x" * 5_000}):
        answer = await call(server, asked.id, **body)
        assert 400 <= answer.status_code < 500
        assert token[:40] not in answer.text + caplog.text
    answer = await server.client().post(f"../../api/approval/{token}", json={})
    assert (answer.status_code, token[:40] in caplog.text) == (401, False)


async def test_who_guesses_is_slowed_and_who_has_tokens_is_not(server, asked):
    server.context.__dict__["rates"] = Rates(RateSettings(unknown="2 per 1m"))
    said = [(await call(server, asked.id, token="x")).status_code for _ in range(3)]
    assert said == [401, 401, 429]
    answer = await call(server, asked.id, token=TOKENS.of(asked)["mia@example.com"]["approve"])
    assert answer.status_code == 200


async def test_where_nothing_offers_a_callback_there_is_none(server, asked):
    server.context = replace(server.context, reply_keys=())
    server.app = application(server.context)
    answer = await call(server, asked.id, token=TOKENS.of(asked)["mia@example.com"]["approve"])
    assert (answer.status_code, await noted(server, asked)) == (401, [])
