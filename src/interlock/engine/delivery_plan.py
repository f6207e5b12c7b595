"""Turns entries of the log into messages: a row for each recipient, before anything is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta

from interlock.domain.delivery import BUNDLE, UNREADABLE, Delivery, bundle_id, delivery_id, left_out
from interlock.domain.notices import braked
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.integrity import verified
from interlock.engine.ports.log import UnreadableEntry
from interlock.engine.ports.log_subscriber import Notice
from interlock.engine.ports.sender import Recipient, Sender
from interlock.engine.ports.store import Store
from interlock.errors import Conflict, RecordAltered, StoreError

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOST_ADDED = 100
"""How many deliveries are kept in one transaction: an entry may tell thousands."""


class DeliveryPlan:
    """Plans the deliveries of all channels of a tenant. Implements the port `LogSubscriber`.

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
            for sender in self._senders:
                new += await self._of(sender, entry, requests.get(entry.stream), new)
                if len(new) >= MOST_ADDED:
                    await self._keep(new)
                    new = []
        await self._keep(new)

    async def leave_out(self, entry: UnreadableEntry) -> None:
        """Keep for each channel that it was not told of an entry, which cannot be read."""
        where = entry.stream, entry.seq, UNREADABLE
        now = await self._store.now()
        await self._keep([self._left_out(sender, where, entry.message, now) for sender in self._senders])

    async def plan(self, entry: Entry, request: Request | None) -> None:
        """Keep a delivery for each recipient of an entry that was left out; raise what keeps it from being planned."""
        for sender in self._senders:
            found = await sender.recipients(entry, request)
            await self._keep(await self._to(sender, found, entry, request, ()))

    async def _keep(self, new: Sequence[Delivery]) -> None:
        for begin in range(0, len(new), MOST_ADDED):
            await self._store.add_deliveries(new[begin : begin + MOST_ADDED])
            self._planned()

    async def _requests(self, ids: AbstractSet[str]) -> dict[str, Request | RecordAltered]:
        """Return the requests as their logs say, or what is wrong: one that cannot be read hides no other one."""
        try:
            found = verified(await self._store.load(self._tenant, ids))
        except RecordAltered as error:
            if len(ids) == 1:
                return dict.fromkeys(ids, error)
            return {key: one for each in sorted(ids) for key, one in (await self._requests({each})).items()}
        return dict(found.requests)

    async def _of(
        self, sender: Sender, entry: Entry, request: Request | RecordAltered | None, new: Sequence[Delivery]
    ) -> list[Delivery]:
        """Return what is planned of an entry for a channel, after these new ones; or that the channel was left out."""
        try:
            found = await _recipients(sender, entry, request)
        except Exception as error:
            if isinstance(error, Conflict | StoreError) and not isinstance(error, RecordAltered):
                raise  # the error passes, or a process of a newer version can do it
            self._complain(f"{sender.name} is not told of entry {entry.seq} of {entry.stream}: {error}.")
            where = entry.stream, entry.seq, entry.event.type
            return [self._left_out(sender, where, str(error) or type(error).__name__, await self._store.now())]
        return await self._to(sender, found, entry, None if isinstance(request, RecordAltered) else request, new)

    async def _to(
        self,
        sender: Sender,
        recipients: Sequence[Recipient],
        entry: Entry,
        request: Request | None,
        new: Sequence[Delivery],
    ) -> list[Delivery]:
        now, made = await self._store.now(), list[Delivery]()
        planned = Counter(one.recipient for one in new if one.channel == sender.name)
        for recipient in dict.fromkeys(recipients):
            given = await self._braked(sender, recipient, planned[recipient.name], now)
            made.append(self._delivery(sender, given, entry, request, now))
            planned[recipient.name] += 1
        return made

    def _left_out(self, sender: Sender, where: tuple[str, int, str], why: str, now: datetime) -> Delivery:
        return left_out(Delivery(self._tenant, "", sender.name, "", *where, now, now), why)

    async def _braked(self, sender: Sender, recipient: Recipient, planned: int, now: datetime) -> Recipient:
        """Return the recipient; if they have reached their limit, for the one message that combines the rest."""
        if sender.most_an_hour is None or recipient.bundle or recipient.alone:
            return recipient
        due_at = recipient.due_at or now
        since = now - HOUR if due_at <= now else due_at - DAY  # after quiet hours all come at once
        before = await self._store.count_deliveries(self._tenant, sender.name, recipient.name, since)
        if before + planned < sender.most_an_hour:
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


async def _recipients(sender: Sender, entry: Entry, request: Request | RecordAltered | None) -> Sequence[Recipient]:
    """Return to whom an entry goes by a channel; raise what is wrong with its request where that hides them."""
    if not isinstance(request, RecordAltered):
        return await sender.recipients(entry, request)
    found = await sender.recipients(entry, None)
    if not found:
        raise request
    return found
