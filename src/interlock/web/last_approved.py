"""What was approved last of the same kind: of the same agent and the same action, as much as somebody sees."""

from __future__ import annotations

from interlock.domain.action import Action
from interlock.domain.request import Request
from interlock.web.callers import Caller
from interlock.web.visible import visibility_of

MOST_PASSED_OVER = 10
"""How many approved requests are looked at for one that somebody sees."""


async def last_approved_seen(caller: Caller, request: Request) -> Request | None:
    """Return what was approved last of the same agent and action, before a request was decided, if the caller sees it.

    Of those that the caller does not see a few are passed over.
    """
    if not isinstance(request.asked, Action):
        return None
    visibility, store = await visibility_of(caller), caller.client.system.store
    before, call = request.decided_at or visibility.now, (request.agent, request.asked.name)
    for one in await store.approved(request.tenant, call, before, MOST_PASSED_OVER):
        if one.id != request.id and await visibility.sees(one):
            return one
    return None
