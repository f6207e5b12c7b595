"""Signing in by a link, by name and password, or at a provider; and signing out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

from fastapi import Depends
from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.access import Permission
from interlock.domain.authority import LOCAL_TENANT
from interlock.errors import InterlockError, ProviderUnavailable, SecondFactorNeeded, Unauthenticated
from interlock.service.sessions import Sessions
from interlock.web.callers import SIGNS_IN, Caller, caller_of, check_same_site, open_to_all
from interlock.web.context import Context, context_of
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.form_errors import SHOWN_AT_FORMS, FormError, form_error_of, form_page
from interlock.web.pages.rendering import page
from interlock.web.pages.routing import own_address, pages
from interlock.web.sessions import begin_session, begin_with, forget_session

router = pages(Depends(open_to_all(Permission.anybody)))

NOTHING = Fields([])
DONE = {"password": "The password is set. Sign in by it, and by your second factor."}
FORGET = {"Clear-Site-Data": '"storage"'}
"""The header that deletes drafts at sign-out, so that the browser's next user does not find them (decision 67)."""


@router.get("/sign-in")
async def sign_in_page(call: Call) -> Response:
    """Show the sign-in form, or who is signed in. The page reads the code behind `#`, which no server gets."""
    return await _shown(call, Fields(list(call.query_params.multi_items())))


async def _shown(call: Call, form: Fields, way: str = "", form_error: FormError | None = None) -> Response:
    """Return the page; after a refusal, with what was typed, without secrets.

    Args:
        way: how somebody has tried to sign in: `link` or `password`.
    """
    caller = await signed_in_here(call)
    shown = {
        "next": own_address(form["next"], ""),
        "tenant": form["tenant"],
        "name": form["name"],
        "way": way,
        "done": DONE.get(form["done"], ""),
        "providers": {name: one.given.label or name for name, one in context_of(call).providers.items()},
    }
    return await form_page(call, "sign_in.html", caller, form_error, **shown)


async def signed_in_here(call: Call) -> Caller | None:
    """Return the caller who has signed in with this browser; None if there is none, or their session is over."""
    with suppress(InterlockError):
        caller = await caller_of(call, context_of(call))
        return caller if caller is not None and caller.credential.kind == "session" else None
    return None


@router.post("/sign-in", dependencies=[SIGNS_IN])
async def sign_in(call: Call) -> Response:
    """Sign in by the code of a link, also without JavaScript."""

    async def by_link(context: Context, form: Fields) -> Response:
        if not form["link"]:
            raise Unauthenticated("Enter the code of the link that you were given.")
        issued = await context.authenticator.sign_in(form["link"].strip(), context.device_of(call))
        sets_up = await context.first_account.is_missing(issued.credential.bearer("web", context.address_of(call)))
        to = own_address(form["next"], "/welcome" if sets_up else "/")
        return await begin_session(call, RedirectResponse(to, HTTPStatus.SEE_OTHER), issued)

    return await _tried(call, "link", by_link)


@router.post("/sign-in/password", dependencies=[SIGNS_IN])
async def sign_in_by_password(call: Call) -> Response:
    """Sign in by name and password, with a code if there is a second factor."""

    async def by_password(context: Context, form: Fields) -> Response:
        signed_in = await context.own_account.sign_in(
            form["tenant"] or LOCAL_TENANT,
            form["name"],
            form["password"],
            code=form["code"],
            known=call.cookies.get(context.browser_cookie),
            device=context.device_of(call),
        )
        return await begin_with(call, RedirectResponse(own_address(form["next"]), HTTPStatus.SEE_OTHER), signed_in)

    return await _tried(call, "password", by_password)


async def _tried(call: Call, way: str, prove: Callable[[Context, Fields], Awaitable[Response]]) -> Response:
    context, form = context_of(call), NOTHING
    try:
        check_same_site(call, context)
        form = await fields_of(call)
        return await prove(context, form)
    except SHOWN_AT_FORMS as error:
        field = "code" if isinstance(error, SecondFactorNeeded) else way if way == "link" else "password"
        return await _shown(call, form, way, form_error_of(error, otherwise=field))


@router.post("/sign-out")
async def sign_out(call: Call) -> Response:
    """End the session of this browser, or all of the person's; say where they may still be signed in."""
    context = context_of(call)
    provider, everywhere = None, False
    with suppress(Unauthenticated):
        caller = await caller_of(call, context)
        if caller is not None and caller.credential.kind == "session":  # a token is revoked instead
            form = await fields_of(call) if await call.body() else NOTHING
            if everywhere := bool(form["everywhere"]):
                await Sessions(context.components.directories, caller.principal).end_all(
                    caller.principal.id, but={caller.credential.id}
                )
            await context.authenticator.end(caller.credential)
            provider = await _elsewhere(context, caller.credential.issued_by)
    done = await page(call, "signed_out.html", headers=FORGET, provider=provider, everywhere=everywhere)
    forget_session(done, context)
    return done


async def _elsewhere(context: Context, way: str) -> tuple[str, str] | None:
    """Return the provider of the session, and its sign-out address: the browser's next user could sign in there again.

    None if there is no such provider.
    """
    provider = context.providers.get(way.removeprefix("oidc:"))
    with suppress(ProviderUnavailable):
        address = None if provider is None else await provider.sign_out_address(context.origin)
        if provider is not None and address is not None:
            return provider.given.label or provider.name, address
    return None
