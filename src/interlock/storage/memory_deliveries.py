"""Messages to people and programs, in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from interlock.domain.delivery import Delivery, DeliveryState
from interlock.domain.request import UNSETTLED
from interlock.engine.ports.deliveries import ANY_DELIVERY, DeliveryFilter, DueDeliveries
from interlock.storage.memory_tables import Tables
from interlock.storage.rows import Clock, RequestRow, changed, micros


class MemoryDeliveries:
    """Implements the port `Deliveries` on the tables of a store in memory."""

    _reading: Callable[[], AbstractContextManager[Tables]]
    _clock: Clock

    async def add_deliveries(self, new: Sequence[Delivery]) -> None:
        """Keep new ones; one that is there stays as it is."""
        with self._reading() as tables:
            for one in new:
                tables.deliveries.setdefault((one.tenant, one.id), one)

    async def due_deliveries(self, channels: Collection[str], limit: int) -> DueDeliveries:
        """Return what is due on some channels."""
        with self._reading() as tables:
            now, rows = self._clock(), tables.deliveries.values()
            waiting = [(one.due_at, one.id, one) for one in rows if one.due_at is not None and one.channel in channels]
            due = sorted((row for row in waiting if row[0] <= now), key=lambda row: row[:2])
            later = min((row[0] for row in waiting if row[0] > now), default=None)
            return DueDeliveries(now, [one for *_, one in due[:limit]], later)

    async def write_delivery(self, after: Delivery) -> None:
        """Write one in place of the version before it."""
        with self._reading() as tables:
            before = tables.deliveries.get((after.tenant, after.id))
            if before is None or before.version != after.version - 1:
                raise changed("delivery", after.id)
            tables.deliveries[after.tenant, after.id] = after

    async def deliveries(
        self, tenant: str, wanted: DeliveryFilter = ANY_DELIVERY, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Delivery]:
        """Return a page, newest first."""
        with self._reading() as tables:
            return delivery_page(tables, tenant, wanted, after, limit)

    async def delivery(self, tenant: str, delivery_id: str) -> Delivery | None:
        """Return one."""
        with self._reading() as tables:
            return tables.deliveries.get((tenant, delivery_id))

    async def count_deliveries(self, tenant: str, channel: str, recipient: str, since: datetime) -> int:
        """Count those to a recipient that were made since a moment."""
        with self._reading() as tables:
            rows = [one for one in tables.deliveries.values() if one.made_at >= since]
            return sum((one.tenant, one.channel, one.recipient) == (tenant, channel, recipient) for one in rows)

    async def keep_received(self, key: str, now: datetime, until: datetime) -> None:
        """Note that a message has come in."""
        with self._reading() as tables:
            tables.received = {one: ends for one, ends in tables.received.items() if ends > now}
            if key in tables.received:
                raise changed("message", key)
            tables.received[key] = until

    async def prune_deliveries(self, tenant: str, before: datetime, *, only_count: bool = False) -> int:
        """Forget old deliveries that are not needed any more, or count them."""
        with self._reading() as tables:
            found = [(key, one) for key, one in tables.deliveries.items() if key[0] == tenant and one.made_at < before]
            done = [(key, one) for key, one in found if one.state is not DeliveryState.waiting]
            gone = [key for key, one in done if not _is_needed(tables.requests.get((tenant, one.stream)), before)]
            for key in () if only_count else gone:
                del tables.deliveries[key]
            return len(gone)


def delivery_page(tables: Tables, tenant: str, wanted: DeliveryFilter, after: str | None, limit: int) -> list[Delivery]:
    """Return a page of a tenant's deliveries, newest first."""
    rows = [one for one in tables.deliveries.values() if one.tenant == tenant]
    behind = None if after is None else tables.deliveries.get((tenant, after))
    if after is not None and behind is None:
        return []
    found = sorted((one for one in rows if _is_wanted(one, wanted)), key=_age, reverse=True)
    return [one for one in found if behind is None or _age(one) < _age(behind)][:limit]


def _is_needed(about: RequestRow | None, before: datetime) -> bool:
    """Say whether a message is still needed by the request that it is about."""
    if about is None:
        return False
    return about.decided_at is None or about.decided_at >= micros(before) or about.effect in UNSETTLED


def _age(one: Delivery) -> tuple[datetime, str]:
    return one.made_at, one.id


def _is_wanted(one: Delivery, wanted: DeliveryFilter) -> bool:
    names = ("channel", "state", "recipient")
    is_about = wanted.about is None or one.stream in wanted.about
    return is_about and all(getattr(wanted, name) in {None, getattr(one, name)} for name in names)
