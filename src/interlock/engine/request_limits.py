"""Limits how many requests of one agent may wait at once, or be opened in an hour, so that none floods the inbox.

Requests that are opened at the same instant may exceed the limit together, because openings do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from interlock.engine.changes import RequestChange
from interlock.engine.ports.policies import PolicySet
from interlock.engine.ports.runtime import Attention
from interlock.engine.ports.store import Store
from interlock.errors import TooManyRequests

ALONE = 500
"""The limit for an agent that asks through the API, if none is configured: the size of one batch of votes."""


HOUR = timedelta(hours=1)


async def must_have_room(  # noqa: PLR0913 - who asks, when, and whether anybody is asked
    store: Store, policies: PolicySet, tenant: str, agent: str, now: datetime, *, waits: bool
) -> None:
    """Refuse another request of an agent that acts by itself, if it has reached one of its limits.

    Args:
        waits: whether the request waits for people; one that a rule approves does not.

    Raises:
        TooManyRequests: if a limit is reached.
    """
    configured = policies.request_limit_of(agent)
    limit = ALONE if configured is None else configured
    if waits and await store.open_requests(tenant, agent, limit) >= limit:
        raise TooManyRequests(
            f"{_full(agent, limit)} Wait until some are decided, or withdraw what nobody needs to decide any more. "
            "`request_limits` in interlock.yaml sets the limit.",
            agent=agent,
            limit=limit,
        )
    hourly = policies.requests_per_hour_of(agent)
    if hourly is not None and await store.opened_requests(tenant, agent, now - HOUR, hourly) >= hourly:
        raise TooManyRequests(
            f"{_fast(agent, hourly)} Ask again later. `requests_per_hour` in interlock.yaml sets the limit.",
            agent=agent,
            limit=hourly,
        )


async def why_no_room(  # noqa: PLR0913, PLR0917 - who asks, when, and for what
    store: Store, policies: PolicySet, tenant: str, agent: str, now: datetime, planned: Sequence[RequestChange]
) -> Attention | None:
    """Return why a run may not pause with its requests, by its agent's configured limits; None if it may."""
    limit, hourly = policies.request_limit_of(agent), policies.requests_per_hour_of(agent)
    new = sum(change.expected == 0 for change in planned)
    opened = sum(change.expected == 0 and change.after.is_open for change in planned)
    more = opened - sum(change.expected > 0 and not change.after.is_open for change in planned)
    if limit is not None and opened and await store.open_requests(tenant, agent, limit + 1) + more > limit:
        reason = f"{_full(agent, limit)} Retry the run when some are decided; `request_limits` in interlock.yaml"
    elif hourly is not None and new and await store.opened_requests(tenant, agent, now - HOUR, hourly) + new > hourly:
        reason = f"{_fast(agent, hourly)} Retry the run later; `requests_per_hour` in interlock.yaml"
    else:
        return None
    return Attention("too_many_requests", f"{reason} says so.")


def _full(agent: str, limit: int) -> str:
    return f"Of {agent}, at most {limit} requests wait for people at once, and so many do."


def _fast(agent: str, limit: int) -> str:
    return f"{agent} may open {limit} requests within an hour, and no more."
