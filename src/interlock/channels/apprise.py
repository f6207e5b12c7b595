"""Rooms and feeds that people read: Teams, Discord, ntfy and a hundred others, by Apprise. Nothing comes back.

A message has nothing in it that an agent could have written: what a service makes of text is its own, and a name
becomes a link or a call to everybody.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from apprise import Apprise, NotifyFormat

from interlock.domain.action import Action, Kind
from interlock.domain.delivery import BUNDLE, PEOPLE, Failure
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.ports.sender import CHANNEL_ITSELF, Message, NotNeeded, NotTaken, Recipient
from interlock.engine.ports.store import RequestFilter
from interlock.errors import BadInput
from interlock.service.components import Components

ASKS = frozenset({"opened", "step_reached", "reminded", "escalated", "extended", "asked_back"})
"""What is no news any more where the request is decided."""

WAITS = {
    Kind.approval: "An action waits for a decision",
    Kind.input: "A question waits for an answer",
    Kind.review: "A draft waits for a review",
}
SAID = {
    "reminded": "A reminder",
    "escalated": "Nobody has decided yet, and more people are asked",
    "attention_needed": "A run needs somebody to look at it",
    "effect_unknown": "Nobody knows whether something was done: somebody has to look",
}
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .\-]{0,59}")


class AppriseSender:
    """Implements the port `Sender`.

    Args:
        address: where it goes, as Apprise writes it, such as `ntfy://host/topic`. It may hold a secret.
        events: the names of what it is told of.
        origin: where people reach the server.

    Raises:
        BadInput: if the address is none that Apprise knows.
    """

    schedule = PEOPLE
    at_once = 2
    in_order = True

    def __init__(  # noqa: PLR0913 - what a channel is made of
        self,
        name: str,
        components: Components,
        address: str,
        *,
        tenant: str,
        events: frozenset[str],
        origin: str,
        most_an_hour: int | None,
    ) -> None:
        self.name = name
        self.tenant = tenant
        self.most_an_hour = most_an_hour
        self._components = components
        self._events = events
        self._origin = origin
        self._apprise = Apprise()
        if not self._apprise.add(address):
            raise BadInput(f"The channel {name} has an address that Apprise does not know: look it up in its list.")

    async def recipients(self, entry: Entry, request: Request | None) -> Sequence[Recipient]:  # noqa: ARG002 - see the port
        """Return the channel itself, for what it is told of."""
        return (CHANNEL_ITSELF,) if entry.event.type in self._events else ()

    async def send(self, message: Message) -> str:
        """Send a short text with a link."""
        title, body = await self._several() if message.delivery.event == BUNDLE else self._one(message)
        if not await asyncio.to_thread(self._apprise.notify, body=body, title=title, body_format=NotifyFormat.TEXT):
            raise NotTaken(Failure("The service has not taken it: Apprise says no more."))
        return ""

    async def close(self) -> None:
        """Do nothing: each message has a connection of its own."""

    async def _several(self) -> tuple[str, str]:
        if await self._components.store.requests(self.tenant, RequestFilter(), limit=1):
            return "More requests wait", f"More requests wait than are told one by one: {self._origin}/"
        if self._events <= ASKS:
            raise NotNeeded("Nothing waits any more.")
        return "More has happened", f"More has happened than is told one by one: {self._origin}/attention"

    def _one(self, message: Message) -> tuple[str, str]:
        event, request = message.entry.event.type, message.request
        if request is None:
            return SAID.get(event, event.replace("_", " ").capitalize()), f"{self._origin}/attention"
        if event in ASKS and not request.is_open:
            raise NotNeeded(f"It is {request.status} by now.")
        waits = WAITS[request.kind]
        title = SAID.get(event) or (waits if event in ASKS else event.replace("_", " ").capitalize())
        what = request.edition.subject.name if isinstance(request.edition.subject, Action) else ""
        facts = [f"{waits}." if request.is_open else f"It is {request.status}."]
        facts += [f"Action: {what}."] if _PLAIN.fullmatch(what.replace("_", " ")) else []
        facts += [f"Until {request.due_at:%Y-%m-%d %H:%M} UTC."] if request.due_at and request.is_open else []
        return title, f"{' '.join(facts)} {self._origin}/requests/{request.id}"
