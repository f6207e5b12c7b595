"""Messages to people and programs: a row each, written by whoever has seen its last version."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Executable, Select, bindparam, delete, func, literal_column, or_, select, tuple_

from interlock.domain.delivery import UNREADABLE, Delivery, DeliveryState
from interlock.engine.codec import decode_delivery, encode_delivery
from interlock.engine.ports.deliveries import DeliveryFilter, DueDeliveries
from interlock.errors import RecordAltered
from interlock.storage.compiled import Connection
from interlock.storage.rows import Clock, changed, encodable, micros, moment
from interlock.storage.schema import IS_UNSETTLED, deliveries, received, requests
from interlock.storage.sql_constructs import OneOf, Unindexed, insert_or, update_at_version

_D = deliveries.c
_CHANGES = ("state", "due_at", "version", "body")
_ON_CHANNELS = OneOf(_D.channel, "channels")
_COLUMNS = (
    _D.body,
    _D.tenant,
    _D.id,
    _D.channel,
    _D.recipient,
    _D.request_id,
    _D.made_at,
    _D.due_at,
    _D.state,
    _D.version,
)
_DUE = (
    select(*_COLUMNS)
    .where(_ON_CHANNELS, _D.due_at.is_not(None), _D.due_at <= bindparam("now"))
    .order_by(_D.due_at, _D.id)
    .limit(bindparam("limit"))
)
_NEXT_DUE = select(func.min(_D.due_at)).where(_ON_CHANNELS, _D.due_at > bindparam("now"))
_ONE = select(*_COLUMNS).where(_D.tenant == bindparam("tenant"), _D.id == bindparam("id"))
_BEHIND = select(_D.made_at, _D.id).where(_D.tenant == bindparam("tenant"), _D.id == bindparam("after"))
_COUNT = select(func.count()).where(
    *(column == bindparam(column.name) for column in (_D.tenant, _D.channel, _D.recipient)),
    _D.made_at >= bindparam("since"),
)
_WRITE = update_at_version(deliveries, "id").values({name: bindparam(f"new_{name}") for name in _CHANGES})
_NEEDED = (
    select(requests.c.id)
    .where(requests.c.tenant == _D.tenant, requests.c.id == _D.request_id)
    .where(or_(requests.c.decided_at.is_(None), requests.c.decided_at >= bindparam("before"), IS_UNSETTLED))
    .correlate(deliveries)
    .exists()
)
_IS_OLD = (
    _D.tenant == bindparam("of_tenant"),
    _D.made_at < bindparam("before"),
    _D.state != str(DeliveryState.waiting),
    ~_NEEDED,
)
_PRUNE = delete(deliveries).where(*_IS_OLD)
_COUNT_OLD = select(func.count()).select_from(deliveries).where(*_IS_OLD)
_FORGET_RECEIVED = delete(received).where(received.c.expires_at <= bindparam("now"))


@cache
def _insert() -> Executable:
    return insert_or(deliveries).on_conflict_do_nothing()


@cache
def _insert_received() -> Executable:
    return insert_or(received).on_conflict_do_nothing()


@cache
def _listed(given: tuple[str, ...], *, behind: bool) -> Select[Any]:
    # Few are about one request. No index has their order: SQLite would take one, and read all messages.
    is_narrow = "about" in given
    at = _D.made_at + literal_column("0") if is_narrow else _D.made_at
    found = select(*_COLUMNS).where(_D.tenant == bindparam("tenant"))
    found = found.where(OneOf(_D.request_id, "about")) if is_narrow else found
    for name in given:
        if name != "about":
            found = found.where((Unindexed(_D[name]) if is_narrow else _D[name]) == bindparam(name))
    if behind:
        found = found.where(tuple_(at, _D.id) < tuple_(bindparam("made_at"), bindparam("behind")))
    return found.order_by(at.desc(), _D.id.desc()).limit(bindparam("limit"))


def add(on: Connection, new: Sequence[Delivery]) -> None:
    """Keep new ones; one that is there stays as it is."""
    for one in new:
        on.write(_insert(), _row(one))


def due(on: Connection, clock: Clock | None, channels: Collection[str], limit: int) -> DueDeliveries:
    """Return what is due. What cannot be read is read each time, and takes the place of nothing else."""
    now = on.instant(clock)()
    values = {"channels": sorted(channels), "now": micros(now)}
    found, broken, more = list[Delivery](), list[Delivery](), True
    while more:
        most = limit + 2 * len(broken)
        rows = on.rows(_DUE, values | {"limit": most})
        read = [(_read(row), row) for row in rows]
        found = [one for one, _ in read if one is not None]
        broken = [_unreadable(row) for one, row in read if one is None]
        more = len(rows) == most and len(found) < limit
    next_due = on.value(_NEXT_DUE, values)
    return DueDeliveries(now, found[:limit], None if next_due is None else moment(next_due), tuple(broken))


def write(on: Connection, after: Delivery) -> None:
    """Write one, if it has the version before."""
    row = _row(after)
    values = {f"new_{name}": row[name] for name in _CHANGES}
    key = {"of_tenant": after.tenant, "of_id": after.id, "expected": after.version - 1}
    on.expect(_WRITE, key | values, changed("delivery", after.id))


def listed(on: Connection, tenant: str, wanted: DeliveryFilter, after: str | None, limit: int) -> Sequence[Delivery]:
    """Return a page, newest first."""
    about = None if wanted.about is None else sorted(set(wanted.about))
    texts = {"channel": wanted.channel, "state": wanted.state and str(wanted.state), "recipient": wanted.recipient}
    given = {name: value for name, value in {**texts, "about": about}.items() if value is not None}
    if not encodable(tenant, after or "", *(text for text in texts.values() if text), *(about or ())):
        return []
    values: dict[str, Any] = {"tenant": tenant, "limit": limit} | given
    if after is not None:
        behind = on.first(_BEHIND, {"tenant": tenant, "after": after})
        if behind is None:
            return []
        values |= {"made_at": behind[0], "behind": behind[1]}
    rows = on.rows(_listed(tuple(given), behind=after is not None), values)
    return [_read(row) or _unreadable(row) for row in rows]


def one(on: Connection, tenant: str, delivery_id: str) -> Delivery | None:
    """Return one."""
    row = on.first(_ONE, {"tenant": tenant, "id": delivery_id}) if encodable(tenant, delivery_id) else None
    return None if row is None else _read(row) or _unreadable(row)


def count(on: Connection, tenant: str, channel: str, recipient: str, since: datetime) -> int:
    """Count those to a recipient that were made since a moment."""
    values = {"tenant": tenant, "channel": channel, "recipient": recipient}
    return on.value(_COUNT, values | {"since": micros(since)}) or 0 if encodable(*values.values()) else 0


def keep_received(on: Connection, key: str, now: datetime, until: datetime) -> None:
    """Note that a message has come in, and forget those that count no more."""
    on.write(_FORGET_RECEIVED, {"now": micros(now)})
    on.expect(_insert_received(), {"key": key, "expires_at": micros(until)}, changed("message", key))


def prune(on: Connection, tenant: str, before: datetime) -> int:
    """Forget what was made before a moment, and is not needed any more."""
    return on.change(_PRUNE, {"of_tenant": tenant, "before": micros(before)})


def count_old(on: Connection, tenant: str, before: datetime) -> int:
    """Count what would be forgotten."""
    return on.value(_COUNT_OLD, {"of_tenant": tenant, "before": micros(before)}) or 0


def _read(row: Sequence[Any]) -> Delivery | None:
    try:
        return decode_delivery(row[0])
    except RecordAltered:
        return None


def _unreadable(row: Sequence[Any]) -> Delivery:
    _, tenant, key, channel, recipient, stream, made_at, due_at, state, version = row
    due = None if due_at is None else moment(due_at)
    about = stream, 0, UNREADABLE, moment(made_at), due
    return Delivery(tenant, key, channel, recipient, *about, state=DeliveryState(state), version=version)


def _row(delivery: Delivery) -> dict[str, Any]:
    return {
        "tenant": delivery.tenant,
        "id": delivery.id,
        "channel": delivery.channel,
        "recipient": delivery.recipient,
        "state": str(delivery.state),
        "request_id": delivery.stream,
        "made_at": micros(delivery.made_at),
        "due_at": None if delivery.due_at is None else micros(delivery.due_at),
        "version": delivery.version,
        "body": encode_delivery(delivery),
    }
