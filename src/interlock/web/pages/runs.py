"""Runs: the list, and the page of each with its timeline and its buttons."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Query
from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.canonical import Json, canonical_bytes
from interlock.domain.request import Request
from interlock.domain.run import Run, RunStatus
from interlock.errors import Closed, InvalidAgent
from interlock.service.pages import Page
from interlock.service.run_permissions import run_permitted
from interlock.service.run_views import RunView
from interlock.web.callers import Caller
from interlock.web.context import context_of
from interlock.web.pages.fields import fields_of
from interlock.web.pages.rendering import page
from interlock.web.pages.routing import Reader, SignedInPerson, pages
from interlock.web.pages.timeline import timeline_of, told_about
from interlock.web.pages.values import LARGEST, Node, node_of
from interlock.web.run_requests import other_turns
from interlock.web.visible import run_seen, runs_about, runs_seen

router = pages()

ROWS = 50
LONGEST_VALUE = 50_000
"""The largest input or output of a run that its page shows, in bytes; a larger one is a link to JSON."""

MOST_TURNS = 20
"""The most turns of a run's conversation that its page shows."""

STATUS_WORDS = {
    RunStatus.queued: "Starts soon",
    RunStatus.running: "At work",
    RunStatus.paused: "Waits for people",
    RunStatus.needs_attention: "Needs attention",
    RunStatus.done: "Done",
    RunStatus.failed: "Failed",
    RunStatus.cancelled: "Cancelled",
}
Change = Literal["cancel", "retry", "accept-version"]


@router.get("/runs")
async def list_runs(  # noqa: PLR0913, PLR0917 - the filters of a list
    call: Call,
    caller: Reader,
    status: str = "",
    agent: str = "",
    by: str = "",
    thread: str = "",
    reference: str = "",
    after: str | None = None,
) -> Response:
    """List runs, newest first."""
    given = {"status": status, "agent": agent, "by": by, "thread": thread, "reference": reference}
    given = {name: text.strip() for name, text in given.items() if text.strip()}
    found = await _found(caller, given, after)
    address = f"/runs?{urlencode(given | {'after': found.next})}" if found.next else None
    return await page(call, "runs.html", caller, rows=found.rows, next=address, given=given, status_words=STATUS_WORDS)


async def _found(caller: Caller, given: dict[str, str], after: str | None) -> Page[Run]:
    statuses = tuple(one for one in RunStatus if one == given.get("status"))
    if "status" in given and not statuses:
        return Page((), None)
    of = {"agent": given.get("agent"), "initiator": given.get("by"), "thread": given.get("thread")}
    if "reference" in given:
        return await runs_about(caller, given["reference"], statuses, after=after, limit=ROWS, **of)
    return await runs_seen(caller, statuses, after=after, limit=ROWS, **of)


@router.get("/runs/{run_id}")
async def show(call: Call, caller: Reader, run_id: str, every: Annotated[str, Query(alias="all")] = "") -> Response:
    """Show a run: its status, its timeline, its requests."""
    return await shown(call, caller, run_id, everything=bool(every))


async def shown(  # noqa: PLR0913 - what a reader is told
    call: Call,
    caller: Caller,
    run_id: str,
    *,
    everything: bool = False,
    notice: str | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    """Return the page of a run.

    Args:
        everything: whether entries that change nothing are shown, too.
        notice: a message at the top of the page.
    """
    view = await run_seen(caller, run_id)
    awaited = _awaited(view)
    requests = {request.id: request for request in view.requests}
    directory = await caller.client.system.directories.directory(caller.principal.tenant)
    told, entries = await told_about(caller, context_of(call), run=run_id), await caller.client.timeline(run_id)
    return await page(
        call,
        "run.html",
        caller,
        status=status,
        view=view,
        at=await caller.client.now(),
        run=view.run,
        awaited=awaited,
        asked=[request for request in view.requests if request not in awaited],
        may=run_permitted(view.run, caller.principal, directory),
        timeline=timeline_of(entries, requests, told, everything=everything),
        everything=everything,
        given=_whole(view.run.input),
        came=_whole(view.run.output),
        others=await other_turns(caller, view.run, MOST_TURNS),
        notice=notice,
    )


def _whole(value: Json) -> Node | None:
    """Return a whole value for the page; None if it is too large."""
    return node_of(value) if len(canonical_bytes(value, max_bytes=LARGEST)) <= LONGEST_VALUE else None


def _awaited(view: RunView) -> list[Request]:
    """Return the open requests for which a run waits, in the order in which they were asked."""
    known = {request.id: request for request in view.requests if request.is_open}
    return [known[pending.request_id] for pending in view.run.pause if pending.request_id in known]


@router.post("/runs/{run_id}/{change}")
async def change(call: Call, caller: SignedInPerson, run_id: str, change: Change) -> Response:
    """Cancel a run, retry it, or accept its agent's new version; if it is too late, show how the run stands."""
    form = await fields_of(call)
    await run_seen(caller, run_id)
    on = caller.client.keyed(form["key"] or None)
    try:
        match change:
            case "cancel":
                await on.cancel(run_id, reason=form["reason"].strip())
            case "retry":
                await on.retry(run_id)
            case "accept-version":
                await on.accept_version(run_id)
    except (Closed, InvalidAgent) as refused:
        said = f"Nothing was changed: {refused.message}"
        return await shown(call, caller, run_id, notice=said, status=HTTPStatus.CONFLICT)
    return RedirectResponse(f"/runs/{run_id}", HTTPStatus.SEE_OTHER)
