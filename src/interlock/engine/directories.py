"""Policies and people of each tenant as they are now: what is configured, and what the tenant's log says beside it."""

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
    """What is to become of a directory: the events, and the rows that come and go with them. See `DirectoryChange`."""

    events: tuple[DirectoryEvent, ...]
    secrets: tuple[AccountSecrets, ...] = ()
    issued: tuple[Credential, ...] = ()
    ended: tuple[str, ...] = ()
    signed_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """What has changed in a directory; `again` says that an earlier call with the same idempotency key did it."""

    events: tuple[DirectoryEvent, ...]
    again: bool = False


@dataclass(slots=True)
class _Seen:
    """What was read of a tenant last, and what it comes to with what is configured."""

    kept: KeptDirectory
    leaf: str = ""
    """The hash of the last entry that was read."""
    configured: PolicySet | None = None
    merged: PolicySet | None = None
    until: datetime | None = None
    """When something that a provider has said counts no more, so that it comes to something else."""


@dataclass(slots=True)
class Directories:
    """Reads and changes the directories of tenants: never older than the call that asks for them.

    Args:
        store: its log says what was changed while servers run.
        policies: what is configured, for all tenants.
    """

    store: Store
    policies: Policies
    _seen: dict[str, _Seen] = field(default_factory=dict)

    def configured(self) -> PolicySet:
        """Return what is configured: its policies hold for all tenants, its people are not all of them."""
        return self.policies.current()

    def canonical(self, name: str) -> str:
        """Return the one id of a person: other names are configured, and are the same in all tenants."""
        return self.policies.current().directory.canonical(name)

    async def kept(self, tenant: str, version: int | None = None) -> KeptDirectory:
        """Return what the log says of a tenant's people.

        Args:
            version: of the directory, where it was read already.

        Raises:
            RecordAltered: if that is not what was written.
        """
        return (await self._read(tenant, version)).kept

    async def current(self, tenant: str, version: int | None = None) -> PolicySet:
        """Return the policies and people of a tenant, as they are now. See `kept`."""
        seen, configured = await self._read(tenant, version), self.policies.current()
        known = seen.merged is not None and seen.configured is configured
        if known and seen.until is None:  # nothing of it ends by itself
            assert seen.merged is not None
            return seen.merged
        now = await self.store.now() if seen.kept.claimed else None
        if seen.merged is None or not known or (now is not None and seen.until is not None and seen.until <= now):
            seen.configured = configured
            seen.merged = replace(configured, directory=seen.kept.merged(configured.directory, now))
            ends = [one.until for one in seen.kept.claimed.values() if now is not None and now < one.until]
            seen.until = min(ends, default=None)
        return seen.merged

    async def directory(self, tenant: str, version: int | None = None) -> Directory:
        """Return the people of a tenant, as they are now. See `kept`."""
        return (await self.current(tenant, version)).directory

    async def change(
        self, tenant: str, actor: Actor, plan: Callable[[DirectoryRules], PlannedChange | Awaitable[PlannedChange]]
    ) -> Changed:
        """Change a directory as the rules allow, once for each key of its actor.

        Args:
            plan: says what is to become of it as it stands; asked again when somebody else was faster. What it raises
                is raised, and nothing was changed.

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
            change = _change(seen.kept, wanted, now)
            await self.store.commit(Changes(tenant, actor, before=now + FRESH, directory=change))
            return Changed(wanted.events)

        return await until_committed(attempt, f"The directory of {tenant}")

    async def _read(self, tenant: str, version: int | None) -> _Seen:
        wanted = await self.store.directory_version(tenant) if version is None else version
        seen = self._seen.get(tenant)
        if not wanted:  # whoever makes tenants up fills no memory
            return _Seen(KeptDirectory(tenant))
        if seen is None or seen.kept.version != wanted:
            seen = self._seen[tenant] = await self._read_on(tenant, seen, wanted)
        return seen

    async def _read_on(self, tenant: str, seen: _Seen | None, wanted: int) -> _Seen:
        """Return a directory with the entries that came since it was read, if what was read is still there."""
        known = None if seen is None or seen.kept.version > wanted else seen
        entries = await self.store.history(tenant, STREAM, since=1 if known is None else known.kept.version)
        if known is not None and (not entries or entries[0].leaf != known.leaf):  # a backup was put back
            known, entries = None, await self.store.history(tenant, STREAM)
        new, before = (entries, None) if known is None else (entries[1:], known.kept)
        kept = directory_of_log(tenant, new, before)
        if kept.version < wanted:
            raise RecordAltered(
                f"The directory of {tenant} has had {wanted} entries, and its log holds {kept.version}.", stream=STREAM
            )
        return _Seen(kept, entries[-1].leaf)


def _change(before: KeptDirectory, wanted: PlannedChange, now: datetime) -> DirectoryChange:
    after = fold_directory(wanted.events, before)
    rows = wanted.secrets, wanted.issued, wanted.ended, wanted.signed_out
    return DirectoryChange(before.version, wanted.events, after, now, False, *rows)
