"""What a run asks at once: the requests of one pause, which it waits for together."""

from __future__ import annotations

from interlock.domain.request import Request
from interlock.service.run_views import RunView


def requests_of_pause(request: Request, view: RunView | None) -> tuple[str, ...]:
    """Return the ids of the requests that a run asked at once with one of its own, in an order that stays.

    Args:
        view: of the request's run; None where it has none.
    """
    if view is None:
        return (request.id,)
    waits = {pending.request_id for pending in view.run.pause}
    if request.id in waits:
        return tuple(one.id for one in view.requests if one.id in waits)
    return tuple(one.id for one in view.requests if one.opened_at == request.opened_at)
