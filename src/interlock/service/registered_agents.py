"""What holds for an agent that has a name here: limits, retries, policies."""

from __future__ import annotations

from typing import Any

from interlock.domain.canonical import read_canonical
from interlock.engine.codec import encode_policy
from interlock.errors import NotFound
from interlock.service.components import Components
from interlock.service.shapes import agent_shape


async def agent_rules(components: Components, tenant: str, name: str) -> dict[str, Any]:
    """Return an agent as it loads here, and what is configured for it.

    Raises:
        NotFound: if none has this name.
    """
    found = await components.agents.examined(name)
    if not found:
        raise NotFound(f"No agent is called {name!r} here: `interlock agents list` shows those that there are.")
    policies = await components.directories.current(tenant)
    retries = policies.retries_of(name)
    return {
        "agent": agent_shape(found[0]),
        "limits": {"waiting": policies.request_limit_of(name), "per_hour": policies.requests_per_hour_of(name)},
        "retries": {
            "attempts": retries.attempts,
            "backoff_seconds": retries.backoff.total_seconds(),
            "longest_seconds": retries.longest.total_seconds(),
            "repeatable": retries.repeatable,
        },
        "policies": [read_canonical(encode_policy(one)) for one in (*policies.policies, policies.default)],
    }
