"""Messages to people and programs, in a SQL database: the part of the port `Store` that is about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from interlock.domain.delivery import Delivery
from interlock.engine.ports.deliveries import ANY_DELIVERY, DeliveryFilter, DueDeliveries
from interlock.storage.compiled import Connection
from interlock.storage.rows import Clock

T = TypeVar("T")


class OnThread(Protocol):
    """Does a piece of work on a thread of the database."""

    def __call__(self, work: Callable[[Connection], T], /) -> Awaitable[T]:
        """Do it in a transaction, and return what it comes to."""


class SqlDeliveries:
    """Implements the port `Deliveries` on a database; the statements are loaded when they are used."""

    _read: OnThread
    _write: OnThread
    _clock: Clock | None

    async def add_deliveries(self, new: Sequence[Delivery]) -> None:
        """Keep new deliveries; one that is there stays as it is."""
        await self._write(lambda on: _rows().add(on, new))

    async def due_deliveries(self, channels: Collection[str], limit: int) -> DueDeliveries:
        """Return what is due on some channels."""
        found: DueDeliveries = await self._read(lambda on: _rows().due(on, self._clock, channels, limit))
        return found

    async def write_delivery(self, after: Delivery) -> None:
        """Write a delivery in place of the version before it."""
        await self._write(lambda on: _rows().write(on, after))

    async def deliveries(
        self, tenant: str, wanted: DeliveryFilter = ANY_DELIVERY, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Delivery]:
        """Return a page of deliveries, newest first."""
        found: Sequence[Delivery] = await self._read(lambda on: _rows().listed(on, tenant, wanted, after, limit))
        return found

    async def delivery(self, tenant: str, delivery_id: str) -> Delivery | None:
        """Return one delivery."""
        found: Delivery | None = await self._read(lambda on: _rows().one(on, tenant, delivery_id))
        return found

    async def count_deliveries(self, tenant: str, channel: str, recipient: str, since: datetime) -> int:
        """Count deliveries to a recipient that were made since a moment."""
        found: int = await self._read(lambda on: _rows().count(on, tenant, channel, recipient, since))
        return found

    async def keep_received(self, key: str, now: datetime, until: datetime) -> None:
        """Note that a message has come in."""
        await self._write(lambda on: _rows().keep_received(on, key, now, until))

    async def prune_deliveries(self, tenant: str, before: datetime, *, only_count: bool = False) -> int:
        """Forget old deliveries that are not needed any more, or count them."""
        if only_count:
            found: int = await self._read(lambda on: _rows().count_old(on, tenant, before))
            return found
        gone: int = await self._write(lambda on: _rows().prune(on, tenant, before))
        return gone


def _rows() -> Any:
    from interlock.storage import deliveries  # noqa: PLC0415 - few commands need it

    return deliveries
