"""`interlock serve` for real: it lets the first one in, and carries runs on itself, or leaves that to workers."""

import asyncio
import socket
from contextlib import aclosing
from pathlib import Path

import pytest
from tests.server import served

from interlock.bootstrap import build
from interlock.client import connect, sign_in
from interlock.config import load_settings
from interlock.domain.events import Opened
from interlock.domain.run_events import RunDone
from interlock.service.credentials import Authenticator
from interlock.web.serving import bound

CONFIG = f"""
agents: {{questions: '{Path(__file__).parents[1] / "e2e" / "graphs.py"}:questions'}}
default: {{initiator_may_approve: true, levels: [{{steps: [{{ask: [role:reviewer]}}]}}]}}
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    (tmp_path / "interlock.yaml").write_text(CONFIG)
    started = []

    def start(address, *does, also=()):
        words = ("-c", str(tmp_path / "interlock.yaml"), "--database", address)
        started.append(served.Served(tmp_path, *words, name=str(len(started)), does=does, also=also))
        return started[-1]

    yield start
    for one in started:
        one.end()


async def finished(origin, link):
    """Sign in, start a run, decide what it asks, and return what comes of it."""
    async with connect(origin, session=await sign_in(origin, link)) as me:
        before = await me.last_position()
        run = await me.start("questions", "a flight")
        async with aclosing(me.follow(before)) as entries:
            async for entry in entries:
                if isinstance(entry.event, Opened):
                    said = "KLM" if entry.event.ask.subject.options else 2
                    await me.answer(entry.stream, said, digest=entry.event.asked_digest)
                if isinstance(entry.event, RunDone):
                    break
        return (await me.run(run.id)).run.output


async def test_a_server_lets_the_first_one_in_and_carries_runs_on_itself(start, tmp_path):
    address = str(tmp_path / "first.db")
    told = start(address, "serve", "--port", "0").told()
    assert "KLM" in str(await finished(told["origin"], told["sign_in"]))
    again = start(address, "serve", "--port", "0").told()
    assert (again["event"], again["sign_in"]) == ("serving", None), "a restart has shown a secret"


async def test_a_server_that_does_not_work_leaves_runs_to_a_worker_beside_it(start, postgres):
    address = postgres.fresh()
    system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": address}), {})
    await Authenticator(system.store, system.directories).session("default", "local:me", by="test")
    await system.close()
    told = start(address, "serve", "--port", "0", "--no-work", also=("--sign-in-link",)).told()
    start(address, "work")
    assert "KLM" in str(await finished(told["origin"], told["sign_in"]))


async def test_each_part_of_an_answer_is_sent_at_once():
    """The end of an answer waited up to 40 ms for the client to confirm its beginning, under asyncio's own loop."""
    seen = asyncio.get_running_loop().create_future()

    class Seen(asyncio.Protocol):
        def connection_made(self, transport):
            found = transport.get_extra_info("socket")
            seen.set_result(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    listening = bound("127.0.0.1", 0)
    server = await asyncio.get_running_loop().create_server(Seen, sock=listening)
    async with server:
        _, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
        assert await asyncio.wait_for(seen, 10)
        writer.close()
