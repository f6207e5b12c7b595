"""Cards go out: one for each request in a room, which is updated where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from interlock.domain.authority import Principal
from interlock.domain.delivery import Schedule
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.engine.ports.sender import Message, NotNeeded, Recipient
from interlock.errors import RecordAltered
from interlock.service.client import Client
from interlock.service.components import Components
from interlock.service.delivering import is_told
from interlock.slack.api import SlackApi
from interlock.slack.cards import card_of
from interlock.slack.posting import Cards, SentCard, sent_card

SCHEDULE = Schedule(tuple(timedelta(seconds=seconds) for seconds in (2, 10, 30, 60, 300)), forever=True)
"""A card is tried until it is taken: it says how things stand then, and where nothing was ever shown and it is over,
nothing is sent any more."""


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """Where the app speaks, and as whom.

    Args:
        room: None for direct messages.
        name: of the channel, as configured.
        signing_secret: with which Slack signs what it sends.
        agents, levels: whose requests alone, and on which levels alone; all, if none is named.
        origin: where people reach the server; None if there is none.
    """

    name: str
    tenant: str
    room: str | None
    api: SlackApi
    signing_secret: str
    agents: frozenset[str] = frozenset()
    levels: frozenset[str] = frozenset()
    origin: str | None = None


class SlackSender:
    """Implements the port `Sender`."""

    schedule = SCHEDULE
    at_once = 8
    in_order = True
    most_an_hour: int | None = None

    def __init__(self, channel: SlackChannel, components: Components) -> None:
        self.name = channel.name
        self.tenant = channel.tenant
        self._channel = channel
        self._components = components
        self._cards = Cards(channel.api)
        reader = Principal(f"service:{channel.name}", "service", channel.tenant, "slack")
        self._client = Client(components, reader)

    async def recipients(self, entry: Entry, request: Request | None) -> Sequence[Recipient]:
        """Return the room, for what a card of it shows."""
        if request is None or not is_told(entry) or not await self._is_wanted(request):
            return ()
        return (Recipient(self._channel.room or ""),)

    async def _is_wanted(self, request: Request) -> bool:
        agents, levels = self._channel.agents, self._channel.levels
        if agents and request.agent not in agents:
            return False
        if not levels:
            return True
        with suppress(RecordAltered):  # then nobody can say on which level it is, and a card that was shown stays right
            policy = await self._components.pinned_policies.pinned(request.route.policy_hash)
            if policy.levels[request.route.level].name in levels:
                return True
        shown = DeliveryFilter(channel=self.name, about=[request.id])  # before an edit led to another level
        return bool(await self._components.store.deliveries(self.tenant, shown, limit=1))

    async def send(self, message: Message) -> str:
        """Post the card, or update it; nothing is sent where it shows as much already."""
        mine = message.delivery
        before = sent_card([*message.earlier, mine])
        view = await self._client.request(mine.request_id)
        if before is None and mine.version > 2:  # noqa: PLR2004 - it was begun before, and perhaps it was posted
            before = await self._cards.found(mine.request_id, mine.recipient, mine.made_at)
        if before is None and not view.request.is_open:
            raise NotNeeded("It was over before anything could be shown.")
        forced = bool(mine.reference)  # somebody has it sent again
        if before is not None and before.version >= view.request.version and not forced:
            return before.reference
        card = card_of(view, await self._client.history(mine.request_id), self._channel.origin)
        ts = await self._cards.show(card, mine.request_id, mine.recipient, before)
        return SentCard(mine.recipient, ts, view.request.version).reference

    async def close(self) -> None:
        """Let go of connections."""
        await self._channel.api.close()
