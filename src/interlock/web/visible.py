"""What of a tenant somebody sees: people all of it, an agent what it has asked."""

from __future__ import annotations

from interlock.domain.authority import Principal
from interlock.domain.request import Request
from interlock.errors import NotFound


def sees(principal: Principal, request: Request) -> bool:
    """Say whether a principal sees a request."""
    return principal.kind != "agent" or request.requester == principal.id


def must_see(principal: Principal, request: Request) -> Request:
    """Return a request that a principal may see.

    Raises:
        NotFound: if it is another agent's.
    """
    if not sees(principal, request):
        raise NotFound(f"There is no request {request.id} here.", request_id=request.id)
    return request


def agent_of(principal: Principal, wanted: str | None) -> str | None:
    """Return of which agent requests are listed for a principal: of an agent, its own alone."""
    return principal.id.removeprefix("agent:") if principal.kind == "agent" else wanted
