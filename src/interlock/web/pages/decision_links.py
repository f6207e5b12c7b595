"""The page of a decision link: the request and one button. Opening it changes nothing, and signs nobody in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import Depends
from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.access import Permission
from interlock.errors import Refused, Unauthenticated
from interlock.service.consequence import consequences
from interlock.web.callers import note_principal, open_to_all
from interlock.web.context import context_of
from interlock.web.pages.fields import fields_of
from interlock.web.pages.rendering import page
from interlock.web.pages.routing import pages
from interlock.web.pages.subjects import shown_part, shown_subject

router = pages(Depends(open_to_all(Permission.anybody)))

LONGEST = 4_000
NO_LINK = (
    "This link decides nothing: it is not whole, was made for another place, its time is over, or whom it was for "
    "may not see any more what it is about."
)


@router.get("/decide")
async def open_link(call: Call, token: str = "") -> Response:
    """Show the request and the verdict of a link."""
    return await _shown(call, token)


@router.post("/decide")
async def decide(call: Call) -> Response:
    """Cast the link's vote. Its token proves who votes; a session is neither needed nor begun."""
    context, form = context_of(call), await fields_of(call)
    token = form["token"][:LONGEST]
    try:
        link = await context.decision_links.opened(token)
    except Unauthenticated:
        person = await context.decision_links.tried(token, context.address_of(call))
        if person is not None:
            note_principal(call, person)
        return await _none(call)
    note_principal(call, link.grant.person)
    try:
        request = await context.decision_links.decide(token, link, context.address_of(call))
    except Refused as refused:
        return await _shown(call, token, refused)
    return RedirectResponse(f"/decide?token={token}&done={request.digest[-12:]}", HTTPStatus.SEE_OTHER)


async def _none(call: Call) -> Response:
    return await page(call, "decide.html", status=HTTPStatus.FORBIDDEN, link=None, why_not=NO_LINK)


async def _shown(call: Call, token: str, error: Refused | None = None) -> Response:
    try:
        link = await context_of(call).decision_links.opened(token[:LONGEST])
    except Unauthenticated:
        return await _none(call)
    note_principal(call, link.grant.person)
    request = link.view.request
    shown: dict[str, Any] = {
        "link": link,
        "token": token,
        "request": request,
        "why_not": link.why_not or ("" if error is None else error.message),
        "done": link.did,
        "shown": shown_subject(request),
        "context": None if request.ask.context is None else shown_part(request, "context"),
        "consequence": consequences(link.view, None),
    }
    return await page(call, "decide.html", status=HTTPStatus.OK if error is None else HTTPStatus.CONFLICT, **shown)
