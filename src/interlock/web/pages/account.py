"""The reader's own account: password, second factor, sessions, and how pages look in this browser."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import Any

import segno
from markupsafe import Markup
from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.totp import address_of
from interlock.errors import Closed, InterlockError, NotFound, SecondFactorNeeded
from interlock.service.sessions import Sessions
from interlock.web.callers import Caller
from interlock.web.context import context_of
from interlock.web.pages.appearance import THEMES, Appearance, keep_appearance
from interlock.web.pages.chat_accounts import CHATS
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.form_errors import SHOWN_AT_FORMS, FormError, form_error_of
from interlock.web.pages.joining import LIMITS, NAMED, new_password
from interlock.web.pages.routing import SignedInPerson, pages
from interlock.web.pages.settings import settings_page
from interlock.web.sessions import begin_session, begin_with

router = pages()

DONE = {
    "password": "Your password is changed. You are signed out everywhere else.",
    "off": "Your second factor is off. Signing in takes the password alone.",
    "appearance": "This browser shows pages so from now on.",
    "session": "That session is ended.",
    "chat": "The account is linked to you. Go back to the chat, and press the button again.",
    "unlinked": "That account is not linked to you any more.",
    "sessions": "All your other sessions are ended.",
}


@router.get("/account")
async def account_page(call: Call, caller: SignedInPerson, done: str = "") -> Response:
    """Show what the reader can do with their account."""
    shown: dict[str, Any] = {
        "account": await context_of(call).own_account.account_of(caller.credential),
        "sessions": await _sessions(call, caller).live(caller.principal.id),
        "current": caller.credential.id,
        "chats": await context_of(call).chat_accounts.of(caller.principal.tenant, caller.principal.id),
        "chat_names": CHATS,
        "themes": THEMES,
        "done": DONE.get(done, ""),
    }
    return await settings_page(call, "account.html", caller, **shown)


@router.get("/account/password")
async def password_page(call: Call, caller: SignedInPerson) -> Response:
    """Show the form that changes the password; or say that there is no password."""
    if await context_of(call).own_account.account_of(caller.credential) is None:
        return await settings_page(call, "no_password.html", caller)
    return await _own(call, caller, "password.html", None)


@router.post("/account/password")
async def change_password(call: Call, caller: SignedInPerson) -> Response:
    """Change the password; all other sessions end."""
    context, form = context_of(call), await fields_of(call)
    try:
        given = form["password"], new_password(form), context.device_of(call)
        signed_in = await context.own_account.change_password(caller.credential, *given, code=form["code"])
    except SHOWN_AT_FORMS as error:
        return await _own(call, caller, "password.html", _form_error(error, NAMED))
    return await begin_with(call, _to("/account?done=password"), signed_in)


@router.get("/account/second-factor")
async def second_factor_page(call: Call, caller: SignedInPerson) -> Response:
    """Show the form that adds or removes the second factor; or say that there is no password to add one to."""
    if await context_of(call).own_account.account_of(caller.credential) is None:
        return await settings_page(call, "no_password.html", caller)
    return await _second_factor(call, caller)


async def _second_factor(
    call: Call, caller: SignedInPerson, form_error: FormError | None = None, key: str = ""
) -> Response:
    """Return the page; after a refusal, with the key that the authenticator may have already."""
    key = key or context_of(call).own_account.new_key()
    address = address_of(key, caller.principal.id)
    shown = {"new": key, "address": address, "picture": _picture(address)}
    return await _own(call, caller, "second_factor.html", form_error, **shown)


@router.post("/account/second-factor")
async def add_second_factor(call: Call, caller: SignedInPerson) -> Response:
    """Add the second factor, and show the recovery codes once."""
    context, form = context_of(call), await fields_of(call)
    try:
        given = form["password"], form["key"], form["code"]
        codes, renewed = await context.own_account.add_second_factor(caller.credential, *given)
    except SHOWN_AT_FORMS as error:
        named = {"code": ("code", "The code")}
        return await _second_factor(call, caller, _form_error(error, named), _key(form))
    return await begin_session(call, await settings_page(call, "recovery_codes.html", caller, codes=codes), renewed)


@router.post("/account/second-factor/off")
async def drop_second_factor(call: Call, caller: SignedInPerson) -> Response:
    """Remove the second factor."""
    context, form = context_of(call), await fields_of(call)
    try:
        renewed = await context.own_account.drop_second_factor(caller.credential, form["password"], form["code"])
    except SHOWN_AT_FORMS as error:
        return await _second_factor(call, caller, _form_error(error))
    return await begin_session(call, _to("/account?done=off"), renewed)


@router.post("/account/sessions")
async def end_sessions(call: Call, caller: SignedInPerson) -> Response:
    """End one of the reader's sessions, or all but this one."""
    form, mine = await fields_of(call), caller.principal.id
    if not form["session"]:
        await _sessions(call, caller).end_all(mine, but={caller.credential.id})
        return _to("/account?done=sessions")
    with suppress(NotFound):  # it has ended meanwhile
        await _sessions(call, caller).end(form["session"], mine)
    return _to("/account?done=session")


@router.post("/account/appearance")
async def choose_appearance(call: Call, caller: SignedInPerson) -> Response:  # noqa: ARG001 - only people choose
    """Keep how pages look in this browser."""
    form, answer = await fields_of(call), _to("/account?done=appearance")
    chosen = Appearance(form["theme"], bool(form["shortcuts"]))
    keep_appearance(answer, chosen, secure=context_of(call).is_secure)
    return answer


async def _own(call: Call, caller: Caller, template: str, form_error: FormError | None, **values: Any) -> Response:
    """Return a page about password or second factor.

    Raises:
        Closed: if the reader signs in by other means.
    """
    account = await context_of(call).own_account.account_of(caller.credential)
    if account is None:
        raise Closed("You have no password here: you came by a link, or sign in at your provider.")
    return await settings_page(call, template, caller, form_error, account=account, **LIMITS, **values)


def _form_error(error: InterlockError, named: dict[str, tuple[str, str]] | None = None) -> FormError:
    return form_error_of(error, named, "code" if isinstance(error, SecondFactorNeeded) else "password")


def _key(form: Fields) -> str:
    """Return the authenticator's key that a form has sent, if it has the form of ours."""
    is_one = len(form["key"]) == len(form["key"].encode()) and form["key"].isalnum()
    return form["key"][:64] if is_one else ""


def _picture(text: str) -> Markup:
    """Return a text as a QR code, in SVG: dark on light in every theme, so that every camera reads it."""
    made = segno.make(text, error="m", micro=False)
    return Markup(made.svg_inline(border=4, omitsize=True, svgclass="qr", lineclass=None, light="#fff"))  # noqa: S704


def _sessions(call: Call, caller: Caller) -> Sessions:
    return Sessions(context_of(call).components.directories, caller.principal)


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)
