"""The log, by position."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from interlock.service.shapes import entry_shape
from interlock.web.callers import Follows, ReadsLog
from interlock.web.openapi import answers
from interlock.web.requests import Limit

router = APIRouter(prefix="/log", tags=["log"])


@router.get("", responses=answers("LogPage"))
async def read_log(caller: ReadsLog, after: str = "", limit: Limit = 100) -> dict[str, Any]:
    """Return the entries after a position; `position` is where to go on, now or when there is more."""
    entries = await caller.client.entries(after, limit)
    position = entries[-1].position if entries else after
    more = {"next": position} if len(entries) == limit else {}
    return {"entries": [entry_shape(entry) for entry in entries], "more": bool(more), **more, "position": position}


@router.get("/position", responses=answers("Position"))
async def position(caller: Follows) -> dict[str, Any]:
    """Return the position of the newest entry: whoever follows the log from there on misses nothing."""
    return {"position": await caller.client.last_position()}
