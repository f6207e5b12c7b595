"""Direct messages: each person whose account of Slack is known is told of what waits for them, as they have chosen."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.domain.delivery import PEOPLE
from interlock.domain.notices import Occasion
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.ports.sender import Message, Recipient
from interlock.service.components import Components
from interlock.service.inline import subject_row
from interlock.service.notices import Known, Notices, PersonalNotice
from interlock.service.sentences import sentence
from interlock.slack.cards import card_of, withheld_card
from interlock.slack.payloads import CHAT
from interlock.slack.posting import Cards, SentCard, sent_card
from interlock.slack.sender import SlackChannel
from interlock.slack.text import Block, label, line, link_button, literal, rich

SAID_BELOW = frozenset({Occasion.reminded, Occasion.delegated, Occasion.asked_back, Occasion.answered})
"""What is said below the card: Slack tells nobody that a card was updated."""


class SlackDirectSender:
    """Implements the port `Sender`.

    Args:
        channel: without a room.
    """

    schedule = PEOPLE
    at_once = 8
    in_order = True

    def __init__(self, channel: SlackChannel, components: Components, most_an_hour: int | None) -> None:
        self.name = channel.name
        self.tenant = channel.tenant
        self.most_an_hour = most_an_hour
        self._channel = channel
        self._store = components.store
        self._notices = Notices(components, channel.tenant, channel.name, self._account, updates=True)
        self._workspaces: frozenset[str] | None = None
        self._cards = Cards(channel.api)

    async def recipients(self, entry: Entry, request: Request | None) -> Sequence[Recipient]:
        """Return who is told of an entry."""
        return await self._notices.recipients(entry, request)

    async def send(self, message: Message) -> str:
        """Show somebody the card of a request, or how many wait for them."""
        if self._workspaces is None:
            app = await self._channel.api.call("auth.test")
            self._workspaces = frozenset(str(one) for key in ("team_id", "enterprise_id") if (one := app.get(key)))
        told = await self._notices.told(message)
        opened = await self._channel.api.call("conversations.open", users=told.address)
        room = str(opened["channel"]["id"])
        if told.view is None:
            await self._cards.post(room, blocks=self._digest(told), text="Requests wait for you.")
            return ""
        mine, request = message.delivery, told.view.request
        before = sent_card([*told.before, mine])
        if before is None and mine.version > 2:  # noqa: PLR2004 - it was begun before, and perhaps it was posted
            before = await self._cards.found(request.id, room, mine.made_at)
        history = await self._store.history(self.tenant, request.id)
        withheld = told.occasion is Occasion.withheld
        card = withheld_card() if withheld else card_of(told.view, history, self._channel.origin, told.person)
        ts = await self._cards.show(card, request.id, room, before)
        if before is not None and told.occasion in SAID_BELOW:
            said = [rich(line(*literal(f"{sentence(message.entry)}.")))]
            await self._cards.post(room, thread_ts=ts, blocks=said, text="Something is new of this request.")
        return SentCard(room, ts, request.version).reference

    async def close(self) -> None:
        """Let go of connections."""
        await self._channel.api.close()

    def _digest(self, told: PersonalNotice) -> list[Block]:
        count = "1 request waits" if len(told.waiting) == 1 else f"{told.count} requests wait"
        head = {"type": "header", "text": label(f"{count} for you")}
        rows = [rich(line(*literal(subject_row(one.request.edition.subject)))) for one in told.waiting]
        if self._channel.origin is None:
            return [head, *rows]
        inbox = link_button("Open the inbox", f"{self._channel.origin}/")
        return [head, *rows, {"type": "actions", "elements": [inbox]}]

    def _account(self, known: Known, person: str) -> str | None:
        """Return which account of Slack is somebody's: of several, the one that they have linked last.

        Accounts of other workspaces are none here: the same id may be somebody else's. Before the first message nobody
        knows which workspace it is, and all count: who has none here is told nothing then.
        """
        mine = [
            (one.at, user.user)
            for user, one in known.kept.chats.items()
            if user.chat == CHAT
            and (self._workspaces is None or user.workspace in self._workspaces)
            and known.directory.canonical(one.person) == person
        ]
        return max(mine)[1] if mine else None
