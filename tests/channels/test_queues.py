"""What RabbitMQ holds of what we declare: queues that stay have a delivery limit and dead letters."""

import asyncio
import json
import re
import shlex
from pathlib import Path

import aio_pika
import pytest

from interlock.channels.event_channel import EventChannel
from interlock.channels.rabbitmq import RabbitMQReplies, RabbitMQSender, declare_queue
from interlock.waking.celery import QUEUE, CeleryTasks
from interlock.waking.quorum_queues import DEAD_LIMIT, DELIVERY_LIMIT
from interlock.waking.rabbitmq import RabbitMQHints

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "channels.md"
CELERYS = "celery_delayed_"
"""Celery's worker declares these for tasks that wait for a time, where it sees a quorum queue. We send none."""


@pytest.fixture
async def held(rabbitmq):
    """Declare all that there is, by who declares it; return the queues that stay, as the broker has them."""
    sender = RabbitMQSender(
        EventChannel("bus", "default", frozenset()), rabbitmq.url, exchange="interlock", queue="interlock.requests"
    )
    await sender._open()
    stop, heard = asyncio.Event(), asyncio.Event()
    replies = asyncio.create_task(RabbitMQReplies(rabbitmq.url, "interlock.replies", None, print).run(stop))
    hints, loop = RabbitMQHints(rabbitmq.url, "interlock.wake"), asyncio.get_running_loop()
    hints.listen(lambda: loop.call_soon_threadsafe(heard.set))
    tasks = CeleryTasks(rabbitmq.url)
    for run in ("run_1", None):
        tasks._runs.put(run)
    await asyncio.to_thread(tasks._send)
    async with asyncio.timeout(60):
        await heard.wait()
        while "interlock.replies" not in (found := await asyncio.to_thread(queues, rabbitmq)):
            pass
    yield found
    stop.set()
    await replies
    await sender.close()
    for one in (hints, tasks):
        await asyncio.to_thread(one.close)


def queues(broker):
    """Return the arguments of the queues that stay, by name."""
    said = broker.control("list_queues", "name", "durable", "exclusive", "arguments", "--formatter", "json")
    found = [one for one in json.loads(said) if not one["name"].startswith(CELERYS)]
    assert [one for one in found if one["durable"] is one["exclusive"]] == []
    return {one["name"]: {name: value for name, _, value in one["arguments"]} for one in found if one["durable"]}


def test_every_queue_that_stays_has_a_delivery_limit_and_dead_letters(held):
    assert {"interlock.requests", "interlock.replies", QUEUE} <= held.keys()
    assert {one["x-queue-type"] for one in held.values()} == {"quorum"}
    for name, arguments in held.items():
        if name.endswith(".dead"):
            assert arguments["x-delivery-limit"] == DEAD_LIMIT
        else:
            assert arguments["x-delivery-limit"] == DELIVERY_LIMIT
            assert arguments["x-dead-letter-exchange"] == ""
            assert arguments["x-dead-letter-routing-key"] == f"{name}.dead"
            assert f"{name}.dead" in held
    assert held[QUEUE]["x-overflow"] == "reject-publish"
    assert held[QUEUE]["x-max-length"] > held[f"{QUEUE}.dead"]["x-max-length"]


async def test_what_is_given_back_too_often_goes_to_the_dead_letters_and_stays_there_for_who_looks(rabbitmq):
    async with await aio_pika.connect(rabbitmq.url) as connection, asyncio.timeout(60):
        channel = await connection.channel()
        queue = await declare_queue(channel, "given-back")
        dead = await channel.get_queue("given-back.dead")
        await channel.default_exchange.publish(aio_pika.Message(b"poison"), queue.name)
        times = 0
        while (message := await queue.get(fail=False)) is not None:
            times += 1
            await message.nack(requeue=True)
            await asyncio.sleep(0.01)
        assert times == DELIVERY_LIMIT + 1
        for _ in range(2 * DELIVERY_LIMIT):
            letter = await dead.get()
            await letter.nack(requeue=True)
        assert letter.headers["x-death"][0]["reason"] == "delivery_limit"


def test_the_policy_of_the_page_bounds_what_nobody_reads(rabbitmq, held):
    command = re.search(r"^rabbitmqctl (.*)$", PAGE.read_text(), re.MULTILINE)[1]
    rabbitmq.control(*shlex.split(command))
    try:
        said = rabbitmq.control("list_queues", "name", "policy", "--formatter", "json")
        bounded = {one["name"] for one in json.loads(said) if one["policy"] == "interlock"}
    finally:
        rabbitmq.control("clear_policy", "interlock")
    wanted = {"interlock.requests", "interlock.requests.dead", "interlock.replies.dead"}
    assert held.keys() & {*wanted, "interlock.replies", QUEUE} & bounded == wanted
