"""The log: entries in words, a receipt for each, and an export as JSON lines."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Depends
from fastapi.responses import StreamingResponse
from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.domain.access import Permission
from interlock.errors import BadInput
from interlock.service.log_pages import KINDS, LogFilter, log_page, names_of, receipt, requests_of, walk_log
from interlock.service.shapes import entry_shape
from interlock.service.ways import way_words
from interlock.web.callers import Caller
from interlock.web.context import Context, context_of
from interlock.web.pages.entry_words import entry_words
from interlock.web.pages.rendering import page
from interlock.web.pages.routing import pages, signed_in
from interlock.web.pages.timeline import tone_of

router = pages()

ROWS = 50
LONGEST_BODY = 20_000
"""The most characters of an entry's bytes that a page shows; the rest can be downloaded."""

LOOK = 200
"""After so many lines of an export, the reader's permission is checked again."""

WORDS = {
    "asked": "Requests",
    "decided": "Votes and decisions",
    "effects": "What was carried out",
    "said": "What was said and seen",
    "refused": "What was refused",
    "runs": "Runs",
    "people": "People and tokens",
}

LogReader = Annotated[Caller, Depends(signed_in(Permission.log))]


def _given(stream: str = "", by: str = "", kind: str = "", since: str = "") -> dict[str, str]:
    given = {"stream": stream, "by": by, "kind": kind if kind in KINDS else "", "since": since}
    return {name: text.strip() for name, text in given.items() if text.strip()}


LogFilters = Annotated[dict[str, str], Depends(_given)]


@router.get("/log")
async def show(call: Call, caller: LogReader, given: LogFilters, at: str = "") -> Response:
    """Show a page of the log, newest entries first; or from a day on, oldest first."""
    system, tenant = caller.client.system, caller.principal.tenant
    found = await log_page(system.store, tenant, await _filter(caller, given), at=at, limit=ROWS)
    about = await requests_of(system.store, tenant, found.entries)
    rows = [(entry, entry_words(entry), tone_of(entry), about.get(entry.stream)) for entry in found.entries]
    more = None if found.next is None else f"/log?{urlencode(given | {'at': found.next})}"
    export = f"/log/export?{urlencode(given)}"
    shown: dict[str, Any] = {"rows": rows, "unreadable": found.unreadable, "given": given, "kinds": WORDS, "more": more}
    return await page(call, "log.html", caller, **shown, at=at, export=export)


async def _filter(caller: Caller, given: dict[str, str]) -> LogFilter:
    directory = await caller.client.system.directories.directory(caller.principal.tenant)
    by = names_of(directory, given["by"]) if "by" in given else frozenset()
    return LogFilter(given.get("stream"), by, given.get("kind"), _day(given.get("since")))


def _day(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is no day, such as 2026-11-30.") from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@router.get("/log/export")
async def export(call: Call, caller: LogReader, given: LogFilters) -> Response:
    """Send all matching entries, one per line, oldest first, as `interlock log --json` does."""
    entries = _lines(context_of(call), caller, await _filter(caller, given))
    headers = {"Content-Disposition": 'attachment; filename="interlock-log.jsonl"', "X-Accel-Buffering": "no"}
    return StreamingResponse(entries, media_type="application/x-ndjson", headers=headers)


async def _lines(context: Context, caller: Caller, wanted: LogFilter) -> AsyncIterator[bytes]:
    """Yield lines. An early end breaks the connection, so that nobody mistakes a part for the whole."""
    number = 0
    async for entry in walk_log(caller.client.system.store, caller.principal.tenant, wanted):
        if context.stop.is_set():
            raise ConnectionAbortedError("The server stops: this export is not whole.")
        if number % LOOK == 0:
            await context.authenticator.check_again(caller.credential)
        number += 1
        yield json.dumps(entry_shape(entry), ensure_ascii=False).encode() + b"\n"


@router.get("/log/{stream}/{number}")
async def show_receipt(call: Call, caller: LogReader, stream: str, number: int) -> Response:
    """Show one entry: its meaning, its bytes, its hash and its position."""
    found = await receipt(caller.client.system.store, caller.principal.tenant, stream, number)
    entry = found.entry
    return await page(
        call,
        "receipt.html",
        caller,
        entry=entry,
        is_intact=found.is_intact,
        words=entry_words(entry),
        way=way_words(entry.via),
        canonical=entry.body.decode()[:LONGEST_BODY],
        left_out=max(len(entry.body.decode()) - LONGEST_BODY, 0),
        place=f"{quote(stream, safe='')}/{number}",
    )


@router.get("/log/{stream}/{number}/bytes")
async def show_bytes(call: Call, caller: LogReader, stream: str, number: int) -> Response:  # noqa: ARG001
    """Send the canonical bytes of one entry, which its hash covers."""
    found = await receipt(caller.client.system.store, caller.principal.tenant, stream, number)
    headers = {"Content-Disposition": f'attachment; filename="entry-{number}.json"'}
    return Response(found.entry.body, media_type="application/json", headers=headers)
