"""A webhook on a real socket: what is called, what counts as taken, where nothing is sent to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import get_args

import httpcore2
import pytest

from interlock.channels import network
from interlock.channels.event_channel import EventChannel, Replies
from interlock.channels.table import EVENTS
from interlock.channels.webhook import WebhookSender
from interlock.config.channels import EventName
from interlock.domain.delivery import Delivery, Failure, delivery_id
from interlock.domain.events import EffectExecuted, EffectFailed, EffectLapsed
from interlock.domain.signatures import Signed, is_signed
from interlock.engine.changes import Actor, Changes
from interlock.engine.ports.sender import CHANNEL_ITSELF, Message, NotTaken
from interlock.service.delivering import ENDINGS
from interlock.service.following import CONCERN_PEOPLE
from interlock.service.token_replies import ReplyTokens
from interlock.storage.memory import MemoryStore
from interlock.testing.samples import TENANT, opened

HERE = [ip_network("127.0.0.0/8")]
KEYS = [b"new" * 8, b"old" * 8]
NOW = datetime(2026, 12, 1, tzinfo=UTC)


class Receiver:
    """A server that answers each call with the next of its answers, and keeps what it was sent."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.heard, self.port = [*answers], [], 0

    async def answer(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        self.heard.append((head[0], dict(line.split(": ", 1) for line in head[1:] if line), body))
        writer.write(self.answers.pop(0) if self.answers else b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(*answers: bytes) -> AsyncIterator[Receiver]:
    receiver = Receiver(*answers)
    server = await asyncio.start_server(receiver.answer, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


@pytest.fixture
async def message(clock):
    store = MemoryStore(clock)
    await store.commit(Changes(TENANT, Actor("agent:a", "api"), requests=(opened("req_1", clock.at),)))
    (entry, *_), loaded = await store.feed(TENANT), await store.load(TENANT, ["req_1"])
    key = delivery_id(TENANT, "crm", "", "req_1", 1)
    delivery = Delivery(TENANT, key, "crm", "", "req_1", 1, "opened", clock.at, clock.at, "req_1")
    return Message(delivery, entry, loaded.requests["req_1"])


def hook(url, **options):
    options = {"networks": HERE, "events": EVENTS, "origin": None, "replies": None} | options
    channel = EventChannel("crm", TENANT, options["events"], options["origin"], options["replies"])
    return WebhookSender(channel, url, KEYS, networks=options["networks"], now=lambda: NOW)


async def test_a_call_is_a_signed_cloud_event(message):
    async with receiving() as receiver:
        url, replies = f"http://127.0.0.1:{receiver.port}/in?a=b", Replies(ReplyTokens(b"k" * 32, ["mia@example.com"]))
        sender = hook(url, origin="https://approvals.example.com", replies=replies)
        assert await sender.send(message) == ""
        await sender.close()
    ((line, headers, body),) = receiver.heard
    assert line == "POST /in?a=b HTTP/1.1"
    assert headers["content-type"] == "application/cloudevents+json"
    signed = Signed(headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"])
    for key in KEYS:
        assert is_signed([key], signed, body, NOW + timedelta(minutes=4))
    assert signed.id == message.delivery.id
    event = json.loads(body)
    assert {name: event[name] for name in ("specversion", "id", "source", "type", "subject")} == {
        "specversion": "1.0",
        "id": "req_1.1",
        "source": f"https://approvals.example.com/tenants/{TENANT}",
        "type": "interlock.opened",
        "subject": "req_1",
    }
    assert event["time"].endswith("Z")
    assert event["data"]["request"]["id"] == "req_1"
    assert event["data"]["entry"]["event"]["type"] == "opened"
    assert event["data"]["url"] == "https://approvals.example.com/requests/req_1"
    assert event["data"]["reply"]["callback_url"] == "https://approvals.example.com/api/approval/req_1"
    assert set(event["data"]["reply"]["tokens"]["mia@example.com"]) == {"approve", "reject"}


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", Failure("It answered 500.")),
        (
            b"HTTP/1.1 429 Slow\r\nRetry-After: 90\r\ncontent-length: 0\r\n\r\n",
            Failure("It answered 429.", wait=timedelta(seconds=90)),
        ),
        (
            b"HTTP/1.1 503 Later\r\nRetry-After: 999999999\r\ncontent-length: 0\r\n\r\n",
            Failure("It answered 503.", wait=timedelta(days=1)),
        ),
        (
            b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n",
            Failure("It answered 410: it does not want to be called any more.", gone=True),
        ),
        (
            b"HTTP/1.1 307 There\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
            Failure("It answered 307, which names another address: it is not followed. Configure the address itself."),
        ),
    ],
)
async def test_what_it_answers_counts_by_its_status(message, answer, failure):
    async with receiving(answer) as receiver:
        with pytest.raises(NotTaken) as refused:
            await hook(f"http://127.0.0.1:{receiver.port}/").send(message)
        assert len(receiver.heard) == 1
    assert refused.value.failure == failure


async def test_a_flood_in_answer_is_not_read(message):
    flood = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\nxxx"
    async with receiving(flood) as receiver:
        assert await hook(f"http://127.0.0.1:{receiver.port}/").send(message) == ""


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 50_000])
async def test_what_does_not_speak_http_has_not_taken_it(message, answer):
    async with receiving(answer or b" ") as receiver:
        with pytest.raises(NotTaken) as refused:
            await hook(f"http://127.0.0.1:{receiver.port}/").send(message)
    assert not refused.value.failure.final


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1"]
)
async def test_nothing_is_sent_into_this_network(message, host):
    async with receiving() as receiver:
        with pytest.raises(NotTaken, match="no public address") as refused:
            await hook(f"http://{host}:{receiver.port}/", networks=[]).send(message)
        assert receiver.heard == []
    assert refused.value.failure.final


async def test_a_name_that_changes_its_address_gains_nothing(message, monkeypatch):
    """What was judged is what is connected to: the name is looked up once for a connection."""
    asked, connected = [], []

    async def look_up(host, port):
        asked.append(host)
        return [ip_address("93.184.215.14" if len(asked) == 1 else "127.0.0.1")]

    async def connect(self, host, port, *rest):
        connected.append(host)
        raise httpcore2.ConnectError("not today")

    monkeypatch.setattr(network, "_addresses", look_up)
    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", connect)
    sender = hook("http://rebinding.example.com/", networks=[])
    for expected in ("not today", "127.0.0.1, which is no public address"):
        with pytest.raises(NotTaken, match=expected):
            await sender.send(message)
    assert connected == ["93.184.215.14"]


async def test_one_bad_address_among_good_ones_is_enough(message, monkeypatch):
    async def look_up(host, port):
        return [ip_address("93.184.215.14"), ip_address("10.0.0.1")]

    monkeypatch.setattr(network, "_addresses", look_up)
    with pytest.raises(NotTaken, match=r"10\.0\.0\.1"):
        await hook("https://mixed.example.com/", networks=[]).send(message)


async def test_what_it_is_told_of_is_what_is_configured(message):
    sender = hook("http://127.0.0.1/", events=frozenset({"decided"}))
    assert await sender.recipients(message.entry, message.request) == ()
    assert await hook("http://127.0.0.1/").recipients(message.entry, message.request) == (CHANNEL_ITSELF,)


def test_every_event_that_channels_may_be_told_of_has_its_name_in_the_configuration():
    concern = {fields(kind)[-1].default for kind in CONCERN_PEOPLE}
    assert set(get_args(EventName)) == concern | ENDINGS
    assert {fields(kind)[-1].default for kind in (EffectExecuted, EffectFailed, EffectLapsed)} == ENDINGS
