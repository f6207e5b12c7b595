"""Cards go out: one for each request in a room, which is updated where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from interlock.domain.authority import Principal
from interlock.domain.delivery import Delivery, Schedule
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.engine.ports.sender import Message, NotNeeded, Recipient
from interlock.service.client import Client
from interlock.service.delivering import is_told
from interlock.service.parts import Parts
from interlock.slack.api import SlackApi, SlackRefused
from interlock.slack.cards import Card, card_of

SCHEDULE = Schedule(tuple(timedelta(seconds=seconds) for seconds in (2, 10, 30, 60, 300)), forever=True)
"""A card is tried until it is taken: it says how things stand then, and where nothing was ever shown and it is over,
nothing is sent any more."""

GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""What Slack says of a card that cannot be updated any more."""

METADATA = "interlock_request"


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """A room, and who speaks there.

    Args:
        name: of the channel, as configured.
        signing_secret: with which Slack signs what it sends.
        agents, levels: whose requests alone, and on which levels alone; all, if none is named.
        origin: where people reach the server; None if there is none.
    """

    name: str
    tenant: str
    room: str
    api: SlackApi
    signing_secret: str
    agents: frozenset[str] = frozenset()
    levels: frozenset[str] = frozenset()
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class SentCard:
    """Where a card stands, and which version of its request it shows."""

    room: str
    ts: str
    version: int

    @property
    def reference(self) -> str:
        """The same, as a delivery keeps it."""
        return f"{self.room} {self.ts} {self.version}"


def sent_card(deliveries: Sequence[Delivery]) -> SentCard | None:
    """Return the card of the last of some deliveries that has one."""
    for one in reversed(deliveries):
        parts = one.reference.split(" ")
        if len(parts) == 3 and parts[2].isdecimal():  # noqa: PLR2004 - as `reference` writes it
            return SentCard(parts[0], parts[1], int(parts[2]))
    return None


class SlackSender:
    """Implements the port `Sender`."""

    schedule = SCHEDULE
    at_once = 8
    in_order = True
    most_an_hour: int | None = None

    def __init__(self, channel: SlackChannel, parts: Parts) -> None:
        self.name = channel.name
        self.tenant = channel.tenant
        self._channel = channel
        self._parts = parts
        reader = Principal(f"service:{channel.name}", "service", channel.tenant, "slack")
        self._client = Client(parts, reader)

    async def recipients(self, entry: Entry, request: Request | None) -> Sequence[Recipient]:
        """Return the room, for what a card of it shows."""
        if request is None or not is_told(entry) or not await self._is_wanted(request):
            return ()
        return (Recipient(self._channel.room),)

    async def _is_wanted(self, request: Request) -> bool:
        agents, levels = self._channel.agents, self._channel.levels
        if agents and request.agent not in agents:
            return False
        if not levels:
            return True
        policy = await self._parts.book.pinned(request.route.policy_hash)
        if policy.levels[request.route.level].name in levels:
            return True
        shown = DeliveryFilter(channel=self.name, about=[request.id])  # before an edit led to another level
        return bool(await self._parts.store.deliveries(self.tenant, shown, limit=1))

    async def send(self, message: Message) -> str:
        """Post the card, or update it; nothing is sent where it shows as much already."""
        mine = message.delivery
        before = sent_card([*message.earlier, mine])
        view = await self._client.request(mine.request_id)
        if before is None and mine.version > 2:  # noqa: PLR2004 - it was begun before, and perhaps it was posted
            before = await self._found(mine)
        if before is None and not view.request.is_open:
            raise NotNeeded("It was over before anything could be shown.")
        forced = bool(mine.reference)  # somebody has it sent again
        if before is not None and before.version >= view.request.version and not forced:
            return before.reference
        card = card_of(view, await self._client.history(mine.request_id), self._channel.origin)
        ts = await self._shown(card, mine, before)
        return SentCard(mine.recipient, ts, view.request.version).reference

    async def _shown(self, card: Card, mine: Delivery, before: SentCard | None) -> str:
        about = {"event_type": METADATA, "event_payload": {"request": mine.request_id}}
        content = {"blocks": card.blocks, "text": card.text, "metadata": about}
        if before is not None:
            try:
                await self._channel.api.call("chat.update", channel=before.room, ts=before.ts, **content)
            except SlackRefused as refused:
                if refused.code not in GONE:
                    raise
            else:
                return before.ts
        posted = await self._channel.api.call(
            "chat.postMessage",
            channel=mine.recipient,
            unfurl_links=False,
            unfurl_media=False,
            link_names=False,
            **content,
        )
        return str(posted["ts"])

    async def _found(self, mine: Delivery) -> SentCard | None:
        """Return the card that an earlier try has posted without hearing so: Slack keeps what a message is about."""
        try:
            found = await self._channel.api.call(
                "conversations.history",
                channel=mine.recipient,
                oldest=f"{mine.made_at.timestamp() - 60:.6f}",
                include_all_metadata=True,
                limit=200,
            )
        except SlackRefused as refused:
            if refused.failure.final:  # the app may not read there: another card is better than none
                return None
            raise
        for one in found.get("messages", []):
            if _request_of(one) == mine.request_id:
                return SentCard(mine.recipient, str(one["ts"]), 0)
        return None

    async def close(self) -> None:
        """Let go of connections."""
        await self._channel.api.close()


def _request_of(message: dict[str, Any]) -> str | None:
    about = message.get("metadata") or {}
    found: str | None = about.get("event_payload", {}).get("request") if about.get("event_type") == METADATA else None
    return found
