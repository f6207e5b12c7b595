"""RabbitMQ, a real one: what is published is there when it is confirmed, and comes once the broker is there again."""

import asyncio
import json
import uuid
from datetime import timedelta
from urllib.parse import urlsplit

import aio_pika
import pytest

from interlock.channels.event_channel import EventChannel, Replies
from interlock.channels.rabbitmq import RabbitMQReplies, RabbitMQSender, declare_queue
from interlock.domain.delivery import DeliveryState
from interlock.engine.changes import Actor, Changes
from interlock.engine.deliverer import Deliverer
from interlock.engine.delivery_plan import DeliveryPlan
from interlock.engine.ports.log_subscriber import Notice
from interlock.errors import StoreUnavailable
from interlock.service.queue_replies import QueueReplies
from interlock.service.token_replies import ReplyTokens
from interlock.storage.memory import MemoryStore
from interlock.testing.samples import TENANT, opened

CONSUME_OK = b"\x00\x3c\x00\x15"
"""In AMQP 0-9-1 class and method of `basic.consume-ok`."""


@pytest.fixture
def queue():
    return f"interlock.test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def store(clock):
    store = MemoryStore(clock)
    yield store
    await store.close()


@pytest.fixture
def sender(rabbitmq, queue):
    channel = EventChannel("bus", TENANT, frozenset({"opened"}))
    return RabbitMQSender(channel, rabbitmq.url, exchange=f"{queue}.events", queue=queue)


async def planned(store, clock, sender, number, first=0):
    for one in range(first, number):
        change = opened(f"req_{one}", clock.at)
        await store.commit(Changes(TENANT, Actor("agent:a", "api"), requests=(change,)))
    plan = DeliveryPlan(store, TENANT, [sender], lambda: None)
    await plan.deliver([Notice(entry) for entry in await store.feed(TENANT, limit=1_000)])


async def heard(url, queue, number):
    """Take so many messages from a queue, and return them."""
    connection = await aio_pika.connect(url)
    async with connection, asyncio.timeout(60):
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=100)
        source = await channel.get_queue(queue)
        messages = source.iterator()
        found = [await anext(messages) for _ in range(number)]
        for message in found:
            await message.ack()
        await messages.close()
        return found


async def test_what_happened_is_published_as_a_durable_cloud_event(rabbitmq, queue, store, clock, sender):
    await planned(store, clock, sender, 3)
    deliverer = Deliverer(store, [sender], print)
    assert await deliverer.drain() == 3
    assert {one.state for one in await store.deliveries(TENANT)} == {DeliveryState.delivered}
    await deliverer.close()
    messages = await heard(rabbitmq.url, queue, 3)
    assert {json.loads(one.body)["subject"] for one in messages} == {"req_0", "req_1", "req_2"}
    first = messages[0]
    assert (first.content_type, first.delivery_mode) == (
        "application/cloudevents+json",
        aio_pika.DeliveryMode.PERSISTENT,
    )
    assert (first.routing_key, first.type) == ("opened", "interlock.opened")
    assert first.message_id == next(
        one.id for one in await store.deliveries(TENANT) if one.stream == first.correlation_id
    )


async def test_what_waited_while_the_broker_was_down_comes_when_it_is_back(rabbitmq, queue, store, clock, sender):
    said = []
    deliverer = Deliverer(store, [sender], said.append)
    await planned(store, clock, sender, 1)
    await deliverer.drain()
    rabbitmq.stop()
    try:
        await planned(store, clock, sender, 51, first=1)
        await deliverer.drain()
        waiting = [one for one in await store.deliveries(TENANT, limit=100) if one.state is DeliveryState.waiting]
        assert (len(waiting), [text.split(":")[0] for text in said]) == (50, ["bus has not taken a message"])
    finally:
        rabbitmq.start()
    clock.at += timedelta(seconds=10)
    await deliverer.drain()
    assert {one.state for one in await store.deliveries(TENANT, limit=100)} == {DeliveryState.delivered}
    assert said[-1] == "bus takes messages again."
    messages = await heard(rabbitmq.url, queue, 51)
    assert len({one.message_id for one in messages}) == 51, "the first one outlived the broker's restart"
    await deliverer.close()


async def test_a_queue_that_is_gone_is_no_place_where_a_message_is_taken(rabbitmq, queue, store, clock, sender):
    await planned(store, clock, sender, 1)
    await sender._open()
    connection = await aio_pika.connect(rabbitmq.url)
    async with connection:
        channel = await connection.channel()
        await channel.queue_delete(queue)
    deliverer = Deliverer(store, [sender], print)
    await deliverer.drain()
    (one,) = await store.deliveries(TENANT)
    assert (one.state, "has not taken it into a queue" in one.last[-1].error) == (DeliveryState.waiting, True)
    await deliverer.close()


KEY = b"k" * 32


@pytest.fixture
def answering(rabbitmq, queue, office):
    """Return a sender that takes replies, and what takes them."""
    tokens = ReplyTokens(KEY, ["mia@example.com"])
    channel = EventChannel("bus", "default", frozenset({"opened"}), replies=Replies(tokens, f"{queue}.replies"))
    sender = RabbitMQSender(channel, rabbitmq.url, exchange=f"{queue}.events", queue=queue)
    replies = QueueReplies(office.system, KEY, tenant="default", channel="bus", via="rabbitmq")
    return sender, RabbitMQReplies(rabbitmq.url, f"{queue}.replies", replies, print)


async def put(url, queue, *bodies):
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        await declare_queue(channel, queue)
        for body in bodies:
            await channel.default_exchange.publish(aio_pika.Message(body), queue)


async def test_somebody_decides_by_the_queue_and_what_is_no_reply_goes_to_the_dead_letters(
    rabbitmq, queue, office, answering
):
    sender, replies = answering
    request = await office.ask()
    plan = DeliveryPlan(office.system.store, "default", [sender], lambda: None)
    await plan.deliver([Notice(entry) for entry in await office.system.store.feed("default")])
    deliverer = Deliverer(office.system.store, [sender], print)
    await deliverer.drain()
    (message,) = await heard(rabbitmq.url, queue, 1)
    offered = json.loads(message.body)["data"]["reply"]
    assert message.reply_to == offered["queue"] == f"{queue}.replies"
    stop = asyncio.Event()
    running = asyncio.ensure_future(replies.run(stop))
    async with asyncio.timeout(60):
        token = offered["tokens"]["mia@example.com"]["approve"]
        forged = json.dumps({"token": token[:-3] + "AAA", "request": request.id}).encode()
        await put(rabbitmq.url, offered["queue"], b"approved", forged, *[json.dumps({"token": token}).encode()] * 3)
        while not (await office.request(request.id)).votes:
            await asyncio.sleep(0.01)
    dead = await heard(rabbitmq.url, f"{queue}.replies.dead", 2)
    assert [one.body for one in dead] == [b"approved", forged]
    assert [one.headers["interlock-code"] for one in dead] == ["invalid_value", "unauthenticated"]
    assert "proves nothing" in dead[1].headers["interlock-reason"]
    happened = await office.happened(request.id)
    assert (happened.count("vote_cast"), happened.count("refusal_noted")) == (1, 1)
    stop.set()
    await running
    await deliverer.close()


async def test_replies_come_again_when_the_database_did_not_answer(rabbitmq, queue, office, answering, monkeypatch):
    _, replies = answering
    request = await office.ask()
    token = ReplyTokens(KEY, ["mia@example.com"]).of(request)["mia@example.com"]["approve"]
    take, failures = replies._replies.take, [StoreUnavailable("away")]

    async def once(body):
        if failures:
            raise failures.pop()
        return await take(body)

    monkeypatch.setattr(replies._replies, "take", once)
    stop = asyncio.Event()
    running = asyncio.ensure_future(replies.run(stop))
    await put(rabbitmq.url, f"{queue}.replies", json.dumps({"token": token}).encode())
    async with asyncio.timeout(60):
        while not (await office.request(request.id)).votes:
            await asyncio.sleep(0.05)
    assert failures == []
    stop.set()
    await running


async def test_who_is_to_stop_does_so_although_the_broker_hangs(rabbitmq, queue, monkeypatch):
    monkeypatch.setattr("interlock.channels.rabbitmq.LAST_SECONDS", 0.2)
    at, hangs, consumes = urlsplit(rabbitmq.url), asyncio.Event(), asyncio.Event()

    async def pass_on(reader, writer):
        while (data := await reader.read(65536)) and not hangs.is_set():
            writer.write(data)
            if CONSUME_OK in data:
                consumes.set()
        await asyncio.Event().wait()

    async def between(reader, writer):
        from_there, there = await asyncio.open_connection(at.hostname, at.port)
        try:
            await asyncio.gather(pass_on(reader, there), pass_on(from_there, writer))
        finally:
            there.close()
            writer.close()

    async with await asyncio.start_server(between, "127.0.0.1", 0) as server, asyncio.timeout(60):
        url = rabbitmq.url.replace(f":{at.port}", f":{server.sockets[0].getsockname()[1]}")
        stop = asyncio.Event()
        running = asyncio.ensure_future(RabbitMQReplies(url, f"{queue}.hangs", None, print).run(stop))
        await consumes.wait()
        hangs.set()
        stop.set()
        await running
