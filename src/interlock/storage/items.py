"""What agents keep, in SQL. See `interlock.engine.items`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, func, select, tuple_

from interlock.engine.items import Item, Namespace
from interlock.storage.compiled import Connection
from interlock.storage.rows import Clock, encodable, micros, moment
from interlock.storage.schema import store
from interlock.storage.sql_constructs import as_bytes, insert_or

PAGE = 200
END = "."
"""Ends each label of a stored namespace, so that what is under a prefix begins with its text."""

AFTER_END = chr(ord(END) + 1)
ESCAPE = "\\"

_C = store.c
_TENANT: BindParameter[str] = bindparam("tenant")
_ROW = (_C.namespace, _C.key, as_bytes(_C.value), _C.created_at, _C.updated_at, _C.place, _C.number)
_PLACE = tuple_(_C.place, _C.number, _C.namespace, _C.key)
_ALL = (
    select(*_ROW)
    .where(_C.tenant == _TENANT)
    .order_by(_C.place, _C.number, _C.namespace, _C.key)
    .limit(bindparam("limit"))
)
_UNDER = _ALL.where(_C.namespace >= bindparam("first"), _C.namespace < bindparam("last"))
_LAST = tuple_(*(bindparam(name) for name in ("after_place", "after_number", "after_namespace", "after_key")))
_AFTER = {bounded: query.where(_PLACE > _LAST) for bounded, query in ((False, _ALL), (True, _UNDER))}
_PAGED = {bounded: query.offset(bindparam("offset")) for bounded, query in ((False, _ALL), (True, _UNDER))}
_HERE = (_C.tenant == _TENANT, _C.namespace == bindparam("namespace"))
_GET = select(*_ROW).where(*_HERE, _C.key == bindparam("key"))
_DELETE = delete(store).where(*_HERE, _C.key == bindparam("key"))
_NAMESPACES = select(_C.namespace).where(_C.tenant == _TENANT).distinct()
_LAST_NUMBER = select(func.max(_C.number)).where(_C.tenant == _TENANT).scalar_subquery()
_NEXT_NUMBER = func.coalesce(_LAST_NUMBER, 0) + 1
_NAMESPACES_PLACE = select(func.min(_C.place)).where(*_HERE).scalar_subquery()
_new = insert_or(store).values(
    tenant=_TENANT,
    namespace=bindparam("namespace"),
    key=bindparam("key"),
    value=bindparam("value"),
    place=func.coalesce(_NAMESPACES_PLACE, _NEXT_NUMBER),
    number=_NEXT_NUMBER,
    created_at=bindparam("now"),
    updated_at=bindparam("now"),
)
_PUT = _new.on_conflict_do_update(
    index_elements=["tenant", "namespace", "key"],
    set_={"value": _new.excluded.value, "updated_at": _new.excluded.updated_at},
)


class SqlShelf:
    """One tenant's items in a database, inside of a transaction."""

    def __init__(self, on: Connection, tenant: str, clock: Clock | None) -> None:
        self._on = on
        self._tenant = tenant
        self._clock = clock

    def get(self, namespace: Namespace, key: str) -> Item | None:
        """Return an item, or None."""
        if not encodable(*namespace, key):
            return None
        row = self._on.first(_GET, {"tenant": self._tenant, "namespace": _text(namespace), "key": key})
        return None if row is None else _item(row)

    def under(self, prefix: Namespace, page: tuple[int, int] | None) -> Iterator[Item]:
        """Return the items under a prefix."""
        if not encodable(*prefix):
            return
        first = _text(prefix)
        bounds = {"tenant": self._tenant, "first": first, "last": first[:-1] + AFTER_END}
        if page is not None:
            yield from map(_item, self._on.rows(_PAGED[bool(prefix)], bounds | {"offset": page[0], "limit": page[1]}))
            return
        rows = self._on.rows(_UNDER if prefix else _ALL, bounds | {"limit": PAGE})
        while rows:
            yield from map(_item, rows)
            namespace, key, *_, place, number = rows[-1]
            after = {"after_place": place, "after_number": number, "after_namespace": namespace, "after_key": key}
            rows = self._on.rows(_AFTER[bool(prefix)], bounds | after | {"limit": PAGE}) if len(rows) == PAGE else []

    def namespaces(self) -> Iterable[Namespace]:
        """Return every namespace that holds something."""
        return [_labels(text) for (text,) in self._on.rows(_NAMESPACES, {"tenant": self._tenant})]

    def put(self, namespace: Namespace, key: str, value: bytes) -> None:
        """Keep a value."""
        now = micros(self._on.instant(self._clock)())
        here = {"tenant": self._tenant, "namespace": _text(namespace), "key": key}
        self._on.write(_PUT, here | {"value": value, "now": now})

    def delete(self, namespace: Namespace, key: str) -> None:
        """Take an item away."""
        if encodable(*namespace, key):
            self._on.write(_DELETE, {"tenant": self._tenant, "namespace": _text(namespace), "key": key})


def _item(row: Any) -> Item:
    namespace, key, value, created_at, updated_at, *_ = row
    return Item(_labels(namespace), key, value, moment(created_at), moment(updated_at))


def _text(namespace: Namespace) -> str:
    return "".join(_escaped(label) + END for label in namespace)


def _escaped(label: str) -> str:
    return label.replace(ESCAPE, ESCAPE + ESCAPE).replace(END, ESCAPE + END)


def _labels(text: str) -> Namespace:
    labels: list[str] = []
    label = ""
    signs = iter(text)
    for sign in signs:
        if sign == END:
            labels.append(label)
            label = ""
        else:
            label += next(signs, "") if sign == ESCAPE else sign
    return tuple(labels)
