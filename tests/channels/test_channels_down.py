"""Faults 8, 9, 14: a broker or a webhook that is down loses nothing, holds nobody up; what comes twice counts once."""

import asyncio
import json
import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import aio_pika
import pytest
from tests.channels import asker
from tests.channels.house import House

from interlock.bootstrap import build
from interlock.channels.event_channel import EventChannel
from interlock.channels.rabbitmq import RabbitMQReplies, RabbitMQSender, declare_queue
from interlock.channels.webhook import WebhookSender
from interlock.config import load_settings
from interlock.domain.action import Action
from interlock.domain.authority import Principal
from interlock.domain.delivery import Schedule
from interlock.domain.run import RunStatus
from interlock.engine.ports.store import RequestFilter
from interlock.errors import StoreUnavailable
from interlock.service import queue_replies
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.client import Client
from interlock.service.delivering import Delivering
from interlock.service.queue_replies import QueueReplies
from interlock.service.token_replies import ReplyTokens
from interlock.storage.memory import MemoryStore
from interlock.testing.rabbitmq import RabbitMQServer

CONFIG = """
request_limits: {default: 2000}
requests_per_hour: {default: 2000}
people: {mia@example.com: {}, olga@example.com: {}}
groups: {managers: [mia@example.com], chiefs: [olga@example.com]}
default:
  levels:
    - steps:
        - {ask: [group:managers], within: 8h, remind_after: [10m], escalate: {to: [group:chiefs], after: 30m}}
"""
KEY = b"k" * 32
PATIENCE = 120
WITHIN = 30


@pytest.fixture
async def system(request, clock, tmp_path):
    """Yield an installation: on a clock that is set, or on this machine's where a test says so."""
    (tmp_path / "interlock.yaml").write_text(CONFIG)
    store = MemoryStore(clock) if getattr(request, "param", "set") == "set" else MemoryStore(lambda: datetime.now(UTC))
    system = build(load_settings(tmp_path / "interlock.yaml", {}), {}, store=store)
    yield system
    await system.close()


# ── fault 14 ──


class Webhook:
    """A program that is down, or answers by a status; it keeps what it has taken."""

    def __init__(self):
        self.status, self.calls, self.taken = 204, 0, []

    async def answer(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        body = await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))
        self.calls += 1
        if self.status == 204:
            self.taken.append(json.loads(body)["type"])
        writer.write(f"HTTP/1.1 {self.status} X\r\nretry-after: 300\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.mark.parametrize("status", [429, 503, "refused"])
async def test_fault_14_a_webhook_is_down_for_an_hour_and_people_are_asked_and_decide_all_the_same(
    system, clock, status
):
    webhook = Webhook()
    server = await asyncio.start_server(webhook.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    told = frozenset({"opened", "reminded", "escalated", "decided"})
    channel, networks = EventChannel("crm", "default", told), [ip_network("127.0.0.0/8")]
    sender = WebhookSender(channel, f"http://127.0.0.1:{port}/", [KEY], now=lambda: clock.at, networks=networks)
    house = House(system, clock, sender)
    if status == "refused":
        server.close()
    webhook.status = status
    decided, waits = await house.ask(), await house.ask()
    for minute in range(60):
        if minute == 5:
            await house.by("mia@example.com").approve(decided.id, digest=decided.digest)
        await house.goes(minutes=1)
    assert (await house.request(decided.id)).status == "approved"
    happened = [entry.event.type for entry in await system.store.history("default", waits.id)]
    assert [one for one in happened if one in told] == ["opened", "reminded", "escalated"]
    assert await house.by("olga@example.com").approve(waits.id, digest=waits.digest), "who is asked as well decides"
    assert webhook.taken == []
    assert await votes_on(system, [decided, waits]) == [1, 1]
    tries = [one.attempts for one in await system.store.deliveries("default", limit=500)]
    assert 0 < sum(tries) <= 6 * 12, "it is not called in a loop"
    assert webhook.calls in {0, sum(tries)}
    webhook.status = 204
    if status == "refused":
        server = await asyncio.start_server(webhook.answer, "127.0.0.1", port)
    for _ in range(150):
        await house.goes(minutes=1)
    assert sorted(webhook.taken) == sorted(
        f"interlock.{one}" for one in ["opened", "decided", "opened", "reminded", "escalated", "decided"]
    )
    assert house.said[0].startswith("crm has not taken a message")
    await house.deliverer.close()
    server.close()


# ── fault 8 ──


@pytest.mark.parametrize(("decisions", "down"), [(40, 0), pytest.param(1_000, 60, marks=pytest.mark.soak)])
@pytest.mark.parametrize("system", ["real"], indirect=True)
async def test_fault_8_the_broker_is_down_during_decisions_and_none_is_lost(
    rabbitmq, system, decisions, down, monkeypatch
):
    if not down:
        monkeypatch.setattr(RabbitMQSender, "schedule", Schedule((timedelta(seconds=0.5),), forever=True))
    channel = EventChannel("bus", "default", frozenset({"decided"}))
    name = f"interlock.down-{decisions}"
    sender, stop = RabbitMQSender(channel, rabbitmq.url, exchange=f"{name}.events", queue=name), asyncio.Event()
    delivering = asyncio.create_task(Delivering(system, [sender], lambda _: None).run(stop))
    agent = AgentClient(system, Principal("agent:payer", "agent", "default", "api"))
    asked = [await agent.ask(Asked(Action("pay", {"amount": n})), key=str(n)) for n in range(decisions)]
    mia = Client(system, Principal("mia@example.com", "person", "default", "test"))

    async def decide(requests, seconds):
        for one in requests:
            await mia.approve(one.id, digest=one.digest)
            await asyncio.sleep(seconds / decisions)

    await decide(asked[: decisions // 4], 0)
    await asyncio.to_thread(rabbitmq.stop)
    began = time.monotonic()
    await decide(asked[decisions // 4 :], down)
    await asyncio.sleep(max(0.0, down - (time.monotonic() - began)))
    await asyncio.to_thread(rabbitmq.start)
    back = time.monotonic()
    heard = set()
    connection = await aio_pika.connect(rabbitmq.url)
    async with connection, asyncio.timeout(PATIENCE):
        broker = await connection.channel()
        await broker.set_qos(prefetch_count=100)
        messages = (await declare_queue(broker, name)).iterator()
        while len(heard) < decisions:
            message = await anext(messages)
            heard.add(json.loads(message.body)["subject"])
            await message.ack()
        await messages.close()
    assert heard == {one.id for one in asked}
    assert time.monotonic() - back < WITHIN
    stop.set()
    await delivering


# ── fault 9 ──


async def test_fault_9_replies_that_come_twice_and_in_any_order_are_one_vote_and_one_effect_each(
    rabbitmq, new_database, tmp_path
):
    """Each run's tool does not know its own calls: whoever let it act twice would be seen."""
    (tmp_path / "interlock.yaml").write_text(CONFIG)
    settings = load_settings(tmp_path / "interlock.yaml", {"INTERLOCK_DATABASE_URL": new_database()})
    system, stop, name = build(settings, {"asker": "tests.channels.asker:agent"}), asyncio.Event(), "interlock.twice"
    olga = Client(system, Principal("olga@example.com", "person", "default", "test"))
    asker.PAID.clear()
    for _ in range(20):
        await olga.start("asker", {})
    await system.worker().drain()
    asked = await system.store.requests("default", RequestFilter(), limit=100)
    tokens = [ReplyTokens(KEY, ["mia@example.com"]).of(one)["mia@example.com"]["approve"] for one in asked]
    bodies = [json.dumps({"token": token}).encode() for token in tokens] * 3
    random.Random(9).shuffle(bodies)
    replies = QueueReplies(system, KEY, tenant="default", channel="bus", via="rabbitmq")
    running = [RabbitMQReplies(rabbitmq.url, name, replies, print).run(stop) for _ in range(2)]
    connection = await aio_pika.connect(rabbitmq.url)
    async with connection, asyncio.timeout(PATIENCE):
        broker = await connection.channel()
        queue = await declare_queue(broker, name)
        tasks = [asyncio.create_task(one) for one in [*running, *(system.worker().run(stop) for _ in range(2))]]
        for body in bodies:
            await broker.default_exchange.publish(aio_pika.Message(body), name)
        await until_approved(system, asked)
        while (await queue.declare()).message_count:
            await asyncio.sleep(0.02)
        while {run.status for run in await system.store.runs("default", limit=100)} != {RunStatus.done}:
            await asyncio.sleep(0.02)
    stop.set()
    await asyncio.gather(*tasks)
    for one in asked:
        happened = Counter(entry.event.type for entry in await system.store.history("default", one.id))
        told = [happened[name] for name in ("vote_cast", "decided", "effect_executed", "refusal_noted")]
        assert told == [1, 1, 1, 0]
    assert asker.PAID == [1] * 20
    await system.close()


# ── a handler that takes longer than a broker waits, and a message that breaks it ──


@pytest.mark.soak
async def test_who_outlives_the_consumers_time_out_votes_once_and_goes_on(system, monkeypatch):
    broker = RabbitMQServer(consumer_timeout=2)
    try:
        agent = AgentClient(system, Principal("agent:payer", "agent", "default", "api"))
        slow, quick = [await agent.ask(Asked(Action("pay", {"amount": n})), key=str(n)) for n in range(2)]
        replies = QueueReplies(system, KEY, tenant="default", channel="bus", via="rabbitmq")
        take, seconds = replies.take, [6.0, 0.0]

        async def takes_long(body):
            await asyncio.sleep(seconds.pop(0) if seconds else 0)
            return await take(body)

        monkeypatch.setattr(replies, "take", takes_long)
        said, stop = [], asyncio.Event()
        taking = asyncio.create_task(RabbitMQReplies(broker.url, "slow", replies, said.append).run(stop))
        async with await aio_pika.connect(broker.url) as connection, asyncio.timeout(PATIENCE):
            channel = await connection.channel()
            queue = await declare_queue(channel, "slow")
            for one in (slow, quick):
                token = ReplyTokens(KEY, ["mia@example.com"]).of(one)["mia@example.com"]["approve"]
                body = json.dumps({"token": token}).encode()
                await channel.default_exchange.publish(aio_pika.Message(body), "slow")
            await until_approved(system, [slow, quick])
            while (await queue.declare()).message_count:
                await asyncio.sleep(0.05)
            assert (await channel.declare_queue("slow.dead", passive=True)).declaration_result.message_count == 0
        assert seconds == [], "it came again, as the broker lost patience"
        assert await votes_on(system, [slow, quick]) == [1, 1]
        stop.set()
        await taking
    finally:
        broker.remove()


async def until_approved(system, asked):
    """Wait until all of these are approved."""
    ids = [one.id for one in asked]
    while {one.status for one in (await system.store.load("default", ids)).requests.values()} != {"approved"}:
        await asyncio.sleep(0.02)


async def votes_on(system, asked):
    """Return how many votes the log has of each of these."""
    histories = [await system.store.history("default", one.id) for one in asked]
    return [sum(entry.event.type == "vote_cast" for entry in history) for history in histories]


async def test_a_message_that_breaks_the_handler_goes_to_the_dead_letters_and_others_go_on(
    rabbitmq, system, monkeypatch
):
    agent = AgentClient(system, Principal("agent:payer", "agent", "default", "api"))
    asked = await agent.ask(Asked(Action("pay", {"amount": 1})), key="1")
    replies = QueueReplies(system, KEY, tenant="default", channel="bus", via="rabbitmq")
    take, away = replies.take, [StoreUnavailable("away")] * 30

    async def breaks(body):
        if body == b"poison":
            raise ZeroDivisionError
        if away:
            raise away.pop()
        return await take(body)

    monkeypatch.setattr(replies, "take", breaks)
    monkeypatch.setattr(queue_replies, "RETRY", 0.001)
    said, stop = [], asyncio.Event()
    taking = asyncio.create_task(RabbitMQReplies(rabbitmq.url, "poisoned", replies, said.append).run(stop))
    async with await aio_pika.connect(rabbitmq.url) as connection, asyncio.timeout(PATIENCE):
        channel = await connection.channel()
        await declare_queue(channel, "poisoned")
        token = ReplyTokens(KEY, ["mia@example.com"]).of(asked)["mia@example.com"]["approve"]
        for body in (b"poison", json.dumps({"token": token}).encode()):
            await channel.default_exchange.publish(aio_pika.Message(body), "poisoned")
        await until_approved(system, [asked])
        dead = await channel.get_queue("poisoned.dead")
        letter = await dead.get()
        assert (letter.body, letter.headers["interlock-code"]) == (b"poison", "internal_error")
        assert await dead.get(fail=False) is None, "a database that is away for long is no reason"
    stop.set()
    await taking
