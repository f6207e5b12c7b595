"""Workers hear of work by a broker: a message is a hint, what is to be done stands in the database."""

import asyncio
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from amqp.exceptions import MessageNacked
from kombu.exceptions import OperationalError
from tests.aws_stand_ins import BOTH

from interlock.bootstrap import build
from interlock.channels.table import Surroundings, senders_of
from interlock.config import load_settings
from interlock.domain.authority import Principal
from interlock.domain.run import RunStatus
from interlock.engine import worker
from interlock.errors import BadInput, InvalidConfig
from interlock.testing.keeper import free_port
from interlock.waking.celery import CeleryTasks
from interlock.waking.configured import hints_of, tasks_of
from interlock.waking.failures import Failures
from interlock.waking.rabbitmq import RabbitMQHints
from interlock.waking.sqs import SqsHints
from interlock.waking.wakers import HintedWaker

PATIENCE = 60
CONFIG = """
people: {mia@example.com: {}}
default: {initiator_may_approve: true, levels: [{steps: [{ask: ["person:mia@example.com"]}]}]}
wake: {channel: bus}
channels: {bus: {CHANNEL}}
"""
CHANNELS = {
    "rabbitmq": "type: rabbitmq, address: {env: BROKER}",
    "sqs": "type: sqs, queue: requests, region: eu-central-1",
}


@contextmanager
def heard_by(hints):
    """Yield an event that is set when something was heard, once it listens."""
    heard = threading.Event()
    hints.listen(heard.set)
    assert heard.wait(PATIENCE), "it says at once that something may have been missed"
    heard.clear()
    yield heard


EACH = pytest.mark.parametrize(
    ("broker", "aws"), [("rabbitmq", "moto"), ("sqs", "moto"), ("sqs", "ministack")], indirect=["aws"]
)


@pytest.fixture
def make_hints(request, broker, aws):
    """Return what makes the hints of one process after the other."""
    made = []
    if broker == "sqs":
        request.getfixturevalue("queues")

    def make():
        if broker == "sqs":
            made.append(SqsHints("interlock-wake", None))
        else:
            made.append(RabbitMQHints(request.getfixturevalue("rabbitmq").url, "interlock.wake.test"))
        return made[-1]

    yield make
    for hints in made:
        hints.close()


@EACH
def test_what_one_process_tells_another_one_hears(make_hints):
    here, there = make_hints(), make_hints()
    with heard_by(there) as heard:
        for _ in range(3):
            here.tell()
            assert heard.wait(PATIENCE)
            heard.clear()


@EACH
def test_what_is_told_at_the_last_moment_is_heard(make_hints):
    here, there = make_hints(), make_hints()
    with heard_by(there) as heard:
        here.tell()
        here.close()
        assert heard.wait(PATIENCE)


def test_all_hear_it_by_rabbitmq_but_who_told_and_again_after_the_broker_was_away(rabbitmq, caplog):
    first, second, teller = (RabbitMQHints(rabbitmq.url, "interlock.wake.all") for _ in range(3))
    with heard_by(first) as one, heard_by(second) as two, heard_by(teller) as own:
        teller.tell()
        assert one.wait(PATIENCE)
        assert two.wait(PATIENCE)
        assert not own.is_set()
        rabbitmq.stop()
        try:
            one.clear()
            teller.tell()  # nobody hears it: the sweep stands behind it
        finally:
            rabbitmq.start()
        assert one.wait(PATIENCE), "it was away, so it may have missed something"
        assert own.wait(PATIENCE)
        one.clear()
        teller.tell()
        assert one.wait(PATIENCE)
    for hints in (first, second, teller):
        hints.close()
    assert said_of_work(caplog).count("RabbitMQ tells of work again.") >= 2


async def test_a_waker_tells_of_work_alone_and_hears_of_it_without_telling_it_on():
    class Hints:
        told, heard = 0, None

        def tell(self):
            self.told += 1

        def listen(self, heard):
            self.heard = heard

    hints, notifications = Hints(), Hints()
    waker = HintedWaker(notifications, hints)
    work, any_change = await waker.seen(work=True), await waker.seen()
    waker.wake(work=False)
    assert (hints.told, await waker.seen(work=True) - work, await waker.seen() - any_change) == (0, 0, 1)
    waker.wake()
    assert hints.told == 1
    hints.heard()
    notifications.heard()
    assert (hints.told, await waker.seen(work=True) - work, await waker.seen() - any_change) == (1, 2, 4)


@EACH
@pytest.mark.usefixtures("aws")
async def test_a_worker_elsewhere_goes_on_at_once_by_the_brokers_word_alone(
    broker, request, postgres, tmp_path, monkeypatch
):
    if broker == "sqs":
        request.getfixturevalue("queues")
    else:
        monkeypatch.setenv("BROKER", request.getfixturevalue("rabbitmq").url)
    monkeypatch.setattr(worker, "SWEEP", 10 * PATIENCE)
    file = tmp_path / "interlock.yaml"
    file.write_text(CONFIG.replace("CHANNEL", CHANNELS[broker]))
    settings = load_settings(file, {"INTERLOCK_DATABASE_URL": postgres.fresh()})
    here, there = (build(settings, {"asker": "tests.channels.asker:agent"}) for _ in range(2))
    for system in (here, there):
        monkeypatch.setattr(system.store, "notifications", None)  # so nobody notifies anybody by the database
    stop = asyncio.Event()
    working = asyncio.create_task(there.worker().run(stop))
    mia = here.client(Principal("mia@example.com", "person", "default", "terminal"))
    async with asyncio.timeout(PATIENCE):
        run = await mia.start("asker", {})
        while (await mia.run(run.id)).run.status is not RunStatus.paused:
            await asyncio.sleep(0.01)
        (asked,) = (await mia.inbox("mine")).rows
        await mia.approve(asked.request.id, digest=asked.request.digest)
        while (await mia.run(run.id)).run.status is not RunStatus.done:
            await asyncio.sleep(0.01)
    stop.set()
    await working
    await here.close()
    await there.close()


def test_what_is_no_broker_cannot_wake(tmp_path):
    file = tmp_path / "interlock.yaml"
    file.write_text("wake: {channel: nothing}")
    with pytest.raises(InvalidConfig, match="no channel of RabbitMQ or SQS"):
        hints_of(load_settings(file, {}), {})


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
def test_a_channel_may_wake_workers_and_tell_nobody(tmp_path, channel):
    file = tmp_path / "interlock.yaml"
    file.write_text(CONFIG.replace("CHANNEL", f"{channel}, events: []"))
    around = Surroundings(tmp_path, {"BROKER": "amqp://here"}, lambda: datetime.now(UTC))
    (sender,) = senders_of(load_settings(file, {}).channels, around, None)
    assert sender.channel.events == frozenset()


def test_a_webhook_that_tells_nobody_is_a_mistake(tmp_path):
    file = tmp_path / "interlock.yaml"
    file.write_text("channels: {crm: {type: webhook, url: https://a.example, secrets: [{env: A}], events: []}}")
    with pytest.raises(InvalidConfig, match="events"):
        load_settings(file, {})


@pytest.mark.parametrize(("wake", "module", "extra"), [
    ("channel: bus", "interlock.waking.rabbitmq", "rabbitmq"),
    ("channel: bus, celery: true", "interlock.waking.celery", "celery"),
])  # fmt: skip
def test_what_is_not_installed_is_named_with_what_installs_it(tmp_path, monkeypatch, wake, module, extra):
    file = tmp_path / "interlock.yaml"
    file.write_text(CONFIG.replace("channel: bus", wake).replace("CHANNEL", CHANNELS["rabbitmq"]))
    monkeypatch.setitem(sys.modules, module, None)
    choose = tasks_of if extra == "celery" else hints_of
    with pytest.raises(BadInput, match=rf"run `pip install '\.\[{extra}\]'`"):
        choose(load_settings(file, {}), {"BROKER": "amqp://here"})


def said_of_work(caplog):
    return [text.partition(":")[0] for text in caplog.messages if "of work" in text]


@BOTH
def test_a_queue_that_is_not_there_is_said_once_and_so_is_its_return(queues, caplog):
    hints = SqsHints("no-such-queue", None)
    hints._put()
    hints._put()
    url = queues.create_queue(QueueName="no-such-queue")["QueueUrl"]
    hints._put()
    queues.delete_queue(QueueUrl=url)
    hints.close()
    again = "The queue no-such-queue tells of work again."
    assert said_of_work(caplog) == ["The queue no-such-queue tells nobody of work", again]


def test_a_full_queue_of_celerys_is_said_by_its_name(caplog):
    """What kombu raises then is an error of its own without a word."""
    refused = OperationalError()
    refused.__cause__ = MessageNacked()
    Failures("Celery's broker").failed(refused)
    assert "tells nobody of work: MessageNacked." in caplog.text


def test_tasks_that_wait_for_a_broker_that_is_away_are_left_to_the_sweep_and_that_is_said_once(caplog):
    tasks = CeleryTasks(f"amqp://guest:guest@127.0.0.1:{free_port()}//")
    for run in (*(f"run_{number}" for number in range(1_000)), None):
        tasks._runs.put(run)
    tasks._send()
    assert said_of_work(caplog) == ["Celery's broker tells nobody of work"]
    tasks.close()
