"""LangGraph's `BaseStore` on our database: what agents keep from run to run, for each tenant.

What is put is kept at once, outside of the run's own transaction: a node that runs again after a pause puts it again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from langgraph.store.base import BaseStore, GetOp, ListNamespacesOp, Op, PutOp, Result, SearchItem, SearchOp
from langgraph.store.base import Item as LangGraphItem

from interlock.engine.items import Found, GetItem, Item, ItemOp, ListNamespaces, PutItem, SearchItems
from interlock.engine.ports.store import Items

MAX_VALUE = 1_000_000
"""Largest value of an item, in bytes of JSON."""

T = TypeVar("T")


class AgentStore(BaseStore):
    """What the agents of a tenant keep.

    There is no index, so a query orders nothing and `index` is ignored, and nothing expires: as with LangGraph's
    `InMemoryStore` without an index.
    """

    supports_ttl = False
    __slots__ = ("_items", "_tenant")

    def __init__(self, items: Items, tenant: str) -> None:
        self._items = items
        self._tenant = tenant

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry operations out, from a plain function; a coroutine had better await `abatch`, and its kin."""
        return _waited(self.abatch(ops))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry operations out.

        Raises:
            TypeError: if a value is no JSON object.
            ValueError: if a value is too large, a key cannot be stored, or a filter cannot be judged.
        """
        asked = list(ops)
        found = await self._items.items(self._tenant, [_operation(op) for op in asked])
        return [_result(op, one) for op, one in zip(asked, found, strict=True)]


def _operation(op: Op) -> ItemOp:
    match op:
        case GetOp():
            return GetItem(tuple(op.namespace), op.key)
        case SearchOp():
            return SearchItems(tuple(op.namespace_prefix), op.filter, op.limit, op.offset)
        case ListNamespacesOp():
            conditions = [(one.match_type, one.path) for one in op.match_conditions or ()]
            return ListNamespaces(conditions, op.max_depth, op.limit, op.offset)
        case PutOp():
            return PutItem(tuple(op.namespace), op.key, None if op.value is None else _encoded(op))
    raise ValueError(f"The store knows no operation {type(op).__name__}.")


def _encoded(op: PutOp) -> bytes:
    try:
        encoded = json.dumps(dict(op.value or {}), allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"The store keeps JSON objects, and the value of {op.key!r} is none: {error}.") from error
    if len(encoded) > MAX_VALUE:
        raise ValueError(
            f"The value of {op.key!r} is {len(encoded):,} bytes of JSON, more than the store's limit of {MAX_VALUE:,}: "
            "keep large things elsewhere, and their address here."
        )
    return encoded


def _result(op: Op, found: Found) -> Result:
    if isinstance(found, Item):
        return LangGraphItem(**_parts(found))
    if isinstance(op, SearchOp) and isinstance(found, list):
        return [SearchItem(**_parts(item)) for item in found if isinstance(item, Item)]
    return found  # type: ignore[return-value]  # namespaces, or None


def _parts(item: Item) -> dict[str, Any]:
    return {
        "namespace": item.namespace,
        "key": item.key,
        "value": item.read(),
        "created_at": item.created_at,
        "updated_at": item.updated_at,
    }


def _waited(work: Coroutine[Any, Any, T]) -> T:
    """Wait for a coroutine in this thread, whether or not an event loop runs in it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1, thread_name_prefix="interlock-store") as thread:
        return thread.submit(asyncio.run, work).result()
