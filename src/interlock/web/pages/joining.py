"""The pages on which people set a password by a link: invited people, people who forgot theirs, the first admin."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import Depends
from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.access import Permission
from interlock.domain.accounts import LONGEST_PASSWORD, SHORTEST_PASSWORD
from interlock.errors import InvalidValue
from interlock.web.callers import SIGNS_IN, check_same_site, open_to_all
from interlock.web.context import context_of
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.form_errors import SHOWN_AT_FORMS, FormError, form_error_of, form_page
from interlock.web.pages.routing import SignedInPerson, pages
from interlock.web.sessions import begin_with

router = pages()
OPEN = [Depends(open_to_all(Permission.anybody))]
LIMITS: dict[str, Any] = {"shortest": SHORTEST_PASSWORD, "longest": LONGEST_PASSWORD}
NAMED = {"password": ("new", "The password"), "name": ("name", "The name"), "again": ("again", "The second one")}


@router.get("/join", dependencies=OPEN)
async def join_page(call: Call) -> Response:
    """Show the form that sets a password. The page reads the code behind `#`, which is not sent to any server."""
    return await _join(call, None)


async def _join(call: Call, form_error: FormError | None) -> Response:
    return await form_page(call, "join.html", None, form_error, **LIMITS)


@router.post("/join", dependencies=[*OPEN, SIGNS_IN])
async def join(call: Call) -> Response:
    """Set a password by the code of a link, also without JavaScript."""
    try:
        context = context_of(call)
        check_same_site(call, context)
        form = await fields_of(call)
        new = new_password(form)
        signed_in = await context.own_account.set_password(form["link"].strip(), new, context.device_of(call))
    except SHOWN_AT_FORMS as error:
        return await _join(call, form_error_of(error, NAMED, "link"))
    if signed_in is None:  # a link does not replace the second factor
        return RedirectResponse("/sign-in?done=password", HTTPStatus.SEE_OTHER)
    return await begin_with(call, RedirectResponse("/", HTTPStatus.SEE_OTHER), signed_in)


@router.get("/welcome")
async def welcome_page(call: Call, caller: SignedInPerson) -> Response:
    """Ask the person who came by the first link to make an account; nobody else can sign in yet."""
    if not await context_of(call).first_account.is_missing(caller.principal):
        return RedirectResponse("/", HTTPStatus.SEE_OTHER)
    return await form_page(call, "welcome.html", caller, name="", **LIMITS)


@router.post("/welcome", dependencies=[SIGNS_IN])
async def welcome(call: Call, caller: SignedInPerson) -> Response:
    """Make the first account, and sign in with it."""
    context, form = context_of(call), await fields_of(call)
    try:
        new, device = new_password(form), context.device_of(call)
        signed_in = await context.first_account.make(form["name"], new, by=caller.principal, device=device)
    except SHOWN_AT_FORMS as error:
        form_error = form_error_of(error, NAMED, "name")
        return await form_page(call, "welcome.html", caller, form_error, name=form["name"], **LIMITS)
    return await begin_with(call, RedirectResponse("/settings/people?done=welcome", HTTPStatus.SEE_OTHER), signed_in)


def new_password(form: Fields) -> str:
    """Return the password that a form has sent twice.

    Raises:
        InvalidValue: if the two differ.
    """
    if form["new"] != form["again"]:
        raise InvalidValue("again", "is not the same: type the password twice")
    return form["new"]
