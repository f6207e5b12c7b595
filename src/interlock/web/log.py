"""The log, by position."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request as Call

from interlock.service.shapes import entry_shape
from interlock.web.callers import Follows, ReadsLog
from interlock.web.context import context_of
from interlock.web.openapi import answers
from interlock.web.requests import Limit
from interlock.web.visible import sees_entry

router = APIRouter(prefix="/log", tags=["log"])


@router.get("", responses=answers("LogPage"))
async def read_log(caller: ReadsLog, call: Call, after: str = "", limit: Limit = 100) -> dict[str, Any]:
    """Return the entries after a position; `position` is where to go on. An agent is given those of what is its own."""
    entries, context = await caller.client.entries(after, limit), context_of(call)
    position = entries[-1].position if entries else after
    more = {"next": position} if len(entries) == limit else {}
    seen = [entry_shape(entry) for entry in entries if await sees_entry(caller, context, entry)]
    return {"entries": seen, "more": bool(more), **more, "position": position}


@router.get("/position", responses=answers("Position"))
async def position(caller: Follows) -> dict[str, Any]:
    """Return the position of the newest entry: whoever follows the log from there on misses nothing."""
    return {"position": await caller.client.last_position()}
