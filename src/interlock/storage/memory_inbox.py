"""Pages of requests of the store in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from interlock.engine.ports.store import Inbox
from interlock.storage.memory_tables import Tables
from interlock.storage.rows import ASKS_UNKNOWN, OPEN, RequestRow, asks_text

__all__ = ["page_of"]


def page_of(tables: Tables, tenant: str, wanted: Inbox, after: str | None, limit: int) -> list[RequestRow]:
    """Return a page of a tenant's requests, beginning after the request with the id `after`."""
    by_due = wanted.statuses == OPEN and wanted.people is None
    acts = _acts(tables, tenant, wanted.people)
    rows = [row for row in tables.requests.values() if row.tenant == tenant and _is_wanted(row, wanted)]
    rows = rows if wanted.people is None else [row for row in rows if row.id in acts]

    def place(row: RequestRow) -> tuple[int, str]:
        return acts.get(row.id, row.due_at if by_due else row.opened_at), row.id

    if after is not None:
        last = tables.requests.get((tenant, after))
        last = None if wanted.people is not None and after not in acts else last
        rows = [row for row in rows if last and row != last and (place(row) > place(last)) is by_due]
    rows.sort(key=place, reverse=not by_due)
    return rows[:limit]


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
