"""Messages to people and programs, as a store keeps them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from interlock.domain.delivery import Delivery, DeliveryState


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries to list: all filters that are given must hold.

    Args:
        about: ids of requests and runs.
    """

    channel: str | None = None
    state: DeliveryState | None = None
    about: Sequence[str] | None = None
    recipient: str | None = None


ANY_DELIVERY = DeliveryFilter()


class DueDeliveries(NamedTuple):
    """What is to be sent, read at one instant.

    Args:
        now: the store's clock at that instant.
        deliveries: those that may be sent now, those due for longest first.
        next_due: when another one comes due; None if none waits.
    """

    now: datetime
    deliveries: Sequence[Delivery]
    next_due: datetime | None


class Deliveries(Protocol):
    """Deliveries are rows, no entries of the log. May be called from any thread's event loop."""

    async def add_deliveries(self, new: Sequence[Delivery]) -> None:
        """Keep new deliveries; one whose id is there already stays as it is."""

    async def due_deliveries(self, channels: Collection[str], limit: int) -> DueDeliveries:
        """Return what is due on some channels, of all tenants."""

    async def write_delivery(self, after: Delivery) -> None:
        """Write a delivery in place of the version before it.

        Raises:
            Conflict: if it has another version by now, or does not exist.
        """

    async def deliveries(
        self, tenant: str, wanted: DeliveryFilter = ANY_DELIVERY, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Delivery]:
        """Return a page of deliveries, newest first, beginning behind the one with the id `after`."""

    async def delivery(self, tenant: str, delivery_id: str) -> Delivery | None:
        """Return one delivery."""

    async def count_deliveries(self, tenant: str, channel: str, recipient: str, since: datetime) -> int:
        """Return how many deliveries to a recipient were made since a moment."""

    async def keep_received(self, key: str, now: datetime, until: datetime) -> None:
        """Note that a message has come in from outside, until a moment; forget what was noted until now.

        Raises:
            Conflict: if it has come before.
        """

    async def prune_deliveries(self, tenant: str, before: datetime, *, only_count: bool = False) -> int:
        """Forget deliveries that were made before a moment and do not wait; return how many.

        Those about a request stay that is open, ended later, or of whose effect nobody knows yet: what comes next of it
        changes the message that stands there, or joins it.

        Args:
            only_count: change nothing.
        """
