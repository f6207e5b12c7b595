"""What went out to people and programs, or did not: read, and sent again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from interlock.domain.delivery import BUNDLE, NOT_PLANNED, SWITCHED_OFF, UNREADABLE, Delivery, DeliveryState, again
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.engine.ports.store import Store
from interlock.errors import Closed, NotFound, RecordAltered
from interlock.service.pages import Listing, Page, page, text_key, walk

TIMES = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


SOON = timedelta(minutes=1)
"""What is due so soon after it was planned goes at once, but for others that go before it."""

REFRESH_SOON, REFRESH_LATE = timedelta(seconds=3), timedelta(minutes=1)
"""How soon one looks again what became of a message that goes about now; and of one that nobody has sent in time."""


@dataclass(frozen=True, slots=True)
class DeliveryWords:
    """How a delivery stands, in words. What others have written in it is as they wrote it.

    Args:
        at: when it came to be so, or will be; None if it has not been tried.
        reason: why nobody was told; empty if that is not so.
        again_at: when it is tried again; None if it is not.
    """

    says: str
    at: datetime | None
    reason: str = ""
    again_at: datetime | None = None


def delivery_words(one: Delivery) -> DeliveryWords:
    """Say who was told by a delivery, and when; or why not."""
    if one.channel == NOT_PLANNED:
        return _left_out_words(one)
    if one.channel == SWITCHED_OFF:
        rests = one.state is DeliveryState.failed
        return DeliveryWords(f"{one.recipient} {'is' if rests else 'was'} switched off", *_last_try(one))
    if one.event == UNREADABLE:
        return DeliveryWords(f"what is stored of a message of {one.channel} cannot be read", None)
    return _message_words(one)


def _message_words(one: Delivery) -> DeliveryWords:
    who = f"{one.recipient} by {one.channel}" if one.recipient else one.channel
    who += " of this and other requests" if one.event == BUNDLE else ""
    tries = f"{one.attempts} attempts" if one.attempts > 1 else "one attempt"
    at, reason = _last_try(one)
    match one.state:
        case DeliveryState.delivered:
            which = f"attempt {one.attempts}" if one.attempts >= len(TIMES) else f"{TIMES[one.attempts]} attempt"
            return DeliveryWords(f"told {who}{f', {which}' if one.attempts > 1 else ''}", at)
        case DeliveryState.waiting if one.attempts == 0 and one.due_at is not None and one.due_at > one.made_at + SOON:
            return DeliveryWords(f"{who} is told later", one.due_at)
        case DeliveryState.waiting if one.attempts == 0:
            return DeliveryWords(f"{who} is told next", None)
        case DeliveryState.waiting:
            return DeliveryWords(f"could not tell {who} so far, {tries}", at, reason, one.due_at)
        case DeliveryState.failed:
            return DeliveryWords(f"could not tell {who}, given up after {tries}", at, reason)
        case DeliveryState.dropped:
            return DeliveryWords(f"did not tell {who}, which was not needed any more", at, reason)


def _last_try(one: Delivery) -> tuple[datetime | None, str]:
    return (one.last[-1].at, one.last[-1].error or "") if one.last else (None, "")


def _left_out_words(one: Delivery) -> DeliveryWords:
    at, reason = _last_try(one)
    what = f"a message of {one.recipient} cannot be sent" if one.reference else f"{one.recipient} was not told of this"
    if one.state is DeliveryState.waiting:
        return DeliveryWords(what, at, reason, one.due_at)
    return DeliveryWords(f"{what} at first", at, reason)


def refresh_after(deliveries: Iterable[Delivery], now: datetime) -> timedelta | None:
    """Return when to look again how deliveries stand, as no entry of the log says it; None if none waits to be sent."""
    left = [one.due_at - now for one in deliveries if one.state is DeliveryState.waiting and one.due_at is not None]
    return min(map(_after, left), default=None)


def _after(left: timedelta) -> timedelta:
    if left > SOON:
        return left + REFRESH_SOON
    return REFRESH_SOON if left > -SOON else REFRESH_LATE


async def list_deliveries(
    store: Store, tenant: str, wanted: DeliveryFilter, *, after: str | None, limit: int
) -> Page[Delivery]:
    """Return a page of deliveries, newest first."""
    filters = wanted.channel, wanted.state, None if wanted.about is None else sorted(wanted.about)

    async def read(after: str | None, limit: int) -> AsyncGenerator[tuple[str, Delivery], None]:
        async for one in walk(
            lambda at, most: store.deliveries(tenant, wanted, after=at, limit=most),
            attrgetter("id"),
            after=after,
            limit=limit,
        ):
            yield one.id, one

    return await page(Listing("deliveries", text_key, (tenant, *filters)), read, after=after, limit=limit)


async def send_again(store: Store, tenant: str, delivery_id: str) -> Delivery:
    """Let a delivery be sent anew, from the beginning of its schedule, whatever became of it.

    What could not be planned or read is looked at again at once, and a channel that is switched off is used again.

    Raises:
        NotFound: if there is none.
        Closed: if it waits to be sent already.
        RecordAltered: if it cannot be read.
    """
    found = await store.delivery(tenant, delivery_id)
    if found is None:
        raise NotFound(
            f"There is no delivery {delivery_id} here: `interlock deliveries list` shows those that there are."
        )
    if found.event == UNREADABLE and found.channel != NOT_PLANNED:
        raise RecordAltered(
            f"What is stored of {delivery_id} cannot be read. What is done about it says "
            f"`interlock deliveries list --channel '{NOT_PLANNED}'`."
        )
    if found.state is DeliveryState.waiting and found.channel != NOT_PLANNED:
        raise Closed(f"{delivery_id} waits to be sent already.", delivery_id=delivery_id)
    anew = again(found, await store.now())
    await store.write_delivery(anew)
    return anew
