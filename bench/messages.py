"""Measure what a message of a channel costs the process that sends it; write it to bench/RESULTS.md.

python bench/messages.py            # some minutes
python bench/messages.py --quick    # small, and printed only

What is measured is the processor's time of this process, which plans and sends; the database, the broker and whoever is
called are others.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

import run as results
from interlock.bootstrap import System, build
from interlock.channels.event_channel import EventChannel
from interlock.channels.mail import MailSender, MailServer
from interlock.channels.rabbitmq import RabbitMQSender
from interlock.channels.webhook import WebhookSender
from interlock.config import load_settings
from interlock.domain.action import Action
from interlock.domain.authority import Principal
from interlock.engine.ports.sender import Sender
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.delivering import Delivering
from interlock.service.notices import Notices, mail_address_of
from interlock.testing.postgres import PostgresServer
from interlock.testing.rabbitmq import RabbitMQServer

CONFIG = """
people: {mia@example.com: {}}
default: {levels: [{steps: [{ask: ["person:mia@example.com"]}]}]}
"""
HTTP = """
import asyncio

class Answers(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.came, self.wanted = transport, b"", 0

    def data_received(self, data):
        self.came += data
        while b"\\r\\n\\r\\n" in self.came:
            head, _, body = self.came.partition(b"\\r\\n\\r\\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\\r\\n")[0])
            if len(body) < length:
                return
            self.came = body[length:]
            self.transport.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")

async def main():
    server = await asyncio.get_running_loop().create_server(Answers, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
SMTP = """
import asyncio
from aiosmtpd.smtp import SMTP

class Takes:
    async def handle_DATA(self, server, session, envelope):
        return "250 OK"

async def main():
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Takes()), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
Found = dict[str, list[tuple[float, float]]]
"""By channel, for each round the milliseconds of CPU and of the clock that a message took."""

ORIGIN = "https://approvals.example.com"
HERE = [ip_network("127.0.0.0/8")]
AT_ONCE = 16


@contextmanager
def beside(program: str) -> Iterator[int]:
    """Run a server in a process of its own, and yield its port."""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.terminate()


def senders(system: System, broker: str, http: int, smtp: int) -> dict[str, Sender]:
    """Return what sends by each channel."""
    channel = EventChannel("bench", "default", frozenset({"opened"}), ORIGIN)
    notices = Notices(system, "default", "bench", mail_address_of("bench"))
    how = {"tenant": "default", "sender": ("Approvals", "approvals@example.com"), "origin": ORIGIN}
    return {
        "webhook": WebhookSender(channel, f"http://127.0.0.1:{http}/", [b"k" * 24], now=_now, networks=HERE),
        "RabbitMQ": RabbitMQSender(channel, broker, exchange="bench.events", queue="bench"),
        "mail": MailSender("bench", notices, MailServer("127.0.0.1", smtp, "none"), now=_now, most_an_hour=None, **how),
    }


def _now() -> datetime:
    return datetime.now(UTC)


async def cost(system: System, sender: Sender, number: int) -> tuple[float, float]:
    """Return the milliseconds of CPU, and of the clock, that a message takes."""
    said: list[str] = []
    delivering = Delivering(system, [sender], said.append)
    await delivering.drain()
    await asked(system, 8)
    await delivering.drain()  # connections are open now
    await asked(system, number)
    cpu, clock = time.process_time(), time.monotonic()
    await delivering.drain()
    took = time.process_time() - cpu, time.monotonic() - clock
    assert not said, said
    await delivering.deliverer.close()
    return 1000 * took[0] / number, 1000 * took[1] / number


async def asked(system: System, number: int) -> None:
    """Let an agent ask for so many payments."""
    agent = AgentClient(system, Principal("agent:payer", "agent", "default", "api"))
    keys = [f"{time.monotonic()} {one}" for one in range(number)]
    for begin in range(0, number, AT_ONCE):
        some = keys[begin : begin + AT_ONCE]
        await asyncio.gather(*(agent.ask(Asked(Action("pay", {"what": key})), key=key) for key in some))


async def measured(server: PostgresServer, broker: str, rounds: int, number: int) -> Found:
    """Return for each channel what a message took, in each round, by turns."""
    found: Found = {}
    with tempfile.TemporaryDirectory() as folder, beside(HTTP) as http, beside(SMTP) as smtp:
        file = Path(folder) / "interlock.yaml"
        file.write_text(CONFIG)
        for _ in range(rounds):
            for name in ("webhook", "RabbitMQ", "mail"):
                system = build(load_settings(file, {"INTERLOCK_DATABASE_URL": server.fresh()}), {})
                sender = senders(system, broker, http, smtp)[name]
                found.setdefault(name, []).append(await cost(system, sender, number))
                await system.close()
    return found


def lines(found: Found, number: int) -> Iterator[str]:
    """Yield what was measured, as lines of the results."""
    yield from ("## What a message costs", "")
    yield f"{number} messages about requests that were opened, planned and sent by one process on PostgreSQL, each"
    yield "taken by a program on the same machine; medians of several rounds by turns. CPU is that of the sending"
    yield "process alone. A message is planned in one commit, taken up in one, and marked as sent in one. The machine"
    yield f"had a load of {os.getloadavg()[1]:.0f}: the clock's milliseconds show that, those of CPU hardly do."
    yield from ("", "| channel | CPU, ms a message | clock, ms a message |", "|---|---|---|")
    for name, took in found.items():
        yield f"| {name} | {_spread([one for one, _ in took])} | {_spread([one for _, one in took])} |"


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rounds, number = (1, 50) if quick else (3, 300)
    database, broker = PostgresServer(), RabbitMQServer()
    try:
        found = [*lines(asyncio.run(measured(database, broker.url, rounds, number)), number)]
    finally:
        database.remove()
        broker.remove()
    print("\n".join(found))
    if not quick:
        results.write(found)


if __name__ == "__main__":
    main()
