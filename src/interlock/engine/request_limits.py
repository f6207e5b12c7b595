"""How many requests of one agent may wait for people at once, so that no agent fills the inbox of others.

Who opens many in one instant may exceed the limit by as many as are opened in it: nobody waits for anybody's count.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.engine.changes import RequestChange
from interlock.engine.ports.policies import PolicySet
from interlock.engine.ports.runtime import Attention
from interlock.engine.ports.store import Store
from interlock.errors import TooManyRequests

ALONE = 500
"""The limit for an agent that asks through the API, where nothing is configured: what one batch of votes decides."""


async def must_have_room(store: Store, policies: PolicySet, tenant: str, agent: str) -> None:
    """Refuse another request of an agent that acts by itself, if as many of its own are open as may be.

    Raises:
        TooManyRequests: if so.
    """
    configured = policies.request_limit_of(agent)
    limit = ALONE if configured is None else configured
    if await store.open_requests(tenant, agent, limit) >= limit:
        raise TooManyRequests(
            f"{_full(agent, limit)} Wait until some are decided, or withdraw what nobody needs to decide any more. "
            "`request_limits` in interlock.yaml sets the limit.",
            agent=agent,
            limit=limit,
        )


async def why_no_room(
    store: Store, policies: PolicySet, tenant: str, agent: str, planned: Sequence[RequestChange]
) -> Attention | None:
    """Return why a run may not pause with what it asks, if a limit is configured for its agent; None if it may."""
    limit = policies.request_limit_of(agent)
    opened = sum(change.expected == 0 and change.after.is_open for change in planned)
    more = opened - sum(change.expected > 0 and not change.after.is_open for change in planned)
    if limit is None or opened == 0 or await store.open_requests(tenant, agent, limit + 1) + more <= limit:
        return None
    reason = f"{_full(agent, limit)} Retry the run when some are decided; `request_limits` in interlock.yaml says so."
    return Attention("too_many_requests", reason)


def _full(agent: str, limit: int) -> str:
    return f"Of {agent}, at most {limit} requests wait for people at once, and so many do."
