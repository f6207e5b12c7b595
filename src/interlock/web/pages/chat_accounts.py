"""Chat accounts: a person confirms that one is theirs, sees their own, and removes them."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.directory import ChatUser
from interlock.errors import BadInput
from interlock.web.callers import Caller
from interlock.web.context import context_of
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.form_errors import SHOWN_AT_FORMS, FormError, form_error_of
from interlock.web.pages.routing import SignedInPerson, pages
from interlock.web.pages.settings import settings_page

router = pages()

CHATS = {"slack": "Slack"}
"""The names of chats."""


@router.get("/account/chats/link")
async def link_page(call: Call, caller: SignedInPerson, code: str = "") -> Response:
    """Show the account, and ask whether it is the reader's. Opening the page changes nothing."""
    return await _link_page(call, caller, code)


@router.post("/account/chats/link")
async def link(call: Call, caller: SignedInPerson) -> Response:
    """Link the account to the reader, and say so."""
    form = await fields_of(call)
    try:
        if form["mine"] != "yes":
            raise BadInput("Nothing was linked: say that the account is yours, or leave this page.")
        await context_of(call).chat_accounts.link(caller.principal, form["code"])
    except SHOWN_AT_FORMS as error:
        return await _link_page(call, caller, form["code"], form_error_of(error, otherwise="mine"))
    return RedirectResponse("/account?done=chat", HTTPStatus.SEE_OTHER)


@router.post("/account/chats/unlink")
async def unlink(call: Call, caller: SignedInPerson) -> Response:
    """Remove an account's link."""
    user = chat_user_of(await fields_of(call))
    await context_of(call).chat_accounts.unlink(caller.principal, user, own=True)
    return RedirectResponse("/account?done=unlinked", HTTPStatus.SEE_OTHER)


def chat_user_of(form: Fields) -> ChatUser:
    """Return the account that a form names."""
    return ChatUser(form["chat"], form["workspace"], form["user"])


async def _link_page(call: Call, caller: Caller, code: str, form_error: FormError | None = None) -> Response:
    accounts, found = context_of(call).chat_accounts, None
    try:
        found = await accounts.read(caller.principal.tenant, code)
    except SHOWN_AT_FORMS as error:
        form_error = form_error or form_error_of(error)
    shown = {"link": found, "code": code, "chat": CHATS.get(found.chat, found.chat) if found is not None else ""}
    return await settings_page(call, "chat_link.html", caller, form_error, **shown)
