"""Many machines, all of which break: each run is decided once, by HTTP, and acts once (I2, I3, I10, I15).

The whole of it (`make soak`) writes docs/reliability.md: `RUNS=10000 make soak ARGS="-k many_machines"`. Each trouble
costs seconds of two cores, as processes start again; so in a long run there is more time between two of them (EVERY).
"""

import asyncio
import json
import os
import platform
import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aio_pika
import httpx2
import pytest
from aio_pika.exceptions import AMQPError
from tests.channels.machines import Machines

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.credentials import Scope
from interlock.service.credentials import Authenticator

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
AT_ONCE = 32
TROUBLE = ("kill", "end", "pause", "broker_dies", "database_dies")
OVER = {"done", "failed", "cancelled", "needs_attention"}
SHORT = ("kill", "database_dies")


def write(size, seconds, machines):
    """Write what was measured."""
    (runs, servers, workers, _, every), (took, recovered) = size, seconds
    machine = f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    troubles = "".join(f"| {what} | {times:,} |\n" for what, times in sorted(Counter(machines.happened).items()))
    PAGE.write_text(
        f"""# What breaks, and what is left of it

Written by `RUNS={runs} EVERY={every:.0f} make soak ARGS="-k many_machines"` on {datetime.now(UTC):%d %B %Y}:
{machine}, which also ran database, broker and callers.

{servers} servers and {workers} workers, one PostgreSQL (with `fsync`) and one RabbitMQ, each of which was stopped,
killed and started again at random, one of them every {every:.0f} s, while {runs:,} runs were started by HTTP, asked by
RabbitMQ, and decided at the callback. Each decision was sent twice or more, in any order, to any server; each call was
repeated until it was taken.

| what went wrong | times |
|---|---|
{troubles}
- **None lost, none twice**: {runs:,} runs are done, {runs:,} votes and {runs:,} decisions are in the log, and the world
  has seen {runs:,} effects, each under one key.
- **Throughput** under all that: {runs / took:.1f} runs a second, from start to end ({took:,.0f} s in all).
- **Recovery**: {recovered:.1f} s after the last trouble and the last decision, all runs had come to their end.
"""
    )


class Clients:
    """Those who start runs, and a program that answers: each call is made again, at any server, until it is taken."""

    def __init__(self, machines, token):
        self.machines, self.token, self.decided = machines, token, {}
        self.chance, self.turn = random.Random(9), asyncio.Semaphore(AT_ONCE)
        self.http = httpx2.AsyncClient(timeout=10)

    async def call(self, path, body, **headers):
        while True:
            try:
                origin = self.chance.choice(self.machines.origins)
                answer = await self.http.post(f"{origin}{path}", json=body, headers=headers)
            except httpx2.HTTPError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code < 500 and answer.status_code != 429:
                return answer
            await asyncio.sleep(0.1)

    async def start(self, number):
        async with self.turn:
            body, key = {"agent": "actor", "input": str(number)}, {"Idempotency-Key": f"run {number}"}
            answer = await self.call("/api/v1/runs", body, Authorization=f"Bearer {self.token}", **key)
            assert answer.status_code in {200, 201, 202}, answer.text

    async def decide(self, reply, request_id):
        """Answer a message by its callback: each comes at least twice, and in any order."""
        async with self.turn:
            body = {"approved": True, "token": reply["tokens"]["mia@example.com"]["approve"]}
            answer = await self.call(f"/api/approval/{request_id}", body)
            assert answer.status_code == 200, answer.text
            self.decided.setdefault(request_id, time.monotonic())

    async def answer(self, number):
        """Take messages until so many requests are decided."""
        under_way = set()
        while len(self.decided) < number:
            try:
                await self._take(number, under_way)
            except (AMQPError, ConnectionError, OSError, RuntimeError):  # the broker is away
                await asyncio.sleep(0.2)
        await asyncio.gather(*under_way)

    async def _take(self, number, under_way):
        connection = await aio_pika.connect(self.machines.broker.url, timeout=5)
        async with connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=50)
            queue = await channel.get_queue("machines.requests")
            while len(self.decided) < number:
                message = await queue.get(fail=False)
                if message is None:
                    await asyncio.sleep(0.05)
                    continue
                data = json.loads(message.body)["data"]
                if tokens := data["reply"]["tokens"]:
                    assert tokens
                    again = [self.decide(data["reply"], data["request"]["id"]) for _ in range(2)]
                    under_way |= {asyncio.create_task(self._later(one)) for one in again}
                await message.ack()

    async def _later(self, deciding):
        await asyncio.sleep(self.chance.uniform(0, 0.5))
        await deciding


async def statuses(store):
    """Return how many runs stand how."""
    found, after = Counter(), None
    while page := await store.runs("default", after=after, limit=1_000):
        found.update(str(run.status) for run in page)
        after = page[-1].id
    return found


async def events(store):
    """Return how often the log says what."""
    found, after = Counter(), ""
    while page := await store.feed("default", after=after, limit=1_000):
        found.update(entry.event.type for entry in page)
        after = page[-1].position
    return found


RUNS = int(os.environ.get("RUNS", "10000"))
EVERY = float(os.environ.get("EVERY", max(2.0, RUNS / 1_000)))
LONGEST = 2_400 + RUNS / 2
"""Seconds that the whole may take."""

SIZES = [
    pytest.param((40, 2, 0, SHORT, 1.0), id="short"),
    pytest.param((RUNS, 2, 4, None, EVERY), id="whole", marks=pytest.mark.soak),
]


@pytest.mark.timeout(LONGEST + 600)
@pytest.mark.filterwarnings("ignore:coroutine 'Connection.close' was never awaited:RuntimeWarning")  # aio_pika's own
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <coroutine object Connection.close:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("size", SIZES)
async def test_many_machines_break_and_every_run_is_decided_and_acts_once(tmp_path, size, rabbitmq, monkeypatch):
    runs, servers, workers, kinds, every = size
    machines = Machines(tmp_path, servers, workers, rabbitmq)
    try:
        for name in ("BROKER", "REPLY_KEY"):
            monkeypatch.setenv(name, machines.environ[name])
        settings = load_settings(tmp_path / "interlock.yaml", {"INTERLOCK_DATABASE_URL": machines.database.url()})
        system = build(settings, {})
        issued = await Authenticator(system.store, system.directories).token(
            "default", "service:load", scopes=frozenset(Scope), lasts=timedelta(days=1), by="test"
        )
        clients, stop, began = Clients(machines, issued.secret), asyncio.Event(), time.monotonic()
        chosen = kinds or [machines.chance.choice(TROUBLE) for _ in range(10_000)]
        trouble = asyncio.create_task(machines.trouble(chosen, stop, every))
        supervising = asyncio.create_task(machines.supervise())
        async with asyncio.timeout(240 if kinds else LONGEST):
            answering = asyncio.create_task(clients.answer(runs))
            await asyncio.gather(*(clients.start(number) for number in range(runs)))
            await answering
            if kinds:
                await trouble
            stop.set()
            await trouble
            calm = time.monotonic()
            while (stands := await statuses(system.store)).total() < runs or set(stands) - OVER:
                await asyncio.sleep(0.2)
            told = await events(system.store)
        supervising.cancel()
        took, recovered = time.monotonic() - began, time.monotonic() - calm
        await system.close()
        await clients.http.aclose()
    finally:
        machines.close()
    assert stands == {"done": runs}
    assert (told["vote_cast"], told["decided"], told["effect_executed"]) == (runs, runs, runs)
    assert sorted(int(what) for what, _ in {tuple(one) for one in machines.effects()}) == list(range(runs))
    assert len(clients.decided) == runs
    if not kinds:
        write(size, (took, recovered), machines)
