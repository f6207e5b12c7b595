"""Handles the forms of a request's page: votes, comments and the rest. Each leads back to the page."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.access import Permission
from interlock.domain.action import Question, Verdict
from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.domain.voting import says_something
from interlock.errors import (
    BadInput,
    Closed,
    Conflict,
    Forbidden,
    InterlockError,
    NotEditable,
    NotFound,
    NotOffered,
    NoVote,
    ReasonMissing,
    TooLate,
    WrongDigest,
)
from interlock.service.arguments import json_given
from interlock.service.casting import SubmittedVote, cast
from interlock.service.client import Client
from interlock.service.error_table import meaning_of
from interlock.web.callers import Caller
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.request_parts import Refusal, confirmed_because
from interlock.web.pages.requests import shown
from interlock.web.pages.routing import SignedInPerson, counted, pages, signed_in
from interlock.web.visible import must_see, visible_inbox

router = pages()

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_NUMBER = re.compile(r"[0-9]{1,3}")

Clarifier = Annotated[Caller, Depends(signed_in(Permission.clarify))]
Withdrawer = Annotated[Caller, Depends(signed_in(Permission.withdraw))]

LATE = (Closed, TooLate, WrongDigest, NoVote, Conflict)
"""Somebody else, or the clock, was faster: the page shows how the request stands now."""

WRONG = (BadInput, ReasonMissing, NotOffered, NotEditable, Forbidden)
"""The input is refused: the same page says why, with what was typed."""


@router.post("/requests/{request_id}/decide")
async def decide(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """Cast the vote that a form of the page sends."""
    form = await fields_of(call)

    async def voted(client: Client) -> Request:
        return await cast(client, await _vote(caller, request_id, form))

    return await _done(call, caller, request_id, form, voted, "comment")


async def _vote(caller: Caller, request_id: str, form: Fields) -> SubmittedVote:
    """Return the vote of a form; refuse it if it needs a second act that is missing."""
    try:
        verdict = Verdict(form["verdict"] or ("respond" if form["option"] else ""))
    except ValueError:
        raise BadInput("Choose one of the verdicts of the page.") from None
    if verdict is Verdict.revise and not says_something(form["comment"]):
        raise ReasonMissing("Say what should be different: the agent makes its next draft by your feedback.")
    value: Json = None
    if verdict in {Verdict.approve, Verdict.respond} and await _is_seen(caller, request_id):
        view = await caller.client.unseen().request(request_id)
        if verdict is Verdict.approve and confirmed_because(caller, view) and form["understood"] != view.request.digest:
            raise BadInput("Tick the box first: this cannot be undone.", field="understood")
        value = _option(view.request, form["option"]) if verdict is Verdict.respond else None
    return SubmittedVote(request_id, verdict, form["digest"], form["comment"], value)


async def _is_seen(caller: Caller, request_id: str) -> bool:
    """Say whether the caller may see the request. If not, no view is recorded; the desk refuses the vote."""
    with suppress(NotFound):
        await must_see(caller, request_id)
        return True
    return False


def _option(request: Request, number: str) -> Json:
    subject = request.edition.subject
    options = subject.options if isinstance(subject, Question) else None
    if not options or not number.isdecimal() or int(number) >= len(options):
        raise BadInput("Choose one of the answers of the page.")
    return options[int(number)]


@router.post("/requests/{request_id}/take-back")
async def take_back(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """Take back the reader's vote of the present step."""
    return await _acted(call, caller, request_id, lambda client, _: client.take_back(request_id))


@router.post("/requests/{request_id}/comment")
async def comment(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """Say something; nothing is decided by it."""
    return await _acted(call, caller, request_id, lambda client, form: client.comment(request_id, form["text"]), "text")


@router.post("/requests/{request_id}/reserve")
async def reserve(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """Reserve the request for the reader."""
    return await _acted(call, caller, request_id, lambda client, _: client.reserve(request_id))


@router.post("/requests/{request_id}/end-reservation")
async def end_reservation(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """End the reader's reservation."""
    return await _acted(call, caller, request_id, lambda client, _: client.end_reservation(request_id))


@router.post("/requests/{request_id}/snooze")
async def snooze(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """Put the request aside, for the reader alone."""
    return await _acted(
        call, caller, request_id, lambda client, form: client.snooze(request_id, form["lasts"]), "lasts"
    )


@router.post("/requests/{request_id}/end-snooze")
async def end_snooze(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """End that the reader has put the request aside."""
    return await _acted(call, caller, request_id, lambda client, _: client.end_snooze(request_id))


@router.post("/requests/{request_id}/delegate")
async def delegate(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """Let somebody else vote for the reader."""
    return await _acted(
        call,
        caller,
        request_id,
        lambda client, form: client.delegate(request_id, to=form["to"].strip(), reason=form["reason"]),
        "to",
    )


@router.post("/requests/{request_id}/take-back-delegation")
async def take_back_delegation(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """Take back the reader's delegation on this request."""
    return await _acted(call, caller, request_id, lambda client, _: client.take_back_delegation(request_id))


@router.post("/requests/{request_id}/extend")
async def extend(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """Give the present step more time."""
    return await _acted(
        call, caller, request_id, lambda client, form: client.extend(request_id, form["by"], reason=form["why"]), "why"
    )


@router.post("/requests/{request_id}/withdraw")
async def withdraw(call: Call, caller: Withdrawer, request_id: str) -> Response:
    """Withdraw the request: nobody needs to decide it any more."""
    return await _acted(
        call, caller, request_id, lambda client, form: client.withdraw(request_id, reason=form["needless"]), "needless"
    )


@router.post("/requests/{request_id}/ask-back")
async def ask_back(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """Ask the agent, or the person who started it, a question."""
    return await _acted(
        call, caller, request_id, lambda client, form: client.ask_back(request_id, form["question"]), "question"
    )


@router.post("/requests/{request_id}/clarify")
async def clarify(call: Call, caller: Clarifier, request_id: str) -> Response:
    """Answer a question that was asked back."""

    def said(client: Client, form: Fields) -> Awaitable[Request]:
        number = int(form["number"]) if _NUMBER.fullmatch(form["number"]) else 0
        return client.clarify(request_id, number, form["said"])

    return await _acted(call, caller, request_id, said, "said")


@router.post("/requests/{request_id}/settle")
async def settle(call: Call, caller: SignedInPerson, request_id: str) -> Response:
    """Say what became of an unknown effect."""

    def settled(client: Client, form: Fields) -> Awaitable[Request]:
        result = json_given(form["result"], "the result") if form["result"].strip() else None
        return client.settle(request_id, form["became"], result=result, comment=form["note"])  # type: ignore[arg-type]

    return await _acted(call, caller, request_id, settled, "result")


async def _acted(
    call: Call,
    caller: Caller,
    request_id: str,
    does: Callable[[Client, Fields], Awaitable[Request]],
    field: str = "",
) -> Response:
    """Carry out a form for a request that the reader may see."""
    await must_see(caller, request_id)
    form = await fields_of(call)
    return await _done(call, caller, request_id, form, lambda client: does(client, form), field)


async def _done(  # noqa: PLR0913, PLR0917 - who, what, and where it may be wrong
    call: Call,
    caller: Caller,
    request_id: str,
    form: Fields,
    does: Callable[[Client], Awaitable[Request]],
    field: str,
) -> Response:
    """Carry it out and lead back to the page; or show the page again with the reason and what was typed.

    Args:
        field: the form's field at which a refusal is shown.
    """
    typed = {name: form[name] for name in form}
    try:
        await does(caller.client.keyed(form["key"] or None))
    except LATE as late:
        return await shown(call, caller, request_id, Refusal(request_id, _late(late), typed))
    except WRONG as wrong:
        status = HTTPStatus(meaning_of(type(wrong)).status)
        at = "" if isinstance(wrong, Forbidden | NotOffered) else str(wrong.details.get("field", field))
        return await shown(call, caller, request_id, Refusal(request_id, wrong.message, typed, at, status))
    to = counted(await _leads_to(caller, request_id, form), form["key"])
    return RedirectResponse(to, HTTPStatus.SEE_OTHER)


def _late(error: InterlockError) -> str:
    return f"What you sent did not count. {error.message} You see how it stands now."


async def _leads_to(caller: Caller, request_id: str, form: Fields) -> str:
    """Return the address to go on to: the same request, or the next one."""
    if form["then"] != "next":
        on = form["on"] if _ID.fullmatch(form["on"]) else request_id
        return f"/requests/{on}" if on == request_id else f"/requests/{on}?of={request_id}#{request_id}"
    mine = await (await visible_inbox(caller)).inbox("mine", limit=2)
    left = [row.request.id for row in mine.rows if row.request.id != request_id]
    return f"/requests/{left[0]}?then=next&of={request_id}" if left else f"/?of={request_id}"
