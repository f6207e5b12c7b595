"""Celery carries runs on, by RabbitMQ and by SQS; and nothing is sent that RabbitMQ 4.3 refuses."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from celery import Celery
from kombu import pools
from pamqp import commands
from tests.aws_stand_ins import BOTH
from tests.channels.amqp_recorder import Recorder, refused_by_4_3

from interlock.bootstrap import build
from interlock.celery import add_tasks
from interlock.channels.event_channel import EventChannel
from interlock.channels.rabbitmq import RabbitMQReplies, RabbitMQSender
from interlock.config import load_settings
from interlock.domain.authority import Principal
from interlock.domain.run import RunStatus
from interlock.waking.rabbitmq import RabbitMQHints

ROOT = Path(__file__).parents[2]
CONFIG = """
agents: {asker: tests.channels.asker:agent}
people: {mia@example.com: {}}
default: {initiator_may_approve: true, levels: [{steps: [{ask: ["person:mia@example.com"]}]}]}
wake: {channel: bus, celery: true}
channels: {bus: {CHANNEL}}
"""
CHANNELS = {
    "rabbitmq": "type: rabbitmq, address: {env: BROKER}",
    "sqs": "type: sqs, queue: requests, region: eu-central-1",
}
TASKS = """
import os
from celery import Celery
from interlock.celery import add_tasks

app = Celery("agents", broker=os.environ["CELERY"])
add_tasks(app, "interlock.yaml")
"""


@pytest.fixture
def recorder(rabbitmq):
    recorder = Recorder(rabbitmq.port)
    yield recorder
    recorder.close()


@pytest.fixture
def working(tmp_path, monkeypatch):
    """Return what starts a worker of Celery's and what is put together beside it."""
    workers = []
    pools.reset()  # they know a broker by its address, and `sqs://` is a stand-in's as well as the other's

    def start(channel, celery):
        (tmp_path / "interlock.yaml").write_text(CONFIG.replace("CHANNEL", CHANNELS[channel]))
        (tmp_path / "tasks.py").write_text(TASKS)
        given = {"CELERY": celery, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
        for name, value in (given | {"INTERLOCK_DATABASE_URL": str(tmp_path / "interlock.db")}).items():
            monkeypatch.setenv(name, value)
        command = "celery -A tasks worker -Q interlock-runs -c 1 -l warning --without-gossip --without-mingle"
        workers.append(subprocess.Popen([sys.executable, "-m", *command.split()], cwd=tmp_path, env=os.environ))
        return build(load_settings(tmp_path / "interlock.yaml", os.environ), {})

    yield start
    for worker in workers:
        worker.terminate()
        worker.wait(60)


async def goes_round(system):
    """Start a run, decide, and wait for its end: whoever carries it on is elsewhere."""
    mia = system.client(Principal("mia@example.com", "person", "default", "terminal"))
    async with asyncio.timeout(100):
        run = await mia.start("asker", {})
        for status in (RunStatus.paused, RunStatus.done):
            while (await mia.run(run.id)).run.status is not status:
                await asyncio.sleep(0.05)
            for row in (await mia.inbox("mine")).rows:
                await mia.approve(row.request.id, digest=row.request.digest)
    await system.close()


async def test_celery_carries_a_run_on_and_4_3_would_refuse_nothing(working, rabbitmq, recorder, monkeypatch):
    url = rabbitmq.url.replace(str(rabbitmq.port), str(recorder.port))
    monkeypatch.setenv("BROKER", url)
    await goes_round(working("rabbitmq", url))
    queues = {one.queue: one for one in recorder.of(commands.Queue.Declare)}
    assert queues["interlock-runs"].arguments["x-queue-type"] == "quorum"
    assert recorder.of(commands.Basic.Consume)
    assert recorder.of(commands.Basic.Qos)
    assert refused_by_4_3(recorder.sent) == []


@BOTH
@pytest.mark.soak
async def test_sqs_carries_celerys_tasks_as_well(working, queues):
    address = os.environ["AWS_ENDPOINT_URL_SQS"].removeprefix("http://")
    await goes_round(working("sqs", f"sqs://a:b@{address}"))


async def test_4_3_would_refuse_nothing_of_what_our_channels_and_workers_send(rabbitmq, recorder):
    url = rabbitmq.url.replace(str(rabbitmq.port), str(recorder.port))
    sender = RabbitMQSender(EventChannel("bus", "default", frozenset()), url, exchange="recorded", queue="recorded")
    await sender._open()
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
    assert [one.mandatory for one in recorder.of(commands.Basic.Publish)] == [False], "nobody need hear a hint"
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
