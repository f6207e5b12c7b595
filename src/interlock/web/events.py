"""The log as it grows, as server-sent events: each entry once, in order, from any position on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus
from time import monotonic
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.requests import Request
from starlette.responses import Response

from interlock.domain.directory_events import CHANGES_RIGHTS
from interlock.engine.changes import Entry
from interlock.errors import InterlockError
from interlock.service.shapes import entry_shape
from interlock.web.broadcast import broadcast_of
from interlock.web.callers import Caller, Follows
from interlock.web.connections import LINE, Line
from interlock.web.context import Context, context_of
from interlock.web.openapi import streams
from interlock.web.problems import problem

NO_STREAMS = "This server sends no streams, because its answers are short: read the log on from a position (GET /log)."


def no_streams() -> Response:
    """Return what is answered where no answer may last. A browser does not ask again."""
    return problem(HTTPStatus.NOT_IMPLEMENTED, "no_streams", NO_STREAMS)


router = APIRouter(prefix="/events", tags=["events"])

RETRY = 1_000
"""Milliseconds after which a browser whose stream has ended asks again."""


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
) -> Response:
    """Follow what the caller sees of the log, after a position or from now on. An event has its position as its id.

    With `brief`, an entry is an event without a name that says its `stream` and `type` alone; and `alive` is an event
    too, with the position, so that a page can tell silence from a lost connection. Everybody is told then that
    somebody's rights have changed (the type `rights_changed`), and not whose: they may be those of the reader.
    """
    context = context_of(request)
    if not context.streams_events:
        return no_streams()
    live = context.live(caller.principal.tenant)
    given = last_event_id if last_event_id is not None else after
    position = await live.last() if given is None else given
    await live.after(position, 0)  # what is no position is refused before anything is said
    headers = {"X-Accel-Buffering": "no"}
    stream = _Stream(request, context, caller, position, _BRIEF if brief else _WHOLE)
    return StreamingResponse(stream.events(), media_type="text/event-stream", headers=headers)


def event_of(entry: Entry) -> bytes:
    """Return an entry as a server-sent event."""
    return format_sse_event(event=entry.event.type, data_str=json.dumps(entry_shape(entry)), id=entry.position)


def _brief(entry: Entry) -> bytes:
    """Return an entry without its content. Of whose rights it is, and how they change, nothing is said to anybody."""
    kind = "rights_changed" if isinstance(entry.event, CHANGES_RIGHTS) else entry.event.type
    return format_sse_event(data_str=json.dumps({"stream": entry.stream, "type": kind}), id=entry.position)


def _alive(_: str) -> bytes:
    return format_sse_event(comment="alive")


def _alive_at(position: str) -> bytes:
    return format_sse_event(event="alive", data_str=json.dumps({"after": position}))


class _Form(NamedTuple):
    """How a stream writes an entry, and that it lives."""

    entry: Callable[[Entry], bytes]
    alive: Callable[[str], bytes]


_WHOLE, _BRIEF = _Form(event_of, _alive), _Form(_brief, _alive_at)


class _Stream:
    """One stream: how it is written, and to whom. Implements `Listener`."""

    def __init__(self, request: Request, context: Context, caller: Caller, position: str, form: _Form) -> None:
        self._request = request
        self._context = context
        self._form = form
        self.hears_of_rights = form is _BRIEF and caller.principal.kind == "person"
        self.caller = caller
        self.position = position
        self.told = self.looked = monotonic()

    @property
    def _line(self) -> Line:
        """Where it is written, which our own server alone brings."""
        line: Line = self._request.scope["extensions"][LINE]
        return line

    async def events(self) -> AsyncIterator[bytes]:
        """Yield its beginning and its end. What comes between is written by whoever tells it to all."""
        reason = "the server stops"
        self._context.streams.add(self)
        try:
            yield format_sse_event(comment="interlock", retry=RETRY) + self._form.alive(self.position)
            try:
                while not self._context.stop.is_set():
                    await broadcast_of(self._context, self.caller.principal.tenant).follow(self)
                    await self._line.until_it_takes_more()
            except InterlockError as ended:  # the credential has, or the log cannot be read on
                reason = ended.message
            yield format_sse_event(event="end", data_str=json.dumps({"reason": reason, "after": self.position}))
        finally:
            self._context.streams.discard(self)

    def take(self, entries: Sequence[Entry]) -> bool:
        """Tell entries at once, if the client takes them."""
        if not self._line.takes_more:
            return False
        live = self._context.live(self.caller.principal.tenant)
        self._line.write(b"".join([live.written(entry, self._form.entry) for entry in entries]))
        self.position = entries[-1].position
        return True

    def lives(self) -> bool:
        """Tell that the stream lives, if the client takes it."""
        if self._line.takes_more:
            self._line.write(self._form.alive(self.position))
        return self._line.takes_more
