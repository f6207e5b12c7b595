"""Celery carries runs on, by RabbitMQ and by SQS; and nothing is sent that RabbitMQ 4.3 refuses."""

import asyncio
import os

import aio_pika
import pytest
from celery import Celery
from pamqp import commands
from tests.aws_stand_ins import BOTH
from tests.channels.amqp_recorder import refused_by_4_3

from interlock.celery import add_tasks
from interlock.channels.event_channel import EventChannel
from interlock.channels.rabbitmq import RabbitMQReplies, RabbitMQSender
from interlock.waking.rabbitmq import RabbitMQHints


async def test_celery_carries_a_run_on_and_4_3_would_refuse_nothing(celery, rabbitmq, recorder, monkeypatch):
    url = rabbitmq.url.replace(str(rabbitmq.port), str(recorder.port))
    monkeypatch.setenv("BROKER", url)
    celery.start("rabbitmq", url)
    await celery.goes_round()
    declared = {one.queue: one for one in recorder.of(commands.Queue.Declare)}
    assert declared["interlock-runs"].arguments["x-queue-type"] == "quorum"
    theirs = {name.partition(".")[0].partition("@")[0] for name, one in declared.items() if one.exclusive}
    assert {"celery", "celeryev"} <= theirs, "workers tell each other of themselves, and are told what to do"
    assert recorder.of(commands.Basic.Consume)
    assert recorder.of(commands.Basic.Qos)
    assert refused_by_4_3(recorder.sent) == []
    sent = [one.routing_key for one in recorder.of(commands.Basic.Publish)]
    assert sent.count("interlock-runs") >= 2
    assert "interlock-runs" not in {one.routing_key for one in recorder.unconfirmed}


@BOTH
@pytest.mark.soak
async def test_sqs_carries_celerys_tasks_as_well(celery, queues):
    address = os.environ["AWS_ENDPOINT_URL_SQS"].removeprefix("http://")
    celery.start("sqs", f"sqs://a:b@{address}")
    await celery.goes_round()


async def test_4_3_would_refuse_nothing_of_what_our_channels_and_workers_send(rabbitmq, recorder):
    url = rabbitmq.url.replace(str(rabbitmq.port), str(recorder.port))
    sender = RabbitMQSender(EventChannel("bus", "default", frozenset()), url, exchange="recorded", queue="recorded")
    await (await sender._open()).publish(aio_pika.Message(b"{}"), "opened")
    stop = asyncio.Event()
    replies = asyncio.create_task(RabbitMQReplies(url, "recorded.replies", None, print).run(stop))
    hints = RabbitMQHints(url, "recorded.wake")
    hints.listen(lambda: None)
    async with asyncio.timeout(60):
        while len(recorder.of(commands.Basic.Consume)) < 2:
            await asyncio.sleep(0.01)
    hints.tell()
    stop.set()
    await replies
    await sender.close()
    await asyncio.to_thread(hints.close)
    published = {one.exchange: one.mandatory for one in recorder.of(commands.Basic.Publish)}
    assert published == {"recorded": True, "recorded.wake": False}, "nobody need hear a hint"
    assert {one.exchange for one in recorder.unconfirmed} == {"recorded.wake"}
    assert {one.exchange for one in recorder.of(commands.Exchange.Declare)} == {"recorded", "recorded.wake"}
    durable = {one.queue for one in recorder.of(commands.Queue.Declare) if one.durable}
    assert durable == {"recorded", "recorded.dead", "recorded.replies", "recorded.replies.dead"}
    assert recorder.of(commands.Basic.Qos)
    assert refused_by_4_3(recorder.sent) == []


@pytest.mark.parametrize(("broker", "option"), [("sqs://", "visibility_timeout"), ("amqp://", "confirm_publish")])
def test_other_tasks_of_an_application_are_acknowledged_as_before_and_its_own_settings_stay(broker, option):
    """Somebody's task that charges a card must not run twice as it stands beside ours."""
    app = Celery("theirs", broker=broker, set_as_current=False)
    app.conf.broker_transport_options = {option: 600}

    @app.task(name="charge", shared=False)
    def charge():
        """It is theirs."""

    add_tasks(app)
    app.finalize()
    ours = app.tasks["interlock.advance"]
    assert [bool(one.acks_late or one.reject_on_worker_lost) for one in (charge, ours)] == [False, True]
    assert ours.reject_on_worker_lost
    assert app.conf.broker_transport_options[option] == 600


def test_what_4_3_refuses_is_seen():
    wrong = [commands.Queue.Declare(queue="a"), commands.Basic.Qos(prefetch_count=1, global_=True)]
    right = [commands.Queue.Declare(queue="", exclusive=True), commands.Queue.Declare(queue="a", durable=True)]
    assert refused_by_4_3([*wrong, *right, commands.Basic.Qos(prefetch_count=1)]) == wrong
