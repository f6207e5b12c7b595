"""Requests that somebody has chosen to decide on at once: what may be said to all of them, and why some stay out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from interlock.domain.action import Verdict
from interlock.service.views import RequestView

LONGEST = 4_000
"""How many bytes an action has at most to stand in a table, whole: what is longer is read on a page of its own."""

MOST = 100
"""How many are decided on at once by a person, who has to read them all."""

TOGETHER = (Verdict.approve, Verdict.reject)
"""What can be said to several at once: changes and answers are of one alone."""


@dataclass(frozen=True, slots=True)
class Level:
    """Requests of one policy's level and step.

    Args:
        name: of policy and level, in words.
    """

    name: str
    views: tuple[RequestView, ...]


def levels_of(views: Sequence[RequestView]) -> tuple[Level, ...]:
    """Return requests by the level that they stand on: only those of one level are decided on together."""
    found: dict[tuple[object, ...], list[RequestView]] = {}
    for view in views:
        request = view.request
        found.setdefault((request.route.policy_hash, request.route.level, request.step), []).append(view)
    return tuple(Level(_name(alike[0]), tuple(alike)) for alike in found.values())


def _name(view: RequestView) -> str:
    route, steps = view.request.route, len(view.policy.levels[view.request.route.level].steps)
    step = f", step {view.request.step + 1} of {steps}" if steps > 1 else ""
    return f"{route.policy}, {view.policy.levels[route.level].title}{step}"


def verdicts_for(views: Sequence[RequestView]) -> tuple[Verdict, ...]:
    """Return what the reader may say to each of them."""
    return tuple(one for one in TOGETHER if views and all(one in view.may.vote for view in views))


def why_left_out(view: RequestView) -> str | None:
    """Say why a request cannot be decided on with others; None if it can."""
    request = view.request
    if not view.may.vote:
        return view.excluded or "nobody can vote on it now"
    if not set(TOGETHER) & set(view.may.vote):
        return "it takes an answer of its own"
    if len(request.edition.subject.canonical) > LONGEST:
        return "it is too long to be read in a table: open it by itself"
    return None


def needs_reason(views: Sequence[RequestView], verdict: Verdict) -> bool:
    """Say whether a policy wants a reason for this verdict."""
    return any(verdict in view.policy.reason_for for view in views)
