"""What the log tells becomes messages: a row for each recipient, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from interlock.domain.delivery import Delivery, delivery_id
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.integrity import with_whole_requests
from interlock.engine.ports.channel import Notice
from interlock.engine.ports.sender import Sender
from interlock.engine.ports.store import Store


class DeliveryPlan:
    """The channel that plans the deliveries of all others in a tenant: a `Channel` that a `Follower` brings the log.

    An entry that comes again plans nothing again: a delivery's id says what it is about, and to whom it goes.

    Args:
        planned: called when something is to be sent.
    """

    name = "deliveries"

    def __init__(self, store: Store, tenant: str, senders: Sequence[Sender], planned: Callable[[], None]) -> None:
        self._store = store
        self._tenant = tenant
        self._senders = [sender for sender in senders if sender.tenant == tenant]
        self._planned = planned

    async def deliver(self, notices: Sequence[Notice]) -> None:
        """Keep a delivery for each recipient of these entries."""
        entries = [notice.entry for notice in notices]
        loaded = with_whole_requests(await self._store.load(self._tenant, {entry.stream for entry in entries}))
        new: list[Delivery] = []
        for entry in entries:
            new += await self._of(entry, loaded.requests.get(entry.stream))
        if new:
            await self._store.add_deliveries(new)
            self._planned()

    async def _of(self, entry: Entry, request: Request | None) -> list[Delivery]:
        now = await self._store.now()
        return [
            Delivery(
                self._tenant,
                delivery_id(self._tenant, sender.name, recipient, entry.stream, entry.seq),
                sender.name,
                recipient,
                entry.stream,
                entry.seq,
                entry.event.type,
                made_at=now,
                due_at=now,
                request_id="" if request is None else request.id,
            )
            for sender in self._senders
            for recipient in dict.fromkeys(await sender.recipients(entry, request))
        ]
