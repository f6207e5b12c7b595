"""How requests have ended, and how long people took: read for who may know it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from interlock.domain.statistics import Dimension, Ended, Every, Figures, Span, groups_of
from interlock.engine.ports.store import Store
from interlock.errors import BadInput
from interlock.service.arguments import moment_or_before

MOST_ROWS = 5_000
"""How many figures are read at once: agents name their actions, and there may be any number of those."""

LAST = "30d"
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Report:
    """What ended in a span of time, by group."""

    span: Span
    groups: tuple[Figures, ...]


async def report(  # noqa: PLR0913 - what tells figures apart
    store: Store, tenant: str, *, by: Dimension | None, every: Every | None, since: str, until: str | None
) -> Report:
    """Count what ended in a span of time. See `Views.statistics`."""
    now = await store.now()
    end = moment_or_before(until, "until", now) or now + INSTANT  # with what ends now
    begin = moment_or_before(since, "since", now) or now
    if begin >= end:
        raise BadInput(f"since {since!r} is not before the end of the time that is counted.")
    span = Span(begin, end, by, every)
    counted = await store.statistics(tenant, span, limit=MOST_ROWS)
    if MOST_ROWS in {len(counted.numbers), len(counted.times), len(counted.waiting or {})}:
        raise BadInput(
            f"These are more than {MOST_ROWS:,} figures: take a shorter time, longer periods, or other groups."
        )
    return Report(span, tuple(groups_of(counted, every)))


def statistics_shape(report: Report) -> dict[str, Any]:
    """Return how requests ended, and how long people took."""
    span = report.span
    return {
        "since": span.since.isoformat(),
        "until": span.until.isoformat(),
        "by": span.by and str(span.by),
        "every": span.every and str(span.every),
        "groups": [_figures(group) for group in report.groups],
    }


def _figures(group: Figures) -> dict[str, Any]:
    took = group.p50, group.p95
    return {
        "key": group.key,
        "begins": None if group.begins is None else group.begins.isoformat(),
        "decided": group.decided,
        **{str(kind): group.number(kind) for kind in Ended},
        "overridden": group.overridden,
        "approval_rate": group.approval_rate,
        "override_rate": group.override_rate,
        "waiting": group.waiting,
        "waited_seconds": group.waited.total_seconds(),
        "response_seconds": None
        if took[0] is None or took[1] is None
        else {"p50": took[0].total_seconds(), "p95": took[1].total_seconds()},
    }
