"""Rows as items of the table, each with its places in the indexes; and items as the rows of `memory_tables`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

from interlock.domain.accounts import AccountSecrets
from interlock.domain.credentials import Credential
from interlock.domain.delivery import UNREADABLE, Delivery, DeliveryState
from interlock.domain.request import UNSETTLED
from interlock.engine.codec import decode_delivery, encode_delivery
from interlock.errors import RecordAltered
from interlock.storage.dynamodb import keys
from interlock.storage.dynamodb.keys import Item, Key, joined, number, placed
from interlock.storage.memory_tables import JobRow, Tables
from interlock.storage.participants import ActRow
from interlock.storage.rows import NEVER, OPEN, RequestRow, RunRow, micros, moment

T = TypeVar("T")


def item_of_request(row: RequestRow) -> Item:
    """Return a request as an item."""
    tenant = row.tenant
    by_age = number(row.opened_at), row.id
    item = keys.row(tenant, row.id)._asdict() | {"kind": "request"} | row._asdict()
    item |= placed("age", joined(tenant, "request"), *by_age) | placed("ids", joined(tenant, "request"), row.id)
    if row.status in OPEN:
        item |= placed("open", joined(tenant, "open"), number(row.due_at), row.id)
        if row.wake_at is not None:
            item |= placed("due", joined("due", "request"), number(row.wake_at), joined(tenant, row.id))
    elif row.effect in UNSETTLED:
        item |= placed("open", joined(tenant, "unsettled"), *by_age)
    if row.decided_at is not None:
        item |= placed("ended", joined(tenant, "ended"), number(row.decided_at), row.id)
    if row.action is not None:
        item |= placed("named", joined(tenant, "action", row.action), *by_age)
    if row.reference is not None:
        item |= placed("about", joined(tenant, "reference"), keys.reference(row.reference))
    return item


def item_of_run(row: RunRow) -> Item:
    """Return a run as an item."""
    tenant = row.tenant
    by_age = number(row.started_at), row.id
    item = keys.row(tenant, row.id)._asdict() | {"kind": "run"} | row._asdict()
    item |= placed("age", joined(tenant, "run"), *by_age) | placed("ids", joined(tenant, "run"), row.id)
    item |= placed("named", joined(tenant, "agent", row.agent), *by_age)
    if row.initiator is not None:
        item |= placed("open", joined(tenant, "initiator", row.initiator), *by_age)
    if row.thread is not None:
        item |= placed("about", joined(tenant, "thread", row.thread), *by_age)
    return item


def item_of_job(key: tuple[str, str, str], row: JobRow) -> Item:
    """Return a run's job as an item; one that is done is in no index."""
    tenant, _, subject = key
    item = keys.job(tenant, subject)._asdict() | {"kind": "job", "tenant": tenant, "id": subject} | row._asdict()
    if row.due_at != NEVER:
        item |= placed("due", joined("due", "job"), number(row.due_at), joined(tenant, subject))
    return item


def item_of_act(key: tuple[str, str], person: str, act: ActRow) -> Item:
    """Return what somebody has done on a request as an item."""
    tenant, request_id = key
    at, verdict, waited = act
    item = keys.act(tenant, request_id, person)._asdict()
    item |= {"kind": "act", "tenant": tenant, "request_id": request_id, "person": person}
    item |= {"at": at, "verdict": verdict, "waited": waited}
    item |= placed("named", joined(tenant, "person", person), number(at), request_id)
    return item | (placed("ended", joined(tenant, "acts"), number(at), request_id) if verdict is not None else {})


def item_of_delivery(one: Delivery) -> Item:
    """Return a delivery as an item."""
    by_age = number(micros(one.made_at)), one.id
    item = Key(joined(one.tenant, "delivery", one.id), "delivery")._asdict()
    item |= {"kind": "delivery", "tenant": one.tenant, "id": one.id, "body": encode_delivery(one)}
    item |= {"channel": one.channel, "recipient": one.recipient, "stream": one.stream, "version": one.version}
    item |= {"state": str(one.state), "made_at": micros(one.made_at)}
    item |= {"due_at": None if one.due_at is None else micros(one.due_at)}
    item |= placed("age", joined(one.tenant, "delivery"), *by_age)
    item |= placed("about", joined(one.tenant, "delivery", one.stream), *by_age)
    item |= placed("named", joined(one.tenant, "to", one.channel, one.recipient), *by_age)
    if one.due_at is not None:
        item |= placed("due", joined("delivery", one.channel), number(micros(one.due_at)), one.id)
    return item


def item_of_credential(one: Credential) -> Item:
    """Return a credential as an item: it is found by its digest, whoever's it is."""
    item = Key(joined("credential", one.digest), "credential")._asdict()
    item |= {"kind": "credential", "tenant": one.tenant, "id": one.id, "body": dumped(Credential, one)}
    return item | placed("age", joined(one.tenant, "credential", one.kind), one.id)


def item_of_secrets(tenant: str, one: AccountSecrets) -> Item:
    """Return what an account proves itself by as an item."""
    key = Key(joined(tenant, "account", one.account), "secrets")
    return key._asdict() | {"kind": "secrets", "tenant": tenant, "body": dumped(AccountSecrets, one)}


def delivery_of(item: Item) -> Delivery:
    """Return a delivery; of one that cannot be read, what its attributes say."""
    try:
        return decode_delivery(item["body"])
    except RecordAltered:
        return Delivery(
            item["tenant"],
            item["id"],
            item["channel"],
            item["recipient"],
            item["stream"],
            seq=0,
            event=UNREADABLE,
            made_at=moment(item["made_at"]),
            due_at=None if item.get("due_at") is None else moment(item["due_at"]),
            state=DeliveryState(item["state"]),
            version=item["version"],
        )


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def dumped(kind: type[T], value: T) -> bytes:
    """Return a value as JSON."""
    of_class: Any = kind  # mypy takes type[T] for nothing that can be hashed
    return _adapter(of_class).dump_json(value)


def parsed(kind: type[T], item: Item) -> T:
    """Return the value that an item holds as JSON."""
    of_class: Any = kind
    found: T = _adapter(of_class).validate_json(item["body"])
    return found


def row_of(kind: type[Any], item: Item) -> Any:
    """Return a row of an item, or of as much of it as an index holds."""
    return kind(**{name: item.get(name) for name in kind._fields})


def filled(items: Iterable[Item], tables: Tables | None = None) -> Tables:
    """Return tables with the rows of these items."""
    tables = tables or Tables()
    for item in items:
        reader = _READERS.get(item.get("kind", ""))
        if reader is not None:
            reader(tables, item)
    return tables


def _request(tables: Tables, item: Item) -> None:
    tables.requests[item["tenant"], item["id"]] = row_of(RequestRow, item)


def _run(tables: Tables, item: Item) -> None:
    tables.runs[item["tenant"], item["id"]] = row_of(RunRow, item)


def _job(tables: Tables, item: Item) -> None:
    tables.jobs[item["tenant"], "advance", item["id"]] = row_of(JobRow, item)


def _act(tables: Tables, item: Item) -> None:
    given = tables.participants.setdefault((item["tenant"], item["request_id"]), {})
    given[item["person"]] = item["at"], item.get("verdict"), item.get("waited")


def _delivery(tables: Tables, item: Item) -> None:
    tables.deliveries[item["tenant"], item["id"]] = delivery_of(item)


def _credential(tables: Tables, item: Item) -> None:
    found = parsed(Credential, item)
    tables.credentials[found.digest] = found


def _secrets(tables: Tables, item: Item) -> None:
    found = parsed(AccountSecrets, item)
    tables.accounts[item["tenant"], found.account] = found


def _window(tables: Tables, item: Item) -> None:
    tables.windows[item["tenant"], item["id"]] = item["version"]


def _thread(tables: Tables, item: Item) -> None:
    tables.threads[item["tenant"], item["id"]] = item["version"]


def _policy(tables: Tables, item: Item) -> None:
    tables.policies[item["id"]] = item["body"]


def _head(tables: Tables, item: Item) -> None:
    if item.get("directory"):
        tables.directories[item["tenant"]] = item["directory"]


_READERS: dict[str, Callable[[Tables, Item], None]] = {
    "request": _request,
    "run": _run,
    "job": _job,
    "act": _act,
    "delivery": _delivery,
    "credential": _credential,
    "secrets": _secrets,
    "window": _window,
    "thread": _thread,
    "policy": _policy,
    "head": _head,
}
