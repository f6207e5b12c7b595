"""The server's process: it answers until it is told to stop, and then ends what is under way, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address

import uvicorn
from starlette.types import ASGIApp

from interlock.config.sections import Settings
from interlock.domain.addresses import hosts_of, machine, network, origin_at
from interlock.errors import BadInput
from interlock.service.components import Components
from interlock.web.app import application
from interlock.web.configured import checked_origin, configured_context
from interlock.web.connections import HTTP, WEBSOCKET, Connection
from interlock.web.context import Context
from interlock.web.measuring import Measuring

PATIENCE = 10
"""Seconds for what is under way when it stops."""

FAREWELL = 0.3
"""Seconds that are waited for the next stream to say that it ends, and where."""

TURN = 0.01
"""Seconds between two looks at what is still to end."""

WAITING = 2_048
"""How many connections may wait until they are accepted."""


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that calls come to; port 0 is any free one.

    Raises:
        BadInput: if the address is taken, or is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because asyncio lets only what is made so send each part of an answer at once.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(WAITING)  # who calls as soon as the address is told, waits and is not refused
    except OSError as error:
        found.close()
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"The server cannot listen on {host}:{port}: {reason}. Choose another with --port.") from None
    return found


@dataclass(frozen=True, slots=True)
class Answering:
    """A server that listens: what it answers with, and where."""

    context: Context
    listening: socket.socket

    @classmethod
    def at(  # noqa: PLR0913 - where a server is
        cls,
        components: Components,
        host: str,
        port: int,
        *,
        origin: str | None,
        proxies: Sequence[str],
        stop: asyncio.Event,
        settings: Settings | None = None,
        measuring: Measuring | None = None,
        reply_keys: Sequence[tuple[str, bytes]] = (),
    ) -> Answering:
        """Listen at an address.

        Args:
            origin: where people reach it, such as `https://approvals.example.com`; by default the address.
            proxies: addresses or networks that are believed when they say where a call comes from.
            settings: where people may sign in, and how often somebody may call; see `server` in the configuration.
            measuring: counts what this process does.
            reply_keys: by what the tokens of messages are made, and for which tenant.

        Raises:
            BadInput: if the address is taken, no origin is one, a proxy is no address, or no provider can be asked.
        """
        networks, given = tuple(map(_network, proxies)), None if origin is None else checked_origin(origin)
        listening, counts = bound(host, port), measuring or Measuring()
        try:
            here, hosts = _names(listening, host, given)
            known = configured_context(components, given or here, hosts, settings)
        except BadInput:
            listening.close()
            raise
        known = replace(known, proxies=networks, stop=stop, measuring=counts, reply_keys=reply_keys)
        return cls(known, listening)

    async def until_stopped(self) -> None:
        """Answer calls until the context's `stop` is set."""
        await serve(application(self.context), self.listening, self.context)


def _names(listening: socket.socket, host: str, public: str | None) -> tuple[str, frozenset[str]]:
    """Return the origin of the address that is listened on, and all hosts that a call may name."""
    address, port = listening.getsockname()[:2]
    at = machine(address)
    if public is None and at is not None and at.is_unspecified:
        raise BadInput(
            f"On --host {host} the server listens on every address of this machine, and a call must name where people "
            f"reach it: say that by --origin, such as --origin http://{socket.gethostname().lower()}:{port}."
        )
    here = origin_at("http", host, port)
    return here, frozenset().union(*map(hosts_of, (here, public or here, *_other_names(host, port))))


def _other_names(host: str, port: int) -> tuple[str, ...]:
    """Return what else an address may be called: browsers take `localhost` to this machine, and to no other."""
    try:
        is_loopback = ip_address(host).is_loopback
    except ValueError:
        return ()
    return (origin_at("http", "localhost", port),) if is_loopback else ()


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return network(text)
    except ValueError:
        raise BadInput(f"--proxy {text!r} is no address and no network, such as 10.0.0.0/8.") from None


async def serve(app: ASGIApp, listening: socket.socket, context: Context) -> None:
    """Answer calls until it is to stop; return when what was under way has been answered.

    Args:
        context: ends it, and its streams, by its `stop`.
    """
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # ours are stricter: `Context.address_of`
        server_header=False,
        timeout_graceful_shutdown=PATIENCE,
        http=HTTP,
        ws=WEBSOCKET,
        ws_max_size=1_000_000,
        ws_per_message_deflate=False,  # it would compress each message anew, and keep a compressor, for each socket
    )
    server = _Server(config)
    stopping = asyncio.ensure_future(_stop(server, context))
    try:
        await server.serve([listening])
    finally:
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)


async def _stop(server: _Server, context: Context) -> None:
    await context.stop.wait()
    began = time.monotonic()
    left, ends = len(context.streams), began + FAREWELL
    # uvicorn would close streams before they have said where they are
    while context.streams and time.monotonic() < ends:  # in another turn of the loop each has ended
        await asyncio.sleep(TURN)
        if time.monotonic() > began + FAREWELL:
            _drop_who_keeps_waiting(server)
        if len(context.streams) < left:
            left, ends = len(context.streams), time.monotonic() + FAREWELL
    _drop_who_keeps_waiting(server)
    server.ending.set()


def _drop_who_keeps_waiting(server: uvicorn.Server) -> None:
    for connection in list(server.server_state.connections):
        if isinstance(connection, Connection) and connection.keeps_waiting:
            connection.transport.abort()


class _Server(uvicorn.Server):
    """Leaves signals to whoever starts it: uvicorn would end the process by them, in the middle of its end.

    And it ends as soon as it can: uvicorn looks ten times a second whether it is to.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle none."""
        yield

    async def main_loop(self) -> None:
        """Set the date that answers carry, until it is to end."""
        while not self.ending.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ending.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections; wait, so long, for those that there are, and for their calls."""
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        ends = time.monotonic() + PATIENCE
        open_now = self.server_state
        while (open_now.connections or open_now.tasks) and time.monotonic() < ends:  # noqa: ASYNC110 - it tells nobody of their ends
            await asyncio.sleep(TURN)
        for task in self.server_state.tasks:
            task.cancel()
