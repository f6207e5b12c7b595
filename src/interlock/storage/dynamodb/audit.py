"""What the whole table holds, read once: for an audit alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from interlock.engine.ports.store import Audit
from interlock.storage.dynamodb import keys
from interlock.storage.dynamodb.items import filled, item_of_request, item_of_run
from interlock.storage.dynamodb.keys import Item
from interlock.storage.dynamodb.table import Table
from interlock.storage.memory_tables import Tables
from interlock.storage.rows import EntryRow

_MAKERS: Mapping[str, tuple[str, Any]] = {"request": ("requests", item_of_request), "run": ("runs", item_of_run)}


def everything(table: Table) -> tuple[Tables, list[tuple[str, str]], int]:
    """Return the rows of every tenant, those that an index finds by something else, and how many entries are lost."""
    tables, misplaced = Tables(), []
    recorded: list[tuple[keys.Key, int]] = []
    there: dict[keys.Key, int] = {}
    commits: dict[str, list[int]] = {}
    heads: dict[str, int] = {}
    for item in table.scan():
        filled([item], tables)
        match item.get("kind"):
            case "request" | "run":
                if not _is_placed(tables, item):
                    misplaced.append((item["tenant"], item["id"]))
            case "state":
                tables.states[item["tenant"], item["id"], item[keys.SK]] = b""
            case "head":
                heads[item["tenant"]] = item["number"]
            case "commit":
                recorded += [(keys.block(item["tenant"], stream, last), number) for stream, last, number in item["of"]]
                commits.setdefault(item["tenant"], []).append(item["number"])
            case "log":
                there[keys.key_of(item)] = len(item["entries"].split(b"\n"))
                tables.log.append(EntryRow(item["tenant"], item["stream"], item["last"], b"", ""))
    lost = sum(max(0, number - there.get(key, 0)) for key, number in recorded)
    return tables, misplaced, lost + _gaps(heads, commits)


def with_places(found: Audit, misplaced: Iterable[tuple[str, str]], lost: int) -> Audit:
    """Return what an audit finds, and what this one alone knows."""
    misfiled = [*found.misfiled, *(key for key in misplaced if key not in found.misfiled)]
    return replace(found, misfiled=misfiled, lost=lost)


def _gaps(heads: Mapping[str, int], commits: Mapping[str, Sequence[int]]) -> int:
    """Return how many commits have no record: their entries are counted as one each."""
    numbers = {tenant: [*commits.get(tenant, ()), heads.get(tenant, 0)] for tenant in {*heads, *commits}}
    return sum(max(one) - len(commits.get(tenant, ())) for tenant, one in numbers.items())


def _is_placed(tables: Tables, item: Item) -> bool:
    """Say whether the indexes find an item by what it holds."""
    name, maker = _MAKERS[item["kind"]]
    row = getattr(tables, name)[item["tenant"], item["id"]]
    try:
        made = {name: value for name, value in maker(row).items() if value is not None}
    except (TypeError, ValueError, AttributeError):
        return False
    places = {name for name in {*made, *item} if name.endswith((f"_{keys.PK}", f"_{keys.SK}"))}
    return all(made.get(name) == item.get(name) for name in {*places, keys.PK, keys.SK})
