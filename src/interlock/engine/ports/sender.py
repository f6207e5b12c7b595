"""How a message leaves: by a broker, a webhook, mail, a chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent.

    Args:
        entry: the entry of the log that it is about.
        request: the request that it concerns, as it stands now; None if it concerns none.
        earlier: what went to the same recipient about the same request before, oldest first.
    """

    delivery: Delivery
    entry: Entry
    request: Request | None
    earlier: Sequence[Delivery] = ()


class Sender(Protocol):
    """Carries the messages of one channel.

    Attributes:
        name: of the channel, as configured.
        tenant: whose messages it carries.
        schedule: how often, and how late, it tries again.
        at_once: how many messages it sends at once.
        in_order: messages to one recipient about one request go one after the other, in their order.
    """

    name: str
    tenant: str
    schedule: Schedule
    at_once: int
    in_order: bool

    async def recipients(self, entry: Entry, request: Request | None) -> Sequence[str]:
        """Return to whom an entry is sent: nobody, or each of these once. `""` is the channel itself."""

    async def send(self, message: Message) -> str:
        """Send a message, and return what the other side calls it, "" if nothing, once it has taken it.

        Raises:
            NotTaken: if it has not; any other exception stands for that as well, and the message is tried again.
            NotNeeded: if there is nothing to say any more.
        """

    async def close(self) -> None:
        """Let go of connections."""
