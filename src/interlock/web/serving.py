"""The server's process: it answers until it is told to stop, and then ends what is under way, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from interlock.errors import BadInput
from interlock.web.context import Context

PATIENCE = 10
"""Seconds for what is under way when it stops."""

FAREWELL = 0.5
"""Seconds in which streams say that they end, and where."""


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that calls come to; port 0 is any free one.

    Raises:
        BadInput: if the address is taken, or is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"The server cannot listen on {host}:{port}: {reason}. Choose another with --port.") from None
    return found


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
        ws="websockets-sansio",
        ws_max_size=1_000_000,
    )
    server = _Server(config)
    stopping = asyncio.ensure_future(_stop(server, context))
    try:
        await server.serve([listening])
    finally:
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)


async def _stop(server: uvicorn.Server, context: Context) -> None:
    await context.stop.wait()
    ends = time.monotonic() + FAREWELL
    # uvicorn would close streams before they have said where they are
    while context.streams and time.monotonic() < ends:  # noqa: ASYNC110 - in another turn of the loop each has ended
        await asyncio.sleep(0.01)
    server.should_exit = True


class _Server(uvicorn.Server):
    """Leaves signals to whoever starts it: uvicorn would end the process by them, in the middle of its end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle none."""
        yield
