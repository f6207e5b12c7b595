"""The part of the port `Store` that is about people, what they prove themselves by, and what they are told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TypeVar, TypeVarTuple

from interlock.domain.accounts import AccountSecrets, Attempts
from interlock.domain.credentials import Credential, CredentialKind
from interlock.domain.delivery import Delivery
from interlock.domain.oidc import SignInAttempt
from interlock.engine.ports.credentials import Presented
from interlock.engine.ports.deliveries import ANY_DELIVERY, DeliveryFilter, DueDeliveries
from interlock.storage.dynamodb import deliveries, lists, people, reads
from interlock.storage.dynamodb.table import Table
from interlock.storage.memory import MemoryStore
from interlock.storage.memory_credentials import CredentialFilter
from interlock.storage.memory_tables import Tables
from interlock.storage.rows import Clock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class PeopleStore(ABC):
    """Implements the ports `Accounts`, `Credentials`, `SignIns` and `Deliveries` on a table."""

    _clock: Clock

    @abstractmethod
    async def _run(self, work: Callable[[Table, *Ts], T], *given: *Ts) -> T:
        """Return what some work on the table comes to, off the event loop."""

    @abstractmethod
    def _judge(self, tables: Tables) -> MemoryStore:
        """Return a store in memory that has these tables: it judges what was read."""

    async def directory_version(self, tenant: str) -> int:
        """Return how many entries the log of a directory has."""
        return await self._run(reads.directory_version, tenant)

    async def tenants(self) -> Sequence[str]:
        """Return the tenants that have a directory."""
        return await self._run(lists.tenants)

    async def secrets(self, tenant: str, account: str) -> AccountSecrets | None:
        """Return what an account proves itself by."""
        return await self._run(people.secrets, tenant, account)

    async def accept_code(self, tenant: str, account: str, step: int) -> None:
        """Note that the code of a time step was used."""
        await self._run(people.accept_code, tenant, account, step)

    async def attempts(self, tenant: str, key: str) -> Attempts:
        """Return how often somebody has failed to sign in."""
        return await self._run(people.attempts, tenant, key)

    async def count_attempt(self, tenant: str, key: str, seen: int, at: datetime) -> None:
        """Count one more that has not succeeded yet."""
        await self._run(people.count_attempt, tenant, key, seen, at)

    async def forget_attempts(self, tenant: str, key: str) -> None:
        """Begin to count anew."""
        await self._run(people.forget_attempts, tenant, key)

    async def keep_credential(self, credential: Credential) -> None:
        """Keep a new credential."""
        await self._run(people.keep_credential, credential)

    async def credential(self, digest: str) -> Credential | None:
        """Return the credential whose secret has this digest."""
        return await self._run(people.credential, digest)

    async def presented(self, digests: Collection[str]) -> Mapping[str, Presented]:
        """Return the credentials whose secrets have these digests, by digest."""
        return await self._run(people.presented, tuple(digests))

    async def credentials(  # noqa: PLR0913 - see the port
        self,
        tenant: str,
        *,
        kind: CredentialKind,
        principal: str | None = None,
        live_at: datetime | None = None,
        after: str = "",
        limit: int = 50,
    ) -> Sequence[Credential]:
        """Return the credentials of a kind by id."""
        wanted = CredentialFilter(tenant, kind, principal, live_at, after)
        return await self._run(people.credentials, wanted, limit)

    async def use_credential(self, digest: str, at: datetime, address: str | None = None) -> None:
        """Note that a credential was used."""
        await self._run(people.use_credential, digest, at, address)

    async def end_credential(self, tenant: str, credential_id: str, at: datetime) -> None:
        """End a credential, if it has not ended."""
        await self._run(people.end_credential, tenant, credential_id, at)

    async def keep_sign_in(self, attempt: SignInAttempt, now: datetime) -> None:
        """Keep a new attempt, and forget those that have ended."""
        await self._run(people.keep_sign_in, attempt, now)

    async def take_sign_in(self, state: str) -> SignInAttempt | None:
        """Return an attempt, and forget it."""
        return await self._run(people.take_sign_in, state)

    async def add_deliveries(self, new: Sequence[Delivery]) -> None:
        """Keep new deliveries; one that is there stays as it is."""
        await self._run(deliveries.add, new)

    async def due_deliveries(self, channels: Collection[str], limit: int) -> DueDeliveries:
        """Return what is due on some channels."""
        tables, unreadable = await self._run(deliveries.due, self._clock, tuple(channels), limit)
        return (await self._judge(tables).due_deliveries(channels, limit))._replace(unreadable=tuple(unreadable))

    async def write_delivery(self, after: Delivery) -> None:
        """Write a delivery in place of the version before it."""
        await self._run(deliveries.write, after)

    async def deliveries(
        self, tenant: str, wanted: DeliveryFilter = ANY_DELIVERY, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Delivery]:
        """Return a page of deliveries, newest first."""
        behind = None if after is None else await self.delivery(tenant, after)
        if after is not None and behind is None:
            return []
        return await self._run(deliveries.listed, deliveries.Page(tenant, wanted, behind, limit))

    async def delivery(self, tenant: str, delivery_id: str) -> Delivery | None:
        """Return one delivery."""
        return await self._run(deliveries.one, tenant, delivery_id)

    async def count_deliveries(self, tenant: str, channel: str, recipient: str, since: datetime) -> int:
        """Count deliveries to a recipient that were made since a moment."""
        return await self._run(deliveries.count, tenant, channel, recipient, since)

    async def keep_received(self, key: str, now: datetime, until: datetime) -> None:
        """Note that a message has come in."""
        await self._run(deliveries.keep_received, key, now, until)

    async def prune_deliveries(self, tenant: str, before: datetime, *, only_count: bool = False) -> int:
        """Forget old deliveries that are not needed any more, or count them."""
        tables, items = await self._run(deliveries.older, tenant, before)
        there = set(tables.deliveries)
        number = await self._judge(tables).prune_deliveries(tenant, before, only_count=only_count)
        gone = there - tables.deliveries.keys()
        return number if only_count else await self._run(deliveries.forget, items, gone)
