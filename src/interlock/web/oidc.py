"""Signing in at an identity provider: there and back, bound to one browser, used once."""

from __future__ import annotations

import hashlib
import re
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from interlock.domain.access import Permission
from interlock.domain.oidc import (
    ATTEMPT_LASTS,
    Answer,
    SignInAttempt,
    code_of,
    why_no_path_of_ours,
    why_not_begun_here,
)
from interlock.errors import BadInput, InterlockError, NotFound, Unauthenticated
from interlock.web.callers import SIGNS_IN, open_to_all
from interlock.web.context import Context, context_of
from interlock.web.pages.form_errors import form_error_of, form_page
from interlock.web.pages.routing import PageRoute
from interlock.web.sessions import begin_session

if TYPE_CHECKING:
    from interlock.web.oidc_provider import Provider

router = APIRouter(
    prefix="/auth/oidc",
    dependencies=[Depends(open_to_all(Permission.anybody, counts=False)), SIGNS_IN],
    include_in_schema=False,
    route_class=PageRoute,
)

_BROWSER = re.compile(r"[A-Za-z0-9_-]{43}")


@router.get("/{provider}")
async def begin(request: Request, provider: str, return_to: str = "/") -> Response:
    """Send somebody to a provider, and remember that this browser was sent."""
    context = context_of(request)
    try:
        chosen = _provider(context, provider)
        if (reason := why_no_path_of_ours(return_to)) is not None:
            raise BadInput(f"return_to {reason}.")
        state, browser = secrets.token_urlsafe(32), _browser_of(request, context) or secrets.token_urlsafe(32)
        store = context.components.store
        now = await store.now()
        attempt = SignInAttempt(
            _digest(state),
            _digest(browser),
            provider,
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            return_to=return_to,
            expires_at=now + ATTEMPT_LASTS,
        )
        address = await chosen.address(state, attempt)
        await store.keep_sign_in(attempt, now)
    except InterlockError as error:
        return await _refused(request, error)
    answer = RedirectResponse(address, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        _cookie(context),
        browser,
        max_age=int(ATTEMPT_LASTS.total_seconds()),
        path="/",
        secure=context.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get("/{provider}/callback")
async def come_back(request: Request, provider: str) -> Response:
    """Take somebody back whom this browser was sent as, once, and begin their session."""
    context = context_of(request)
    given = request.query_params.getlist
    said = Answer(given("state"), given("code"), given("iss"), given("error"))
    try:
        chosen = _provider(context, provider)
        attempt = await _attempt(request, context, provider, said)
        code = code_of(said, chosen.given.issuer, names_issuer=await chosen.names_itself())
        now = await context.components.store.now()
        identity = await chosen.identity(code, attempt, now)
        address = context.address_of(request)
        person = await context.provisioning.admit(identity, chosen.given, address)
        issued = await context.authenticator.session(
            identity.tenant, person, by=f"oidc:{provider}", device=context.device_of(request)
        )
    except InterlockError as error:
        return await _refused(request, error)
    return await begin_session(request, RedirectResponse(attempt.return_to, HTTPStatus.SEE_OTHER), issued)


async def _attempt(request: Request, context: Context, provider: str, said: Answer) -> SignInAttempt:
    store = context.components.store
    browser = _browser_of(request, context)
    if browser is None:
        raise Unauthenticated("This sign-in was begun in another browser, or too long ago. Begin again.")
    if len(said.states) != 1:
        raise Unauthenticated("This is no answer of a provider: it must bring one `state`. Begin again.")
    attempt = await store.take_sign_in(_digest(said.states[0]))
    reason = why_not_begun_here(attempt, provider, _digest(browser), await store.now())
    if reason is not None or attempt is None:
        raise Unauthenticated(f"This sign-in {reason}. Begin again.")
    return attempt


def _provider(context: Context, name: str) -> Provider:
    found = context.providers.get(name)
    if found is None:
        raise NotFound("There is no such provider here.")
    return found


async def _refused(request: Request, error: InterlockError) -> Response:
    return await form_page(request, "not_signed_in.html", None, form_error_of(error))


def _cookie(context: Context) -> str:
    return f"{context.cookie}-sign-in"


def _browser_of(request: Request, context: Context) -> str | None:
    found = request.cookies.get(_cookie(context), "")
    return found if _BROWSER.fullmatch(found) else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
