"""Measure how workers hear of work: by PostgreSQL's NOTIFY, RabbitMQ and SQS; write it to bench/RESULTS.md.

python bench/wake.py            # about half an hour; the machine must be quiet
python bench/wake.py --quick    # small, and printed only
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).parent))

import boto3
import psycopg
from botocore.config import Config as BotoConfig

import run as results
from interlock.bootstrap import System, build
from interlock.config import load_settings
from interlock.domain.authority import Principal
from interlock.domain.run import RunStatus
from interlock.engine.ports.store import RequestFilter
from interlock.service.client import Client
from interlock.testing.postgres import PostgresServer
from interlock.testing.rabbitmq import RabbitMQServer

AGENT = """
import os
import time
from typing import TypedDict
from interlock import Action, Agent, ask
from langgraph.graph import END, START, StateGraph


class State(TypedDict, total=False):
    input: str


def act(what: str) -> None:
    file = os.open(os.environ["SINK"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{what} {time.monotonic()}\\n".encode())
    os.close(file)


def work(state: State) -> State:
    ask(Action("act", {"what": state["input"]})).perform(act)
    return {}


agent = Agent(StateGraph(State).add_node("work", work).add_edge(START, "work").add_edge("work", END))
"""
CONFIG = """
agents: {actor: agent.py:agent}
people: {mia@example.com: {}}
request_limits: {default: 100000}
default: {initiator_may_approve: true, levels: [{steps: [{ask: ["person:mia@example.com"], within: 8h}]}]}
channels:
  bus: {type: rabbitmq, address: {env: BROKER}, events: [escalated]}
  aws: {type: sqs, queue: asked, events: [escalated]}
"""
SOURCES = {"NOTIFY": "", "RabbitMQ": "wake: {channel: bus}\n", "SQS": "wake: {channel: aws}\n"}
QUEUES = ("asked", "interlock-wake")
AT_ONCE = 32


@dataclass
class Place:
    """One database, with its configuration in a folder, and workers on it."""

    folder: Path
    database: str
    source: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def system(self) -> System:
        """Return this process's part of it."""
        (self.folder / "agent.py").write_text(AGENT)
        (self.folder / "interlock.yaml").write_text(CONFIG + SOURCES[self.source])
        os.environ |= {"INTERLOCK_DATABASE_URL": self.database, "SINK": str(self.folder / "sink")}
        return build(load_settings(self.folder / "interlock.yaml", os.environ), {})

    def work(self, number: int) -> None:
        """Start so many workers."""
        program = Path(sys.executable).with_name("interlock")
        for _ in range(number):
            self.workers.append(subprocess.Popen([program, "work"], cwd=self.folder, stdout=subprocess.DEVNULL))

    def rest(self) -> None:
        """Stop all workers."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(60)
        self.workers.clear()

    def acted(self) -> dict[str, float]:
        """Return when each run has acted."""
        sink = self.folder / "sink"
        lines = sink.read_text().splitlines() if sink.exists() else []
        return {what: float(at) for what, at in (line.split() for line in lines)}


@contextmanager
def place(server: PostgresServer, source: str) -> Iterator[Place]:
    """Yield a place with a database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        found = Place(Path(folder), server.fresh(), source)
        try:
            yield found
        finally:
            found.rest()


@contextmanager
def sqs() -> Iterator[None]:
    """Have a stand-in for SQS serve the queues: a process beside the workers, as slow as it is."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    os.environ |= {"AWS_ENDPOINT_URL_SQS": f"http://127.0.0.1:{port}", "AWS_DEFAULT_REGION": "eu-central-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    program = Path(sys.executable).with_name("moto_server")
    silent = subprocess.DEVNULL
    served = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=silent, stderr=silent)
    try:
        client = boto3.client("sqs", config=BotoConfig(retries={"total_max_attempts": 100, "mode": "standard"}))
        for name in QUEUES:
            client.create_queue(QueueName=name)
        yield
    finally:
        served.terminate()
        served.wait(60)


def mia(system: System) -> Client:
    """Return her who starts and decides everything."""
    return system.client(Principal("mia@example.com", "person", "default", "bench"))


async def until(at: Place, status: RunStatus, number: int) -> None:
    """Wait until so many runs stand so: counted by the database, since to read ten thousand rows is work as well."""
    async with await psycopg.AsyncConnection.connect(at.database, autocommit=True) as connection:
        while True:
            found = await connection.execute("SELECT count(*) FROM runs WHERE status = %s", (status,))
            counted = await found.fetchone()
            if counted is not None and counted[0] >= number:
                return
            await asyncio.sleep(0.02)


async def vote_to_act(at: Place, votes: int) -> list[float]:
    """Return how many milliseconds after each vote its run acted, in the one worker that there is."""
    system, took = at.system(), []
    at.work(1)
    for number in range(votes + 3):  # the first ones load the agent
        await mia(system).start("actor", str(number))
        await until(at, RunStatus.paused, 1)
        (asked,) = await system.store.requests("default", RequestFilter())
        began = time.monotonic()
        await mia(system).approve(asked.id, digest=asked.digest)
        await until(at, RunStatus.done, number + 1)
        took.append((at.acted()[str(number)] - began) * 1_000)
    await system.close()
    return took[3:]


async def cycles(at: Place, workers: int, number: int) -> float:
    """Return how many runs a second were started, asked about, decided and done."""
    system = at.system()
    at.work(workers)
    await mia(system).start("actor", "first")
    await until(at, RunStatus.paused, 1)
    began, decided = time.monotonic(), set[str]()
    turn = asyncio.Semaphore(AT_ONCE)

    async def start(one: int) -> None:
        async with turn:
            await mia(system).start("actor", str(one))

    starting = asyncio.gather(*(start(one) for one in range(number)))
    while len(decided) < number + 1:
        waits = [
            one for one in await system.store.requests("default", RequestFilter(), limit=200) if one.id not in decided
        ]
        await asyncio.gather(*(mia(system).approve(one.id, digest=one.digest) for one in waits))
        decided |= {one.id for one in waits}
        await asyncio.sleep(0 if waits else 0.005)
    await starting
    await until(at, RunStatus.done, number + 1)
    took = time.monotonic() - began
    await system.close()
    return number / took


async def backlog(at: Place, workers: int, number: int) -> float:
    """Return how many runs a second go on of those that were decided while no worker ran."""
    system = at.system()
    at.work(workers)
    for begun in range(0, number, AT_ONCE):
        some = range(begun, min(begun + AT_ONCE, number))
        await asyncio.gather(*(mia(system).start("actor", str(one)) for one in some))
    await until(at, RunStatus.paused, number)
    at.rest()
    while waits := await system.store.requests("default", RequestFilter(), limit=200):
        await asyncio.gather(*(mia(system).approve(one.id, digest=one.digest) for one in waits))
    began = time.monotonic()
    at.work(workers)
    await until(at, RunStatus.done, number)
    took = time.monotonic() - began
    await system.close()
    return number / took


def measured(server: PostgresServer, *, quick: bool) -> Iterator[str]:
    """Yield what was measured, as lines of the results."""
    votes, many, decided = (10, 40, 60) if quick else (200, 400, 10_000)
    workers = (1,) if quick else (1, 2, 4)
    yield from ("", "## How workers hear of work", "")
    yield f"Workers are processes (`interlock work`) on PostgreSQL. Vote to act: ms, of {votes} votes, one idle worker."
    yield "SQS is moto, a stand-in that answers one call at a time, on the same machine: AWS's own takes other times."
    yield ""
    yield "| heard by | p50 | p95 |"
    yield "|---|---|---|"
    for source in SOURCES:
        with place(server, source) as at:
            took = asyncio.run(vote_to_act(at, votes))
        yield f"| {source} | {median(took):.1f} | {quantiles(took, n=20)[-1]:.1f} |"
    yield ""
    yield f"Cycles a second: of {many} runs that are started, decided and done. Backlog: {decided:,} runs that were"
    yield f"decided while no worker ran, carried on by {workers[-1]}, whose start is in it: a second, and in all."
    yield "Workers, database, broker and callers share the machine. What a waiting run costs is under *Paused runs*."
    yield ""
    yield "| heard by | workers | cycles/s | backlog |"
    yield "|---|---|---|---|"
    for source, number in product(SOURCES, workers):
        with place(server, source) as at:
            rate = asyncio.run(cycles(at, number, many))
        after = "-"
        if number == workers[-1]:
            with place(server, source) as at:
                rate_after = asyncio.run(backlog(at, number, decided))
            after = f"{rate_after:.1f} ({decided / rate_after:.0f} s)"
        yield f"| {source} | {number} | {rate:.1f} | {after} |"


def main() -> None:
    """Measure, print, and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="small, and nothing is written")
    given = options.parse_args()
    server, broker = PostgresServer(), RabbitMQServer()
    os.environ["BROKER"] = broker.url
    lines = []
    try:
        with sqs():
            for line in measured(server, quick=given.quick):
                print(line, flush=True)
                lines.append(line)
    finally:
        broker.remove()
        server.remove()
    if not given.quick:
        results.write(lines)


if __name__ == "__main__":
    main()
