"""How a message leaves: by a broker, a webhook, mail, a chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from interlock.domain.delivery import Delivery, Failure, Schedule
from interlock.domain.request import Request
from interlock.engine.changes import Entry


class NotTaken(Exception):
    """The other side has not taken a message."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error)
        self.failure = failure


class NotNeeded(Exception):
    """What a message would have said does not hold any more: it is not sent."""


class NotYet(Exception):
    """A message is to be sent later. That is no attempt."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"It is sent at {until.isoformat()}.")
        self.until = until


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom an entry goes.

    Args:
        name: in the channel's own terms; empty for the channel itself.
        due_at: when; None for now.
        bundle: names the one message to them that stands for several entries, such as a digest; empty for a message
            about this entry alone.
        alone: it joins no such message, however many there are: that would not say what this one does.
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
        request: the request that it concerns, as it stands now; None if it concerns none, or several.
        earlier: what went to the same recipient about the same request before, oldest first.
        later: what the log says since, in the same stream.
    """

    delivery: Delivery
    entry: Entry
    request: Request | None
    earlier: Sequence[Delivery] = ()
    later: Sequence[Entry] = ()


class Sender(Protocol):
    """Carries the messages of one channel.

    Attributes:
        name: of the channel, as configured.
        tenant: whose messages it carries.
        schedule: how often, and how late, it tries again.
        at_once: how many messages it sends at once.
        in_order: messages to one recipient about one request go one after the other, in their order.
        most_an_hour: how many messages one recipient gets within an hour, before the others become one; None for as
            many as there are.
    """

    name: str
    tenant: str
    schedule: Schedule
    at_once: int
    in_order: bool
    most_an_hour: int | None

    async def recipients(self, entry: Entry, request: Request | None) -> Sequence[Recipient]:
        """Return to whom an entry is sent: nobody, or each of these once."""

    async def send(self, message: Message) -> str:
        """Send a message, and return what the other side calls it, "" if nothing, once it has taken it.

        Raises:
            NotTaken: if it has not; any other exception stands for that as well, and the message is tried again.
            NotNeeded: if there is nothing to say any more.
            NotYet: if it is to be said later.
        """

    async def close(self) -> None:
        """Let go of connections."""
