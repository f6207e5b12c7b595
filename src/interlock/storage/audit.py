"""Whether rows are filed under what they hold: their columns are what they are found by, and no log speaks of those."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Select, Table, bindparam, select

from interlock.domain.request import Status
from interlock.engine.changes import RunChange
from interlock.engine.codec import decode_request, decode_run
from interlock.errors import InterlockError
from interlock.storage.compiled import Connection
from interlock.storage.rows import RequestRow, RunRow, request_row, run_row
from interlock.storage.schema import requests, runs

__all__ = ["is_filed", "misfiled"]

PAGE = 500

_TENANT: BindParameter[str] = bindparam("tenant")
_AFTER: BindParameter[str] = bindparam("after")


def _page(table: Table, columns: tuple[str, ...]) -> Select[Any]:
    after = (table.c.tenant == _TENANT) & (table.c.id > _AFTER)
    return select(*(table.c[name] for name in columns)).where(after).order_by(table.c.id).limit(PAGE)


_PAGES: dict[type[RequestRow | RunRow], Select[Any]] = {
    RequestRow: _page(requests, RequestRow._fields),
    RunRow: _page(runs, RunRow._fields),
}


def misfiled(
    on: Connection, *, tenant: str, kind: type[RequestRow | RunRow], after: str
) -> tuple[list[str], str | None]:
    """Return the ids of the misfiled rows of a page, and after which id the next page begins, if one does."""
    rows = [kind(*row) for row in on.rows(_PAGES[kind], {"tenant": tenant, "after": after})]
    return [row.id for row in rows if not is_filed(row)], rows[-1].id if len(rows) == PAGE else None


def is_filed(row: RequestRow | RunRow) -> bool:
    """Say whether a row's columns are those that its body makes; of a lease the body knows nothing."""
    try:
        if isinstance(row, RunRow):
            run = run_row(RunChange(0, (), decode_run(row.body)))
            return row == run._replace(body=row.body, lease_owner=row.lease_owner, lease_until=row.lease_until)
        request = decode_request(row.body)
        made = request_row(request)._replace(body=row.body)
        return row == (made if request.status is Status.open else made._replace(due_at=row.due_at))
    except InterlockError:
        return False
