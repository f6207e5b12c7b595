"""The page of a request: what will happen, why somebody is asked, and where they decide."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.action import Verdict
from interlock.errors import BadInput, Closed, InterlockError, TooLate, WrongDigest
from interlock.service.batch import SubmittedVote, cast
from interlock.service.inline import as_json
from interlock.web.callers import Caller
from interlock.web.pages.fields import fields_of
from interlock.web.pages.rendering import page
from interlock.web.pages.routing import Person, Reader, pages
from interlock.web.visible import must_see

router = pages()


@router.get("/requests/{request_id}")
async def show(call: Call, caller: Reader, request_id: str) -> Response:
    """Show a request."""
    return await shown(call, caller, request_id)


async def shown(
    call: Call, caller: Caller, request_id: str, *, notice: str | None = None, status: HTTPStatus = HTTPStatus.OK
) -> Response:
    """Return the page of a request as it stands now.

    Args:
        notice: what the reader is told first.
    """
    await must_see(caller, request_id)
    view = await caller.client.request(request_id)
    request = view.request
    return await page(
        call,
        "request.html",
        caller,
        status=status,
        view=view,
        request=request,
        canonical=as_json(request.edition.subject.content()),
        notice=notice,
    )


@router.post("/requests/{request_id}/decide")
async def decide(call: Call, caller: Person, request_id: str) -> Response:
    """Cast the vote that the form of a request's page sends; whoever comes too late sees how it stands."""
    form = await fields_of(call)
    try:
        verdict = Verdict(form["verdict"])
    except ValueError:
        raise BadInput("Choose one of the verdicts of the page.") from None
    vote = SubmittedVote(request_id, verdict, form["digest"], form["comment"], key=form["key"] or None)
    try:
        await cast(caller.client, vote)
    except (Closed, TooLate, WrongDigest) as late:
        return await shown(call, caller, request_id, notice=_said(late), status=HTTPStatus.CONFLICT)
    return RedirectResponse(f"/requests/{request_id}", HTTPStatus.SEE_OTHER)


def _said(error: InterlockError) -> str:
    return f"Your decision did not count: {error.message}"
