"""The rounds of a review: the drafts that people have sent back, which led to the one that stands."""

from __future__ import annotations

from interlock.domain.request import Request, Status, name_of
from interlock.service.pause_requests import requests_of_pause
from interlock.service.run_views import RunView


def rounds_before(request: Request, view: RunView | None) -> tuple[Request, ...]:
    """Return the drafts of a run that were sent back before this one, the oldest first.

    Drafts are rounds of one review if they have one title, or if each was the only draft that was asked about at its
    time. Where one of them was not sent back, its review is over: what came later is another one.

    Args:
        view: of the request's run; None where it has none.
    """
    if view is None or request.kind != "review":
        return ()
    earlier = [one for one in view.requests if one.kind == "review" and one.opened_at < request.opened_at]
    found: list[Request] = []
    for one in reversed([one for one in earlier if _is_same_review(one, request, view)]):
        if one.status is not Status.revised:
            break
        found.insert(0, one)
    return tuple(found)


def _is_same_review(one: Request, other: Request, view: RunView) -> bool:
    return name_of(one.asked) == name_of(other.asked) or (_is_alone(one, view) and _is_alone(other, view))


def _is_alone(request: Request, view: RunView) -> bool:
    asked = set(requests_of_pause(request, view))
    return sum(one.kind == "review" and one.id in asked for one in view.requests) <= 1
