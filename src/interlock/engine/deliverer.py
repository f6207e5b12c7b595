"""Sends the planned messages: each by one process at a time, until it is accepted or given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from interlock.domain.delivery import (
    BUNDLE,
    UNREADABLE,
    Delivery,
    Failure,
    begun,
    delivered,
    dropped,
    failed,
    left_out,
    postponed,
    waits_for,
)
from interlock.engine.integrity import with_whole_requests
from interlock.engine.left_out import LeftOut
from interlock.engine.ports.deliveries import DeliveryFilter, DueDeliveries
from interlock.engine.ports.sender import Message, NotNeeded, NotTaken, NotYet, Sender
from interlock.engine.ports.store import Store
from interlock.engine.switched_off_channels import SwitchedOffChannels
from interlock.errors import Conflict, InterlockError, StoreError, StoreReplaced, StoreUnavailable
from interlock.failpoints import failpoint

LEASE = timedelta(seconds=60)
"""How long a message belongs to the process that sends it; after that, another process may send it."""

PATIENCE = 30.0
"""Seconds for the other side to accept a message."""

LAST_SECONDS = 5.0
"""Seconds for messages under way when it is stopped; another process sends those that were not accepted by then."""

LOOK_AGAIN = 2.0
"""Seconds between two reads of what others have planned."""

BEHIND, BEHIND_RETRY = timedelta(seconds=1), timedelta(seconds=5)
"""The shortest wait for an earlier message, and for one whose first attempt has failed."""

MOST_EARLIER = 200
RESTS = "Nothing is sent there until somebody has the channel used again: `interlock deliveries list --state failed`."


class Deliverer:
    """Sends the messages of some channels until it is stopped. Many processes may do that at once.

    Args:
        complain: called when a channel begins to fail, and when it works again.
    """

    def __init__(self, store: Store, senders: Sequence[Sender], complain: Callable[[str], None]) -> None:
        self._store = store
        named = {sender.name: sender for sender in senders}
        self._senders: dict[str, Sender | LeftOut] = {**named, LeftOut.name: LeftOut(store, named, self.wake)}
        self._switched_off = SwitchedOffChannels(store)
        self._complain = complain
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._of_channel: dict[str, int] = dict.fromkeys(self._senders, 0)
        self._failing: set[str] = set()
        self._unreadable: set[tuple[str, str, int]] = set()
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Have it look for new messages now. Call this from its event loop."""
        self._changed.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until it is stopped; then wait a little for messages under way, and close the channels."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._changed.clear()
                seconds = LOOK_AGAIN
                try:
                    seconds = await self._begin()
                except StoreReplaced:
                    raise
                except StoreError as error:
                    self._complain(error.message)
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait({changed, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
        finally:
            stopping.cancel()
            await self._end()

    async def drain(self) -> int:
        """Send what is due, and what becomes due by that; return how many attempts were made."""
        done = 0
        while True:
            await self._begin()
            if not self._in_hand:
                return done
            done += len(self._in_hand)
            await asyncio.gather(*self._in_hand.values())

    async def close(self) -> None:
        """Close the channels."""
        for sender in self._senders.values():
            await sender.close()

    async def _end(self) -> None:
        if self._in_hand:
            _, late = await asyncio.wait(self._in_hand.values(), timeout=LAST_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self.close()

    async def _begin(self) -> float:
        """Start to send the due messages that have a slot; return the seconds until something else comes due."""
        seconds = LOOK_AGAIN
        for name, sender in self._senders.items():
            free = sender.at_once - self._of_channel[name]
            if free <= 0:
                continue
            found = await self._store.due_deliveries([name], free + len(self._in_hand))
            await self._leave_out(found)
            ready = [one for one in found.deliveries if one.id not in self._in_hand][:free]
            if ready and not await self._rests(sender):
                for one in ready:
                    self._start(sender, one)
            if found.next_due is not None:
                seconds = min(seconds, max(0.0, (found.next_due - found.now).total_seconds()))
        return seconds

    async def _rests(self, sender: Sender | LeftOut) -> bool:
        return not isinstance(sender, LeftOut) and await self._switched_off.rests(sender.tenant, sender.name)

    async def _leave_out(self, found: DueDeliveries) -> None:
        """Say once of each message that it cannot be read, and keep in mind to make up for it."""
        new = [one for one in found.unreadable if (one.tenant, one.id, one.version) not in self._unreadable]
        about = [replace(one, reference=one.id, made_at=found.now) for one in new if one.channel != LeftOut.name]
        if about:
            why = "What is stored of a message cannot be read."
            await self._store.add_deliveries([left_out(one, why) for one in about])
        for one in new:
            self._complain(f"{one.id}, a message of {one.channel} about {one.stream}, cannot be read and is left out.")
            self._unreadable.add((one.tenant, one.id, one.version))

    def _start(self, sender: Sender | LeftOut, delivery: Delivery) -> None:
        self._of_channel[sender.name] += 1
        task = asyncio.create_task(self._safely(sender, delivery))
        self._in_hand[delivery.id] = task

        def ended(_: asyncio.Task[None]) -> None:
            del self._in_hand[delivery.id]
            self._of_channel[sender.name] -= 1
            self._changed.set()

        task.add_done_callback(ended)

    async def _safely(self, sender: Sender | LeftOut, delivery: Delivery) -> None:
        try:
            await self._carry(sender, delivery)
        except Conflict:
            return  # another process has it
        except StoreError as error:
            self._complain(error.message)

    async def _carry(self, sender: Sender | LeftOut, delivery: Delivery) -> None:
        mine = begun(delivery, await self._store.now(), LEASE)
        await self._store.write_delivery(mine)
        if isinstance(sender, LeftOut):
            await self._store.write_delivery(await self._made_up(sender, mine))
            return
        earlier = await self._earlier(mine)
        before = waits_for(mine, earlier) if sender.in_order else None
        if before is not None:
            await self._store.write_delivery(postponed(mine, _after(before, await self._store.now())))
            return
        after = await self._sent(sender, mine, earlier)
        failpoint("delivery.sent")
        await self._store.write_delivery(after)

    async def _made_up(self, carrier: LeftOut, mine: Delivery) -> Delivery:
        """Return what becomes of something that was left out. That nothing can be done yet was said once."""
        try:
            done = await carrier.make_up(mine)
        except NotYet as later:
            return postponed(mine, later.until)
        except Exception as error:
            if isinstance(error, StoreUnavailable):
                raise
            return failed(mine, await self._store.now(), _failure(error), carrier.schedule)
        return dropped(mine, await self._store.now(), done)

    async def _sent(self, sender: Sender, mine: Delivery, earlier: Sequence[Delivery]) -> Delivery:
        """Send a message; return it as it is afterwards."""
        try:
            message = await self._message(mine, earlier)
            async with asyncio.timeout(PATIENCE):
                reference = await sender.send(message)
        except NotNeeded as why:
            return dropped(mine, await self._store.now(), str(why))
        except NotYet as later:
            return postponed(mine, later.until)
        except Exception as error:
            if isinstance(error, StoreUnavailable):
                raise  # no answer of the other side; an altered record is tried as often as any other message
            failure = _failure(error)
            after = failed(mine, await self._store.now(), failure, sender.schedule)
            if failure.gone:
                await self._switched_off.switch_off(mine, failure)
            self._fails(sender, f"{failure.error} {RESTS if failure.gone else _then(after)}")
            return after
        self._works(sender)
        return delivered(mine, await self._store.now(), reference)

    async def _message(self, mine: Delivery, earlier: Sequence[Delivery]) -> Message:
        entries = await self._store.history(mine.tenant, mine.stream, since=mine.seq)
        if not entries or entries[0].seq != mine.seq:
            raise NotNeeded(f"The log has no entry {mine.seq} of {mine.stream}.")
        ids = [mine.request_id] if mine.request_id else []
        loaded = with_whole_requests(await self._store.load(mine.tenant, ids))
        return Message(mine, entries[0], loaded.requests.get(mine.request_id), earlier, entries[1:])

    async def _earlier(self, mine: Delivery) -> list[Delivery]:
        if not mine.request_id:
            return []
        wanted = DeliveryFilter(mine.channel, about=(mine.request_id,), recipient=mine.recipient)
        found = await self._store.deliveries(mine.tenant, wanted, limit=MOST_EARLIER)
        return sorted(
            (one for one in found if one.seq < mine.seq and one.event not in {BUNDLE, UNREADABLE}),
            key=lambda one: one.seq,
        )

    def _fails(self, sender: Sender, what: str) -> None:
        if sender.name not in self._failing:
            self._failing.add(sender.name)
            self._complain(f"{sender.name} has not taken a message: {what}")

    def _works(self, sender: Sender) -> None:
        if sender.name in self._failing:
            self._failing.discard(sender.name)
            self._complain(f"{sender.name} takes messages again.")


def _after(before: Delivery, now: datetime) -> datetime:
    """Return when to check again whether an earlier message was sent: soon, or at its next attempt."""
    soon = now + (BEHIND if not before.attempts else BEHIND_RETRY)
    return soon if before.due_at is None or before.due_at <= now + LEASE else before.due_at


def _failure(error: Exception) -> Failure:
    if isinstance(error, NotTaken):
        return error.failure
    if isinstance(error, TimeoutError):
        return Failure(f"It did not answer within {PATIENCE:.0f} seconds.")
    if isinstance(error, InterlockError):
        return Failure(error.message)
    return Failure(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def _then(after: Delivery) -> str:
    if after.due_at is None:
        return "It is not tried again."
    return f"It is tried again at {after.due_at:%H:%M:%S} UTC."
