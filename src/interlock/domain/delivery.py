"""A message of one log entry to one recipient of a channel: when it is sent, tried again, or given up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

MOST_ATTEMPTS_KEPT = 10
"""How many of its last attempts a delivery remembers; `attempts` counts all."""

LONGEST_ERROR = 500
"""How many characters of an error are kept."""


class DeliveryState(StrEnum):
    """How a delivery stands."""

    waiting = "waiting"
    delivered = "delivered"
    failed = "failed"
    """Given up: it is sent again when an operator says so."""
    dropped = "dropped"
    """It was not sent, and need not be: what it would have said does not hold any more."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to send. `error` says why it did not succeed; None if it did."""

    at: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often, and how late, a message is sent again.

    Args:
        delays: before the second attempt, the third, and so on.
        forever: the last delay is repeated for ever; else the message is given up after the last one.
    """

    delays: tuple[timedelta, ...]
    forever: bool = False

    def after(self, attempts: int) -> timedelta | None:
        """Return how long is waited after so many failed attempts, at least one; None if the message is given up."""
        if attempts <= len(self.delays):
            return self.delays[attempts - 1]
        return self.delays[-1] if self.forever and self.delays else None


def _of(**units: int) -> timedelta:
    return timedelta(**units)


STANDARD_WEBHOOKS = Schedule(
    (_of(seconds=5), _of(minutes=5), _of(minutes=30), *(_of(hours=hours) for hours in (2, 5, 10, 14, 20, 24)))
)
"""As Standard Webhooks suggests it: ten attempts within 75 hours."""

BROKER = Schedule(tuple(_of(seconds=seconds) for seconds in (1, 2, 5, 10)), forever=True)
"""A broker that is down comes back, and takes what waited: within ten seconds of that."""

PEOPLE = Schedule((*(_of(seconds=seconds) for seconds in (10, 30, 120, 300)), *[_of(minutes=15)] * 96))
"""People are told within a quarter of an hour of a mail server's or a chat's return; for a day, then no more."""

LEFT_OUT = Schedule((_of(minutes=15),), forever=True)
"""What could not be read is looked at again as long as it takes: only a person mends it."""

BUNDLE = "bundle"
"""What a delivery has as its event that stands for several entries."""

UNREADABLE = "unreadable"
"""What a delivery has as its event of which nothing can be read but its columns; its `seq` is 0."""

NOT_PLANNED = "not planned"
"""The channel of what could not become messages yet. No configured channel can have this name.

Each is about an entry that one channel, its recipient, was not told of; or about a stored message of that channel that
cannot be read, whose id is its `reference`.
"""


SWITCHED_OFF = "switched off"
"""The channel of what says that one channel, its recipient, rests: whoever it calls wants no more calls.

No configured channel can have this name. The channel rests while this is given up, and no longer once it is sent again.
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to one recipient.

    Args:
        id: made of what it is about and to whom, so that it is planned once: see `delivery_id`.
        channel: the name of the channel that carries it, as configured.
        recipient: to whom it goes, in the channel's own terms; empty where the channel has one recipient.
        stream: of the log entry that it is about: the id of a request or run.
        seq: the entry's number in that stream.
        event: the name of what happened, such as `Opened`.
        request_id: the request that it concerns; empty if none.
        due_at: when it is sent, or is tried again; while it is being sent, when another process may try. None if
            nothing more is due.
        version: how often its row was written.
        attempts: how often it was tried.
        last: the last attempts, oldest first.
        reference: what the other side calls the message, once it has taken it.
    """

    tenant: str
    id: str
    channel: str
    recipient: str
    stream: str
    seq: int
    event: str
    made_at: datetime
    due_at: datetime | None
    request_id: str = ""
    state: DeliveryState = DeliveryState.waiting
    version: int = 1
    attempts: int = 0
    last: tuple[Attempt, ...] = ()
    reference: str = ""


def delivery_id(tenant: str, channel: str, recipient: str, stream: str, seq: int) -> str:
    """Return the id of the delivery of an entry to a recipient: the same whoever plans it."""
    parts = "\0".join((tenant, channel, recipient, stream, str(seq)))
    return f"dlv_{hashlib.sha256(parts.encode()).hexdigest()[:26]}"


def bundle_id(tenant: str, channel: str, recipient: str, bundle: str) -> str:
    """Return the id of the delivery that stands for several entries: each that is planned into it finds it there."""
    return delivery_id(tenant, channel, recipient, f"{BUNDLE} {bundle}", 0)


def left_out(about: Delivery, why: str) -> Delivery:
    """Return what says that something was left out, and has it looked at again.

    Args:
        about: a message that cannot be read; or one to a channel about an entry of which no message could be made.
    """
    what = f"{about.reference} {about.version}" if about.reference else about.stream
    key = delivery_id(about.tenant, NOT_PLANNED, about.channel, what, about.seq)
    tried = Attempt(about.made_at, why[:LONGEST_ERROR])
    mine = replace(about, id=key, channel=NOT_PLANNED, recipient=about.channel, attempts=1, last=(tried,))
    return replace(mine, due_at=about.made_at + LEFT_OUT.delays[0], state=DeliveryState.waiting, version=1)


def switched_off_id(tenant: str, channel: str) -> str:
    """Return the id of what says that a channel rests."""
    return delivery_id(tenant, SWITCHED_OFF, channel, "", 0)


def switched_off(about: Delivery, why: str, now: datetime) -> Delivery:
    """Return what says that the channel of a message rests.

    Args:
        about: the message at which it was refused for good.
    """
    key, tried = switched_off_id(about.tenant, about.channel), Attempt(now, why[:LONGEST_ERROR])
    mine = replace(about, id=key, channel=SWITCHED_OFF, recipient=about.channel, reference="", made_at=now)
    return replace(mine, state=DeliveryState.failed, due_at=None, version=1, attempts=1, last=(tried,))


def begun(delivery: Delivery, now: datetime, lease: timedelta) -> Delivery:
    """Return a delivery that somebody sends now: for so long nobody else does."""
    return replace(delivery, version=delivery.version + 1, due_at=now + lease)


def delivered(delivery: Delivery, now: datetime, reference: str = "") -> Delivery:
    """Return a delivery that the other side has taken."""
    tried = _tried(delivery, Attempt(now))
    return replace(tried, state=DeliveryState.delivered, due_at=None, reference=reference or delivery.reference)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message was not taken.

    Args:
        final: it never will be, so it is not tried again.
        wait: how long the other side has asked to wait.
        gone: the other side wants no more messages at all: the channel rests, and this message waits for it.
    """

    error: str
    final: bool = False
    wait: timedelta | None = None
    gone: bool = False


def failed(delivery: Delivery, now: datetime, failure: Failure, schedule: Schedule) -> Delivery:
    """Return a delivery that did not succeed: it is tried again by the schedule, or later if that was asked for."""
    tried = _tried(delivery, Attempt(now, failure.error[:LONGEST_ERROR]))
    delay = None if failure.final else schedule.after(tried.attempts)
    if delay is None:
        return replace(tried, state=DeliveryState.failed, due_at=None)
    return replace(tried, due_at=now + max(delay, failure.wait or delay))


def dropped(delivery: Delivery, now: datetime, why: str) -> Delivery:
    """Return a delivery that is not sent, as it need not be any more."""
    seen = replace(delivery, version=delivery.version + 1, last=_last(delivery, Attempt(now, why[:LONGEST_ERROR])))
    return replace(seen, state=DeliveryState.dropped, due_at=None)


def postponed(delivery: Delivery, until: datetime) -> Delivery:
    """Return a delivery that waits for another one. That is no attempt."""
    return replace(delivery, version=delivery.version + 1, due_at=until)


def again(delivery: Delivery, now: datetime) -> Delivery:
    """Return a delivery that is sent anew, from the beginning of its schedule, whatever became of it."""
    return replace(delivery, version=delivery.version + 1, state=DeliveryState.waiting, due_at=now, attempts=0)


def waits_for(delivery: Delivery, others: Sequence[Delivery]) -> Delivery | None:
    """Return what was planned before it, to the same recipient about the same request, and still waits."""
    before = (
        one
        for one in others
        if one.state is DeliveryState.waiting
        and (one.stream, one.recipient) == (delivery.stream, delivery.recipient)
        and one.seq < delivery.seq
    )
    return next(before, None)


def _tried(delivery: Delivery, attempt: Attempt) -> Delivery:
    count = delivery.attempts + 1
    return replace(delivery, version=delivery.version + 1, attempts=count, last=_last(delivery, attempt))


def _last(delivery: Delivery, attempt: Attempt) -> tuple[Attempt, ...]:
    return (*delivery.last, attempt)[-MOST_ATTEMPTS_KEPT:]
