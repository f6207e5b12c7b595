"""Requests and runs as a store lists them, read page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from operator import attrgetter, itemgetter

from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.engine.ports.store import RequestFilter, RunFilter, SortKey, Store
from interlock.service.decoded import if_readable, request_of
from interlock.service.pages import PAGE, Listing, Page, page, text_key, walk


async def walk_requests(  # noqa: PLR0913 - what is read, and how much of it
    store: Store,
    tenant: str,
    wanted: RequestFilter,
    after: SortKey | None = None,
    limit: int | None = None,
    *,
    at_once: int = PAGE,
) -> AsyncGenerator[tuple[SortKey, Request], None]:
    """Read requests, each once with its key, though they move in the list meanwhile: more time is a later due time.

    What cannot be read is left out: see `if_readable`.
    """

    async def read(after: SortKey | None, limit: int) -> Sequence[tuple[SortKey, bytes]]:
        return await store.request_rows(tenant, wanted, after=after, limit=limit)

    rows = walk(read, itemgetter(0), after=after, limit=limit, at_once=at_once, id_of=lambda row: row[0].id)
    async with aclosing(rows):
        async for key, body in rows:
            request = if_readable(request_of, body)
            if request is not None:
                yield key, request


async def list_runs(
    store: Store, tenant: str, wanted: RunFilter, *, after: str | None = None, limit: int = 50
) -> Page[Run]:
    """Return a page of runs, newest first."""
    filters = sorted(wanted.statuses), wanted.agent, wanted.initiator, wanted.thread

    async def read(after: str | None, limit: int) -> AsyncGenerator[tuple[str, Run], None]:
        async for run in walk_runs(store, tenant, wanted, after, limit):
            yield run.id, run

    return await page(Listing("runs", text_key, (tenant, *filters)), read, after=after, limit=limit)


def walk_runs(
    store: Store, tenant: str, wanted: RunFilter, after: str | None = None, limit: int | None = None
) -> AsyncGenerator[Run, None]:
    """Read runs, newest first, at most so many."""
    return walk(
        lambda at, most: store.runs(tenant, wanted, after=at, limit=most), attrgetter("id"), after=after, limit=limit
    )
