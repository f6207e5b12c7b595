"""The inbox: what waits for the reader, what they have put aside, what waits for others, what they have decided."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any, get_args

from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.directory import KnownToken
from interlock.engine.ports.store import RequestFilter
from interlock.errors import InterlockError, InvalidValue
from interlock.service.inbox import EVERYTHING, Listed, Which
from interlock.service.pages import MOST_COUNTED, Count, Page
from interlock.service.search import is_found, words_of
from interlock.service.views import SHORTEST_PREFIX
from interlock.web.callers import Caller
from interlock.web.context import context_of
from interlock.web.pages.inbox_rows import folded, kept_in_place, rows_of
from interlock.web.pages.inbox_view import APPLY, KINDS, LISTS, STATUSES, View, view_of
from interlock.web.pages.just_done import just_done
from interlock.web.pages.rendering import MOST_WAITING, page, region, waiting_for
from interlock.web.pages.routing import Decider, pages
from interlock.web.pages.shown_rows import shown_row
from interlock.web.visible import MOST_PAGES, VisibleInbox, must_see, requests_seen, visible_inbox

router = pages()

ON_A_PAGE = 50
LOOP_YIELDS = 8
"""Event-loop turns yielded before a page is refreshed: hundreds refresh at once, and votes must not wait behind
them."""

_AGENT = "agent:"
EMPTY = {
    "mine": ("Nothing waits for you.", "What needs your decision appears here by itself."),
    "snoozed": ("You have put nothing aside.", "On a request's page, choose until when you do not want to see it."),
    "others": ("Nothing waits for others.", "What you have voted on, and others are asked as well, appears here."),
    "decided": ("You have decided nothing yet.", "What you approve, reject or answer is kept here."),
    "all": ("There is no request.", "What agents ask appears here."),
}


@router.get("/")
async def inbox(call: Call, caller: Decider) -> Response:
    """Show one list of the inbox."""
    view = view_of(call.query_params)
    if (found := await _named(caller, view)) is not None:
        return RedirectResponse(f"/requests/{found}", HTTPStatus.SEE_OTHER)
    if not view.shown:
        return await _listed(call, caller, view)
    async with context_of(call).refreshing:
        for _ in range(LOOP_YIELDS):
            await asyncio.sleep(0)
        return await _listed(call, caller, view)


async def _listed(call: Call, caller: Caller, view: View) -> Response:
    lists, now = await visible_inbox(caller), await caller.client.now()
    part, counts = await _page(caller, lists, view)
    there = {row.request.id for row in part.rows}
    elsewhere = [one for one in view.shown if one not in there]
    seen = {row.request.id: row for row in await lists.named(elsewhere)} if elsewhere else {}
    rows, new = kept_in_place(part.rows, seen, shown=view.shown, since=view.since)
    waits = counts["mine"].to(MOST_WAITING) if view.filters_of("mine") == EVERYTHING else await waiting_for(caller)
    values: dict[str, Any] = {
        "view": view,
        "since": (view.since if view.shown and view.since else now).isoformat(),
        "lists": LISTS,
        "counts": counts,
        "folds": folded(rows_of(view.which, rows, now)),
        "shown_row": shown_row,
        "new": new,
        "next": part.next,
        "empty": EMPTY[view.which],
        "waiting": waits,
    }
    if view.shown and "hx-request" in call.headers:
        return region(caller, "inbox_again.html", **values)
    choices = _choices(await _agents(caller, lists, rows), lists, view)
    did = await just_done(caller, "", call.query_params) if "of" in call.query_params else None
    return await page(call, "inbox.html", caller, **values, choices=choices, just_done=did)


async def _page(caller: Caller, lists: VisibleInbox, view: View) -> tuple[Page[Listed], dict[Which, Count]]:
    """Return a page of the list that is shown, and how many rows each list has under the filters of its tab.

    Lists with the same filters are counted together; the first page of a list is read during the count.
    """
    part, counts = None, dict[Which, Count]()
    for only in {view.filters_of(which): None for which in get_args(Which)}:
        alike: list[Which] = [which for which in get_args(Which) if view.filters_of(which) == only]
        is_read = view.only.text is None  # a search for words reads each request whole
        most = {which: MOST_COUNTED if which == view.which and is_read else MOST_WAITING for which in alike}
        if view.which in alike and view.after is None:
            part, found = await lists.filtered(only).page_and_counts(view.which, most, limit=ON_A_PAGE)
        else:
            found = await lists.filtered(only).counts(most)
        counts |= found
    return part or await _read(caller, lists, view), counts


async def _named(caller: Caller, view: View) -> str | None:
    """Return the id of the request, if somebody searches for an id."""
    given = view.only.text or view.only.reference or ""
    if not given.startswith("req_") or len(given) < SHORTEST_PREFIX:
        return None
    with suppress(InterlockError):
        found = await caller.client.resolve("request", given)
        await must_see(caller, found)
        return found
    return None


async def _read(caller: Caller, lists: VisibleInbox, view: View) -> Page[Listed]:
    """Return a page of a list; the first one, if the cursor belongs to another list."""
    try:
        return await _part(caller, lists, view, view.after)
    except InvalidValue:
        return await _part(caller, lists, view, None)


async def _part(caller: Caller, lists: VisibleInbox, view: View, after: str | None) -> Page[Listed]:
    if view.which != "all":
        return await lists.inbox(view.which, only=view.only, after=after, limit=ON_A_PAGE)
    only = view.only
    statuses = () if only.status is None else (only.status,)
    wanted = RequestFilter(statuses, only.agent, reference_prefix=only.reference)
    words, rows = words_of(only.text or ""), list[Listed]()
    for _ in range(MOST_PAGES):
        found = await requests_seen(caller, wanted, after=after, limit=ON_A_PAGE)
        rows += (Listed(request) for request in found.rows if is_found(request, words))
        after = found.next
        if after is None or len(rows) >= ON_A_PAGE or not words:
            break
    return Page(tuple(rows), after)


async def _agents(caller: Caller, lists: VisibleInbox, rows: Sequence[Listed]) -> set[str]:
    """Return the agents to choose from: those of the rows, the named ones, and those with a token."""
    found = {*caller.client.system.agents.names, *(row.request.agent for row in rows)}
    if lists.visibility.sees_all:
        kept = await caller.client.system.directories.kept(caller.principal.tenant)
        found.update(one.principal.removeprefix(_AGENT) for one in kept.tokens.values() if _asks(one))
    return found


def _asks(token: KnownToken) -> bool:
    return token.principal.startswith(_AGENT) and not token.revoked


def _choices(asking: set[str], lists: VisibleInbox, view: View) -> dict[str, dict[str, str]]:
    """Return the choices of a list's filters: each value with its label."""
    only = view.only
    agents = {*asking, *filter(None, [only.agent])}
    groups = {*lists.visibility.directory.groups, *filter(None, [only.group])}
    offered = {
        "agent": {name: name for name in sorted(agents)},
        "kind": {str(kind): words for kind, words in KINDS.items()},
        "group": {name: name for name in sorted(groups)},
        "status": {str(status): words for status, words in STATUSES.items()},
    }
    return {name: values for name, values in offered.items() if name in APPLY[view.which] and values}
