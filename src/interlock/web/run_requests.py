"""What stands behind a request, as much as somebody sees: its run, what that asks beside it, and its conversation."""

from __future__ import annotations

from contextlib import suppress

from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.errors import NotFound
from interlock.service.review_rounds import rounds_before
from interlock.service.run_views import RunView
from interlock.web.callers import Caller
from interlock.web.visible import thread_seen, visibility_of

LAST_TURNS = 6
"""How many turns of a conversation are looked at: each is compared with its log."""


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


async def other_turns(caller: Caller, run: Run, most: int = LAST_TURNS) -> list[Run]:
    """Return the other runs of a run's conversation that the caller sees, of its last `most`, the newest first."""
    if run.thread is None:
        return []
    try:
        thread = await thread_seen(caller, run.thread, limit=most)
    except NotFound:
        return []
    return [other for other in thread.runs if other.id != run.id]
