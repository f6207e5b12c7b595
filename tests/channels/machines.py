"""Servers, workers, a database and a broker, each a process that may be stopped, killed and started again."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from interlock.testing.keeper import free_port
from interlock.testing.postgres import PostgresServer
from interlock.testing.rabbitmq import RabbitMQServer

AGENT = '''
import os
from typing import TypedDict
from interlock import Action, Agent, ask
from langgraph.graph import END, START, StateGraph


class State(TypedDict, total=False):
    input: str
    done: str


def act(what: str, idempotency_key: str) -> str:
    """Write a line, whole, to a file that all processes share: the world counts by the key."""
    file = os.open(os.environ["SINK"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{what} {idempotency_key}\\n".encode())
    os.close(file)
    return what


def work(state: State) -> State:
    return {"done": ask(Action("act", {"what": state["input"]})).perform(act, idempotent=True)}


agent = Agent(StateGraph(State).add_node("work", work).add_edge(START, "work").add_edge("work", END))
'''
CONFIG = """
agents: {actor: agent.py:agent}
people: {mia@example.com: {}}
default: {levels: [{steps: [{ask: ["person:mia@example.com"], within: 8h}]}]}
wake: {channel: bus}
request_limits: {default: 100000}
server: {rates: {calls: unlimited, unknown: unlimited}}
channels:
  bus:
    type: rabbitmq
    address: {env: BROKER}
    exchange: machines
    queue: machines.requests
    events: [opened]
    replies: {queue: machines.replies, key: {env: REPLY_KEY}, people: [mia@example.com]}
"""


class Machines:
    """All of it, in a folder.

    Attributes:
        origins: of the servers.
        happened: what was done to whom.
    """

    def __init__(self, folder: Path, servers: int, workers: int, broker: RabbitMQServer) -> None:
        self.folder, self.chance, self.happened = folder, random.Random(14), []
        self.broker, self.database = broker, PostgresServer(fsync="on")
        (folder / "agent.py").write_text(AGENT)
        (folder / "interlock.yaml").write_text(CONFIG)
        self.environ = os.environ | {
            "BROKER": self.broker.url,
            "REPLY_KEY": "k" * 32,
            "SINK": str(folder / "sink"),
            "INTERLOCK_DATABASE_URL": self.database.url(),
        }
        ports = [free_port() for _ in range(servers)]
        self.origins = [f"http://127.0.0.1:{port}" for port in ports]
        alone = ["--no-work"] if workers else []
        self.commands = [["serve", "--no-access-log", *alone, "--port", str(port)] for port in ports]
        self.commands += [["work", "--name", f"worker-{number}"] for number in range(workers)]
        self.processes = [self._started(command) for command in self.commands]
        self._in_hand: int | None = None

    def _started(self, command):
        with (self.folder / "said").open("a") as said:
            program = Path(sys.executable).with_name("interlock")
            return subprocess.Popen([program, *command], cwd=self.folder, env=self.environ, stdout=said, stderr=said)

    async def trouble(self, kinds, stop, every):
        """Let one thing after the other go wrong, until there is nothing left to do or it is stopped."""
        for kind in kinds:
            await asyncio.sleep(every)
            if stop.is_set():
                return
            await getattr(self, kind)()

    async def supervise(self):
        """Start again what has ended by itself, as systemd does: who starts may find that there is no database yet."""
        while True:
            for which, process in enumerate(self.processes):
                if which != self._in_hand and process.poll() is not None:
                    self.processes[which] = self._started(self.commands[which])
            await asyncio.sleep(0.2)

    async def kill(self):
        """End a process as by a loss of power, and start it again."""
        await self._again(signal.SIGKILL)

    async def end(self):
        """Stop a process as its operator would, and start it again."""
        await self._again(signal.SIGTERM)

    async def _again(self, number):
        which = self._in_hand = self.chance.randrange(len(self.processes))
        self.happened.append(f"{self.commands[which][0]} {signal.Signals(number).name}")
        self.processes[which].send_signal(number)
        await asyncio.to_thread(self.processes[which].wait, 60)
        self.processes[which], self._in_hand = self._started(self.commands[which]), None

    async def pause(self):
        """Let a process stand still for a while."""
        process = self.chance.choice(self.processes)
        self.happened.append("SIGSTOP")
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(1)
        process.send_signal(signal.SIGCONT)

    async def broker_dies(self):
        """Kill RabbitMQ, and start it again."""
        self.happened.append("RabbitMQ killed")
        await asyncio.to_thread(self.broker.kill)
        await asyncio.to_thread(self.broker.start)

    async def database_dies(self):
        """Restart PostgreSQL as after a crash."""
        self.happened.append("PostgreSQL restarted")
        await asyncio.to_thread(self.database.restart, "immediate")

    def effects(self):
        """Return what the world has seen, and by which keys."""
        sink = self.folder / "sink"
        return [line.split() for line in sink.read_text().splitlines()] if sink.exists() else []

    def close(self):
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait(60)
        self.database.remove()
