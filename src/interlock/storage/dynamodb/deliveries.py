"""Messages to people and programs: an item each, written by whoever has seen the last version."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from interlock.domain.delivery import UNREADABLE, Delivery
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.storage.dynamodb import keys
from interlock.storage.dynamodb.items import delivery_of, filled, item_of_delivery
from interlock.storage.dynamodb.keys import ENDS, Item, Key, batched, joined, number
from interlock.storage.dynamodb.people import SECOND, conflict_of
from interlock.storage.dynamodb.table import AT_ONCE, Moved, Table
from interlock.storage.memory_deliveries import delivery_page
from interlock.storage.memory_tables import Tables
from interlock.storage.rows import Clock, micros

PAGE = 25


def _key(tenant: str, delivery_id: str) -> Key:
    return Key(joined(tenant, "delivery", delivery_id), "delivery")


def add(table: Table, new: Sequence[Delivery]) -> None:
    """Keep new deliveries; one that is there stays as it is."""
    for one in new:
        with suppress(Moved):
            table.put(item_of_delivery(one), None)


def one(table: Table, tenant: str, delivery_id: str) -> Delivery | None:
    """Return one delivery."""
    found = table.get(_key(tenant, delivery_id))
    return None if found is None else delivery_of(found)


def write(table: Table, after: Delivery) -> None:
    """Write a delivery in place of the version before it."""
    with conflict_of("delivery", after.id):
        found = table.get(_key(after.tenant, after.id))
        if found is None or delivery_of(found).version != after.version - 1:
            raise Moved
        table.put(item_of_delivery(after), found)


def due(table: Table, clock: Clock, channels: Collection[str], limit: int) -> tuple[Tables, list[Delivery]]:
    """Read what is due on some channels, and of each what comes due next; apart from it what cannot be read."""
    later, tables, unreadable = number(micros(clock()) + 1), Tables(), list[Delivery]()
    for channel in dict.fromkeys(channels):
        partition = joined("delivery", channel)
        found = 0
        for some in batched(table.query(partition, index="due", high=later, page=PAGE), PAGE):
            read = [delivery_of(item) for item in table.get_all(map(keys.key_of, some)).values()]
            unreadable += [one for one in read if one.event == UNREADABLE]
            readable = {(one.tenant, one.id): one for one in read if one.event != UNREADABLE}
            tables.deliveries |= readable
            found += len(readable)
            if found >= limit:
                break
        nexts = islice(table.query(partition, index="due", low=later, page=1), 1)
        filled(table.get_all(map(keys.key_of, nexts)).values(), tables)
    return tables, unreadable


class Page(NamedTuple):
    """Which deliveries are listed, behind which one, and how many. See the port."""

    tenant: str
    wanted: DeliveryFilter
    after: Delivery | None
    limit: int

    def of(self, tables: Tables) -> list[Delivery]:
        """Return the page, of what was read."""
        return delivery_page(
            tables, self.tenant, self.wanted, None if self.after is None else self.after.id, self.limit
        )


def listed(table: Table, page: Page) -> list[Delivery]:
    """Return a page of deliveries, newest first."""
    tenant, wanted, after, _ = page
    tables = Tables()
    places: Iterator[Item]
    if wanted.about is not None:
        places = (item for about in dict.fromkeys(wanted.about) for item in _about(table, tenant, about))
    elif wanted.channel is not None and wanted.recipient is not None:
        places = table.query(joined(tenant, "to", wanted.channel, wanted.recipient), index="named", newest_first=True)
    else:
        high = None if after is None else f"{number(micros(after.made_at))}/{after.id}"
        places = table.query(joined(tenant, "delivery"), index="age", high=high, newest_first=True, page=PAGE)
    if after is not None:
        tables.deliveries[tenant, after.id] = after
    for some in batched(places, AT_ONCE if wanted.about is not None else PAGE):
        filled(table.get_all(map(keys.key_of, some)).values(), tables)
        if wanted.about is None and len(page.of(tables)) >= page.limit:
            break
    return page.of(tables)


def _about(table: Table, tenant: str, stream: str) -> Iterator[Item]:
    return table.query(joined(tenant, "delivery", stream), index="about", newest_first=True)


def count(table: Table, tenant: str, channel: str, recipient: str, since: datetime) -> int:
    """Return how many deliveries to a recipient were made since a moment."""
    low = number(micros(since))
    return sum(1 for _ in table.query(joined(tenant, "to", channel, recipient), index="named", low=low))


def keep_received(table: Table, key: str, now: datetime, until: datetime) -> None:
    """Note that a message has come in. One whose time is over counts no more, though the table may still have it."""
    item = Key(joined("received", key), "received")
    with conflict_of("message", key):
        found = table.get(item)
        if found is not None and found["until"] > micros(now):
            raise Moved
        kept = item._asdict() | {"kind": "received", "until": micros(until), ENDS: micros(until) // SECOND + 1}
        table.put(kept, found)


def older(table: Table, tenant: str, before: datetime) -> tuple[Tables, dict[Key, Item]]:
    """Read the deliveries that were made before a moment, and the requests that they are about."""
    items: dict[Key, Item] = {}
    places = table.query(joined(tenant, "delivery"), index="age", high=number(micros(before)))
    for some in batched(places, AT_ONCE):
        items |= table.get_all(map(keys.key_of, some))
    tables = filled(items.values())
    about = dict.fromkeys(keys.row(tenant, one.stream) for one in tables.deliveries.values())
    return filled(table.get_all(about).values(), tables), items


def forget(table: Table, items: dict[Key, Item], gone: Collection[tuple[str, str]]) -> int:
    """Forget deliveries, but those that somebody has written since they were read; return how many."""
    number_ = 0
    for tenant, key in gone:
        with suppress(Moved):
            table.delete(_key(tenant, key), items[_key(tenant, key)])
            number_ += 1
    return number_
