"""The page of a request: what will happen, why the reader is asked, how it stands; with the others of its pause."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from http import HTTPStatus

from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.errors import NotFound
from interlock.service.pause_requests import requests_of_pause
from interlock.web.callers import Caller
from interlock.web.context import context_of
from interlock.web.last_approved import last_approved_seen
from interlock.web.pages.just_done import just_done
from interlock.web.pages.rendering import page
from interlock.web.pages.request_details import request_details
from interlock.web.pages.request_parts import Refusal, part_of_page
from interlock.web.pages.routing import Reader, pages
from interlock.web.pages.timeline import timeline_of, told_about
from interlock.web.pages.values import Room, node_of
from interlock.web.run_requests import other_turns, run_behind
from interlock.web.same_requests import same_seen
from interlock.web.visible import must_see, visibility_of

router = pages()

MOST_TOGETHER = 12
"""The most requests of one pause on a page; the others are links."""


@router.get("/requests/{request_id}")
async def show(call: Call, caller: Reader, request_id: str) -> Response:
    """Show a request, with all requests of the same pause."""
    return await shown(call, caller, request_id)


async def shown(call: Call, caller: Caller, request_id: str, refusal: Refusal | None = None) -> Response:
    """Return the page of a request."""
    await must_see(caller, request_id)
    view, asked_for = await caller.client.request(request_id), call.query_params
    behind = await run_behind(caller, view.request)
    run = behind if behind is not None and (await visibility_of(caller)).sees_run(behind.run) else None
    together = requests_of_pause(view.request, behind)
    place_of = {one: number for number, one in enumerate(together, start=1)}
    others = [one for one in together if one != request_id and await _sees(caller, one)]
    views = [view, *[await caller.client.request(one) for one in others[: MOST_TOGETHER - 1]]]
    known = partial(part_of_page, caller, run=run, behind=behind, refusal=refusal, room=Room())  # one for all
    about = {one.request.id: await told_about(caller, context_of(call), request=one.request.id) for one in views}
    parts = [await known(one, place=place_of.get(one.request.id, 1), told=about[one.request.id]) for one in views]
    still_open = {one.id for one in behind.requests if one.is_open} if behind is not None else set()
    return await page(
        call,
        "request.html",
        caller,
        status=HTTPStatus.OK if refusal is None else refusal.status,
        address=f"/requests/{request_id}",
        parts=parts,
        run=run,
        last_approved={one.request.id: await last_approved_seen(caller, one.request) for one in views},
        opened={one.request.id: await request_details(caller, one, run) for one in views},
        turns=[] if run is None else await other_turns(caller, run.run),
        same={one.request.id: await same_seen(caller, one.request) for one in views},
        timeline=None if run is None else timeline_of(await caller.client.timeline(run.run.id), {}, {}),
        together=together,
        decided=sum(one not in still_open for one in together),
        streams=[*(one.request.id for one in parts), *([view.request.run_id] if view.request.run_id else [])],
        elsewhere=others[MOST_TOGETHER - 1 :],
        unseen=len(together) - 1 - len(others),
        refusal=refusal,
        given=None if run is None else node_of(run.run.input),
        following=asked_for.get("then") == "next",
        just_done=None if refusal else await just_done(caller, request_id, asked_for),
    )


async def _sees(caller: Caller, request_id: str) -> bool:
    with suppress(NotFound):
        await must_see(caller, request_id)
        return True
    return False
