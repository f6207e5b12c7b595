"""Histories on screen: the entries of a request or a run, and who was told of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interlock.cli.session import Session
from interlock.domain.delivery import Delivery, DeliveryState
from interlock.engine.changes import Entry
from interlock.errors import Forbidden
from interlock.service.deliveries import delivery_words
from interlock.service.hostile_text import plain
from interlock.service.inline import when
from interlock.terminal.screen import Line

MOST_SHOWN = 200
"""How many messages a history shows: the newest."""

DeliveriesByEntry = Mapping[tuple[str, int], Sequence[Line]]
"""Who was told of an entry, by its stream and number there."""


async def told_about(session: Session, *, request: str | None = None, run: str | None = None) -> DeliveriesByEntry:
    """Return who was told of the entries of a request, or of a run and what it asked; nothing to who may not know."""
    try:
        page = await session.client.list_deliveries(request=request, run=run, limit=MOST_SHOWN)
    except Forbidden:
        return {}
    found: dict[tuple[str, int], list[Line]] = {}
    for one in reversed(page.rows):
        found.setdefault((one.stream, one.seq), []).append(_told(one))
    return found


def entry_lines(entry: Entry, said: str, told: DeliveriesByEntry) -> list[Line]:
    """Return an entry of a history, and who was told of it."""
    return [Line(plain(f"{when(entry.at)}  {said}"), "", "  "), *told.get((entry.stream, entry.seq), ())]


def _told(one: Delivery) -> Line:
    words = delivery_words(one)
    at = "" if words.at is None else f"{when(words.at)}  "
    reason = f": {words.reason}" if words.reason else ""
    again = "" if words.again_at is None else f"; next try {when(words.again_at)}"
    style = {DeliveryState.failed: "bad", DeliveryState.delivered: "dim"}.get(one.state, "")
    return Line(plain(f"{at}{words.says}{reason}{again}"), style, "      ")
