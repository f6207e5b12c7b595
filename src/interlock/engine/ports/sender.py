"""How messages are sent: by a broker, a webhook, mail, a chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from interlock.domain.delivery import Delivery, Failure, Schedule
from interlock.domain.request import Request
from interlock.engine.changes import Entry


class NotTaken(Exception):
    """The other side has not accepted a message."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error)
        self.failure = failure


class NotNeeded(Exception):
    """The message is not sent, because what it says no longer holds."""


class NotYet(Exception):
    """The message is to be sent later. This does not count as an attempt."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"It is sent at {until.isoformat()}.")
        self.until = until


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody to whom an entry is sent.

    Args:
        name: in the channel's own terms; empty for the channel itself.
        due_at: when it is sent; None for now.
        bundle: the name of a message to them that combines several entries, such as a digest; empty for a message about
            this entry alone.
        alone: it never joins a combined message, which would not say what this one says.
    """

    name: str = ""
    due_at: datetime | None = None
    bundle: str = ""
    alone: bool = False


CHANNEL_ITSELF = Recipient()


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent.

    Args:
        entry: the entry of the log that it is about.
        request: the request that it is about, as it stands now; None if it is about none, or several.
        earlier: earlier messages to the same recipient about the same request, oldest first.
        later: later entries of the same stream.
    """

    delivery: Delivery
    entry: Entry
    request: Request | None
    earlier: Sequence[Delivery] = ()
    later: Sequence[Entry] = ()


class Sender(Protocol):
    """Sends the messages of one channel.

    Attributes:
        name: of the channel, as configured.
        tenant: the tenant whose messages it sends.
        schedule: how often, and after which waits, it tries again.
        at_once: how many messages it sends at the same time.
        in_order: whether messages to one recipient about one request are sent one after the other, in their order.
        most_an_hour: messages per hour to one recipient; further ones are combined into one. None: no limit.
    """

    name: str
    tenant: str
    schedule: Schedule
    at_once: int
    in_order: bool
    most_an_hour: int | None

    async def recipients(self, entry: Entry, request: Request | None) -> Sequence[Recipient]:
        """Return the recipients of an entry, each once; none if it is not sent."""

    async def send(self, message: Message) -> str:
        """Send a message; when the other side has accepted it, return its id there, or "" if it has none.

        Raises:
            NotTaken: if it was not accepted. Any other exception means the same, and the message is tried again.
            NotNeeded: if what it says no longer holds.
            NotYet: if it is to be sent later.
        """

    async def close(self) -> None:
        """Close the connections."""
