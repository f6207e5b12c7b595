"""Credentials as they are kept now: read once for all who ask in the same turn of the event loop."""

from __future__ import annotations

import asyncio

from interlock.engine.ports.credentials import Credentials, Presented

Waiting = asyncio.Future[Presented | None]


class Lookup:
    """Reads credentials. What it returns was read after it was asked for.

    Args:
        kept: where they are kept.
    """

    def __init__(self, kept: Credentials) -> None:
        self._kept = kept
        self._asked: list[tuple[str, Waiting]] = []
        self._reading: set[asyncio.Task[None]] = set()

    async def presented(self, digest: str) -> Presented | None:
        """Return the credential whose secret has this digest; None if there is none."""
        loop = asyncio.get_running_loop()
        waiting: Waiting = loop.create_future()
        if not self._asked:
            loop.call_soon(self._begin)
        self._asked.append((digest, waiting))
        return await waiting

    def _begin(self) -> None:
        asked, self._asked = self._asked, []
        reading = asyncio.ensure_future(self._answer(asked))
        self._reading.add(reading)
        reading.add_done_callback(self._reading.discard)

    async def _answer(self, asked: list[tuple[str, Waiting]]) -> None:
        try:
            found = await self._kept.presented({digest for digest, _ in asked})
        except Exception as error:  # noqa: BLE001 - told to whoever waits
            for _, waiting in asked:
                if not waiting.done():
                    waiting.set_exception(error)
        else:
            for digest, waiting in asked:
                if not waiting.done():  # it was cancelled
                    waiting.set_result(found.get(digest))
