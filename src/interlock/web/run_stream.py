"""One run as server-sent events: its entries of the log, and what its agent says and a model puts out meanwhile."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from time import monotonic
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.requests import Request
from starlette.responses import Response

from interlock.domain.directory import STREAM
from interlock.domain.events import Opened
from interlock.domain.run import ENDED
from interlock.domain.run_events import RunCancelled, RunDone, RunFailed
from interlock.engine.changes import Entry
from interlock.errors import InterlockError
from interlock.service.run_streams import Watching
from interlock.service.run_views import RunView
from interlock.web import broadcast
from interlock.web.callers import Caller, Reads
from interlock.web.context import Context, context_of
from interlock.web.events import RETRY, event_of, no_streams
from interlock.web.openapi import streams
from interlock.web.visible import run_seen

router = APIRouter(prefix="/runs", tags=["runs"])

ENDS = (RunDone, RunFailed, RunCancelled)
CATCH_UP = 2.0
"""Seconds for which it is waited for the end of a run that has ended: this process hears of it a moment later."""

OVER: dict[int | str, dict[str, Any]] = {
    204: {"description": "The run has ended, and all of it after the position was told: browsers do not come again"}
}


Wanted = Callable[[Entry], Awaitable[bool]]


async def entries_of(context: Context, caller: Caller, position: str, wanted: Wanted) -> AsyncIterator[Entry | None]:
    """Read the log on from a position until the server stops; None where nothing was told for a while.

    Args:
        wanted: which entries are told.

    Raises:
        Unauthenticated: if the credential that the caller came with has ended.
    """
    live = context.live(caller.principal.tenant)
    told = looked = monotonic()
    while not context.stop.is_set():
        entries = await live.after(
            position, max(0.0, min(told + broadcast.HEARTBEAT, looked + broadcast.LOOK) - monotonic())
        )
        if any(entry.stream == STREAM for entry in entries):  # somebody may be disabled, or signed out
            await context.authenticator.check_again(caller.credential)
            looked = monotonic()
        for entry in entries:
            if context.stop.is_set():  # whoever is far behind goes on from here, elsewhere
                break
            position = entry.position
            if await wanted(entry):
                looked = await _look(context, caller, looked, broadcast.STALE)
                told = monotonic()
                yield entry
        looked = await _look(context, caller, looked, broadcast.LOOK)
        if monotonic() >= told + broadcast.HEARTBEAT:
            looked = await _look(context, caller, looked, broadcast.STALE)
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
    "/{run_id}/stream",
    response_class=StreamingResponse,
    responses=streams(
        "As those of /events; and `progress`, `messages`, `custom` and `dropped` without ids, with JSON as their data."
    )
    | OVER,
)
async def stream_run(
    caller: Reads,
    request: Request,
    run_id: str,
    after: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Follow a run until it ends: its entries of the log and its requests', by position, from one or from now on.

    Between them, without ids, `progress`, `messages` and `custom`: what its agent says and streams. That is told where
    this process carries the run on, from the next time on that it takes it up, and is kept nowhere; `dropped` says how
    much of it was left out for a client that is too slow. Of a run that has ended, what came after the position is
    told; from now on, how it ended.
    """
    context = context_of(request)
    if not context.streams_events:
        return no_streams()
    live = context.live(caller.principal.tenant)
    given = last_event_id if last_event_id is not None else after
    position = await live.last() if given is None else given
    await live.after(position, 0)  # what is no position is refused before anything is said
    followed = _Followed(context, caller, await run_seen(caller, run_id), position)
    entries = followed.entries() if not followed.is_over else await followed.left(given)
    if entries is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(followed.told(entries), media_type="text/event-stream", headers=headers)


class _Followed:
    """A run that somebody follows."""

    def __init__(self, context: Context, caller: Caller, view: RunView, position: str) -> None:
        self._context = context
        self._caller = caller
        self._run_id = view.run.id
        self._streams = {view.run.id, *(request.id for request in view.requests)}
        self._position = position
        self.is_over = view.run.status in ENDED
        self._told_its_end = False

    def entries(self) -> AsyncIterator[Entry | None]:
        """Read what concerns the run, as it comes."""
        return entries_of(self._context, self._caller, self._position, self._concerns)

    async def left(self, given: str | None) -> AsyncIterator[Entry | None] | None:
        """Read what is left to tell of a run that has ended after a position, or how it ended; None if nothing is."""
        history = await self._caller.client.history(self._run_id)
        end = next((entry for entry in reversed(history) if isinstance(entry.event, ENDS)), None)
        if end is not None and given is None:
            return _beginning_with(end)
        if end is not None and given == end.position:
            return None
        entries = self._missed()
        first = await anext(entries, None)
        return None if first is None else _beginning_with(first, entries)

    async def _missed(self) -> AsyncIterator[Entry]:
        """Read what concerns the run up to where the log ends now, and what this process is about to hear of."""
        live = self._context.live(self._caller.principal.tenant)
        newest, position, ends = await live.last(), self._position, math.inf
        while monotonic() < ends:
            entries = await live.after(position, CATCH_UP)
            for entry in entries:
                if await self._concerns(entry):
                    yield entry
            position = entries[-1].position if entries else position
            if ends == math.inf and (not entries or any(entry.position == newest for entry in entries)):
                ends = monotonic() + (CATCH_UP if entries else 0)

    async def told(self, entries: AsyncIterator[Entry | None]) -> AsyncIterator[bytes]:
        """Tell it, and why the stream ends."""
        stream = object()
        self._context.streams.add(stream)
        try:
            with self._context.run_streams.watch(self._run_id) as watching:
                yield format_sse_event(comment="interlock", retry=RETRY)
                async for event in self._events(watching, entries):
                    yield event
                async for piece in watching.left():  # what was said last, or before anybody watched
                    yield _spoken(piece)
                yield self._farewell("the run has ended" if self.is_over else "the server stops")
        except InterlockError as ended:  # the credential has, or the log cannot be read on
            yield self._farewell(ended.message)
        finally:
            self._context.streams.discard(stream)

    def _farewell(self, reason: str) -> bytes:
        return format_sse_event(event="end", data_str=json.dumps({"reason": reason, "after": self._position}))

    async def _events(self, watching: Watching, entries: AsyncIterator[Entry | None]) -> AsyncIterator[bytes]:
        logged = asyncio.ensure_future(_next(entries))
        said = asyncio.ensure_future(watching.next())
        try:
            while not self._told_its_end:
                await asyncio.wait((logged, said), return_when=asyncio.FIRST_COMPLETED)
                while said.done():
                    yield _spoken(said.result())
                    said = asyncio.ensure_future(watching.next())
                    await asyncio.sleep(0)
                if logged.done():
                    entry = logged.result()
                    if entry == "end":
                        return
                    yield self._event_of(entry)
                    logged = asyncio.ensure_future(_next(entries))
        finally:
            for waiting in (logged, said):
                waiting.cancel()
            await asyncio.gather(logged, said, return_exceptions=True)

    async def _concerns(self, entry: Entry) -> bool:
        if isinstance(entry.event, Opened) and entry.event.run_id == self._run_id:
            self._streams.add(entry.stream)
        return entry.stream in self._streams

    def _event_of(self, entry: Entry | None) -> bytes:
        if entry is None:
            return format_sse_event(comment="alive")
        self._position = entry.position
        if entry.stream == self._run_id and isinstance(entry.event, ENDS):
            self.is_over = self._told_its_end = True
        return self._context.live(entry.tenant).written(entry, event_of)


def _spoken(piece: dict[str, Any]) -> bytes:
    return format_sse_event(event=piece["event"], data_str=json.dumps(piece))


async def _beginning_with(first: Entry, others: AsyncIterator[Entry] | None = None) -> AsyncIterator[Entry | None]:
    yield first
    if others is not None:
        async for entry in others:
            yield entry


async def _next(entries: AsyncIterator[Entry | None]) -> Entry | Literal["end"] | None:
    """Return the next one: no task can carry the end of an iterator."""
    return await anext(entries, "end")
