"""Cards where people see them: posted once, found again, and updated where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interlock.domain.delivery import Delivery
from interlock.slack.api import SlackApi, SlackRefused
from interlock.slack.cards import Card

GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""What Slack says of a card that cannot be updated any more."""

LITERAL = {"parse": "none", "link_names": False}
"""That Slack looks for no names and addresses in a text: else it would in that of an update."""

METADATA = "interlock_request"


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


class Cards:
    """Shows cards by a bot."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def show(self, card: Card, request_id: str, room: str, before: SentCard | None) -> str:
        """Update the card that stands there, or post one; return where it stands."""
        about = {"event_type": METADATA, "event_payload": {"request": request_id}}
        content = {"blocks": card.blocks, "text": card.text, "metadata": about}
        if before is not None:
            try:
                await self._api.call("chat.update", channel=before.room, ts=before.ts, **LITERAL, **content)
            except SlackRefused as refused:
                if refused.code not in GONE:
                    raise
            else:
                return before.ts
        return await self.post(room, **content)

    async def post(self, room: str, **content: Any) -> str:
        """Post a message; nothing in it is made a link, a mention or a picture."""
        posted = await self._api.call(
            "chat.postMessage", channel=room, unfurl_links=False, unfurl_media=False, **LITERAL, **content
        )
        return str(posted["ts"])

    async def found(self, request_id: str, room: str, since: datetime) -> SentCard | None:
        """Return the card that an earlier try has posted without hearing so: Slack keeps what a message is about."""
        try:
            found = await self._api.call(
                "conversations.history",
                channel=room,
                oldest=f"{since.timestamp() - 60:.6f}",
                include_all_metadata=True,
                limit=200,
            )
        except SlackRefused as refused:
            if refused.failure.final:  # the app may not read there: another card is better than none
                return None
            raise
        for one in found.get("messages", []):
            if _request_of(one) == request_id:
                return SentCard(room, str(one["ts"]), 0)
        return None


def _request_of(message: dict[str, Any]) -> str | None:
    about = message.get("metadata") or {}
    found: str | None = about.get("event_payload", {}).get("request") if about.get("event_type") == METADATA else None
    return found
