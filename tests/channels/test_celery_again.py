"""Celery's tasks that are killed, lost, doubled or too long for a broker: each effect happens once."""

import asyncio
import os
import signal

import pytest
from tests.aws_stand_ins import BOTH

from interlock.domain.run import RunStatus
from interlock.testing.rabbitmq import RabbitMQServer

ADVANCE = "interlock.advance"


def came_again(celery):
    """Return the tasks that began more than once."""
    begun = celery.lines("begun")
    return {one for one in begun if one.startswith(ADVANCE) and begun.count(one) > 1}


async def test_who_is_killed_in_a_task_loses_no_run_and_beat_finds_what_was_lost(celery, rabbitmq, monkeypatch):
    monkeypatch.setenv("BROKER", rabbitmq.url)
    celery.start("rabbitmq", rabbitmq.url, slow=600)
    lost = await celery.mia(celery.forgetful).start("asker", {})
    killed = await celery.approved("slow")
    await celery.until(lambda: celery.lines("resumed"))
    (child,) = map(int, celery.lines("resumed"))
    assert child != celery.worker.pid
    os.kill(child, signal.SIGKILL)
    await celery.until(lambda: came_again(celery))
    assert await celery.happened(lost) == ["run_started"], "no task has come for it"
    celery.beat()
    await celery.until_run(killed, RunStatus.done)
    await celery.until_run(lost, RunStatus.paused)
    assert [len(celery.lines(file)) for file in ("resumed", "paid")] == [2, 1]
    assert str(child) not in celery.lines("paid")
    happened = await celery.happened(killed)
    for _ in range(2):
        celery.system.tasks._app.send_task(ADVANCE, [killed.id], queue="interlock-runs", task_id="doubled")
    await celery.until(lambda: celery.lines("ended").count(f"{ADVANCE} doubled") == 2)
    assert await celery.happened(killed) == happened
    assert celery.worker.poll() is None


@pytest.mark.soak
async def test_who_outlives_the_consumers_time_out_goes_on_and_acts_once(celery, monkeypatch):
    broker = RabbitMQServer(consumer_timeout=2)
    try:
        monkeypatch.setenv("BROKER", broker.url)
        celery.start("rabbitmq", broker.url, slots=2, slow=7)
        await acts_once_though_its_task_comes_again(celery)
        await celery.close()
    finally:
        broker.remove()


@BOTH
@pytest.mark.soak
async def test_who_takes_longer_than_sqs_hides_a_task_acts_once(celery, queues):
    url = queues.create_queue(QueueName="interlock-runs", Attributes={"VisibilityTimeout": "2"})["QueueUrl"]
    celery.start("sqs", f"sqs://a:b@{os.environ['AWS_ENDPOINT_URL_SQS'].removeprefix('http://')}", slots=2, slow=7)
    await acts_once_though_its_task_comes_again(celery)
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    async with asyncio.timeout(60):
        while set(queues.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"].values()) != {"0"}:
            await asyncio.sleep(0.1)
    await celery.close()
    queues.delete_queue(QueueUrl=url)


async def acts_once_though_its_task_comes_again(celery):
    """Let a run take longer than its broker waits for an acknowledgement, and another one go round after it."""
    slow = await celery.goes_round("slow")
    assert came_again(celery), "the broker lost patience"
    assert [len(celery.lines(file)) for file in ("resumed", "paid")] == [1, 1]
    happened = await celery.happened(slow)
    assert happened.count("advance_began") == 2, "to the pause, and to the end"
    await celery.goes_round("slow")
    assert [len(celery.lines(file)) for file in ("resumed", "paid")] == [2, 2]
    assert await celery.happened(slow) == happened
    assert celery.worker.poll() is None, "the consumer is alive"
