"""What policies count over: read from the store, with the condition under which a decision by it may be committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from interlock.domain.action import Action, Subject
from interlock.domain.policy import Policy
from interlock.domain.request import Request
from interlock.domain.windows import MOST_PAST, Past, Recent
from interlock.engine.changes import Counted
from interlock.engine.ports import Store

__all__ = ["Count", "count", "past_of", "span_of"]


@dataclass(frozen=True, slots=True)
class Count:
    """What was asked before, by the action's name, and the conditions that it is still so when it is decided by."""

    recent: Mapping[str, Recent] = field(default_factory=dict)
    counted: tuple[Counted, ...] = ()


def span_of(policies: Iterable[Policy]) -> timedelta | None:
    """Return how far back any of these policies looks; None if none does."""
    spans = [span for policy in policies if (span := policy.window_span) is not None]
    return max(spans, default=None)


async def count(
    store: Store, tenant: str, subjects: Iterable[Subject], *, now: datetime, span: timedelta | None
) -> Count:
    """Read what was asked before of the actions among these subjects, whoever asked."""
    names = sorted({subject.name for subject in subjects if isinstance(subject, Action)}) if span is not None else []
    recent, counted = {}, []
    for name in names:
        assert span is not None
        window = await store.window(tenant, name, now - span, MOST_PAST + 1)
        past = tuple(past_of(request) for request in window.requests[:MOST_PAST])
        recent[name] = Recent(past, complete=len(window.requests) <= MOST_PAST)
        counted.append(Counted(name, window.version))
    return Count(recent, tuple(counted))


def past_of(request: Request) -> Past:
    """Return a request for an action as what comes after it counts it."""
    subject = request.edition.subject
    assert isinstance(subject, Action)
    return Past(request.id, request.opened_at, subject)
