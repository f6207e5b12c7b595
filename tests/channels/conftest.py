"""Brokers and other ways by which people and programs are told, as real as this machine has them."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.aws_stand_ins import REGION, client_of
from tests.channels import slack_room
from tests.channels.amqp_recorder import Recorder
from tests.channels.celery_workers import CeleryWorkers
from tests.channels.house import CONFIG, House
from tests.channels.slack_room import Room

from interlock.bootstrap import System, build
from interlock.channels import sqs as senders_sqs
from interlock.config import load_settings
from interlock.domain.action import Action
from interlock.domain.authority import Principal
from interlock.domain.request import Request
from interlock.engine.ports.sender import Sender
from interlock.service.agent_client import AgentClient, Asked
from interlock.storage.memory import MemoryStore
from interlock.testing.fakes import SettableClock
from interlock.testing.rabbitmq import RabbitMQServer
from interlock.waking import sqs as waking_sqs

QUEUES = ("requests", "replies", "replies-dead", "interlock-wake")


@pytest.fixture
def recorder(rabbitmq: RabbitMQServer) -> Iterator[Recorder]:
    """Yield what stands before the broker and writes down what it is sent."""
    recorder = Recorder(rabbitmq.port)
    yield recorder
    recorder.close()


@pytest.fixture
async def celery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CeleryWorkers]:
    """Yield Celery, to be started."""
    workers = CeleryWorkers(tmp_path, monkeypatch)
    yield workers
    await workers.close()


@pytest.fixture
def queues(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make the queues, and yield a client that is nobody of ours."""
    given = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": REGION}
    for name, value in ({"AWS_ENDPOINT_URL_SQS": aws} | given).items():
        monkeypatch.setenv(name, value)
    for module in (senders_sqs, waking_sqs):
        monkeypatch.setattr(module, "LONG_POLL", 1)
    client = client_of(aws, "sqs")
    made = [client.create_queue(QueueName=name)["QueueUrl"] for name in QUEUES]
    yield client
    for url in made:
        client.delete_queue(QueueUrl=url)
    client.close()


POLICY = """
people: {mia@example.com: {}, noah@example.com: {}}
groups: {managers: [mia@example.com, noah@example.com]}
default: {levels: [{hold: 10s, steps: [{ask: [group:managers], within: 1h}]}]}
"""


class Office:
    """An installation on a store in memory, and an agent that asks."""

    def __init__(self, system: System, clock: SettableClock) -> None:
        self.system, self.clock, self.number = system, clock, 0

    async def ask(self) -> Request:
        """Let the agent ask for a payment."""
        self.number += 1
        agent = AgentClient(self.system, Principal("agent:payer", "agent", "default", "api"))
        asked = Asked(Action("pay", {"amount": self.number}))
        return await agent.ask(asked, key=str(self.number))

    async def request(self, request_id: str) -> Request:
        """Return a request as it stands."""
        return (await self.system.store.load("default", [request_id])).requests[request_id]

    async def happened(self, request_id: str) -> list[str]:
        """Return what its log says, in short."""
        return [entry.event.type for entry in await self.system.store.history("default", request_id)]


@pytest.fixture
async def office(clock: SettableClock, tmp_path: Path) -> AsyncIterator[Office]:
    (tmp_path / "interlock.yaml").write_text(POLICY)
    settings = load_settings(tmp_path / "interlock.yaml", {})
    system = build(settings, {}, store=MemoryStore(clock))
    yield Office(system, clock)
    await system.close()


@pytest.fixture
async def open_room(clock: SettableClock, tmp_path: Path) -> AsyncIterator[Callable[..., Room]]:
    systems: list[System] = []

    def opened(**settings: Any) -> Room:
        (tmp_path / "interlock.yaml").write_text(slack_room.POLICY)
        found = load_settings(tmp_path / "interlock.yaml", {})
        systems.append(build(found, {}, store=MemoryStore(clock)))
        return Room(systems[-1], clock, **settings)

    yield opened
    for system in systems:
        await system.close()


@pytest.fixture
def room(open_room: Callable[..., Room]) -> Room:
    """Return a room of Slack that is told of all requests."""
    return open_room()


@pytest.fixture
async def open_house(clock: SettableClock, tmp_path: Path) -> AsyncIterator[Callable[..., House]]:
    """Yield what makes a house, given what makes its sender."""
    houses: list[House] = []

    def opened(sender: Callable[[System], Sender]) -> House:
        (tmp_path / "interlock.yaml").write_text(CONFIG)
        settings = load_settings(tmp_path / "interlock.yaml", {"INTERLOCK_DATABASE_URL": "memory:"})
        system = build(settings, {}, clock=clock)
        houses.append(House(system, clock, sender(system)))
        return houses[-1]

    yield opened
    for house in houses:
        await house.system.close()
