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
    """The deliveries to send, read at one instant.

    Args:
        now: the store's clock at that instant.
        deliveries: those that may be sent now, the longest due first.
        next_due: when the next one comes due; None if none waits.
        unreadable: what is due as well and cannot be read: see `UNREADABLE`. It keeps none of the others from its turn.
    """

    now: datetime
    deliveries: Sequence[Delivery]
    next_due: datetime | None
    unreadable: Sequence[Delivery] = ()


class Deliveries(Protocol):
    """Keeps deliveries, which are rows and no entries of the log. May be called from any thread's event loop.

    One that cannot be read is returned with the event `UNREADABLE`, and what its columns say.
    """

    async def add_deliveries(self, new: Sequence[Delivery]) -> None:
        """Keep new deliveries; one whose id is kept already stays as it is."""

    async def due_deliveries(self, channels: Collection[str], limit: int) -> DueDeliveries:
        """Return the due deliveries of some channels, in all tenants."""

    async def write_delivery(self, after: Delivery) -> None:
        """Replace a delivery by its next version.

        Raises:
            Conflict: if it has another version by now, or does not exist.
        """

    async def deliveries(
        self, tenant: str, wanted: DeliveryFilter = ANY_DELIVERY, *, after: str | None = None, limit: int = 50
    ) -> Sequence[Delivery]:
        """Return a page of deliveries, newest first, after the one with the id `after`."""

    async def delivery(self, tenant: str, delivery_id: str) -> Delivery | None:
        """Return one delivery."""

    async def count_deliveries(self, tenant: str, channel: str, recipient: str, since: datetime) -> int:
        """Return how many deliveries to a recipient were made since a moment."""

    async def keep_received(self, key: str, now: datetime, until: datetime) -> None:
        """Note until a moment that a message has come in from outside; forget the notes whose moment has passed.

        Raises:
            Conflict: if it has come before.
        """

    async def prune_deliveries(self, tenant: str, before: datetime, *, only_count: bool = False) -> int:
        """Delete deliveries that were made before a moment and do not wait; return how many.

        The deliveries about a request stay if it is open, has ended later, or has an unknown effect: the next message
        about it changes the one that was sent, or joins it.

        Args:
            only_count: change nothing.
        """
