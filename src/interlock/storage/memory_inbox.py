"""Pages of requests of the store in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter

from interlock.engine.ports.store import Inbox, SortKey
from interlock.storage.memory_tables import Tables
from interlock.storage.rows import ASKS_UNKNOWN, OPEN, RequestRow, asks_text, encodable

__all__ = ["page_of"]


def page_of(
    tables: Tables, tenant: str, wanted: Inbox, after: SortKey | None, limit: int
) -> list[tuple[SortKey, RequestRow]]:
    """Return a page of a tenant's requests, each with its key, beginning behind a key."""
    by_due = wanted.statuses == OPEN and wanted.people is None
    acts = _acts(tables, tenant, wanted.people)
    rows = [row for row in tables.requests.values() if row.tenant == tenant and _is_wanted(row, wanted)]
    rows = rows if wanted.people is None else [row for row in rows if row.id in acts]

    found = [(SortKey(acts.get(row.id, row.due_at if by_due else row.opened_at), row.id), row) for row in rows]
    if after is not None and not encodable(after.id):
        return []
    if after is not None:
        found = [(key, row) for key, row in found if key != after and (key > after) is by_due]
    found.sort(key=itemgetter(0), reverse=not by_due)
    return found[:limit]


def _is_wanted(row: RequestRow, wanted: Inbox) -> bool:
    return (
        (not wanted.statuses or row.status in wanted.statuses)
        and wanted.agent in {None, row.agent}
        and wanted.run_id in {None, row.run_id}
        and (wanted.asks is None or _asks_one_of(row, wanted.asks))
    )


def _asks_one_of(row: RequestRow, entries: Iterable[str]) -> bool:
    asks = row.asks or ""
    return asks == ASKS_UNKNOWN or any(asks_text(entry) in asks for entry in entries)


def _acts(tables: Tables, tenant: str, people: Sequence[str] | None) -> dict[str, int]:
    """Return when these people have acted last, by request."""
    found = ((key, given) for (owner, key), given in tables.participants.items() if owner == tenant)
    last = ((key, [at for person, at in given.items() if person in (people or ())]) for key, given in found)
    return {key: max(times) for key, times in last if times}
