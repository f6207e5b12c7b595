"""A client that costs next to nothing: it shares the machine with what it measures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

IDLE = 3.0
"""Seconds after which a connection is opened anew: servers close what is idle for five."""


class Connection:
    """One connection that is kept; one call at a time."""

    def __init__(self, origin: str, headers: dict[str, str]) -> None:
        at = urlsplit(origin)
        self._at = at.hostname, at.port
        given = {"Host": at.netloc, "Content-Type": "application/json", **headers}
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._used = 0.0

    async def call(self, method: str, path: str, body: Any = None, key: str = "") -> dict[str, Any]:
        """Make a call, perhaps with an idempotency key; return the document that is answered."""
        if self._streams is None or perf_counter() - self._used > IDLE:
            self.close()
            self._streams = await asyncio.open_connection(*self._at)
        reader, writer = self._streams
        sent = b"" if body is None else json.dumps(body).encode()
        headers = self._headers + (f"Idempotency-Key: {key}\r\n" if key else "")
        writer.write(f"{method} {path} HTTP/1.1\r\n{headers}Content-Length: {len(sent)}\r\n\r\n".encode() + sent)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        answer = await reader.readexactly(length)
        self._used = perf_counter()
        if int(head.split(" ", 2)[1]) >= 400:
            raise RuntimeError(answer.decode())
        found: dict[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


async def follow(origin: str, headers: dict[str, str], tell: Callable[[str, str, float], None]) -> None:
    """Follow server-sent events from now on; tell each one's name, its data and when it came."""
    at = urlsplit(origin)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    given = {"Host": at.netloc, **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    writer.write(f"GET /api/v1/events HTTP/1.1\r\n{lines}\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    name = ""
    try:
        while line := await reader.readline():
            if line.startswith(b"event: "):
                name = line[7:].decode().strip()
            elif line.startswith(b"data: "):
                tell(name, line[6:].decode(), perf_counter())
    finally:
        writer.close()


class Socket(asyncio.Protocol):
    """A WebSocket, or a stream of events, that only looks for a word in what it is told.

    Attributes:
        heard: when it came; None so far.
    """

    def __init__(self, request: bytes, word: bytes, begins: bytes = b'"ready"') -> None:
        self._request = request
        self._word = word
        self._begins = begins
        self.open = asyncio.get_running_loop().create_future()
        self.done = asyncio.get_running_loop().create_future()
        self.heard = asyncio.get_running_loop().create_future()
        self.last = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.last = data
        if not self.open.done() and self._begins in data:
            self.open.set_result(None)
        if not self.heard.done() and self._word in data:
            self.heard.set_result(perf_counter())

    def connection_lost(self, _: Exception | None) -> None:
        for waiting in (self.open, self.heard, self.done):
            if not waiting.done():
                waiting.set_result(None)


async def sockets(origin: str, headers: dict[str, str], count: int, word: bytes) -> list[Socket]:
    """Open so many WebSockets."""
    at = urlsplit(origin)
    given = {
        "Host": at.netloc,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        **headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    request = f"GET /api/v1/socket HTTP/1.1\r\n{lines}\r\n".encode()
    loop, found = asyncio.get_running_loop(), []
    for _ in range(count):
        _, protocol = await loop.create_connection(lambda: Socket(request, word), at.hostname, at.port)
        found.append(protocol)
    await asyncio.gather(*(one.open for one in found))
    return found


async def streams(origin: str, of: list[dict[str, str]]) -> list[Socket]:
    """Open a stream of server-sent events for each of these headers."""
    at = urlsplit(origin)
    loop, found = asyncio.get_running_loop(), []
    for headers in of:
        lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": at.netloc, **headers}.items())
        request = f"GET /api/v1/events HTTP/1.1\r\n{lines}\r\n".encode()
        made = partial(Socket, request, b"-", b": interlock")
        _, protocol = await loop.create_connection(made, at.hostname, at.port)
        found.append(protocol)
    await asyncio.gather(*(one.open for one in found))
    return found
