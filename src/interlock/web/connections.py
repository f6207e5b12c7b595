"""The connections of a server: no more than there are file descriptors for, and none whose client does nothing."""

from __future__ import annotations

import asyncio
import fcntl
import json
import resource
import sys
import termios
from typing import TYPE_CHECKING, Any, Protocol

from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode

if TYPE_CHECKING:
    _Base = asyncio.Protocol
else:
    _Base = object

STALLED = 5.0
"""Seconds for which a client may take nothing of what waits for it, before it is dropped."""

SILENT = 30.0
"""Seconds within which the head of a call has to have arrived."""

REFUSED_LASTS = 1.0
"""Seconds that are waited for the call of somebody for whom there is no room, to say so."""

MOST = 20_000
"""How many file descriptors are counted on at most."""

SHARE = 0.75
"""Of the file descriptors that the process may have: the others are for the database, files and child processes."""

SAID = 0.05
"""Of these descriptors, how many serve to tell more who come that there is no room; all others are closed unheard."""


def most_connections(share: float = SHARE) -> int:
    """Return how many connections may be open at once."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        descriptors = MOST
    return max(1, int(min(descriptors, MOST) * share))


class Connection(_Base):
    """A connection that is dropped when its client does not take what is written to it."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _look: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Look from now on whether the client takes what waits for it."""
        super().pause_writing()
        self._look_after(self._untaken())

    def resume_writing(self) -> None:
        """Look no more."""
        super().resume_writing()
        self._look_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        super().connection_lost(exc)
        self._look_no_more()

    @property
    def keeps_waiting(self) -> bool:
        """Whether nothing goes on here until the client does something, which a server that ends does not wait for."""
        return self._look is not None

    def _look_after(self, waiting: int) -> None:
        self._look_no_more()
        self._look = self.loop.call_later(STALLED, self._drop_if_stalled, waiting)

    def _drop_if_stalled(self, waited: int) -> None:
        waiting = self._untaken()
        if waiting >= waited:
            self.transport.abort()
        else:
            self._look_after(waiting)

    def _untaken(self) -> int:
        """Return how many bytes the client has not taken: here, and where the system keeps megabytes for a slow one."""
        try:
            kept = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, b"\0" * 4)
        except (AttributeError, OSError):  # it is closed
            return 0
        return self.transport.get_write_buffer_size() + int.from_bytes(kept, sys.byteorder)

    def _look_no_more(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None


LINE = "interlock.line"
"""Under which name a call brings its `Line`, among the extensions of ASGI."""


class Line(Protocol):
    """Where whoever tells many alike writes to one of them, past ASGI."""

    @property
    def takes_more(self) -> bool:
        """Whether the client has taken nearly all that was written to it."""

    async def until_it_takes_more(self) -> None:
        """Wait for the client, or until it is gone."""

    def write(self, told: bytes) -> None:
        """Write what is told."""


class SocketLine(Connection):
    """A WebSocket's connection: what many are told alike is made a frame once. Implements `Line`."""

    scope: dict[str, Any]
    writable: asyncio.Event
    disconnected: bool
    close_sent: bool

    def handle_connect(self, event: Any) -> None:
        """Begin a call, which brings this line."""
        super().handle_connect(event)  # type: ignore[misc]
        if not self.close_sent:
            self.scope["extensions"][LINE] = self

    @property
    def takes_more(self) -> bool:
        """Whether the client has taken nearly all that was written to it."""
        return self.writable.is_set() and not self._is_over

    async def until_it_takes_more(self) -> None:
        """Wait for the client; raise `WebSocketDisconnect` if it is gone."""
        await self.writable.wait()
        if self._is_over:
            raise WebSocketDisconnect

    def write(self, told: bytes) -> None:
        """Write whole frames."""
        self.transport.write(told)

    @property
    def _is_over(self) -> bool:
        return self.disconnected or self.close_sent or self.transport.is_closing()


def frame_of(text: str) -> bytes:
    """Return a message as a frame, as every socket is sent it."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


class StreamLine:
    """The answer to a call while it is a stream, in HTTP's chunks. Implements `Line`."""

    def __init__(self, cycle: Any) -> None:
        self._cycle = cycle

    @property
    def takes_more(self) -> bool:
        """Whether the client has taken nearly all that was written to it."""
        return not (self._cycle.flow.write_paused or self._is_over)

    async def until_it_takes_more(self) -> None:
        """Wait for the client; raise `ClientDisconnect` if it is gone."""
        await self._cycle.flow.drain()
        if self._is_over:
            raise ClientDisconnect

    def write(self, told: bytes) -> None:
        """Write a chunk."""
        self._cycle.transport.write(b"%x\r\n%b\r\n" % (len(told), told))

    @property
    def _is_over(self) -> bool:
        return bool(self._cycle.disconnected or self._cycle.transport.is_closing())


class Calls(Connection):
    """A connection for calls: one at a time, each of which begins in time."""

    connections: set[asyncio.Protocol]
    cycle: Any
    _silence: asyncio.TimerHandle | None = None
    _is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it, if there is room."""
        super().connection_made(transport)
        open_now = len(self.connections)
        if open_now > most_connections(SHARE + SAID):
            self.transport.abort()
            return
        self._is_refused = open_now > most_connections()
        self._silence = self.loop.call_later(REFUSED_LASTS if self._is_refused else SILENT, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        """Take a part of a call."""
        if self._is_refused:
            self.transport.write(_NO_ROOM)
            self.transport.close()
            return
        super().data_received(data)
        begins = self in self.connections and (self.cycle is None or self.cycle.response_complete)
        if not begins:
            self._silence_ends()
        elif self._silence is None:
            self._silence = self.loop.call_later(SILENT, self.transport.abort)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.scope.setdefault("extensions", {})[LINE] = StreamLine(cycle)
        super()._start_asgi_task(cycle, app)  # type: ignore[misc]

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        super().connection_lost(exc)
        self._silence_ends()

    @property
    def keeps_waiting(self) -> bool:
        """See `Connection`: also whether the client has sent half a body."""
        under_way = self.cycle is not None and not self.cycle.response_complete
        return super().keeps_waiting or (under_way and self.cycle.more_body)

    def _silence_ends(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None


def _no_room() -> bytes:
    told = {
        "type": "urn:interlock:problem:too_busy",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "Too many connections are open: try again in a few seconds.",
        "code": "too_busy",
        "details": {"retry_after": 5},
    }
    body = json.dumps(told).encode()
    head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 5\r\n"
    return f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


_NO_ROOM = _no_room()
HTTP: type[asyncio.Protocol] = type("HTTP", (Calls, AutoHTTPProtocol), {})
WEBSOCKET: type[asyncio.Protocol] = type("WebSocket", (SocketLine, WebSocketsSansIOProtocol), {})
