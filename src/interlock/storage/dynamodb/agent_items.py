"""What agents keep for themselves: one partition for each tenant, judged by the rules of the store in memory.

A head says how often something was written, and is a condition of each write: all operations are done at one instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

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
        there = {name: (items, dict(items)) for name, items in shelf.items()}
        results = carry_out(MemoryShelf(shelf, clock()), operations)
        last = 0 if before is None else before["number"]
        writes = list(_writes(tenant, stored, there, shelf, last))
        if not writes:
            return results
        number = last + 2 * len(writes)  # a new item in a new namespace takes two
        moved = Write(head, head._asdict() | {"kind": "items", "number": number}, before)
        try:
            table.transact([moved, *writes])
        except Moved as lost:
            stands = table.get(head)
            if stands is None or stands[keys.WRITE] != lost.mark:
                continue
        return results


def _named(table: Table, tenant: str, operations: Sequence[ItemOp]) -> Iterator[keys.Item]:
    """Yield what the operations look at.

    Of a namespace that something is put into or taken from, that is enough to know whether it is empty afterwards.
    """
    for one in operations:
        match one:
            case GetItem(namespace, key) | PutItem(namespace, key):
                if encodable(*namespace, key):
                    yield from filter(None, [table.get(_key(tenant, namespace, key))])
                if isinstance(one, PutItem):
                    some = len(operations) + 1
                    prefix = f"item/{_quoted(namespace)}/"
                    yield from islice(table.query(joined(tenant, "item", ""), prefix=prefix, page=some), some)
            case SearchItems(prefix):
                yield from table.query(joined(tenant, "item", ""), prefix=keys.beginning(f"item/{_quoted(prefix)}"))
            case ListNamespaces():
                yield from table.query(joined(tenant, "item", ""), prefix="item/")


def _key(tenant: str, namespace: Namespace, key: str) -> Key:
    return Key(joined(tenant, "item", ""), keys.cut(f"item/{_quoted(namespace)}/{key}"))


def _quoted(namespace: Namespace) -> str:
    labels = (
        label.replace(ESCAPE, ESCAPE * 2).replace(END, ESCAPE + END).replace("/", ESCAPE + "|") for label in namespace
    )
    return "".join(label + END for label in labels)


def _shelf(stored: Iterable[keys.Item]) -> Shelf:
    """Return items as the store in memory has them: namespaces, and items in each, in the order of their making."""
    shelf: Shelf = {}
    for one in sorted(stored, key=lambda it: (it["place"], it["number"])):
        namespace = tuple(one["namespace"])
        made = Item(namespace, one["key"], one["body"], moment(one["created_at"]), moment(one["updated_at"]))
        shelf.setdefault(namespace, {})[one["key"]] = made
    return shelf


Shelf = dict[Namespace, dict[str, Item]]


def _writes(
    tenant: str,
    stored: dict[Key, keys.Item],
    before: dict[Namespace, tuple[dict[str, Item], dict[str, Item]]],
    shelf: Shelf,
    last: int,
) -> Iterator[Write]:
    """Yield what is written. A namespace that was emptied, and is there again, is another one: it comes last."""
    places = {tuple(one["namespace"]): one["place"] for one in stored.values()}
    for name, items in shelf.items():
        kept, old = before.get(name, (None, {}))
        if items is not kept:
            last += 1
            places[name] = last
        for key, item in items.items():
            stored_key = _key(tenant, name, key)
            stands = stored.get(stored_key)
            if item == old.get(key):
                continue
            last += key not in old
            place = {"place": places[name], "number": stands["number"] if stands is not None and key in old else last}
            yield Write(stored_key, _item(tenant, item) | stored_key._asdict() | place, stands)
    for name, (_, old) in before.items():
        for key in old.keys() - shelf.get(name, {}).keys():
            yield Write(_key(tenant, name, key), None, stored[_key(tenant, name, key)])


def _item(tenant: str, one: Item) -> keys.Item:
    item = {"kind": "item", "tenant": tenant, "namespace": list(one.namespace), "key": one.key, "body": one.value}
    return item | {"created_at": micros(one.created_at), "updated_at": micros(one.updated_at)}
