"""What the run of a request asks beside it, as much as somebody sees: at once with it, and in earlier rounds."""

from __future__ import annotations

from contextlib import suppress

from interlock.domain.request import Request
from interlock.errors import NotFound
from interlock.service.review_rounds import rounds_before
from interlock.service.run_views import RunView
from interlock.web.callers import Caller
from interlock.web.visible import visibility_of


async def run_behind(caller: Caller, request: Request) -> RunView | None:
    """Return the run of a request that the caller sees: for what it asks beside it, never to be shown by itself."""
    with suppress(NotFound):
        return await caller.client.run(request.run_id) if request.run_id else None
    return None


async def rounds_seen(caller: Caller, request: Request, run: RunView | None) -> tuple[int, tuple[Request, ...]]:
    """Return how many rounds of a review are not shown, and those before a draft that the caller sees without a gap."""
    visibility, rounds = await visibility_of(caller), rounds_before(request, run)
    seen: list[Request] = []
    for one in reversed(rounds):
        if not await visibility.sees(one):
            break
        seen.insert(0, one)
    return len(rounds) - len(seen), tuple(seen)
