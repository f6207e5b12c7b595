"""What agents keep for themselves: one partition for each tenant, judged by the rules of the store in memory.

A head says how often something was written, and is a condition of each write: all operations are done at one instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from interlock.engine.items import (
    Found,
    GetItem,
    Item,
    ItemOp,
    ListNamespaces,
    Namespace,
    PutItem,
    SearchItems,
    carry_out,
)
from interlock.storage.dynamodb import keys
from interlock.storage.dynamodb.keys import Key, joined
from interlock.storage.dynamodb.table import Moved, Table, Write
from interlock.storage.memory_tables import MemoryShelf
from interlock.storage.rows import Clock, encodable, micros, moment

END = "."
ESCAPE = "\\"


def carried_out(table: Table, clock: Clock, tenant: str, operations: Sequence[ItemOp]) -> list[Found]:
    """Carry operations on a tenant's items out, all of them at one instant."""
    head = Key(joined(tenant, "items"), "head")
    while True:
        before = table.get(head)
        stored = {keys.key_of(one): one for one in _named(table, tenant, operations)}
        if table.get(head) != before:
            continue
        shelf = _shelf(stored.values())
        old = {(name, key): one for name, items in shelf.items() for key, one in items.items()}
        results = carry_out(MemoryShelf(shelf, clock()), operations)
        new = {(name, key): one for name, items in shelf.items() for key, one in items.items()}
        last = 0 if before is None else before["number"]
        writes = list(_writes(tenant, stored, old, new, last))
        if not writes:
            return results
        number = last + len(writes)
        moved = Write(head, head._asdict() | {"kind": "items", "number": number}, before)
        try:
            table.transact([moved, *writes])
        except Moved as lost:
            stands = table.get(head)
            if stands is None or stands[keys.WRITE] != lost.mark:
                continue
        return results


def _named(table: Table, tenant: str, operations: Iterable[ItemOp]) -> Iterator[keys.Item]:
    """Yield what the operations look at; of each namespace that something is put into, one item at least."""
    for one in operations:
        match one:
            case GetItem(namespace, key) | PutItem(namespace, key):
                if encodable(*namespace, key):
                    yield from filter(None, [table.get(_key(tenant, namespace, key))])
                if isinstance(one, PutItem) and one.value is not None:
                    yield from _first(table, tenant, namespace)
            case SearchItems(prefix):
                yield from table.query(joined(tenant, "item", ""), prefix=keys.beginning(f"item/{_quoted(prefix)}"))
            case ListNamespaces():
                yield from table.query(joined(tenant, "item", ""), prefix="item/")


def _first(table: Table, tenant: str, namespace: Namespace) -> Iterator[keys.Item]:
    found = table.query(joined(tenant, "item", ""), prefix=f"item/{_quoted(namespace)}/", page=1)
    yield from filter(None, [next(found, None)])


def _key(tenant: str, namespace: Namespace, key: str) -> Key:
    return Key(joined(tenant, "item", ""), keys.cut(f"item/{_quoted(namespace)}/{key}"))


def _quoted(namespace: Namespace) -> str:
    labels = (
        label.replace(ESCAPE, ESCAPE * 2).replace(END, ESCAPE + END).replace("/", ESCAPE + "|") for label in namespace
    )
    return "".join(label + END for label in labels)


def _shelf(stored: Iterable[keys.Item]) -> dict[Namespace, dict[str, Item]]:
    """Return items as the store in memory has them: namespaces, and items in each, in the order of their making."""
    shelf: dict[Namespace, dict[str, Item]] = {}
    for one in sorted(stored, key=lambda it: (it["place"], it["number"])):
        namespace = tuple(one["namespace"])
        made = Item(namespace, one["key"], one["body"], moment(one["created_at"]), moment(one["updated_at"]))
        shelf.setdefault(namespace, {})[one["key"]] = made
    return shelf


Places = dict[tuple[Namespace, str], Item]


def _writes(tenant: str, stored: dict[Key, keys.Item], old: Places, new: Places, last: int) -> Iterator[Write]:
    places = {tuple(one["namespace"]): one["place"] for one in stored.values()}
    gone = {name for name, _ in old} - {name for name, _ in new}
    for name, key in {**old, **new}:
        before, after = old.get((name, key)), new.get((name, key))
        stands = stored.get(_key(tenant, name, key))
        if before == after:
            continue
        if after is None:
            yield Write(_key(tenant, name, key), None, stands)
            continue
        last += 1
        number = stands["number"] if stands is not None else last
        if name in gone or name not in places:
            places[name] = last
        item = _key(tenant, name, key)._asdict() | {
            "kind": "item",
            "tenant": tenant,
            "namespace": list(name),
            "key": key,
        }
        item |= {"body": after.value, "place": places[name], "number": number}
        item |= {"created_at": micros(after.created_at), "updated_at": micros(after.updated_at)}
        yield Write(_key(tenant, name, key), item, stands)
