"""The present policies and people of each tenant: the configuration together with the tenant's log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from interlock.domain.accounts import AccountSecrets
from interlock.domain.authority import Directory
from interlock.domain.credentials import Credential
from interlock.domain.directory import STREAM, KeptDirectory, fold_directory
from interlock.domain.directory_events import DirectoryEvent
from interlock.domain.directory_rules import DirectoryRules
from interlock.engine.changes import FRESH, Actor, Changes, DirectoryChange
from interlock.engine.idempotency import entries_of
from interlock.engine.integrity import directory_of_log
from interlock.engine.ports.policies import Policies, PolicySet
from interlock.engine.ports.store import Store
from interlock.engine.retry import until_committed
from interlock.errors import RecordAltered


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """A planned change of a directory: the events, and the rows that they add and remove. See `DirectoryChange`."""

    events: tuple[DirectoryEvent, ...]
    secrets: tuple[AccountSecrets, ...] = ()
    issued: tuple[Credential, ...] = ()
    ended: tuple[str, ...] = ()
    signed_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """What a call has changed in a directory; `again`: an earlier call with the same idempotency key has done it."""

    events: tuple[DirectoryEvent, ...]
    again: bool = False


@dataclass(slots=True)
class _Seen:
    """What was read of a tenant last, and the result together with the configuration."""

    kept: KeptDirectory
    leaf: str = ""
    """The hash of the last entry that was read."""
    configured: PolicySet | None = None
    merged: PolicySet | None = None
    until: datetime | None = None
    """When claims of a provider expire, so that the result changes."""


@dataclass(slots=True)
class Directories:
    """Reads and changes the directories of tenants. What it returns is never older than the call.

    Args:
        store: its log has the changes that were made while servers ran.
        policies: the configuration, for all tenants.
    """

    store: Store
    policies: Policies
    _seen: dict[str, _Seen] = field(default_factory=dict)

    def configured(self) -> PolicySet:
        """Return the configuration. Its policies hold for all tenants; tenants may have more people than it names."""
        return self.policies.current()

    def canonical(self, name: str) -> str:
        """Return the one id of a person. Aliases are configured, the same for all tenants."""
        return self.policies.current().directory.canonical(name)

    async def kept(self, tenant: str, version: int | None = None) -> KeptDirectory:
        """Return what a tenant's log says of its people.

        Args:
            version: the directory's, if it was read already.

        Raises:
            RecordAltered: if the log was altered since it was written.
        """
        return (await self._read(tenant, version)).kept

    async def current(self, tenant: str, version: int | None = None) -> PolicySet:
        """Return the present policies and people of a tenant. See `kept`."""
        seen, configured = await self._read(tenant, version), self.policies.current()
        known = seen.merged is not None and seen.configured is configured
        if known and seen.until is None:  # nothing in it expires
            assert seen.merged is not None
            return seen.merged
        now = await self.store.now() if seen.kept.claimed else None
        if seen.merged is None or not known or (now is not None and seen.until is not None and seen.until <= now):
            seen.configured = configured
            directory = seen.kept.merged(configured.directory, now)
            seen.merged = replace(configured, directory=directory, kept=seen.kept)
            ends = [one.until for one in seen.kept.claimed.values() if now is not None and now < one.until]
            seen.until = min(ends, default=None)
        return seen.merged

    async def directory(self, tenant: str, version: int | None = None) -> Directory:
        """Return the present people of a tenant. See `kept`."""
        return (await self.current(tenant, version)).directory

    async def change(
        self, tenant: str, actor: Actor, plan: Callable[[DirectoryRules], PlannedChange | Awaitable[PlannedChange]]
    ) -> Changed:
        """Change a directory as the rules allow, once for each key of its actor.

        Args:
            plan: returns the change of the directory as it stands; called again if somebody else was faster. If it
                raises an error, the error is passed on and nothing is changed.

        Raises:
            BadInput: if the key was used for another call.
        """

        async def attempt() -> Changed:
            seen, now = await self._read(tenant, None), await self.store.now()
            if actor.key is not None:
                history = await self.store.history(tenant, STREAM)
                if before := entries_of(history, actor.by, actor.key):
                    return Changed(tuple(entry.event for entry in before), again=True)  # type: ignore[misc]
            asked = plan(DirectoryRules(seen.kept, self.policies.current().directory, now))
            wanted = asked if isinstance(asked, PlannedChange) else await asked
            if not wanted.events:
                return Changed(())
            change = planned_change(seen.kept, wanted, now)
            await self.store.commit(Changes(tenant, actor, before=now + FRESH, directory=change))
            return Changed(wanted.events)

        return await until_committed(attempt, f"The directory of {tenant}")

    async def _read(self, tenant: str, version: int | None) -> _Seen:
        wanted = await self.store.directory_version(tenant) if version is None else version
        seen = self._seen.get(tenant)
        if not wanted:  # names of tenants that do not exist must not fill the memory
            return _Seen(KeptDirectory(tenant))
        if seen is None or seen.kept.version != wanted:
            seen = self._seen[tenant] = await self._read_on(tenant, seen, wanted)
        return seen

    async def _read_on(self, tenant: str, seen: _Seen | None, wanted: int) -> _Seen:
        """Return a directory with the entries since it was read; read it anew if the log was replaced."""
        known = seen  # who asks may have read an earlier version than is known here
        entries = await self.store.history(tenant, STREAM, since=1 if known is None else known.kept.version)
        if known is not None and (not entries or entries[0].leaf != known.leaf):  # a backup was restored
            known, entries = None, await self.store.history(tenant, STREAM)
        new, before = (entries, None) if known is None else (entries[1:], known.kept)
        kept = directory_of_log(tenant, new, before)
        if kept.version < wanted:
            raise RecordAltered(
                f"The directory of {tenant} has had {wanted} entries, and its log holds {kept.version}.", stream=STREAM
            )
        return _Seen(kept, entries[-1].leaf)


def planned_change(before: KeptDirectory, wanted: PlannedChange, now: datetime) -> DirectoryChange:
    """Return the change of a directory, as it was read, that a plan comes to."""
    after = fold_directory(wanted.events, before)
    rows = wanted.secrets, wanted.issued, wanted.ended, wanted.signed_out
    return DirectoryChange(before.version, wanted.events, after, now, False, *rows)
