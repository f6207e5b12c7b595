"""The Python client: the kit's functions and values over HTTP, done once however often they are sent."""

import inspect
import logging
import re
from contextlib import aclosing
from datetime import timedelta

import httpx2
import pytest

from interlock import Action, Draft, Question
from interlock.client import Asked, BlockingRemoteClient, RemoteClient, connect, connect_blocking, sign_in
from interlock.client.calls import LONGEST_ASKED, Session
from interlock.client.problems import BY_CODE, problem_of
from interlock.domain.action import Verdict
from interlock.domain.credentials import Scope
from interlock.domain.request import EffectState, Status
from interlock.domain.run import RunStatus
from interlock.engine.ports.store import RequestFilter
from interlock.errors import (
    AlreadyClaimed,
    AlreadyIssued,
    BadInput,
    Closed,
    EffectRefused,
    Forbidden,
    InvalidAnswer,
    InvalidValue,
    NotFound,
    ServerBusy,
    ServerError,
    ServerTimeout,
    ServerUnreachable,
    TooManyAttempts,
    TooManyRequests,
    Unauthenticated,
    WrongDigest,
)
from interlock.service.casting import SubmittedVote
from interlock.service.client import Client
from interlock.service.error_table import ERRORS, meaning_of

PAY = Action("pay", {"amount": "12.00"})
LASTS = timedelta(minutes=1)


class Wire(httpx2.AsyncBaseTransport):
    """Carries calls to a server in this process, unless something is said to happen to the next ones."""

    def __init__(self, app):
        self.inner = httpx2.ASGITransport(app, raise_app_exceptions=False)
        self.faults, self.sent, self.rests = [], [], []

    async def handle_async_request(self, request):
        self.sent.append(request)
        fault = self.faults.pop(0) if self.faults and request.url.path.rpartition("/")[2] != "session" else None
        if isinstance(fault, httpx2.Response):
            return fault
        if fault == "refused":
            raise httpx2.ConnectError("refused", request=request)
        response = await self.inner.handle_async_request(request)
        if fault is None:
            return response
        await response.aread()
        raise {"lost": httpx2.RemoteProtocolError, "late": httpx2.ReadTimeout}[fault](fault, request=request)

    async def rest(self, seconds):
        self.rests.append(seconds)

    def keys(self):
        return [request.headers["idempotency-key"] for request in self.sent if "idempotency-key" in request.headers]


@pytest.fixture
async def called(server):
    """Return what opens a client of the server, with its wire as `wire`."""
    opened = []

    async def call(who, *scopes, tenant="default"):
        wire = Wire(server.app)
        if who.startswith(("agent:", "service:")):
            issued = await server.context.authenticator.token(
                tenant, who, scopes=frozenset(scopes or Scope), lasts=timedelta(days=1), by="test"
            )
            given = {"token": issued.secret}
        else:
            issued = await server.context.authenticator.session(tenant, who, by="test")
            given = {"session": Session(server.context.origin, issued.secret)}
        opening = connect(server.context.origin, transport=wire, **given)
        client = await opening.__aenter__()
        client._calls.sleep, client.wire = wire.rest, wire
        opened.append(opening)
        return client

    yield call
    for one in opened:
        await one.__aexit__(None, None, None)


async def test_an_agent_asks_people_decide_and_it_acts_once(called):
    bot, mia, olga = await called("agent:bot"), await called("mia@example.com"), await called("olga@example.com")
    asked = await bot.ask(Asked(PAY, description="The bill of May", context={"number": 7}), key="bill-5")
    assert await bot.ask(Asked(PAY, description="The bill of May", context={"number": 7}), key="bill-5") == asked
    assert (asked.asked, asked.status, asked.requester) == (PAY, Status.open, "agent:bot")
    assert [one.request.id for one in (await mia.inbox("mine")).rows] == [asked.id]
    view = await mia.request(asked.id)
    assert (view.excluded, view.request.ask.context) == (None, {"number": 7})
    assert (await mia.approve(asked.id, digest=view.request.digest[:20], comment="fine")).step == 1
    assert (await bot.outcome(asked.id, within=0)).is_open
    await olga.approve(asked.id, digest=asked.digest)
    approved = await bot.outcome(asked.id)
    assert (approved.status, approved.decided_by) == ("approved", ("mia@example.com", "olga@example.com"))
    claimed = await bot.claim(asked.id, digest=approved.digest, tool="bank:pay", lasts=LASTS)
    assert (claimed.claim.attempt, claimed.effect) == (1, EffectState.claimed)
    with pytest.raises(EffectRefused) as refused:
        await bot.claim(asked.id, digest=approved.digest, tool="bank:pay", lasts=LASTS)
    assert re.fullmatch("[0-9a-f]{16}", refused.value.call_id)
    done = await bot.record(asked.id, 1, "executed", result={"receipt": 7})
    assert (done.effect, done.result) == (EffectState.executed, {"receipt": 7})
    types = [entry.event.type for entry in await mia.history(asked.id)]
    assert types[-3:] == ["effect_claimed", "refusal_noted", "effect_executed"]


async def test_questions_are_answered_drafts_sent_back_and_actions_edited(called):
    bot, mia = await called("agent:bot"), await called("mia@example.com")
    question = await bot.ask(Question("Which airline?", options=["Lufthansa", "KLM"]))
    answered = await mia.answer(question.id, "2", digest=question.digest, typed=True)
    assert (answered.status, answered.edition.answer) == ("answered", "KLM")
    draft = await bot.ask(Draft("words", "Report"))
    assert (await mia.revise(draft.id, digest=None, comment="more")).status == "revised"
    action = await bot.ask(Action("send", {"to": "ann"}, {"properties": {"to": {"type": "string"}}}))
    with pytest.raises(InvalidAnswer):
        await mia.edit(action.id, {"to": 7}, digest=action.digest)
    edited = await mia.edit(action.id, {"to": "bob"}, digest=action.digest)
    assert (edited.status, edited.edition.subject.args) == ("approved", {"to": "bob"})
    with pytest.raises(Closed):
        await mia.reject(action.id, digest=edited.digest)


@pytest.mark.parametrize("digest", ["whole", "beginning", None])
@pytest.mark.parametrize("verdict", ["approve", "edit"])
async def test_a_vote_whose_answer_is_lost_is_sent_again_and_counts_once(called, verdict, digest):
    bot, mia, olga = await called("agent:bot"), await called("mia@example.com"), await called("olga@example.com")
    asked = await bot.ask(PAY)
    named = {"whole": asked.digest, "beginning": asked.digest[:20], None: None}[digest]
    if digest == "beginning":
        await mia.request(asked.id)
        mia.wire.faults = [None]
    mia.wire.faults += ["lost", "late", "refused"]
    more = [{"amount": "13.00"}] if verdict == "edit" else []
    after = await getattr(mia, verdict)(asked.id, *more, digest=named)
    assert (after.step, after.counted) == (1, ((0, "mia@example.com"),))
    assert len(mia.wire.keys()) == 4
    assert len(set(mia.wire.keys())) == 1
    assert [entry.event.type for entry in await olga.history(asked.id)].count("vote_cast") == 1
    assert len(mia.wire.rests) == 3
    assert all(0 <= rest <= 8 for rest in mia.wire.rests)


async def test_who_was_killed_between_sending_and_the_answer_repeats_with_its_key_and_does_nothing_twice(called):
    bot, mia = await called("agent:bot"), await called("mia@example.com")
    asked = await bot.ask(PAY, key="bill")
    mia._calls.patience = bot._calls.patience = type(mia._calls.patience)(30, 1)
    mia.wire.faults = ["lost"]
    with pytest.raises(ServerUnreachable):
        await mia.keyed("vote-1").approve(asked.id, digest=asked.digest)
    again = await called("mia@example.com")
    assert (await again.keyed("vote-1").approve(asked.id, digest=asked.digest)).counted == ((0, "mia@example.com"),)
    assert [entry.event.type for entry in await again.history(asked.id)].count("vote_cast") == 1
    bot.wire.faults = ["late"]
    with pytest.raises(ServerTimeout, match="not known"):
        await bot.ask(PAY, key="bill-2")
    assert (await bot.ask(PAY, key="bill-2")).id in [one.id async for one in mia.requests()]
    assert len([one async for one in mia.requests()]) == 2


async def test_a_claim_whose_answer_is_lost_is_the_same_claim_and_an_overtaken_one_is_none(called, server):
    bot, mia = await called("agent:bot"), await called("mia@example.com")
    asked = await bot.ask(Action("send", {"to": "ann"}))
    await mia.approve(asked.id, digest=asked.digest)
    said = {"digest": asked.digest, "tool": "mail:send", "repeatable": "idempotent", "lasts": LASTS}
    bot.wire.faults = ["lost"]
    claimed = await bot.keyed("first").claim(asked.id, **said)
    assert (claimed.claim.attempt, claimed.effect) == (1, EffectState.claimed)
    assert claimed.claim.until == server.clock() + LASTS
    server.clock.advance(minutes=2)
    assert (await bot.keyed("second").claim(asked.id, **said)).claim.attempt == 2
    with pytest.raises(EffectRefused, match=r"Attempt 1 .* is over"):
        await bot.keyed("first").claim(asked.id, **said)
    bot.wire.faults = ["lost", "lost"]
    assert (await bot.record(asked.id, 2, "executed", result=1)).effect is EffectState.executed
    assert [entry.event.type for entry in await mia.history(asked.id)].count("effect_executed") == 1


async def test_a_claim_whose_answer_is_lost_goes_on_but_one_with_a_key_of_the_caller_does_not(called):
    bot, mia = await called("agent:bot"), await called("mia@example.com")
    asked = [await bot.ask(Action("send", {"to": to})) for to in ("ann", "bob")]
    for one in asked:
        await mia.approve(one.id, digest=one.digest)
    bot.wire.faults = ["lost", "late"]
    claimed = await bot.claim(asked[0].id, digest=asked[0].digest, tool="mail:send", lasts=LASTS)
    assert (claimed.claim.attempt, claimed.effect) == (1, EffectState.claimed)
    bot.wire.faults = ["lost"]
    with pytest.raises(AlreadyClaimed) as refused:  # another process may have used this key
        await bot.keyed("mine").claim(asked[1].id, digest=asked[1].digest, tool="mail:send", lasts=LASTS)
    await bot.record(asked[1].id, refused.value.details["attempt"], "unknown", reason="the answer was lost")
    with pytest.raises(EffectRefused, match="nobody has claimed attempt 7"):
        await bot.record(asked[1].id, 7, "executed")


async def test_many_votes_are_one_call_and_each_has_its_result(called, server):
    bot, mia = await called("agent:bot"), await called("mia@example.com")
    asked = [await bot.ask(Action("send", {"number": number})) for number in range(3)]
    votes = [SubmittedVote(one.id, Verdict.approve, one.digest) for one in asked[:2]]
    votes.append(SubmittedVote(asked[2].id, Verdict.approve, "sha256:" + "0" * 64))
    votes.append(SubmittedVote("req_nothing", Verdict.reject, asked[2].digest, "no"))
    await mia.who()
    mia.wire.sent.clear()
    mia.wire.faults = ["lost"]
    came = await mia.cast_many(votes)
    assert [one.status for one in came[:2]] == ["approved"] * 2
    assert [type(one) for one in came[2:]] == [WrongDigest, NotFound]
    assert len(mia.wire.sent) == 2
    for one in asked[:2]:
        log = [entry.event.type for entry in await server.system.store.history("default", one.id)]
        assert log.count("vote_cast") == 1
    with pytest.raises(BadInput):
        await mia.cast_many([])


async def test_a_token_whose_answer_is_lost_is_made_once_and_named(called):
    olga = await called("olga@example.com")
    await olga.who()
    olga.wire.faults = ["refused", httpx2.Response(429), "lost"]
    with pytest.raises(AlreadyIssued) as refused:
        await olga.create_token("agent:bot", scopes=frozenset({Scope.ask}))
    assert len(olga.wire.rests) == 3
    assert [one.id for one in (await olga.list_tokens()).rows] == [refused.value.details["token_id"]]
    lasts = timedelta(days=90, hours=1, seconds=5)
    issued = await olga.keyed("k").create_token("service:cron", scopes=frozenset({Scope.log}), lasts=lasts)
    assert issued.credential.expires_at - issued.credential.issued_at == lasts
    with pytest.raises(AlreadyIssued):
        await olga.keyed("k").create_token("service:cron", scopes=frozenset({Scope.log}), lasts=lasts)
    with pytest.raises(BadInput):
        await olga.keyed("k").create_token("service:other", scopes=frozenset({Scope.log}), lasts=lasts)


async def test_a_run_is_forked_and_cancelled_once_whatever_is_lost(server, called):
    mia = await called("mia@example.com")
    run = await mia.start("approval", "Send email to team about meeting")
    await server.drain()
    mia.wire.faults = ["lost"]
    fork = await mia.fork(run.id)
    mia.wire.faults = ["lost", httpx2.Response(503, headers={"Retry-After": "1"})]
    assert (await mia.cancel(fork.id, reason="enough")).status is RunStatus.cancelled
    assert {one.id async for one in mia.runs()} == {fork.id, run.id}
    assert [entry.event.type for entry in await mia.history(fork.id)] == ["run_started", "run_cancelled"]


async def test_what_cannot_be_said_twice_is_not_sent_twice(called):
    olga = await called("olga@example.com")
    issued = await olga.create_token("agent:bot", scopes=frozenset({Scope.ask}))
    olga.wire.faults = ["refused", httpx2.Response(429), "lost"]  # neither of the first two has done anything
    with pytest.raises(ServerUnreachable):
        await olga.revoke_token(issued.credential.id)
    assert len(olga.wire.rests) == 2
    olga.wire.faults = [httpx2.Response(503, headers={"Retry-After": "1"})]  # it may have: nobody knows
    with pytest.raises(ServerError):
        await olga.revoke_token(issued.credential.id)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_server_is_called_again_when_it_says(called, status):
    mia = await called("mia@example.com")
    await mia.who()
    mia.wire.faults = [httpx2.Response(status, headers={"Retry-After": "3"})] * 2
    assert (await mia.list_requests()).rows == ()
    assert len(mia.wire.rests) == 2
    assert all(3 <= rest <= 4 for rest in mia.wire.rests)


async def test_a_busy_server_is_not_called_for_ever_and_not_waited_for_for_too_long(called):
    mia = await called("mia@example.com")
    await mia.who()
    busy = {"code": "too_many", "detail": "Call later.", "details": {}}
    mia.wire.faults = [httpx2.Response(429, json=busy) for _ in range(9)]
    with pytest.raises(ServerBusy, match="Call later"):
        await mia.list_requests()
    assert (len(mia.wire.faults), len(mia.wire.rests)) == (4, 4)
    mia.wire.faults = [httpx2.Response(429, json=busy, headers={"Retry-After": str(int(LONGEST_ASKED) + 1)})]
    with pytest.raises(ServerBusy) as error:
        await mia.list_requests()
    assert error.value.details["retry_after"] == LONGEST_ASKED + 1
    mia.wire.rests.clear()
    mia.wire.faults = [httpx2.Response(429, json=busy, headers={"Retry-After": "25"}) for _ in range(3)]
    with pytest.raises(ServerBusy):
        await mia.list_requests()
    assert len(mia.wire.rests) == 2, "it was waited for more than a minute in all"


@pytest.mark.parametrize(
    ("code", "kind"), [("too_many_requests", TooManyRequests), ("too_many_attempts", TooManyAttempts)]
)
async def test_what_a_rest_does_not_mend_is_told_at_once(called, code, kind):
    bot = await called("agent:bot")
    await bot.who()
    said = {"code": code, "detail": "Wait.", "details": {}}
    bot.wire.faults = [httpx2.Response(429, json=said, headers={"Retry-After": "7"}) for _ in range(2)]
    with pytest.raises(kind, match="Wait") as refused:
        await bot.ask(PAY)
    assert (refused.value.details["retry_after"], bot.wire.rests, len(bot.wire.faults)) == (7, [], 1)


async def test_lists_go_on_over_pages_and_one_page_may_be_of_several(called, monkeypatch):
    monkeypatch.setattr("interlock.client.reading.MOST", 3)
    bot, mia = await called("agent:bot"), await called("mia@example.com")
    ids = [(await bot.ask(Action("send", {"number": number}))).id for number in range(8)]
    assert sorted([one.id async for one in mia.requests()]) == sorted(ids)
    assert len([one async for one in mia.requests(limit=4)]) == 4
    page = await mia.list_requests(limit=7)
    rest = await mia.list_requests(after=page.next)
    assert (len(page.rows), len(rest.rows), rest.next) == (7, 1, None)
    assert {one.id for one in (*page.rows, *rest.rows)} == set(ids)
    assert (await mia.inbox_count("mine")).number == 8
    with pytest.raises(InvalidValue):
        await mia.list_requests(after="nonsense")
    assert len([one async for one in mia.requests(RequestFilter((), agent="other"))]) == 0
    noah = await called("noah@example.com")
    assert len([entry async for entry in noah.log() if entry.stream in ids]) == 16


async def test_what_a_person_puts_aside_from_afar_is_what_the_kit_has(called):
    bot, mia = await called("agent:bot"), await called("mia@example.com")
    asked = await bot.ask(PAY)
    aside = await mia.snooze(asked.id, "2h")
    assert [(one.by, one.until - asked.opened_at) for one in aside.snoozes] == [("mia@example.com", timedelta(hours=2))]
    assert [[one.request.id for one in (await mia.inbox(which)).rows] for which in ("mine", "snoozed")] == [
        [],
        [asked.id],
    ]
    (row,) = (await mia.inbox("snoozed")).rows
    assert (row.which, row.snoozed_until) == ("snoozed", aside.snoozes[0].until)
    assert (await mia.end_snooze(asked.id)).snoozes == ()


async def test_each_sees_what_is_theirs(called):
    bot, other = await called("agent:bot"), await called("agent:other")
    mia, stranger = await called("mia@example.com"), await called("mia@example.com", tenant="elsewhere")
    asked = await bot.ask(Action("send", {}))
    for nobody in (other, stranger):
        for call in (
            nobody.request(asked.id),
            nobody.history(asked.id),
            nobody.approve(asked.id, digest=asked.digest),
            nobody.outcome(asked.id, within=0),
        ):
            with pytest.raises((NotFound, Forbidden)):
                await call
        assert [one async for one in nobody.requests(RequestFilter(()))] == []
        assert (await nobody.list_effects()).rows == ()
    assert await mia.resolve("request", asked.id[:12]) == asked.id
    with pytest.raises(NotFound):
        await stranger.resolve("request", asked.id[:12])
    with pytest.raises(Forbidden):
        await other.resolve("request", asked.id[:12])
    with pytest.raises(Forbidden):
        await bot.approve(asked.id, digest=asked.digest)
    assert "refusal_noted" in [entry.event.type for entry in await mia.history(asked.id)]


async def test_runs_are_started_once_listed_and_ended(called, server):
    mia = await called("mia@example.com")
    mia.wire.faults = [None, "lost"]
    run = await mia.start("approval", "Send email to team about meeting")
    assert [one.id async for one in mia.runs()] == [run.id]
    await server.drain()
    view = await mia.run(run.id)
    (request,) = view.requests
    assert (view.run.status, await mia.pauses([run.id])) == ("paused", {run.id: (request.id,)})
    assert (await mia.run(await mia.resolve("run", run.id[:12]))).run == view.run
    assert (await mia.cancel(run.id, reason="enough")).status == "cancelled"
    with pytest.raises(Closed):
        await mia.retry(run.id)


async def test_a_person_signs_in_by_a_link_once(server):
    link = await server.context.authenticator.link("default", "mia@example.com", by="test")
    origin, wire = server.context.origin, Wire(server.app)
    session = await sign_in(origin, f"{origin}/sign-in#{link.secret}", transport=wire)
    async with connect(origin, session=session, transport=wire) as mia:
        who = await mia.who()
        assert (who.principal.id, who.by, who.roles) == ("mia@example.com", "session", ("reviewer",))
        await mia.sign_out()
        with pytest.raises(Unauthenticated):
            await mia.list_requests()
    for wrong, error in ((link.secret, Unauthenticated), ("ilk_x", BadInput), ("", BadInput)):
        with pytest.raises(error):
            await sign_in(origin, wrong, transport=wire)


def test_every_error_of_the_server_is_the_same_error_here():
    for kind in [*ERRORS, *BY_CODE.values()]:
        found = problem_of({"code": kind.code, "detail": "Why.", "details": {"a": 1}}, 400, "c1")
        assert found.code == kind.code
        assert meaning_of(type(found)) == meaning_of(kind)
        assert (found.message, found.details, found.call_id) == ("Why.", {"a": 1}, "c1")
    for status, kind in ((421, BadInput), (401, Unauthenticated), (404, NotFound), (500, ServerError)):
        assert type(problem_of({"code": "of the future", "detail": "Why."}, status, None)) is kind
    assert type(problem_of("<html>", 200, None)) is ServerError


async def test_errors_carry_what_the_kit_says(called):
    bot, mia = await called("agent:bot"), await called("mia@example.com")
    asked = await bot.ask(PAY)
    with pytest.raises(WrongDigest) as wrong:
        await mia.approve(asked.id, digest="sha256:" + "0" * 64)
    assert wrong.value.details["request_id"] == asked.id
    with pytest.raises(BadInput, match="agent"):
        await mia.start("nobody", "x")


async def test_what_is_no_interlock_server_is_told_in_plain_words():
    def other(answer):
        return httpx2.MockTransport(lambda _request: answer)

    for answer, words in (
        (httpx2.Response(200, text="<html>"), "no JSON"),
        (httpx2.Response(200, json=[1]), "cannot read"),
        (httpx2.Response(302, headers={"Location": "https://sso.example.com"}), "sends callers on to https://sso"),
        (httpx2.Response(500, text="oops"), "status 500"),
    ):
        async with connect("https://a.example", token="ilk_x", transport=other(answer), tries=1) as client:
            with pytest.raises(ServerError, match=words):
                await client.list_requests()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "approvals.example.com",
        "ftp://a.example",
        "http://",
        "http://mia:secret@a.example",
        "http://a.example/?token=x",
        "http://a.example/inbox",
        "http://a.example:0",
        "http://a.example:x",
    ],
)
async def test_what_is_no_server_is_refused_before_anything_is_sent(url, monkeypatch):
    monkeypatch.delenv("INTERLOCK_SERVER", raising=False)
    with pytest.raises(BadInput) as refused:
        async with connect(url, token="ilk_x"):
            pass
    assert "secret" not in str(refused.value).replace("secrets", "")


async def test_the_token_is_in_no_log_no_representation_and_no_error(called, server, caplog):
    caplog.set_level(logging.DEBUG)
    issued = await server.context.authenticator.token(
        "default", "agent:bot", scopes=frozenset(Scope), lasts=timedelta(days=1), by="test"
    )
    async with connect(server.context.origin, token=issued.secret, transport=Wire(server.app)) as bot:
        with pytest.raises(NotFound) as error:
            await bot.request("req_x")
        shown = (
            f"{bot!r} {vars(bot)!r} {bot._calls!r} {bot._calls.http.headers!r} {error.value!r} {error.value.details}"
        )
    assert issued.secret not in shown + caplog.text
    for wrong in ("", "a b", "a\nb", "é"):
        with pytest.raises(BadInput):
            async with connect(server.context.origin, token=wrong):
                pass


def test_the_client_has_the_functions_of_the_kit_and_the_blocking_face_those_of_the_client():
    def public(kind):
        return {name for name, value in inspect.getmembers(kind, callable) if not name.startswith("_")}

    def signature(kind, name):
        return [str(one) for one in inspect.signature(getattr(kind, name)).parameters.values()]

    shared = public(Client) & public(RemoteClient)
    assert {"approve", "cast", "request", "runs", "log", "follow", "start", "resolve", "inbox"} <= shared
    for name in shared:
        assert signature(RemoteClient, name) == signature(Client, name), name
    assert public(RemoteClient) - {"socket"} == public(BlockingRemoteClient) - {"close"}
    for name in public(RemoteClient) - {"socket", "keyed"}:
        assert signature(BlockingRemoteClient, name) == signature(RemoteClient, name), name
        assert getattr(BlockingRemoteClient, name).__doc__ == getattr(RemoteClient, name).__doc__


def test_the_blocking_face_waits():
    page = {"requests": [], "more": False}
    who = {"principal": "mia", "kind": "person", "tenant": "t", "roles": [], "by": "session"}
    who |= {"expires_at": "2030-01-01T00:00:00+00:00"}
    transport = httpx2.MockTransport(
        lambda request: httpx2.Response(200, json=who if request.url.path.endswith("session") else page)
    )
    with connect_blocking("https://a.example", token="ilk_x", transport=transport) as client:
        assert client.keyed("k").list_requests().rows == ()
        assert list(client.requests()) == []
        assert repr(client) == "<BlockingRemoteClient of https://a.example>"


async def test_an_iteration_may_be_left_early(called):
    bot = await called("agent:bot")
    for number in range(3):
        await bot.ask(Action("send", {"number": number}))
    async with aclosing(bot.requests()) as rows:
        async for _ in rows:
            break
