"""A graph's values as a vote, and a decision as a graph's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.domain.action import Action, Verdict
from interlock.domain.canonical import Json
from interlock.domain.request import Request, Status
from interlock.errors import BadInput
from interlock.service.replies import Reply, edited, plainly

__all__ = ["reply_of", "shape_of", "told_by"]


def reply_of(request: Request, now: Mapping[str, Any], values: Mapping[str, Any], comment: str) -> Reply:
    """Read a verdict from values that somebody wants to set."""
    if not isinstance(values, Mapping):
        raise BadInput(f'The values are a dict such as {{"approved": True}}, not {type(values).__name__}.')
    if not isinstance(comment, str):
        raise BadInput(f"The comment is text, not {type(comment).__name__}.")
    approved = values.get("approved")
    if not isinstance(approved, bool):
        raise BadInput(
            'The values say what you decide: {"approved": True} or {"approved": False}; a changed plan is approved '
            "in the same step."
        )
    changed = {key: value for key, value in values.items() if key != "approved" and value != now.get(key)}
    others = sorted(changed.keys() - {"plan"})
    if others:
        raise BadInput(f"{', '.join(others)} cannot be changed here: people decide on `plan`, by `approved`.")
    if not changed:
        return plainly(request, Verdict.approve if approved else Verdict.reject, comment)
    if not approved:
        raise BadInput("A plan is rejected or changed, not both: say in `comment` what should be different.")
    return edited(request, _edited(request, now, changed["plan"]), comment)


def _edited(request: Request, now: Mapping[str, Any], plan: Json) -> dict[str, Json]:
    """Return the arguments with what a changed plan changes in them."""
    before, asked = now.get("plan"), request.edition.subject
    assert isinstance(asked, Action)
    if not isinstance(plan, Mapping) or not isinstance(before, Mapping):
        raise BadInput(
            f"The plan is a dict with {', '.join(sorted(asked.args))}: change it in a copy of values['plan']."
        )
    changes = {key: value for key, value in plan.items() if key not in before or value != before[key]}
    return {**asked.args, **changes}


def told_by(request: Request, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a decision that the agent has not been told yet says about its values."""
    if request.is_open:
        return {}
    subject, plan = request.edition.subject, values.get("plan")
    told: dict[str, Any] = {"approved": request.status is Status.approved}
    if request.edition.author is not None and isinstance(subject, Action) and isinstance(plan, Mapping):
        told["plan"] = {**plan, **subject.args}
    return told


def shape_of(request: Request) -> dict[str, Any]:
    """Return a request as an event shows it."""
    subject = request.edition.subject
    assert isinstance(subject, Action)
    return {
        "request_id": request.id,
        "action": subject.name,
        "args": dict(subject.args),
        "description": request.ask.description,
        "due_at": request.due_at.isoformat() if request.due_at else None,
    }
