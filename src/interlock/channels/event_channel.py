"""What channels that carry CloudEvents have in common: what they are told of, and what they send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interlock.channels.cloud_events import cloud_event_bytes
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.ports.sender import CHANNEL_ITSELF, Message, Recipient
from interlock.service.token_replies import ReplyTokens


@dataclass(frozen=True, slots=True)
class Replies:
    """How one replies to a message.

    Args:
        queue: where; None if by a call alone.
    """

    tokens: ReplyTokens
    queue: str | None = None

    def of(self, request: Request, origin: str | None) -> dict[str, Any]:
        """Return what a message says of it."""
        queue = {} if self.queue is None else {"queue": self.queue}
        callback = {} if origin is None else {"callback_url": f"{origin}/api/approval/{request.id}"}
        return queue | callback | {"tokens": self.tokens.of(request)}


@dataclass(frozen=True, slots=True)
class EventChannel:
    """A channel with one recipient, which is told of entries as CloudEvents.

    Args:
        events: the names of what it is told of.
        origin: where people reach the server; None if there is none.
        replies: how one replies; None if nobody does.
    """

    name: str
    tenant: str
    events: frozenset[str]
    origin: str | None = None
    replies: Replies | None = None

    def body(self, message: Message) -> bytes:
        """Return what is sent: the event, and how one replies to it."""
        reply = None
        if self.replies is not None and message.request is not None:
            reply = self.replies.of(message.request, self.origin)
        return cloud_event_bytes(message, self.origin, reply)


class EventSender:
    """The part of the port `Sender` that such channels share."""

    in_order = False
    most_an_hour: int | None = None

    def __init__(self, channel: EventChannel) -> None:
        self.name = channel.name
        self.tenant = channel.tenant
        self.channel = channel

    async def recipients(self, entry: Entry, request: Request | None) -> Sequence[Recipient]:  # noqa: ARG002 - see the port
        """Return the channel itself, for what it is told of."""
        return (CHANNEL_ITSELF,) if entry.event.type in self.channel.events else ()
