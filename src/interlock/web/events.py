"""The log as it grows, as server-sent events: each entry once, in order, from any position on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from time import monotonic
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.requests import Request

from interlock.domain.directory import STREAM
from interlock.engine.changes import Entry
from interlock.errors import InterlockError
from interlock.service.shapes import entry_shape
from interlock.web.callers import Caller, Follows
from interlock.web.context import Context, context_of
from interlock.web.openapi import streams
from interlock.web.visible import sees_entry

router = APIRouter(prefix="/events", tags=["events"])

HEARTBEAT = 15.0
"""Seconds after which a stream on which nothing was told says that it lives: proxies end what is silent."""

LOOK = 5.0
"""Seconds after which it is asked again whether a caller is still known, though nothing is told."""

STALE = 0.5
"""Seconds for which it is believed that a caller's session or token still holds: nothing is told on an older look."""

RETRY = 1_000
"""Milliseconds after which a browser whose stream has ended asks again."""

Wanted = Callable[[Entry], Awaitable[bool]]


async def entries_of(
    context: Context, caller: Caller, position: str, wanted: Wanted | None = None
) -> AsyncIterator[Entry | None]:
    """Read the log on from a position until the server stops; None where nothing was told for a while.

    Args:
        wanted: which entries are told; by default those that the caller sees.

    Raises:
        Unauthenticated: if the credential that the caller came with has ended.
    """
    live = context.live(caller.principal.tenant)
    wanted = wanted or partial(sees_entry, caller, context)
    told = looked = monotonic()
    while not context.stop.is_set():
        entries = await live.after(position, max(0.0, min(told + HEARTBEAT, looked + LOOK) - monotonic()))
        if any(entry.stream == STREAM for entry in entries):  # somebody may be disabled, or signed out
            await context.authenticator.check_again(caller.credential)
            looked = monotonic()
        for entry in entries:
            if context.stop.is_set():  # whoever is far behind goes on from here, elsewhere
                break
            position = entry.position
            if await wanted(entry):
                looked = await _look(context, caller, looked, STALE)
                told = monotonic()
                yield entry
        looked = await _look(context, caller, looked, LOOK)
        if monotonic() >= told + HEARTBEAT:
            looked = await _look(context, caller, looked, STALE)
            told = monotonic()
            yield None


async def _look(context: Context, caller: Caller, looked: float, lasts: float) -> float:
    """Ask whether the caller is still known if that was asked too long ago; return when it was asked."""
    if monotonic() < looked + lasts:
        return looked
    looked = monotonic()
    await context.authenticator.check_again(caller.credential)  # who ask in one turn of the loop ask together
    return looked


@router.get(
    "",
    response_class=StreamingResponse,
    responses=streams(
        "Entries of the log, each by its type. The last event is `end`: its data say why (`reason`), and from where to "
        "go on (`after`)."
    ),
)
async def events(
    caller: Follows,
    request: Request,
    after: str | None = None,
    brief: bool = False,  # noqa: FBT001, FBT002 - a parameter of the address
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Follow what the caller sees of the log, after a position or from now on. An event has its position as its id.

    With `brief`, an entry is an event without a name that says its `stream` and `type` alone; and `alive` is an event
    too, with the position, so that a page can tell silence from a lost connection.
    """
    context = context_of(request)
    live = context.live(caller.principal.tenant)
    given = last_event_id if last_event_id is not None else after
    position = await live.last() if given is None else given
    await live.after(position, 0)  # what is no position is refused before anything is said
    headers = {"X-Accel-Buffering": "no"}
    told = _told(context, caller, position, _BRIEF if brief else _WHOLE)
    return StreamingResponse(told, media_type="text/event-stream", headers=headers)


def event_of(entry: Entry) -> bytes:
    """Return an entry as a server-sent event."""
    return format_sse_event(event=entry.event.type, data_str=json.dumps(entry_shape(entry)), id=entry.position)


def _brief(entry: Entry) -> bytes:
    return format_sse_event(data_str=json.dumps({"stream": entry.stream, "type": entry.event.type}), id=entry.position)


def _alive(_: str) -> bytes:
    return format_sse_event(comment="alive")


def _alive_at(position: str) -> bytes:
    return format_sse_event(event="alive", data_str=json.dumps({"after": position}))


class _Form(NamedTuple):
    """How a stream writes an entry, and that it lives."""

    entry: Callable[[Entry], bytes]
    alive: Callable[[str], bytes]


_WHOLE, _BRIEF = _Form(event_of, _alive), _Form(_brief, _alive_at)


async def _told(context: Context, caller: Caller, position: str, form: _Form) -> AsyncIterator[bytes]:
    reason, stream = "the server stops", object()
    context.streams.add(stream)
    try:
        yield format_sse_event(comment="interlock", retry=RETRY) + form.alive(position)
        try:
            async for entry in entries_of(context, caller, position):
                if entry is None:
                    yield form.alive(position)
                else:
                    position = entry.position
                    yield context.live(entry.tenant).written(entry, form.entry)
        except InterlockError as ended:  # the credential has, or the log cannot be read on
            reason = ended.message
        yield format_sse_event(event="end", data_str=json.dumps({"reason": reason, "after": position}))
    finally:
        context.streams.discard(stream)
