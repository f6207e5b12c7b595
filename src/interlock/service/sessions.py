"""Sessions of people, under whatever name they signed in: listed without what proves them, and ended."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime

from interlock.domain.authority import Principal
from interlock.domain.credentials import Credential, why_invalid
from interlock.domain.directory_events import SessionEnded
from interlock.domain.directory_rules import DirectoryRules
from interlock.domain.provisioning import forgotten
from interlock.engine.consequences import actor_of
from interlock.engine.directories import Directories, PlannedChange
from interlock.errors import Conflict, NotFound

MANY = 200


class Sessions:
    """The sessions of a tenant. That somebody ends another one's is in the log.

    Args:
        directories: know under which names a person may have signed in.
        principal: who reads and ends them.
    """

    def __init__(self, directories: Directories, principal: Principal) -> None:
        self._store = directories.store
        self._tenant = principal.tenant
        self._directories = directories
        self._principal = principal

    async def live(self, person: str | None = None) -> list[Credential]:
        """Return the sessions that are good now, of one person or of all; the one that was used last comes first."""
        now = await self._store.now()
        names = [None] if person is None else (await self._directories.directory(self._tenant)).names_of(person)
        found = [one for name in names for one in await self._all(name, now) if why_invalid(one, now) is None]
        return sorted(found, key=lambda one: one.used_at or one.issued_at, reverse=True)

    async def end(self, session_id: str, person: str | None = None) -> Credential:
        """End a session; return it as it was.

        Args:
            person: whose it must be; None if it may be anybody's.

        Raises:
            NotFound: if there is none of this id that is good now.
        """
        found = [one for one in await self.live(person) if one.id == session_id]
        if not await self._end(found):
            raise NotFound(f"There is no session {session_id} here that has not ended.")
        return found[0]

    async def end_all(self, person: str, *, but: Collection[str] = ()) -> list[Credential]:
        """End all sessions of a person but some; return those that were ended.

        Where somebody else ends them, what providers have said of the person counts no more, until they sign in again.
        """
        ended: list[Credential] = []
        while left := [one for one in await self.live(person) if one.id not in but]:  # one may be renewed meanwhile
            ended += await self._end(left)
        known = (await self._directories.directory(self._tenant)).canonical
        if known(person) != known(self._principal.id):
            actor = actor_of(self._principal)
            await self._directories.change(self._tenant, actor, lambda rules: PlannedChange(forgotten(rules, person)))
        return ended

    async def _end(self, sessions: list[Credential]) -> list[Credential]:
        ended, known = [], (await self._directories.directory(self._tenant)).canonical
        for one in sessions:
            with suppress(Conflict):  # it has ended meanwhile
                if known(one.principal) == known(self._principal.id):
                    await self._store.end_credential(self._tenant, one.id, await self._store.now())
                else:
                    await self._end_anothers(one)
                ended.append(one)
        return ended

    async def _end_anothers(self, one: Credential) -> None:
        def plan(rules: DirectoryRules) -> PlannedChange:
            return PlannedChange((SessionEnded(one.id, one.principal, rules.now),), ended=(one.id,))

        await self._directories.change(self._tenant, actor_of(self._principal), plan)

    async def _all(self, name: str | None, now: datetime) -> list[Credential]:
        found: list[Credential] = []
        while True:
            after = found[-1].id if found else ""
            page = await self._store.credentials(
                self._tenant, kind="session", principal=name, live_at=now, after=after, limit=MANY
            )
            found += page
            if len(page) < MANY:
                return found
