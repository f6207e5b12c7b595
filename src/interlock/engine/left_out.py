"""What could not be read when a channel was to be told of it: looked at again and again, until it can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from interlock.domain import run_events
from interlock.domain.delivery import (
    LEFT_OUT,
    NOT_PLANNED,
    UNREADABLE,
    Attempt,
    Delivery,
    DeliveryState,
    Failure,
    delivery_id,
)
from interlock.engine.changes import Entry
from interlock.engine.delivery_plan import DeliveryPlan
from interlock.engine.integrity import verified
from interlock.engine.ports.sender import NotTaken, NotYet, Sender
from interlock.engine.ports.store import Store

ELSEWHERE = timedelta(minutes=1)
"""When to look again for what concerns a channel of another process."""


class LeftOut:
    """Makes up for what was left out, in the place of a sender: nothing of it leaves.

    Args:
        senders: those of this process, by name.
        planned: called when something is to be sent.
    """

    name = NOT_PLANNED
    schedule = LEFT_OUT
    at_once = 4
    in_order = False

    def __init__(self, store: Store, senders: Mapping[str, Sender], planned: Callable[[], None]) -> None:
        self._store = store
        self._senders = senders
        self._planned = planned

    async def make_up(self, mine: Delivery) -> str:
        """Plan what was not planned, or make a message anew that cannot be read; return what was done.

        Raises:
            NotYet: if the channel is not one of this process.
            NotTaken, RecordAltered: if it can be done as little as before.
        """
        sender = self._senders.get(mine.recipient)
        if sender is None or sender.tenant != mine.tenant:
            raise NotYet(await self._store.now() + ELSEWHERE)
        return await (self._renewed(mine.reference, mine) if mine.reference else self._planned_now(sender, mine))

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def _planned_now(self, sender: Sender, mine: Delivery) -> str:
        history = await self._store.history(mine.tenant, mine.stream, since=mine.seq)
        if not history or history[0].seq != mine.seq:
            return f"The log has no entry {mine.seq} of {mine.stream}."
        loaded = verified(await self._store.load(mine.tenant, [mine.stream]))
        plan = DeliveryPlan(self._store, mine.tenant, [sender], self._planned)
        await plan.plan(history[0], loaded.requests.get(mine.stream))
        return "It can be read again, and messages were made of it."

    async def _renewed(self, key: str, mine: Delivery) -> str:
        """Write a message anew that cannot be read: its id says of which entry and to whom it is."""
        row = await self._store.delivery(mine.tenant, key)
        if row is None or row.event != UNREADABLE or row.state is not DeliveryState.waiting:
            return "The message can be read again, or is gone."
        to = row.tenant, row.channel, row.recipient
        history = await self._store.history(row.tenant, row.stream)
        entry = next((one for one in history if delivery_id(*to, one.stream, one.seq) == key), None)
        if entry is None:
            raise NotTaken(Failure("What is stored of a message cannot be read, and the log does not say what it was."))
        await self._store.write_delivery(_anew(row, entry, await self._store.now()))
        self._planned()
        return "The message was made anew from the log."


def _anew(row: Delivery, entry: Entry, now: datetime) -> Delivery:
    last = (Attempt(now, "What was stored of it could not be read: it was made anew from the log."),)
    concerns = "" if isinstance(entry.event, run_events.AttentionNeeded) else row.stream
    fresh = replace(row, seq=entry.seq, event=entry.event.type, request_id=concerns, due_at=now)
    return replace(fresh, version=row.version + 1, last=last)
