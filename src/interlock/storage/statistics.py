"""How requests have ended, and how long people took: counted by the database, from indexes alone."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
)

from interlock.domain.statistics import (
    BY_PEOPLE,
    MONDAY,
    SAID,
    Counted,
    Dimension,
    Ended,
    Every,
    Number,
    Span,
    Times,
    rank,
)
from interlock.engine.ports.statistics import Backlog
from interlock.storage.compiled import Connection, whatever_is_stored
from interlock.storage.rows import Clock, is_time, micros, moment
from interlock.storage.schema import IS_OPEN, jobs, participants, requests

DAY = 86_400_000_000
_PEOPLE = ", ".join(f"'{one}'" for one in BY_PEOPLE)
_SAID: dict[object, Ended] = {str(verdict): ended for verdict, ended in SAID.items()}

_TENANT: BindParameter[str] = bindparam("tenant")
_LIMIT: BindParameter[int] = bindparam("limit")
_NOW: BindParameter[int] = bindparam("now", type_=BigInteger)


class _Source(NamedTuple):
    """Where rows of one kind are: when each ended, in which group, how, and after how long."""

    at: ColumnElement[Any]
    key: ColumnElement[Any]
    ended: ColumnElement[Any]
    took: ColumnElement[Any]
    tenant: ColumnElement[Any]


def _source(by: Dimension | None) -> _Source:
    if by is Dimension.reviewer:
        of = participants.c
        return _Source(of.at, of.person, of.verdict, of.waited, of.tenant)
    columns = requests.c
    key: ColumnElement[Any] = null() if by is None else columns[by.value]
    return _Source(columns.decided_at, key, columns.ended, columns.decided_at - columns.opened_at, columns.tenant)


def _period(at: ColumnElement[Any], every: Every | None) -> ColumnElement[Any]:
    # Written out: a parameter would make it another expression in each place, and PostgreSQL could not group by it.
    day = f"{at} / {DAY}"
    return literal_column({None: "NULL", Every.day: day, Every.week: f"({day} + {MONDAY}) / 7"}[every])


def _within(source: _Source) -> tuple[ColumnElement[bool], ...]:
    return (
        source.tenant == _TENANT,
        source.at >= bindparam("since", type_=BigInteger),
        source.at < bindparam("until", type_=BigInteger),
        source.ended.is_not(None),
    )


@cache
def numbers_query(by: Dimension | None, every: Every | None) -> Select[Any]:
    """Return the query for how many ended how, by group, and how long they were open together."""
    source = _source(by)
    key, period = source.key.label("key"), _period(source.at, every).label("period")
    waited = cast(func.coalesce(func.sum(source.took), 0), BigInteger)  # PostgreSQL's sum is of a larger type
    query = select(key, period, source.ended, func.count(), waited).where(*_within(source)).limit(_LIMIT)
    grouped = [part for part, told in ((source.key, by), (_period(source.at, every), every)) if told is not None]
    return query.group_by(*grouped, source.ended)


@cache
def times_query(by: Dimension | None, every: Every | None) -> Select[Any]:
    """Return the query for the times that stand at the percentiles' places, by group."""
    source = _source(by)
    key, period, took = source.key.label("key"), _period(source.at, every).label("period"), source.took.label("took")
    parts = [part for part, told in ((source.key, by), (_period(source.at, every), every)) if told is not None]
    asked = source.took.is_not(None) if by is Dimension.reviewer else literal_column(f"ended IN ({_PEOPLE})")
    place = func.row_number().over(partition_by=parts or None, order_by=source.took)
    number = func.count().over(partition_by=parts or None)
    ordered = select(key, period, took, place.label("place"), number.label("number")).where(*_within(source), asked)
    rows = ordered.subquery("ordered")
    at_place = [rows.c.place == literal_column(f"(ordered.number * {percent} + 99) / 100") for percent in (50, 95)]
    return select(*rows.c).where(at_place[0] | at_place[1]).limit(_LIMIT)


@cache
def waiting_query(by: Dimension | None) -> Select[Any]:
    """Return the query for how many are open, by group."""
    key: ColumnElement[Any] = null() if by is None else requests.c[by.value]
    if by is Dimension.action:
        key = key.concat(literal_column("''"))  # SQLite would take the index that has actions in order, and every row
    query = select(key.label("key"), func.count()).where(requests.c.tenant == _TENANT, IS_OPEN).limit(_LIMIT)
    return query if by is None else query.group_by(key)


OPEN_BY_AGENT = select(requests.c.agent, func.count().label("number")).where(IS_OPEN).group_by(requests.c.agent)
READY = select(func.count(), func.min(jobs.c.due_at)).where(jobs.c.due_at <= _NOW, jobs.c.owner.is_(None))


def count(on: Connection, tenant: str, span: Span, limit: int) -> Counted:
    """Count what ended in a span of time, and what is open now."""
    values = {"tenant": tenant, "since": micros(span.since), "until": micros(span.until), "limit": limit}
    with whatever_is_stored(on):
        numbers = on.ask(numbers_query(span.by, span.every), values)
        times = on.ask(times_query(span.by, span.every), values)
        open_now = None if is_untold(span) else on.ask(waiting_query(span.by), values)
    found: list[Number] = []
    for key, period, how, number, waited in numbers():
        ended = _SAID.get(how) if span.by is Dimension.reviewer else Ended(how) if how in {*Ended} else None
        if ended is not None:
            found.append(Number(_text(key), period, ended, number, timedelta(microseconds=waited)))
    waiting = None if open_now is None else {_text(key): number for key, number in open_now()}
    return Counted(found, _times(times()), waiting)


def is_untold(span: Span) -> bool:
    """Say whether open requests cannot be told apart so: nobody has voted on them, and they have not ended."""
    return span.by is Dimension.reviewer or span.every is not None


def _times(rows: list[Any]) -> list[Times]:
    """Return the percentiles of each group, of the values at their places."""
    found: dict[tuple[str | None, int | None], dict[int, timedelta]] = {}
    numbers: dict[tuple[str | None, int | None], int] = {}
    for key, period, took, place, number in rows:
        group = (_text(key), period)
        found.setdefault(group, {})[place] = timedelta(microseconds=took)
        numbers[group] = number
    return [
        Times(key, period, places[rank(numbers[key, period], 50)], places[rank(numbers[key, period], 95)])
        for (key, period), places in found.items()
        if {rank(numbers[key, period], percent) for percent in (50, 95)} <= places.keys()
    ]


def _text(key: object) -> str | None:
    return None if key is None else str(key)


def backlog(on: Connection, clock: Clock | None, agents: int) -> Backlog:
    """Count what there is to do."""
    now = on.instant(clock)()
    open_rows, ready = on.ask(OPEN_BY_AGENT, {}), on.ask(READY, {"now": micros(now)})
    by_agent = sorted(((str(agent), number) for agent, number in open_rows()), key=lambda one: (-one[1], one[0]))
    ((number, oldest),) = ready()
    return Backlog(now, most(by_agent, agents), number, moment(oldest) if is_time(oldest) else None)


def most(by_agent: list[tuple[str, int]], agents: int) -> dict[str | None, int]:
    """Return the first so many, and the sum of the rest under None."""
    found: dict[str | None, int] = dict(by_agent[:agents])
    rest = sum(number for _, number in by_agent[agents:])
    return found | ({None: rest} if rest else {})
