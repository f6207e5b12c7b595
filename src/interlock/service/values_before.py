"""What an action changes, as its agent says in the request's context: `before`, the values that stand there now."""

from __future__ import annotations

from interlock.domain.action import Action
from interlock.domain.canonical import Json
from interlock.domain.request import Request


def before_and_after(request: Request) -> tuple[Json, Json] | None:
    """Return what an agent says that stands where an action changes something, and what will; None if it says nothing.

    Of `before` counts what stands at a place of the arguments: `{"change": {"rate": 5}}` beside arguments that have a
    `rate` in their `change`. Nobody has checked it.
    """
    subject, context = request.edition.subject, request.ask.context
    said = context.get("before") if isinstance(context, dict) else None
    if not isinstance(subject, Action) or not isinstance(said, dict):
        return None
    before, after = _at_both(said, subject.args)
    return (before, after) if before else None


def _at_both(said: dict[str, Json], args: dict[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """Return two objects with what stands at the places that both have; of objects in both, part by part."""
    before: dict[str, Json] = {}
    after: dict[str, Json] = {}
    for key in filter(said.__contains__, args):
        match said[key], args[key]:
            case dict() as one, dict() as other:
                old, new = _at_both(one, other)
                if old:
                    before[key], after[key] = old, new
            case old, new:
                before[key], after[key] = old, new
    return before, after
