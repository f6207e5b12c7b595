"""Pages of requests: of everybody, of those whom a step asks, and of those who have acted on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    ScalarSelect,
    Select,
    Table,
    bindparam,
    literal_column,
    select,
    tuple_,
)

from interlock.domain.request import Request
from interlock.engine.codec import decode_request
from interlock.engine.ports.store import Inbox
from interlock.storage.compiled import Connection
from interlock.storage.rows import ASKS_UNKNOWN, OPEN, encodable
from interlock.storage.schema import IS_OPEN, participants, requests
from interlock.storage.sql_constructs import HoldsOneOf, OneOf, as_bytes

__all__ = ["inbox", "inbox_query", "place_of"]

_TENANT: BindParameter[str] = bindparam("tenant")
_AFTER: BindParameter[str] = bindparam("after")
_LIMIT: BindParameter[int] = bindparam("limit")


def inbox(on: Connection, tenant: str, wanted: Inbox, after: str | None, limit: int) -> Sequence[Request]:
    """Return a page of requests, beginning after the request with the id `after`."""
    if not encodable(after or "", wanted.agent or "", wanted.run_id or ""):
        return []
    values: dict[str, Any] = {"tenant": tenant, "limit": limit, "after": after}
    values |= {"agent": wanted.agent, "run_id": wanted.run_id, "statuses": [str(one) for one in wanted.statuses]}
    if wanted.asks is not None:
        values["asks"] = [*map(json.dumps, sorted(wanted.asks)), ASKS_UNKNOWN.strip()]
    people = sorted(filter(encodable, wanted.people or ()))
    values |= {"people": people, "person": people[0] if people else ""}
    return [decode_request(body) for (body,) in on.rows(inbox_query(wanted, paged=after is not None), values)]


def inbox_query(wanted: Inbox, *, paged: bool = False) -> Select[Any]:
    """Return the query for a page: the same one for all inboxes that are alike but for their values."""
    by_due, by_act = wanted.statuses == OPEN, wanted.people is not None
    return _inbox_query(
        order="act" if by_act else "due" if by_due else "age",
        some=bool(wanted.statuses) and (by_act or not by_due),
        of_agent=wanted.agent is not None,
        of_run=wanted.run_id is not None,
        asked=wanted.asks is not None,
        several=by_act and len(wanted.people or ()) > 1,
        paged=paged,
    )


@cache
def _inbox_query(  # noqa: PLR0913 - what makes one query another
    *, order: str, some: bool, of_agent: bool, of_run: bool, asked: bool, several: bool, paged: bool
) -> Select[Any]:
    columns = requests.c
    filters: list[ColumnElement[bool]] = []
    if of_agent:
        filters.append(columns.agent == bindparam("agent"))
    if of_run:
        filters.append(columns.run_id == bindparam("run_id"))
    if some:
        filters.append(OneOf(columns.status, "statuses"))
    if asked:
        filters.append(HoldsOneOf(columns.asks, "asks"))
    if order == "act":
        return _acted_on(filters, several=several, paged=paged)
    query = select(as_bytes(columns.body)).where(columns.tenant == _TENANT, *filters).limit(_LIMIT)
    by_due = order == "due"
    at: ColumnElement[int] = columns.due_at if by_due else columns.opened_at
    if of_run:
        at = at + literal_column("0")  # no index has this order: SQLite would take one, and read everybody's requests
    query = query.where(IS_OPEN).order_by(at, columns.id) if by_due else query.order_by(at.desc(), columns.id.desc())
    if paged:
        # Where the last request stood, even if it is closed by now: closing keeps its due time.
        place, stood = tuple_(at, columns.id), place_of(requests, "due_at" if by_due else "opened_at")
        query = query.where(place > stood if by_due else place < stood)
    return _bodies(query.with_only_columns(columns.id, columns.due_at)) if asked and by_due else query


def _bodies(chosen: Select[Any], *, newest_first: bool = False) -> Select[Any]:
    """Return the query for the requests that another one chooses by an index alone, by id and time, in its order."""
    found = chosen.subquery("chosen")
    key, at = found.c
    query = select(as_bytes(requests.c.body)).select_from(found).join(requests, requests.c.id == key)
    order = (at.desc(), key.desc()) if newest_first else (at, key)
    return query.where(requests.c.tenant == _TENANT).order_by(*order)


def _acted_on(filters: Sequence[ColumnElement[bool]], *, several: bool, paged: bool) -> Select[Any]:
    """Return the query for what somebody has acted on, the newest act first; each request once, under all names."""
    columns = participants.c
    query = select(columns.request_id, columns.at).where(
        columns.tenant == _TENANT, _acted(participants, several=several)
    )
    query = query.order_by(columns.at.desc(), columns.request_id.desc()).limit(_LIMIT)
    if filters:
        of_it = requests.c.tenant == columns.tenant, requests.c.id == columns.request_id
        query = query.where(select(requests.c.id).where(*of_it, *filters).exists())
    if several:
        newer = participants.alias("newer")
        same = newer.c.tenant == columns.tenant, newer.c.request_id == columns.request_id
        later = tuple_(newer.c.at, newer.c.person) > tuple_(columns.at, columns.person)
        query = query.where(~select(newer.c.at).where(*same, _acted(newer, several=True), later).exists())
    if paged:
        last = participants.alias("last")
        there = last.c.tenant == _TENANT, last.c.request_id == _AFTER, _acted(last, several=several)
        stood = select(last.c.at, last.c.request_id).where(*there)
        stood = stood.order_by(last.c.at.desc()).limit(1) if several else stood
        query = query.where(tuple_(columns.at, columns.request_id) < stood.scalar_subquery())
    return _bodies(query, newest_first=True)


def _acted(table: Any, *, several: bool) -> ColumnElement[bool]:
    # With "=" an index has the order; with a list of people it does not.
    return OneOf(table.c.person, "people") if several else table.c.person == bindparam("person")


def place_of(table: Table, column: str) -> ScalarSelect[Any]:
    """Return where the row with the id `after` stands in the order of a column and of ids."""
    other = table.alias("other")
    return select(other.c[column], other.c.id).where(other.c.tenant == _TENANT, other.c.id == _AFTER).scalar_subquery()
