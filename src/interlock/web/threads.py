"""Conversations: each a series of runs of one agent."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query

from interlock.service.shapes import page_shape, thread_shape
from interlock.web.callers import Operates, Reads
from interlock.web.openapi import answers
from interlock.web.requests import Limit
from interlock.web.visible import thread_seen, threads_seen

router = APIRouter(prefix="/threads", tags=["runs"])


@router.get("", responses=answers("ThreadPage"))
async def list_threads(caller: Reads, after: str | None = None, limit: Limit = 50) -> dict[str, Any]:
    """List threads by name, each with its last run."""
    page = await caller.client.list_threads(after=after, limit=limit)
    return page_shape("threads", replace(page, rows=await threads_seen(caller, page.rows)), thread_shape)


@router.get("/{name:path}", responses=answers("Thread"))
async def show_thread(caller: Reads, name: str, limit: Annotated[int, Query(ge=1, le=200)] = 20) -> dict[str, Any]:
    """Return a thread with its last runs, the newest first."""
    return thread_shape(await thread_seen(caller, name, limit=limit))


@router.delete("/{name:path}", responses=answers("StatesDeleted"))
async def delete_states(caller: Operates, name: str) -> dict[str, Any]:
    """Delete the states that a thread's runs have left; the log stays, and whoever continues it begins anew."""
    return {"thread": name, "runs": await caller.client.delete_states(name)}
