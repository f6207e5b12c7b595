"""Turns entries of the log into messages: a row for each recipient, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta

from interlock.domain.delivery import BUNDLE, Delivery, bundle_id, delivery_id
from interlock.domain.notices import braked
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.integrity import with_whole_requests
from interlock.engine.ports.channel import Notice
from interlock.engine.ports.sender import Recipient, Sender
from interlock.engine.ports.store import Store
from interlock.errors import Conflict, RecordAltered, StoreError

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class DeliveryPlan:
    """The channel that plans the deliveries of all others in a tenant: a `Channel` that a `Follower` brings the log.

    An entry that comes again plans nothing new, because a delivery's id names the entry and the recipient.

    Args:
        planned: called when something is to be sent.
        complain: called with the channel that cannot be told of something, and the reason.
    """

    name = "deliveries"

    def __init__(
        self,
        store: Store,
        tenant: str,
        senders: Sequence[Sender],
        planned: Callable[[], None],
        complain: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._tenant = tenant
        self._senders = [sender for sender in senders if sender.tenant == tenant]
        self._planned = planned
        self._complain = complain

    async def deliver(self, notices: Sequence[Notice]) -> None:
        """Keep a delivery for each recipient of these entries."""
        entries = [notice.entry for notice in notices]
        requests = await self._requests({entry.stream for entry in entries})
        new: list[Delivery] = []
        for entry in entries:
            new += await self._of(entry, requests.get(entry.stream), new)
        if new:
            await self._store.add_deliveries(new)
            self._planned()

    async def _requests(self, ids: AbstractSet[str]) -> dict[str, Request]:
        """Return the requests that agree with their logs, even if others cannot be read."""
        try:
            return dict(with_whole_requests(await self._store.load(self._tenant, ids)).requests)
        except RecordAltered:
            if len(ids) == 1:
                return {}
            return {key: one for each in sorted(ids) for key, one in (await self._requests({each})).items()}

    async def _of(self, entry: Entry, request: Request | None, new: Sequence[Delivery]) -> list[Delivery]:
        """Return the deliveries that an entry plans, after these new ones."""
        now, made = await self._store.now(), list[Delivery]()
        for sender in self._senders:
            for recipient in dict.fromkeys(await self._recipients(sender, entry, request)):
                given = await self._braked(sender, recipient, [*new, *made], now)
                made.append(self._delivery(sender, given, entry, request, now))
        return made

    async def _recipients(self, sender: Sender, entry: Entry, request: Request | None) -> Sequence[Recipient]:
        """Return the recipients of an entry by a channel; nobody if the channel fails: the others must not wait."""
        try:
            return await sender.recipients(entry, request)
        except Exception as error:
            if isinstance(error, Conflict | StoreError) and not isinstance(error, RecordAltered):
                raise  # the error passes, or a process of a newer version can do it
            self._complain(f"{sender.name} is not told of entry {entry.seq} of {entry.stream}: {error}.")
            return ()

    async def _braked(self, sender: Sender, recipient: Recipient, new: Sequence[Delivery], now: datetime) -> Recipient:
        """Return the recipient; if they have reached their limit, for the one message that combines the rest."""
        if sender.most_an_hour is None or recipient.bundle or recipient.alone:
            return recipient
        mine = [one for one in new if (one.channel, one.recipient) == (sender.name, recipient.name)]
        due_at = recipient.due_at or now
        since = now - HOUR if due_at <= now else due_at - DAY  # after quiet hours all come at once
        before = await self._store.count_deliveries(self._tenant, sender.name, recipient.name, since)
        if before + len(mine) < sender.most_an_hour:
            return recipient
        due = braked(due_at, now)
        return replace(recipient, due_at=due.at, bundle=due.bundle)

    def _delivery(
        self, sender: Sender, recipient: Recipient, entry: Entry, request: Request | None, now: datetime
    ) -> Delivery:
        to = self._tenant, sender.name, recipient.name
        if recipient.bundle:
            key, event, request = bundle_id(*to, recipient.bundle), BUNDLE, None
        else:
            key, event = delivery_id(*to, entry.stream, entry.seq), entry.event.type
        about = entry.stream, entry.seq, event, now, recipient.due_at or now, "" if request is None else request.id
        return Delivery(self._tenant, key, sender.name, recipient.name, *about)
