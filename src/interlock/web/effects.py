"""Effects: what was begun of what was approved, and what became of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.domain.request import UNSETTLED, EffectState
from interlock.service.shapes import page_shape, request_shape
from interlock.web.callers import Reads
from interlock.web.etags import tagged
from interlock.web.openapi import answers
from interlock.web.requests import Limit
from interlock.web.visible import effects_seen, run_seen

router = APIRouter(prefix="/effects", tags=["requests"])


@router.get("", responses=answers("EffectPage", is_tagged=True))
async def list_effects(  # noqa: PLR0913, PLR0917 - the filters of a list
    caller: Reads,
    call: Call,
    state: Annotated[list[EffectState] | None, Query()] = None,
    run: str | None = None,
    agent: str | None = None,
    after: str | None = None,
    limit: Limit = 50,
) -> Response:
    """List requests by their effects, newest first: those under way or unknown; of a run, all that it began.

    `effect` of each has the tool, the attempt and its key, when it was claimed, and its result.
    """
    states = tuple(state or (UNSETTLED if run is None else ()))
    if run is None:
        page = await effects_seen(caller, states, agent, after=after, limit=limit)
    else:
        await run_seen(caller, run)  # and so all that it asked
        page = await caller.client.list_effects(states, run=run, agent=agent, after=after, limit=limit)
    return tagged(call, page_shape("effects", page, request_shape))
