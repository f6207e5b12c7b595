"""A command at work at a server: who is signed in there, and what its log tells meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from interlock.cli.session import Session
from interlock.cli.stored_logins import Kept, keep, kept_for
from interlock.engine.changes import Entry
from interlock.errors import BadInput, Unauthenticated
from interlock.terminal.screen import Screen
from interlock.terminal.terminal import Terminal

if TYPE_CHECKING:
    from interlock.client import RemoteClient

TRIES = 3
"""How often a call is made at most: somebody waits for it."""

TOKEN = "INTERLOCK_TOKEN"  # noqa: S105 - the name of a variable


class Followed:
    """The log as it grows, read beside what a command does; what waits for a change waits for the next entry."""

    def __init__(self, client: RemoteClient) -> None:
        self._client = client
        self._entries: list[Entry] = []
        self._grown = asyncio.Event()
        self._start: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> str:
        """Begin to follow where the log ends now, and return that position, unless it has begun."""
        if self._start is None:
            self._start = await self._client.last_position()
            self._task = asyncio.create_task(self._follow(self._start))
        return self._start

    async def seen(self) -> int:
        """Return a token: how much is known by now. What has ended the following is raised."""
        await self.begin()
        assert self._task is not None
        if self._task.done():
            self._task.result()
        return len(self._entries)

    async def wait(self, since: int, seconds: float) -> None:
        """Return when something has come since a token, or after so many seconds."""
        assert self._task is not None
        ends = asyncio.get_running_loop().time() + seconds
        while len(self._entries) <= since and (left := ends - asyncio.get_running_loop().time()) > 0:
            self._grown.clear()
            grown = asyncio.ensure_future(self._grown.wait())
            try:
                await asyncio.wait({grown, self._task}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                grown.cancel()
            if self._task.done():
                return

    async def since(self, position: str) -> AsyncGenerator[Entry, None]:
        """Read what has come by now after a position, which is where it began or that of an entry."""
        known = [entry.position for entry in self._entries]
        for entry in self._entries[known.index(position) + 1 if position in known else 0 :]:
            yield entry

    async def close(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self, position: str) -> None:
        async for entry in self._client.follow(position):
            self._entries.append(entry)
            self._grown.set()


def client_of(module: str) -> Any:
    """Return a module of the client; raise `BadInput` where the HTTP client is not installed that it needs."""
    try:
        return import_module(f"interlock.client.{module}")
    except ModuleNotFoundError as missing:
        raise BadInput(
            f"Commands at a server need {missing.name}, which is not installed: run `pip install '.[client]'` in a "
            "checkout of this project."
        ) from None


@contextlib.asynccontextmanager
async def opened_at(server: str, screen: Screen, *, as_json: bool = False) -> AsyncIterator[Session]:
    """Open a session at a server, as whoever is signed in there.

    Raises:
        Unauthenticated: if nobody is, or not any more.
    """
    origin = client_of("calls").origin_of(server)
    connecting = client_of("connecting")
    token = os.environ.get(TOKEN)
    kept = Kept("token", token, "") if token else kept_for(origin)
    if kept is None:
        raise Unauthenticated(f"Nobody is signed in at {origin} here. Sign in: interlock login")
    signed = connecting.session_of(origin, kept.secret) if kept.kind == "session" else None
    async with connecting.connect(origin, token=None if signed else kept.secret, session=signed, tries=TRIES) as client:
        followed = Followed(client)
        try:
            principal = (await client.who()).principal
            terminal = Terminal.here(screen, shown_on_terminal=screen.width is not None)
            yield Session(None, principal, screen, terminal, as_json, remote=client, followed=followed)
        except Unauthenticated as error:
            raise Unauthenticated(f"{error.message} Sign in: interlock login") from None
        finally:
            await followed.close()
            if signed is not None and signed.secret != kept.secret:
                keep(origin, Kept("session", signed.secret, kept.principal))
