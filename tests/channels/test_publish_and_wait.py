"""Publish and wait, on each broker (S10): a request goes out, a reply comes back, and that wakes the agent's worker.

One process works and tells, another one answers. Nobody notifies anybody by the database, no worker looks by itself.
"""

import asyncio
import json
import uuid

import aio_pika
import httpx2
import pytest
from tests.channels import asker
from tests.channels.outlets import Messages, until
from tests.server.conftest import UNLIMITED

from interlock.bootstrap import build
from interlock.channels.sqs import Queue
from interlock.channels.table import Surroundings, listeners_of, reply_keys_of, senders_of
from interlock.config import load_settings
from interlock.domain.authority import Principal
from interlock.domain.run import RunStatus
from interlock.engine import worker
from interlock.service.delivering import Delivering
from interlock.testing.fakes import SettableClock
from interlock.web.app import application
from interlock.web.context import Context

MIA, ORIGIN, PATIENCE = "mia@example.com", "http://approvals.example.com", 60
CONFIG = """
people: {mia@example.com: {}, noah@example.com: {}}
default: {levels: [{steps: [{ask: ["person:mia@example.com"], within: 1h}]}]}
wake: {channel: bus}
channels:
  bus: {CHANNEL, events: [opened], replies: {queue: REPLIES, key: {env: REPLY_KEY}, people: [mia@example.com]}}
"""
BROKERS = {
    "rabbitmq": "type: rabbitmq, address: {env: BROKER}, queue: REQUESTS, exchange: REQUESTS.all",
    "sqs": "type: sqs, queue: requests, region: eu-central-1",
}


class Bus:
    """What the program beside Interlock has: the queue of requests, and that of replies."""

    def __init__(self, url, broker):
        self.name = f"s10-{uuid.uuid4().hex[:8]}"
        self.on_sqs = broker != "rabbitmq"
        self.requests, self.replies = ("requests", "replies") if self.on_sqs else (self.name, f"{self.name}.replies")
        self.environ = {"REPLY_KEY": "k" * 32, "BROKER": url}

    def config(self, broker):
        text = CONFIG.replace("CHANNEL", BROKERS[broker])
        return text.replace("REQUESTS", self.requests).replace("REPLIES", self.replies)

    async def heard(self):
        """Take the message that says what is asked."""
        messages = Messages()
        if self.on_sqs:
            taking = messages.of_sqs(Queue(self.requests, None))
        else:
            taking = messages.of_rabbitmq(self.environ["BROKER"], self.requests)
        task = asyncio.create_task(taking)
        await until(lambda: messages.came)
        task.cancel()
        await asyncio.wait({task})
        return messages.came[0]

    async def reply(self, body):
        if self.on_sqs:
            await Queue(self.replies, None).put(json.dumps(body), group="reviewer")
            return
        connection = await aio_pika.connect(self.environ["BROKER"])
        async with connection:
            channel = await connection.channel()
            await channel.default_exchange.publish(aio_pika.Message(json.dumps(body).encode()), self.replies)


@pytest.fixture
def bus(rabbitmq, queues, monkeypatch, broker):
    found = Bus(rabbitmq.url, broker)
    for name, value in found.environ.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.mark.parametrize(
    ("aws", "broker"), [("moto", "rabbitmq"), ("moto", "sqs"), ("ministack", "sqs")], indirect=["aws"]
)
@pytest.mark.parametrize("how", ["callback", "queue"])
async def test_s10_what_is_asked_goes_out_and_the_agents_worker_is_woken_by_the_reply(  # noqa: PLR0917 - fixtures
    bus, broker, how, postgres, tmp_path, monkeypatch
):
    monkeypatch.setattr(worker, "SWEEP", 10 * PATIENCE)
    asker.PAID.clear()
    (tmp_path / "interlock.yaml").write_text(bus.config(broker))
    settings = load_settings(tmp_path / "interlock.yaml", {"INTERLOCK_DATABASE_URL": postgres.fresh()})
    here, there = (build(settings, {"asker": "tests.channels.asker:agent"}) for _ in range(2))
    for system in (here, there):
        monkeypatch.setattr(system.store, "notifications", None)  # so nobody notifies anybody by the database
    around = Surroundings(tmp_path, bus.environ, SettableClock(), ORIGIN)
    stop, said = asyncio.Event(), []
    delivering = Delivering(there, senders_of(settings.channels, around, there), said.append)
    listeners = listeners_of(settings.channels, around, here, said.append)
    works = [there.worker().run(stop), delivering.run(stop), *(one.run(stop) for one in listeners)]
    running = [asyncio.create_task(one) for one in works]
    noah = here.client(Principal("noah@example.com", "person", "default", "terminal"))
    async with asyncio.timeout(PATIENCE):
        run = await noah.start("asker", {})
        data = (await bus.heard())["data"]
        body = {"token": data["reply"]["tokens"][MIA]["approve"]}
        if how == "callback":
            answer = await calling(here, around, data["reply"]["callback_url"], {"approved": True, **body})
            assert answer.json()["status"] == "approved"
        else:
            assert data["reply"]["queue"] == bus.replies
            await bus.reply(body)
        while (await noah.run(run.id)).run.status is not RunStatus.done:
            await asyncio.sleep(0.01)
    assert asker.PAID == [1]
    entries = await here.store.history("default", data["request"]["id"])
    way = "callback" if how == "callback" else broker
    assert [(one.by, one.via) for one in entries if one.event.type == "decided"] == [(MIA, way)]
    assert said == []
    stop.set()
    await asyncio.gather(*running)
    await here.close()
    await there.close()


async def calling(system, around, address, body):
    """Call the server, which stands in this process, at a callback's address."""
    keys = tuple(reply_keys_of(system.settings.channels, around))
    context = Context(system, ORIGIN, frozenset({"approvals.example.com"}), server=UNLIMITED, reply_keys=keys)
    transport = httpx2.ASGITransport(application(context), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport) as client:
        answer = await client.post(address, json=body)
    assert answer.status_code == 200, answer.text
    return answer
