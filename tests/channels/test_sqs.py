"""Amazon SQS, as two stand-ins have it: what is sent is on the queue, and replies count once and are not lost."""

import asyncio
import json
import time

import pytest
from tests.aws_stand_ins import BOTH

from interlock.channels import sqs
from interlock.channels.event_channel import EventChannel, Replies
from interlock.channels.sqs import Queue, SqsReplies, SqsSender
from interlock.engine.deliverer import Deliverer
from interlock.engine.delivery_plan import DeliveryPlan
from interlock.engine.ports.log_subscriber import Notice
from interlock.errors import BadInput, InvalidValue, StoreUnavailable
from interlock.service.queue_replies import QueueReplies
from interlock.service.token_replies import ReplyTokens

KEY = b"k" * 32
TOKENS = ReplyTokens(KEY, ["mia@example.com"])


def url(client, name):
    return client.get_queue_url(QueueName=name)["QueueUrl"]


def put(client, name, *bodies):
    for body in bodies:
        client.send_message(QueueUrl=url(client, name), MessageBody=body)


def heard(client, name):
    wanted = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "AttributeNames": ["All"]}
    return client.receive_message(QueueUrl=url(client, name), **wanted).get("Messages", [])


@BOTH
async def test_what_happened_is_on_the_queue_and_a_reply_decides(queues, office):
    channel = EventChannel("bus", "default", frozenset({"opened"}), replies=Replies(TOKENS, "replies"))
    sender = SqsSender(channel, Queue("requests", None))
    request = await office.ask()
    plan = DeliveryPlan(office.system.store, "default", [sender], lambda: None)
    await plan.deliver([Notice(entry) for entry in await office.system.store.feed("default")])
    deliverer = Deliverer(office.system.store, [sender], print)
    assert await deliverer.drain() == 1
    (message,) = await asyncio.to_thread(heard, queues, "requests")
    event = json.loads(message["Body"])
    assert (event["subject"], event["type"]) == (request.id, "interlock.opened")
    assert message["MessageAttributes"]["contentType"]["StringValue"] == "application/cloudevents+json"
    assert message["Attributes"]["MessageGroupId"] == "default"
    (kept,) = await office.system.store.deliveries("default")
    assert kept.reference == message["MessageId"]
    token = event["data"]["reply"]["tokens"]["mia@example.com"]["approve"]
    forged = json.dumps({"token": token[:-3] + "AAA", "request": request.id})
    put(queues, "replies", "approved", forged, *[json.dumps({"token": token})] * 3)
    await replied(office, request)
    dead = []
    async with asyncio.timeout(30):
        while len(dead) < 2:
            dead += await asyncio.to_thread(heard, queues, "replies-dead")
    assert {one["Body"] for one in dead} == {"approved", forged}
    assert {one["MessageAttributes"]["code"]["StringValue"] for one in dead} == {"invalid_value", "unauthenticated"}
    happened = await office.happened(request.id)
    assert (happened.count("vote_cast"), happened.count("refusal_noted")) == (1, 1)
    await deliverer.close()


async def replied(office, request, take=None):
    """Take replies until the request has a vote, and the queue is empty."""
    replies = QueueReplies(office.system, KEY, tenant="default", channel="bus", via="sqs")
    if take is not None:
        replies.take = take(replies.take)
    stop = asyncio.Event()
    listener = SqsReplies(Queue("replies", None), Queue("replies-dead", None), replies, print)
    running = asyncio.ensure_future(listener.run(stop))
    async with asyncio.timeout(60):
        while not (await office.request(request.id)).votes:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    stop.set()
    await running


@BOTH
async def test_a_reply_that_takes_longer_than_it_is_hidden_counts_once(queues, office, monkeypatch):
    monkeypatch.setattr(sqs, "VISIBILITY", 2)
    request = await office.ask()
    taken = []

    def slowly(take):
        async def slow(body):
            taken.append(body)
            await asyncio.sleep(5)
            return await take(body)

        return slow

    put(queues, "replies", json.dumps({"token": TOKENS.of(request)["mia@example.com"]["approve"]}))
    await replied(office, request, slowly)
    assert len(taken) == 1
    assert heard(queues, "replies") == []


@BOTH
async def test_a_reply_comes_again_when_the_database_did_not_answer(queues, office):
    request = await office.ask()
    failures = [StoreUnavailable("away")]

    def once(take):
        async def failing(body):
            if failures:
                raise failures.pop()
            return await take(body)

        return failing

    put(queues, "replies", json.dumps({"token": TOKENS.of(request)["mia@example.com"]["approve"]}))
    await replied(office, request, once)
    assert failures == []


class Held:
    """A queue of one reply, in a test that needs no other side."""

    given = "held"

    async def find(self):
        """It is there."""

    async def take(self):
        return [{"Body": "{}", "ReceiptHandle": "h"}]

    async def keep(self, message, seconds):
        """It is hidden."""

    def close(self):
        """There is nothing to let go of."""


class Away:
    """A database that does not answer."""

    async def take(self, body):
        raise StoreUnavailable("away")


async def test_who_is_to_stop_does_not_wait_for_a_database_that_is_away():
    stop, said = asyncio.Event(), asyncio.Queue()
    running = asyncio.ensure_future(SqsReplies(Held(), Held(), Away(), said.put_nowait).run(stop))
    assert await said.get() == "away"
    stop.set()
    await asyncio.wait_for(running, 0.5)


@BOTH
def test_who_is_to_stop_does_not_wait_until_a_queue_has_messages(queues, monkeypatch):
    """A process waits for the threads of its event loop when that ends, and a poll is long."""
    monkeypatch.setattr(sqs, "LONG_POLL", 6)

    async def stopped():
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.5, stop.set)
        await SqsReplies(Queue("replies", None), Queue("replies-dead", None), Away(), print).run(stop)

    began = time.monotonic()
    asyncio.run(stopped())
    assert time.monotonic() - began < 4


@BOTH
async def test_a_reply_that_cannot_go_to_the_dead_letters_holds_no_other_up(queues, office):
    request, said, stop = await office.ask(), [], asyncio.Event()
    put(queues, "replies", "approved", json.dumps({"token": TOKENS.of(request)["mia@example.com"]["approve"]}))
    replies = QueueReplies(office.system, KEY, tenant="default", channel="bus", via="sqs")
    listener = SqsReplies(Queue("replies", None), Queue("nowhere", None), replies, said.append)
    running = asyncio.ensure_future(listener.run(stop))
    async with asyncio.timeout(15):
        while not (await office.request(request.id)).votes:
            await asyncio.sleep(0.02)
    stop.set()
    await running
    assert said[0].startswith("Replies that are refused cannot go to nowhere: ")
    assert said[1].startswith("A reply of replies could not be settled, and comes again: ")


@BOTH
async def test_a_dead_letter_is_cut_where_no_queue_takes_it_with_its_reason(queues):
    class Refusing:
        async def take(self, body):
            raise InvalidValue("reply", "is\x01bad")

    body, stop, letters = "é" * (sqs.MOST_BYTES // 2), asyncio.Event(), []
    put(queues, "replies", body)
    running = asyncio.ensure_future(
        SqsReplies(Queue("replies", None), Queue("replies-dead", None), Refusing(), print).run(stop)
    )
    async with asyncio.timeout(15):
        while not letters:
            letters = await asyncio.to_thread(heard, queues, "replies-dead")
    stop.set()
    await running
    ((letter,), texts) = letters, {key: one["StringValue"] for key, one in letters[0]["MessageAttributes"].items()}
    assert body.startswith(letter["Body"])
    assert "\x01" not in texts["reason"]
    counted = [letter["Body"], *(part for key, value in texts.items() for part in (key, "String", value))]
    assert sqs.MOST_BYTES - 200 < sum(len(part.encode()) for part in counted) <= sqs.MOST_BYTES


@BOTH
async def test_a_queue_that_is_not_there_keeps_messages_waiting_and_says_so(queues, office):
    sender = SqsSender(EventChannel("bus", "default", frozenset({"opened"})), Queue("nowhere", None))
    await office.ask()
    plan = DeliveryPlan(office.system.store, "default", [sender], lambda: None)
    await plan.deliver([Notice(entry) for entry in await office.system.store.feed("default")])
    said = []
    deliverer = Deliverer(office.system.store, [sender], said.append)
    await deliverer.drain()
    assert "queue cannot be reached" in said[0]
    await deliverer.close()


def test_a_region_that_nobody_has_given_is_said_at_once(queues, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(BadInput, match="AWS_DEFAULT_REGION"):
        Queue("requests", None)
