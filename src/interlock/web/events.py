"""The log as it grows, as server-sent events: each entry once, in order, from any position on."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.requests import Request

from interlock.domain.access import Permission
from interlock.domain.directory import STREAM
from interlock.engine.changes import Entry
from interlock.errors import InterlockError
from interlock.service.shapes import entry_shape
from interlock.web.callers import Caller, Follows, why_not
from interlock.web.context import Context, context_of
from interlock.web.openapi import streams

router = APIRouter(prefix="/events", tags=["events"])

HEARTBEAT = 15.0
"""Seconds after which a stream that has nothing to say says so: proxies end what is silent."""

STALE = 0.5
"""Seconds for which it is believed that a caller's session or token still holds: nothing is told on an older look."""

RETRY = 1_000
"""Milliseconds after which a browser whose stream has ended asks again."""


async def entries_of(context: Context, caller: Caller, position: str) -> AsyncIterator[Entry | None]:
    """Read the log on from a position until the server stops; None, now and then, where there is nothing.

    Raises:
        Unauthenticated: if the credential that the caller came with has ended.
    """
    live = context.live(caller.principal.tenant)
    looked = time.monotonic()
    while not context.stop.is_set():
        entries = await live.after(position, HEARTBEAT)
        of_people = any(entry.stream == STREAM for entry in entries)  # somebody may be disabled, or signed out
        if of_people or not entries:
            await context.authenticator.check_again(caller.credential)
            looked = time.monotonic()
        hidden = {STREAM} if of_people and await _is_kept_out(caller, context) else ()
        for entry in entries:
            if time.monotonic() - looked >= STALE:
                await context.authenticator.check_again(caller.credential)
                looked = time.monotonic()
            if entry.stream not in hidden:
                yield entry
        position = entries[-1].position if entries else position
        if not entries:
            yield None


async def _is_kept_out(caller: Caller, context: Context) -> bool:
    """Say whether entries about people and tokens are not for the caller: they are for who may read the whole log."""
    return await why_not(caller, Permission.log, context) is not None


@router.get(
    "",
    response_class=StreamingResponse,
    responses=streams(
        "Entries of the log, each by its type. The last event is `end`: its data say why (`reason`), and from where to "
        "go on (`after`)."
    ),
)
async def events(
    caller: Follows, request: Request, after: str | None = None, last_event_id: Annotated[str | None, Header()] = None
) -> StreamingResponse:
    """Follow the log: after a position of it, or from now on. Each event has its position as its id."""
    context = context_of(request)
    live = context.live(caller.principal.tenant)
    given = last_event_id if last_event_id is not None else after
    position = await live.last() if given is None else given
    await live.after(position, 0)  # what is no position is refused before anything is said
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(_told(context, caller, position), media_type="text/event-stream", headers=headers)


async def _told(context: Context, caller: Caller, position: str) -> AsyncIterator[bytes]:
    reason, stream = "the server stops", object()
    context.streams.add(stream)
    try:
        yield format_sse_event(comment="interlock", retry=RETRY)
        try:
            async for entry in entries_of(context, caller, position):
                if entry is None:
                    yield format_sse_event(comment="alive")
                else:
                    position = entry.position
                    told = json.dumps(entry_shape(entry))
                    yield format_sse_event(event=entry.event.type, data_str=told, id=position)
        except InterlockError as ended:  # the credential has, or the log cannot be read on
            reason = ended.message
        yield format_sse_event(event="end", data_str=json.dumps({"reason": reason, "after": position}))
    finally:
        context.streams.discard(stream)
