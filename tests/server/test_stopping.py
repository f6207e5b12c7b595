"""SIGTERM in the middle of work: every vote is answered, every stream says goodbye and where it was (S9, I10)."""

import asyncio
import fcntl
import json
import os
import signal
import socket
import struct
import termios
import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from tests.server import served
from websockets.asyncio.client import connect

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.action import Action
from interlock.domain.credentials import Scope
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.credentials import Authenticator
from interlock.testing.people import principal

STREAMS, VOTES, IDLE = 200, 40, 10


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(*words, **options):
        started.append(served.Served(tmp_path, *words, name=str(len(started)), **options))
        return started[-1]

    yield start
    for one in started:
        one.end()


async def opened(origin, method, path, cookie, body=""):
    """Send a call on a connection of its own; return what reads the answer, and what writes more."""
    at = urlsplit(origin)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {at.netloc}", f"Origin: {origin}", f"Cookie: {cookie}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    writer.write("\r\n".join([*lines, "", body]).encode())
    await writer.drain()
    return reader, writer


async def answered(reader):
    """Return status and document of an answer, read to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length"))
    return int(head.split()[1]), json.loads(await reader.readexactly(length))


async def followed(reader):
    """Read a stream of server-sent events to its end; return the positions of its entries, and its farewell."""
    told = (await reader.read()).decode()
    ids = [line[4:] for line in told.splitlines() if line.startswith("id: ")]
    farewell = told[told.index("event: end\n") :].split("data: ")[1].splitlines()[0]
    assert told.endswith("0\r\n\r\n"), "the stream was cut off"
    return ids, json.loads(farewell)


async def listened(socket):
    told = [json.loads(message) async for message in socket]
    assert (told[-1]["type"], socket.close_code) == ("end", 1001)
    return [one["position"] for one in told if "position" in one], told[-1]


def vote_on(request, origin, cookie):
    """Return the call that approves a request, as bytes."""
    body = json.dumps({"verdict": "approve", "digest": request.digest})
    head = f"POST /api/v1/requests/{request.id}/votes HTTP/1.1\r\nHost: {urlsplit(origin).netloc}\r\n"
    about = f"Origin: {origin}\r\nCookie: {cookie}\r\nContent-Type: application/json\r\n"
    return f"{head}{about}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def asking(address):
    """Return a system, a session's cookie, and what its agent asks."""
    system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": address}), {})
    session = await Authenticator(system.store, system.directories).session("default", "local:me", by="test")
    bot = AgentClient(system, principal("agent:bot", "agent"))
    asked = [await bot.ask(Asked(Action("pay", {"number": each})), key=str(each)) for each in range(VOTES + 1)]
    return system, f"interlock={session.secret}", asked


async def following(origin, cookie):
    """Open streams and sockets; return what hears them to their ends, and what keeps them open."""
    streams = [await opened(origin, "GET", "/api/v1/events", cookie) for _ in range(STREAMS // 2)]
    for reader, _ in streams:
        await reader.readuntil(b"retry:")
    known = {"origin": origin, "additional_headers": {"Cookie": cookie}}
    sockets = [await connect(f"ws{origin[4:]}/api/v1/socket", **known) for _ in range(STREAMS // 2)]
    heard = [asyncio.create_task(listened(one)) for one in sockets]
    heard += [asyncio.create_task(followed(reader)) for reader, _ in streams]
    return heard, [writer for _, writer in streams]


async def idle(origin, cookie):
    """Connect clients that say nothing, or half of a call, and then nothing more; return what writes to them."""
    at = urlsplit(origin)
    found = [await asyncio.open_connection(at.hostname, at.port) for _ in range(IDLE * 3)]
    half = f"POST /api/v1/requests HTTP/1.1\r\nHost: {at.netloc}\r\nCookie: {cookie}\r\n".encode()
    for number, (_, writer) in enumerate(found):
        writer.write((b"", half, half + b"Content-Length: 9\r\n\r\n{")[number % 3])
    return [writer for _, writer in found]


@pytest.mark.parametrize("in_time", [False, pytest.param(True, marks=pytest.mark.soak)])
async def test_SIGTERM_answers_every_vote_and_every_stream_says_goodbye_and_where_it_was(serve, tmp_path, in_time):
    """Timed by the soak alone: on a busy machine the seconds are the others'."""
    system, cookie, (waits, *asked) = await asking(str(tmp_path / "stopping.db"))
    began = await system.store.last_position("default")
    process = serve("--database", str(tmp_path / "stopping.db"))
    origin = process.origin()

    hearing, writers = await following(origin, cookie)
    writers += await idle(origin, cookie)
    outcome = f"/api/v1/requests/{waits.id}/outcome?wait=60"
    polls = [await opened(origin, "GET", outcome, cookie) for _ in range(IDLE)]
    connections = [await opened(origin, "GET", "/livez", cookie) for _ in asked]
    for reader, _ in connections:
        assert (await answered(reader))[0] == 200
    for request, (_, writer) in zip(asked, connections, strict=True):
        writer.write(vote_on(request, origin, cookie))
    first = await answered(connections[0][0])  # all have been read by now, and few are done
    stopped_at = time.monotonic()
    os.kill(process.process.pid, signal.SIGTERM)
    answers = [first, *[await answered(reader) for reader, _ in connections[1:]]]
    assert [(status, told["status"]) for status, told in answers] == [(200, "approved")] * VOTES
    polled = [await answered(reader) for reader, _ in polls]
    assert [(status, told["status"]) for status, told in polled] == [(200, "open")] * IDLE
    ends = await asyncio.gather(*hearing)
    assert await asyncio.to_thread(process.wait) == 0
    assert not in_time or time.monotonic() - stopped_at < 1

    entries = await system.store.feed("default", after=began, limit=1_000)
    log = [entry.position for entry in entries if entry.stream != "directory"]  # which nobody here may see
    assert sum(entry.event.type in {"vote_cast", "decided"} for entry in entries) == VOTES * 2
    for positions, farewell in ends:
        assert farewell["reason"] == "the server stops"
        assert positions == [position for position in log if int(position) <= int(farewell["after"])]
    for writer in (*writers, *(writer for _, writer in (*connections, *polls))):
        writer.close()
    await system.close()


async def test_a_token_of_before_is_good_after_a_restart_and_a_killed_server_has_lost_nothing(serve, tmp_path):
    address = str(tmp_path / "killed.db")
    system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": address}), {})
    authenticator = Authenticator(system.store, system.directories)
    issued = await authenticator.token(
        "default", "agent:bot", scopes=frozenset(Scope), lasts=timedelta(days=1), by="test"
    )
    cookie = f"interlock={(await authenticator.session('default', 'local:me', by='test')).secret}"
    bot = AgentClient(system, principal("agent:bot", "agent"))
    asked = [await bot.ask(Asked(Action("pay", {"number": each})), key=str(each)) for each in range(4)]
    for request in asked:
        process = serve("--database", address)
        body = json.dumps({"verdict": "approve", "digest": request.digest})
        reader, writer = await opened(process.origin(), "POST", f"/api/v1/requests/{request.id}/votes", cookie, body)
        assert (await answered(reader))[0] == 200
        os.kill(process.process.pid, signal.SIGKILL)  # with the answer, and not a moment later
        assert await asyncio.to_thread(process.wait) == -signal.SIGKILL
        assert (await bot.own(request.id)).status == "approved", "I10: what was acknowledged is lost"
        writer.close()
    assert (
        await Authenticator(system.store, system.directories).check(issued.secret, kinds=("token",))
    ).principal == "agent:bot"
    await system.close()


def followers_that_read_nothing(origin, cookie, many):
    """Follow the log on connections of which nothing is read; return them."""
    at, found = urlsplit(origin), []
    for _ in range(many):
        found.append(socket.socket())
        found[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        found[-1].connect((at.hostname, at.port))
        head = f"GET /api/v1/events?after= HTTP/1.1\r\nHost: {at.netloc}\r\nCookie: {cookie}\r\n\r\n"
        found[-1].sendall(head.encode())
    return found


async def a_long_log(address):
    """Make a log that fills the buffers of those who do not read it; return the cookie of somebody who may."""
    system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": address}), {})
    session = await Authenticator(system.store, system.directories).session("default", "local:me", by="test")
    bot = AgentClient(system, principal("agent:bot", "agent"))
    for each in range(25):
        await bot.ask(Asked(Action("pay", {"text": "x" * 200_000})), key=str(each))
    await system.close()
    return f"interlock={session.secret}"


async def until_nothing_more_comes(connections):
    """Return when the buffers of all are full: what waits to be read has stopped growing."""
    before = None
    while (waits := [unread(one) for one in connections]) != before or not all(waits):
        before = waits
        await asyncio.sleep(0.3)


def unread(connection):
    """Return how many bytes have come that nobody has read."""
    return struct.unpack("i", fcntl.ioctl(connection, termios.FIONREAD, b"\0" * 4))[0]


@pytest.mark.parametrize("in_time", [False, pytest.param(True, marks=pytest.mark.soak)])
async def test_SIGTERM_waits_for_nobody_who_reads_nothing(serve, tmp_path, in_time):
    address = str(tmp_path / "stalled.db")
    cookie = await a_long_log(address)
    process = serve("--database", address)
    silent = followers_that_read_nothing(process.origin(), cookie, IDLE)
    await until_nothing_more_comes(silent)
    began = time.monotonic()
    os.kill(process.process.pid, signal.SIGTERM)
    assert await asyncio.to_thread(process.wait) == 0
    assert not in_time or time.monotonic() - began < 1
    for one in silent:
        one.close()
