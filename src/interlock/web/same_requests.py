"""The same asked twice: open and approved requests with exactly the same action, as many as somebody sees."""

from __future__ import annotations

from interlock.domain.action import Action
from interlock.domain.request import Request, Status
from interlock.engine.ports.store import RequestFilter
from interlock.web.callers import Caller
from interlock.web.visible import requests_seen, visibility_of

MOST_LOOKED_AT = 50
MOST_APPROVED = 10
"""How many approved requests of the same agent and action are looked at."""

MOST_TOLD = 3


async def same_seen(caller: Caller, request: Request) -> tuple[Request, ...]:
    """Return what asks, or was approved for, exactly the same as an open request, the newest first, of what is seen.

    Looked at is what is about the same in the business, or, where the agent named nothing, what waits of that agent;
    and what was approved last of that agent and action.
    """
    if not request.is_open or not isinstance(request.asked, Action):
        return ()
    about = RequestFilter(agent=request.agent)
    if request.reference is not None:
        about = RequestFilter((Status.open, Status.approved), reference=request.reference)
    found = (await requests_seen(caller, about, after=None, limit=MOST_LOOKED_AT)).rows
    visibility, call = await visibility_of(caller), (request.agent, request.asked.name)
    approved = await caller.client.system.store.approved(request.tenant, call, visibility.now, MOST_APPROVED)
    every = {one.id: one for one in found} | {one.id: one for one in approved if await visibility.sees(one)}
    same = [one for one in every.values() if one.id != request.id and one.digest == request.digest]
    return tuple(sorted(same, key=lambda one: one.opened_at, reverse=True)[:MOST_TOLD])
