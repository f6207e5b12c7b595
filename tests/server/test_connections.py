"""No client holds a connection by doing nothing, and no crowd of them takes all that there are."""

import asyncio
import contextlib
import json
import socket
import time

import httpx2
import pytest
from tests.server.sockets import texts_of
from websockets.asyncio.client import connect

from interlock.web import connections

ASK = {"asked": {"kind": "approval", "name": "mail", "args": {"text": "x" * 200_000}}}


async def connected(server):
    host, port = server.context.origin.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def head(server, cookie=""):
    host = server.context.origin.removeprefix("http://")
    return f"GET /api/v1/events?after= HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n".encode()


async def test_a_client_that_reads_nothing_is_dropped_and_one_that_reads_slowly_is_not(server, monkeypatch):
    monkeypatch.setattr(connections, "STALLED", 1.0)
    await server.listen()
    agent = await server.agent()
    for number in range(25):
        assert (await agent.post("/requests", json=ASK, headers={"Idempotency-Key": str(number)})).status_code < 300
    cookie = await server.cookie("mia@example.com")
    host, port = server.context.origin.removeprefix("http://").split(":")
    loop, clients = asyncio.get_running_loop(), []
    for _ in range(2):
        clients.append(socket.socket())
        clients[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        clients[-1].setblocking(False)
        await loop.sock_connect(clients[-1], (host, int(port)))
        await loop.sock_sendall(clients[-1], await head(server, cookie))
    silent, slow = clients
    for _ in range(200):
        assert await loop.sock_recv(slow, 20_000)
        await asyncio.sleep(0.02)
        if len(server.context.streams) == 1:
            break
    assert len(server.context.streams) == 1
    for one in (silent, slow):
        one.close()


async def test_a_socket_that_reads_nothing_is_dropped_and_catches_up_without_loss_or_double(server, monkeypatch):
    monkeypatch.setattr(connections, "STALLED", 0.5)
    at = await server.listen()
    agent = await server.agent()
    for number in range(25):
        assert (await agent.post("/requests", json=ASK, headers={"Idempotency-Key": str(number)})).status_code < 300
    cookie, loop, silent = await server.cookie("mia@example.com"), asyncio.get_running_loop(), socket.socket()
    silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    silent.setblocking(False)
    host, port = at.split(":")
    await loop.sock_connect(silent, (host, int(port)))
    lines = (
        "GET /api/v1/socket?after= HTTP/1.1",
        *(f"Host: {at}", f"Origin: http://{at}", f"Cookie: {cookie}", "Upgrade: websocket", "Connection: Upgrade"),
        *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "\r\n"),
    )
    await loop.sock_sendall(silent, "\r\n".join(lines).encode())
    read = b""
    while len(read) < 900_000:  # some entries; and then nothing any more
        read += await loop.sock_recv(silent, 65_536)
    while server.context.streams:
        await asyncio.sleep(0.05)
    with contextlib.suppress(ConnectionError):
        while more := await loop.sock_recv(silent, 65_536):
            read += more
    silent.close()
    before = [
        said["position"] for said in map(json.loads, texts_of(read.partition(b"\r\n\r\n")[2])) if "position" in said
    ]
    log = await server.system.store.feed("default", after="", limit=1_000)
    entries = [entry.position for entry in log if entry.stream != "directory"]
    assert 2 < len(before) < len(entries)
    again = f"ws://{at}/api/v1/socket?after={before[-1]}"
    async with connect(again, origin=f"http://{at}", additional_headers={"Cookie": cookie}, max_size=None) as stream:
        await stream.recv()
        left = entries[len(before) :]
        assert before + [json.loads(await stream.recv())["position"] for _ in left] == entries


async def test_a_connection_on_which_no_call_begins_is_closed(server, monkeypatch):
    monkeypatch.setattr(connections, "SILENT", 0.3)
    await server.listen()
    call = b"GET /livez HTTP/1.1\r\nHost: " + server.context.origin.removeprefix("http://").encode() + b"\r\n\r\n"
    for said in ((b"",), (b"GET /livez HT",), (call, b"GET /livez HT")):
        reader, writer = await connected(server)
        for piece in said:
            writer.write(piece)
            await asyncio.sleep(0.1)
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        assert time.monotonic() - began < 3  # uvicorn closes those that are silent between two calls, after 5
        writer.close()


async def test_more_connections_than_there_is_room_for_are_told_so_and_the_others_go_on(server, monkeypatch):
    monkeypatch.setattr(connections, "most_connections", lambda share=connections.SHARE: 20 if share < 0.8 else 30)
    await server.listen()
    async with httpx2.AsyncClient(base_url=server.context.origin) as known:
        assert (await known.get("/livez")).status_code == 200
        idle = [await connected(server) for _ in range(19)]
        async with httpx2.AsyncClient(base_url=server.context.origin) as late:
            refused = await late.get("/livez")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert json.loads(refused.text)["code"] == "too_busy"
        assert (await known.get("/livez")).status_code == 200
        for _, writer in idle:
            writer.close()
        await asyncio.sleep(0.1)
        async with httpx2.AsyncClient(base_url=server.context.origin) as late:
            assert (await late.get("/livez")).status_code == 200


@pytest.mark.parametrize(("descriptors", "most"), [(256, 192), (1_024, 768), (10**6, 15_000), (-1, 15_000)])
def test_there_is_room_for_fewer_connections_than_file_descriptors(monkeypatch, descriptors, most):
    monkeypatch.setattr(connections.resource, "getrlimit", lambda _: (descriptors, descriptors))
    assert connections.most_connections() == most
