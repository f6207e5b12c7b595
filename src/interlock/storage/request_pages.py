"""Pages of requests: of everybody, of those whom a step asks, and of those who have acted on them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    Text,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)

from interlock.domain.request import UNSETTLED
from interlock.engine.codec import decode_request
from interlock.engine.ports.store import RequestFilter, RequestPage, SortKey
from interlock.storage.compiled import Connection, whatever_is_stored
from interlock.storage.rows import ASKS_UNKNOWN, OPEN, encodable
from interlock.storage.schema import IS_OPEN, IS_UNSETTLED, participants, requests
from interlock.storage.sql_constructs import HoldsOneOf, OneOf, Unindexed, as_bytes

_LAST = chr(0x10FFFF)
"""No reference holds it: all that begin alike lie before it."""

_TENANT: BindParameter[str] = bindparam("tenant")
_AFTER = tuple_(bindparam("after_at", type_=BigInteger), bindparam("after", type_=Text))
_LIMIT: BindParameter[int] = bindparam("limit")


def request_rows(
    on: Connection, tenant: str, wanted: RequestFilter, after: SortKey | None, limit: int
) -> list[tuple[SortKey, bytes]]:
    """Return a page of requests as they are stored, beginning behind a key of the page before it."""
    at, key = (None, "") if after is None else after
    given = wanted.agent, wanted.run_id, wanted.reference, wanted.reference_prefix
    if not encodable(key, *(one or "" for one in given)):
        return []
    values: dict[str, Any] = {"tenant": tenant, "limit": limit, "after_at": at, "after": key}
    values |= {"agent": wanted.agent, "run_id": wanted.run_id, "reference": wanted.reference}
    values |= {"begins": wanted.reference_prefix, "beyond": f"{wanted.reference_prefix}{_LAST}"}
    values["statuses"] = [str(one) for one in wanted.statuses]
    values["status"] = values["statuses"][0] if wanted.statuses else None
    values["effects"] = [str(one) for one in wanted.effects]
    if wanted.asks is not None:
        values["asks"] = [*map(json.dumps, sorted(wanted.asks)), ASKS_UNKNOWN.strip()]
    people = sorted(filter(encodable, wanted.people or ()))
    values |= {"people": people, "person": people[0] if people else ""}
    with whatever_is_stored(on):
        rows = on.rows(requests_query(wanted, paged=after is not None), values)
    return [(_place(at, key, body), body) for body, at, key in rows]


def read_page(rows: Iterable[tuple[SortKey, bytes]]) -> RequestPage:
    """Read the requests of a page."""
    return RequestPage((key, decode_request(body)) for key, body in rows)


_OPEN_OF_AGENT = select(func.count()).select_from(
    select(requests.c.id)
    .where(requests.c.tenant == _TENANT, requests.c.agent == bindparam("agent"), IS_OPEN)
    .limit(_LIMIT)
    .subquery("found")
)


def open_requests(on: Connection, tenant: str, agent: str, most: int) -> int:
    """Return how many requests of an agent are open, counted up to `most`."""
    return (on.value(_OPEN_OF_AGENT, {"tenant": tenant, "agent": agent, "limit": most}) or 0) if encodable(agent) else 0


_OPENED_OF_AGENT = select(func.count()).select_from(
    select(requests.c.id)
    .where(requests.c.tenant == _TENANT, requests.c.agent == bindparam("agent"), requests.c.opened_at > bindparam("at"))
    .limit(_LIMIT)
    .subquery("found")
)


def opened_requests(on: Connection, tenant: str, agent: str, since: int, most: int) -> int:
    """Return how many requests of an agent were opened after a moment, counted up to `most`."""
    values = {"tenant": tenant, "agent": agent, "at": since, "limit": most}
    return (on.value(_OPENED_OF_AGENT, values) or 0) if encodable(agent) else 0


def _place(at: int, key: object, body: bytes) -> SortKey:
    """Return where a request stands; its own id is its place where somebody has made the row's unreadable."""
    return SortKey(at, key if isinstance(key, str) and encodable(key) else decode_request(body).id)


def requests_query(wanted: RequestFilter, *, paged: bool = False) -> Select[Any]:
    """Return the query for a page: the same one for all inboxes that are alike but for their values."""
    by_due, by_act = wanted.statuses == OPEN, wanted.people is not None
    given = {
        "agent": wanted.agent is not None,
        "run": wanted.run_id is not None,
        "reference": wanted.reference is not None,
        "prefix": wanted.reference_prefix is not None,
        "effects": bool(wanted.effects),
        "unsettled": bool(wanted.effects) and set(wanted.effects) <= set(UNSETTLED),
        "status": len(set(wanted.statuses)) == 1 and not by_due,
        "statuses": bool(wanted.statuses) and (by_act or not by_due),
        "asks": wanted.asks is not None,
        "several": by_act and len(wanted.people or ()) > 1,
        "paged": paged,
    }
    order = "act" if by_act else "due" if by_due else "age"
    return _query(order, frozenset(name for name, is_given in given.items() if is_given))


_BY_PREFIX = (
    requests.c.reference >= bindparam("begins", type_=Text),
    requests.c.reference < bindparam("beyond", type_=Text),
)
_NARROW = frozenset({"run", "reference", "prefix"})
"""What finds few requests: all else sorts them out."""


@cache
def _query(order: str, given: frozenset[str]) -> Select[Any]:
    columns, by_due, filters = requests.c, order == "due", _filters(order, given)
    if order == "act":
        return _acted_on(filters, several="several" in given, paged="paged" in given)
    at: ColumnElement[int] = columns.due_at if by_due else columns.opened_at
    if not given.isdisjoint({"run", "prefix"}):
        at = at + literal_column("0")  # no index has this order: SQLite would take one, and read everybody's requests
    if by_due:
        filters.append(IS_OPEN)
    if "paged" in given:
        filters.append(tuple_(at, columns.id) > _AFTER if by_due else tuple_(at, columns.id) < _AFTER)
    query = select(as_bytes(columns.body), at, columns.id).where(columns.tenant == _TENANT, *filters).limit(_LIMIT)
    query = query.order_by(at, columns.id) if by_due else query.order_by(at.desc(), columns.id.desc())
    chosen = query.with_only_columns(columns.id, at)
    by_index = "prefix" in given or (by_due and "asks" in given)
    return _bodies(chosen, newest_first=not by_due) if by_index else query


def _filters(order: str, given: frozenset[str]) -> list[Any]:
    columns, found = requests.c, list[Any]()
    if "run" in given:
        found.append(columns.run_id == bindparam("run_id"))
    if "reference" in given:
        found.append((Unindexed(columns.reference) if "run" in given else columns.reference) == bindparam("reference"))
    if "prefix" in given:
        found += _BY_PREFIX
    is_narrow = not given.isdisjoint(_NARROW)
    if "agent" in given:
        found.append((Unindexed(columns.agent) if is_narrow else columns.agent) == bindparam("agent"))
    if "effects" in given:
        found.append(OneOf(columns.effect, "effects"))
    if "unsettled" in given and order != "act":
        found.append(IS_UNSETTLED)
    if "status" in given and order == "age" and given.isdisjoint({*_NARROW, "agent", "effects"}):
        found.append(columns.status == bindparam("status"))
    elif "statuses" in given:
        found.append(OneOf(Unindexed(columns.status), "statuses"))
    if "asks" in given:
        found.append(HoldsOneOf(columns.asks, "asks"))
    return found


def _bodies(chosen: Select[Any], *, newest_first: bool = False) -> Select[Any]:
    """Return the query for the requests that another one chooses by an index alone, by id and time, in its order."""
    found = chosen.subquery("chosen")
    key, at = found.c
    query = select(as_bytes(requests.c.body), at, key).select_from(found).join(requests, requests.c.id == key)
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
        query = query.where(tuple_(columns.at, columns.request_id) < _AFTER)
    return _bodies(query, newest_first=True)


def _acted(table: Any, *, several: bool) -> ColumnElement[bool]:
    # With "=" an index has the order; with a list of people it does not.
    return OneOf(table.c.person, "people") if several else table.c.person == bindparam("person")
