"""One run as server-sent events: its entries of the log, and what its agent says and a model puts out meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.requests import Request

from interlock.domain.events import Opened
from interlock.domain.run import ENDED
from interlock.domain.run_events import RunCancelled, RunDone, RunFailed
from interlock.engine.changes import Entry
from interlock.errors import InterlockError
from interlock.service.run_streams import Watching
from interlock.service.shapes import entry_shape
from interlock.service.views import RunView
from interlock.web.callers import Caller, Reads
from interlock.web.context import Context, context_of
from interlock.web.events import RETRY, entries_of
from interlock.web.openapi import streams
from interlock.web.visible import run_seen

router = APIRouter(prefix="/runs", tags=["runs"])


@router.get(
    "/{run_id}/stream",
    response_class=StreamingResponse,
    responses=streams(
        "As those of /events; and `progress`, `messages` and `custom` without ids, with JSON as their data."
    ),
)
async def stream_run(
    caller: Reads,
    request: Request,
    run_id: str,
    after: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Follow a run until it ends: its entries of the log and its requests', by position, from one or from now on.

    Between them, without ids, `progress`, `messages` and `custom`: what its agent says and streams. That is told where
    this process carries the run on, from the next time on that it takes it up, and is kept nowhere.
    """
    context = context_of(request)
    live = context.live(caller.principal.tenant)
    given = last_event_id if last_event_id is not None else after
    position = await live.last() if given is None else given
    await live.after(position, 0)  # what is no position is refused before anything is said
    followed = _Followed(context, caller, await run_seen(caller, run_id), position)
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(followed.told(), media_type="text/event-stream", headers=headers)


class _Followed:
    """A run that somebody follows."""

    def __init__(self, context: Context, caller: Caller, view: RunView, position: str) -> None:
        self._context = context
        self._caller = caller
        self._run_id = view.run.id
        self._streams = {view.run.id, *(request.id for request in view.requests)}
        self._ended = view.run.status in ENDED
        self._position = position

    async def told(self) -> AsyncIterator[bytes]:
        """Tell it, and why the stream ends."""
        stream = object()
        self._context.streams.add(stream)
        try:
            with self._context.run_streams.watch(self._run_id) as watching:
                yield format_sse_event(comment="interlock", retry=RETRY)
                reason = "the run has ended" if self._ended else ""
                if not reason:
                    async for event in self._events(watching):
                        yield event
                    reason = "the run has ended" if self._ended else "the server stops"
                while not watching.pieces.empty():  # what was said last, or before anybody watched
                    yield _spoken(watching.pieces.get_nowait())
                yield self._farewell(reason)
        except InterlockError as ended:  # the credential has, or the log cannot be read on
            yield self._farewell(ended.message)
        finally:
            self._context.streams.discard(stream)

    def _farewell(self, reason: str) -> bytes:
        return format_sse_event(event="end", data_str=json.dumps({"reason": reason, "after": self._position}))

    async def _events(self, watching: Watching) -> AsyncIterator[bytes]:
        entries = entries_of(self._context, self._caller, self._position)
        logged = asyncio.ensure_future(_next(entries))
        said = asyncio.ensure_future(watching.pieces.get())
        try:
            while not self._ended:
                await asyncio.wait((logged, said), return_when=asyncio.FIRST_COMPLETED)
                while said.done():
                    yield _spoken(said.result())
                    said = asyncio.ensure_future(watching.pieces.get())
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

    def _event_of(self, entry: Entry | None) -> bytes:
        if entry is None:
            return format_sse_event(comment="alive")
        self._position = entry.position
        if isinstance(entry.event, Opened) and entry.event.run_id == self._run_id:
            self._streams.add(entry.stream)
        if entry.stream not in self._streams:
            return b""
        if entry.stream == self._run_id:
            self._ended = isinstance(entry.event, RunDone | RunFailed | RunCancelled)
        told = json.dumps(entry_shape(entry))
        return format_sse_event(event=entry.event.type, data_str=told, id=entry.position)


def _spoken(piece: dict[str, Any]) -> bytes:
    return format_sse_event(event=piece["event"], data_str=json.dumps(piece))


async def _next(entries: AsyncIterator[Entry | None]) -> Entry | Literal["end"] | None:
    """Return the next one: no task can carry the end of an iterator."""
    return await anext(entries, "end")
