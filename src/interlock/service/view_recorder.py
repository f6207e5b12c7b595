"""Who was shown what, put into the log for many at once: one entry names all who were shown it in one moment."""

from __future__ import annotations

import asyncio
import contextlib
from typing import NamedTuple

from interlock.domain.authority import Principal
from interlock.engine.integrity import verified
from interlock.errors import InterlockError
from interlock.service.components import Components
from interlock.service.request_client import NOTING_SECONDS

GATHERED = 0.05
"""Seconds for which it is waited for others who are shown the same."""

MOST = 1_000
"""Of how many requests it waits to be noted who was shown them; what is beyond is not noted, as nobody waits for it."""


class _Viewed(NamedTuple):
    tenant: str
    request_id: str
    digest: str


class ViewRecorder:
    """Notes that people were shown open requests, for which nobody waits.

    Args:
        busy: holds this object while something is to be noted yet.
    """

    def __init__(self, components: Components, busy: set[object]) -> None:
        self._components = components
        self._busy = busy
        self._waiting: dict[_Viewed, dict[str, Principal]] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, person: Principal, request_id: str, digest: str) -> None:
        """Note that a person was shown what stands under a digest."""
        shown = _Viewed(person.tenant, request_id, digest)
        if shown in self._waiting or len(self._waiting) < MOST:
            self._waiting.setdefault(shown, {})[person.id] = person
        if self._task is None or self._task.done():
            self._busy.add(self)
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(GATHERED)
                gathered, self._waiting = self._waiting, {}
                for shown, people in gathered.items():
                    with contextlib.suppress(InterlockError, TimeoutError):
                        async with asyncio.timeout(NOTING_SECONDS):
                            await self._note(shown, people)
        finally:
            self._busy.discard(self)

    async def _note(self, shown: _Viewed, people: dict[str, Principal]) -> None:
        loaded = verified(await self._components.store.load(shown.tenant, [shown.request_id]))
        request = loaded.requests.get(shown.request_id)
        if request is None or not request.is_open or request.digest != shown.digest:
            return
        directory = await self._components.directories.directory(shown.tenant, loaded.directory)
        names = [directory.canonical(person) for person in people]
        several = Principal("service:server", "service", shown.tenant, "server")
        by = several if len(people) > 1 else next(iter(people.values()))
        await self._components.desk.see(request, loaded.logs[request.id], names, by)
