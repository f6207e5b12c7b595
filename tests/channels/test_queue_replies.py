"""A reply on a queue counts as the vote that its token proves: once, of that person, on what they were shown."""

import asyncio
import json
from datetime import timedelta

import pytest

from interlock.domain.authority import Principal
from interlock.errors import InterlockError, RecordAltered, StoreTooNew
from interlock.service.client import Client
from interlock.service.queue_replies import QueueReplies, Undeliverable, taken
from interlock.service.token_replies import ReplyTokens

KEY = b"k" * 32
PEOPLE = ["mia@example.com", "noah@example.com", "eve@example.com"]
TOKENS = ReplyTokens(KEY, PEOPLE)


@pytest.fixture
def replies(office):
    return QueueReplies(office.system, KEY, tenant="default", channel="bus", via="rabbitmq")


def reply(token, **more):
    return json.dumps({"token": token, **more}).encode()


async def code_of(refused):
    with pytest.raises(InterlockError) as error:
        await refused
    return error.value.code


async def test_a_reply_is_the_vote_of_that_person_by_that_way(office, replies):
    request = await office.ask()
    token = TOKENS.of(request)["mia@example.com"]["reject"]
    after = await replies.take(reply(token, comment="too dear"))
    (vote,) = after.votes
    assert (vote.voter, str(vote.verdict), vote.comment) == ("mia@example.com", "reject", "too dear")
    entries = await office.system.store.history("default", request.id)
    cast = next(entry for entry in entries if entry.event.type == "vote_cast")
    assert (cast.by, cast.via) == ("mia@example.com", "rabbitmq")


async def test_the_same_reply_again_changes_nothing_also_after_the_vote_was_taken_back(office, replies):
    request = await office.ask()
    given = reply(TOKENS.of(request)["mia@example.com"]["approve"])
    await replies.take(given)
    await replies.take(given)
    assert (await office.happened(request.id)).count("vote_cast") == 1
    mia = Client(office.system, Principal("mia@example.com", "person", "default", "terminal"))
    await mia.take_back(request.id)
    await replies.take(given)
    assert (await office.request(request.id)).votes == ()


async def test_a_token_of_what_was_shown_before_an_edit_counts_no_more(office, replies):
    request = await office.ask()
    token = TOKENS.of(request)["mia@example.com"]["approve"]
    noah = Client(office.system, Principal("noah@example.com", "person", "default", "terminal"))
    await noah.edit(request.id, {"amount": 99}, digest=request.digest)
    assert await code_of(replies.take(reply(token))) == "wrong_digest"


async def test_who_may_not_decide_does_not_by_a_queue_either(office, replies):
    request = await office.ask()
    assert await code_of(replies.take(reply(TOKENS.of(request)["eve@example.com"]["approve"]))) == "forbidden"
    assert "refusal_noted" in await office.happened(request.id)
    token = TOKENS.of(request)["mia@example.com"]["approve"]
    office.clock.at += timedelta(hours=1, seconds=2)
    assert await code_of(replies.take(reply(token))) == "unauthenticated"


async def test_a_forged_approval_is_refused_and_in_the_log(office, replies):
    request = await office.ask()
    forged = ReplyTokens(b"x" * 32, PEOPLE).of(request)["mia@example.com"]["approve"]
    for token in (forged, "approved", ""):
        assert await code_of(replies.take(reply(token, request=request.id))) == "unauthenticated"
    assert (await office.request(request.id)).votes == ()
    assert (await office.happened(request.id)).count("refusal_noted") == 1


@pytest.mark.parametrize("failure", [RecordAltered("not what its log says"), StoreTooNew("of a newer version")])
async def test_a_reply_that_no_waiting_helps_holds_nobody_up(office, replies, monkeypatch, failure):
    """Waiting is for a database that is away alone: the replies behind this one are others' votes."""
    bad, good = await office.ask(), await office.ask()
    load = office.system.store.load

    async def altered(tenant, ids, **more):
        if bad.id in ids:
            raise failure
        return await load(tenant, ids, **more)

    monkeypatch.setattr(office.system.store, "load", altered)
    said = []
    async with asyncio.timeout(5):
        dead, none = [
            await taken(replies, reply(TOKENS.of(one)["mia@example.com"]["approve"]), said.append)
            for one in (bad, good)
        ]
    assert (dead, none, said) == (Undeliverable(failure.code, failure.message), None, [])
    assert len((await office.request(good.id)).votes) == 1


async def test_a_token_of_another_tenant_counts_nowhere(office):
    request = await office.ask()
    other = QueueReplies(office.system, KEY, tenant="elsewhere", channel="bus", via="rabbitmq")
    assert await code_of(other.take(reply(TOKENS.of(request)["mia@example.com"]["approve"]))) == "unauthenticated"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"approved", b"[]", b"{}", b"null", b"\xff\xfe", b'{"token": 1}', b'{"token": "a", "token": "b"}'),
        *(b'{"token": "a", "verdict": "approve"}', b'{"token": "a", "comment": []}', b"[" * 100_000),
        *(b'{"token": "' + b"a" * 1_000_001 + b'"}', b'{"token": "a", "request": null}'),
    ],
)
async def test_what_is_no_reply_is_refused_with_a_sentence(replies, body):
    assert await code_of(replies.take(body)) == "invalid_value"


async def test_a_decided_request_offers_no_tokens(office, replies):
    request = await office.ask()
    after = await replies.take(reply(TOKENS.of(request)["mia@example.com"]["reject"]))
    office.clock.at += timedelta(seconds=11)
    await Client(office.system, Principal("service:sweep", "service", "default", "sweep")).sweep()
    assert TOKENS.of(await office.request(after.id)) == {}
