"""How requests have ended, and how long people took, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from interlock.domain.action import Verdict
from interlock.domain.statistics import (
    BY_PEOPLE,
    SAID,
    Counted,
    Dimension,
    Ended,
    Number,
    Span,
    Times,
    period_of,
    rank,
)
from interlock.engine.ports.statistics import Backlog
from interlock.storage.memory_tables import Tables
from interlock.storage.rows import NEVER, OPEN, Clock, RequestRow, micros, moment
from interlock.storage.statistics import is_untold, most

Group = tuple[str | None, int | None]


class _One(NamedTuple):
    """Something that ended."""

    key: str | None
    at: datetime
    ended: Ended
    took: int | None


class MemoryStatistics:
    """Implements the port `Statistics` on the tables of a store in memory."""

    _reading: Callable[[], AbstractContextManager[Tables]]
    _clock: Clock

    async def statistics(self, tenant: str, span: Span, *, limit: int) -> Counted:
        """Count what ended in a span of time, and what is open now."""
        with self._reading() as tables:
            ended = [one for one in _all(tables, tenant, span.by) if span.since <= one.at < span.until]
            waiting = [row for row in tables.requests.values() if row.tenant == tenant and row.status in OPEN]
        numbers: Counter[tuple[Group, Ended]] = Counter()
        waited: Counter[tuple[Group, Ended]] = Counter()
        times: dict[Group, list[int]] = {}
        for one in ended:
            group = one.key, None if span.every is None else period_of(one.at, span.every)
            numbers[group, one.ended] += 1
            waited[group, one.ended] += one.took or 0
            if one.took is not None and one.ended in BY_PEOPLE:
                times.setdefault(group, []).append(one.took)
        open_now: Counter[str | None] = Counter({None: 0} if span.by is None else {})
        open_now.update(_key(row, span.by) for row in waiting)
        return Counted(
            [
                Number(*group, how, number, timedelta(microseconds=waited[group, how]))
                for (group, how), number in islice(numbers.items(), limit)
            ],
            [_times(group, sorted(took)) for group, took in islice(times.items(), limit)],
            None if is_untold(span) else dict(islice(open_now.items(), limit)),
        )

    async def backlog(self, *, agents: int) -> Backlog:
        """Count what there is to do."""
        with self._reading() as tables:
            now = self._clock()
            waiting = Counter(row.agent for row in tables.requests.values() if row.status in OPEN)
            ready = [row.due_at for row in tables.jobs.values() if row.owner is None and row.due_at <= micros(now)]
        by_agent = sorted(waiting.items(), key=lambda one: (-one[1], one[0]))
        first = min(ready, default=NEVER)
        return Backlog(now, most(by_agent, agents), len(ready), None if first == NEVER else moment(first))


def _all(tables: Tables, tenant: str, by: Dimension | None) -> Iterator[_One]:
    if by is Dimension.reviewer:
        for (owner, _), acts in tables.participants.items():
            for person, (at, verdict, waited) in acts.items():
                if owner == tenant and verdict is not None:
                    yield _One(person, moment(at), SAID[Verdict(verdict)], waited)
        return
    for row in tables.requests.values():
        if row.tenant == tenant and row.decided_at is not None and row.ended is not None:
            at, took = moment(row.decided_at), row.decided_at - row.opened_at
            yield _One(_key(row, by), at, Ended(row.ended), took)


def _key(row: RequestRow, by: Dimension | None) -> str | None:
    found: str | None = None if by is None or by is Dimension.reviewer else getattr(row, by.value)
    return found


def _times(group: Group, took: list[int]) -> Times:
    p50, p95 = (timedelta(microseconds=took[rank(len(took), percent) - 1]) for percent in (50, 95))
    return Times(*group, p50, p95)
