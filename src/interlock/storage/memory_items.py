"""What agents keep, in memory. See `interlock.engine.items`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice

from interlock.engine.items import Item, ItemOp, Namespace, PutItem
from interlock.storage.rows import encodable

__all__ = ["MemoryShelf", "check_puts"]


def check_puts(operations: Iterable[ItemOp]) -> None:
    """Refuse what not every database can store as a key, with a ValueError that names it."""
    for one in operations:
        if isinstance(one, PutItem) and one.value is not None and not encodable(*one.namespace, one.key):
            raise ValueError(
                f"The store cannot keep {one.key!r} in {one.namespace!r}: NUL and lone surrogates are no text."
            )


class MemoryShelf:
    """One tenant's items in memory: by namespace the items by key, in the order of their making."""

    def __init__(self, namespaces: dict[Namespace, dict[str, Item]], now: datetime) -> None:
        self._namespaces = namespaces
        self._now = now

    def get(self, namespace: Namespace, key: str) -> Item | None:
        """Return an item, or None."""
        return self._namespaces.get(namespace, {}).get(key)

    def under(self, prefix: Namespace, page: tuple[int, int] | None) -> Iterator[Item]:
        """Return the items under a prefix."""
        found = (
            item
            for namespace, items in self._namespaces.items()
            if namespace[: len(prefix)] == prefix
            for item in items.values()
        )
        return found if page is None else islice(found, page[0], sum(page))

    def namespaces(self) -> Iterable[Namespace]:
        """Return every namespace that holds something."""
        return list(self._namespaces)

    def put(self, namespace: Namespace, key: str, value: bytes) -> None:
        """Keep a value."""
        items = self._namespaces.setdefault(namespace, {})
        before = items.get(key)
        made = Item(namespace, key, value, self._now, self._now)
        items[key] = made if before is None else replace(before, value=value, updated_at=self._now)

    def delete(self, namespace: Namespace, key: str) -> None:
        """Take an item away."""
        items = self._namespaces.get(namespace, {})
        items.pop(key, None)
        if not items:
            self._namespaces.pop(namespace, None)
