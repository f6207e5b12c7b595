"""The page on which people sign in: by a link that was given to them, with one click and no secret in any address."""

from __future__ import annotations

import html
import secrets
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from interlock.domain.access import Permission
from interlock.errors import InterlockError, ProviderUnavailable, Unauthenticated
from interlock.service.error_table import meaning_of
from interlock.web.callers import SIGNS_IN, caller_of, check_same_site, open_to_all
from interlock.web.context import Context, context_of
from interlock.web.sessions import begin_session, forget_session

router = APIRouter(dependencies=[Depends(open_to_all(Permission.anybody))], include_in_schema=False)

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Interlock</title>
<style nonce="{nonce}">
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
main {{ max-width: 26rem; margin: 15vh auto 0; padding: 0 1rem }}
input, button {{ font: inherit; width: 100%; box-sizing: border-box; min-height: 2.75rem; margin-top: .5rem }}
</style>
<main><h1>{title}</h1>{body}</main>
<script nonce="{nonce}">
const link = location.hash.slice(1), field = document.querySelector("input[name=link]");
if (link && field) {{
  history.replaceState(null, "", location.pathname);
  field.value = link;
  (field.form.querySelector("input:not([name=link])") || field.form.querySelector("button")).focus();
}}
</script></html>
"""

FORM = """<p>{said}</p>
<form method="post" action="/sign-in"><label>Your sign-in code
<input name="link" type="password" autocomplete="off" required></label><button>Sign in</button></form>
<form method="post" action="/sign-in/password"><label>Your name
<input name="name" autocomplete="username" required></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<label>Code of your authenticator, if you have one
<input name="code" inputmode="numeric" autocomplete="one-time-code"></label><button>Sign in</button></form>"""

SIGN_OUT = """<p>You are signed in as <strong>{person}</strong>.</p><p><a href="/account">Your account</a></p>
<form method="post" action="/sign-out"><button>Sign out</button></form>"""

WELCOME = "The link that you were given holds a code. It can be used once, and within a quarter of an hour."


@router.get("/sign-in")
async def sign_in_page(request: Request) -> HTMLResponse:
    """Show where to sign in, or who is. What stands behind `#` in a link is sent to no server: the page reads it."""
    context = context_of(request)
    with suppress(InterlockError):  # what the browser brings proves nothing any more
        caller = await caller_of(request, context)
        if caller is not None:
            return _signed_in(caller.principal.id)
    return page("Sign in", _links(context) + FORM.format(said=WELCOME))


def _links(context: Context) -> str:
    return "".join(
        f'<p><a href="/auth/oidc/{name}">Sign in with {html.escape(one.given.label or name)}</a></p>'
        for name, one in context.providers.items()
    )


def _signed_in(person: str) -> HTMLResponse:
    return page("Signed in", SIGN_OUT.format(person=html.escape(person)))


@router.post("/sign-out")
async def sign_out(request: Request) -> HTMLResponse:
    """End the session of this browser, and say where the person may be signed in still."""
    context = context_of(request)
    more = ""
    with suppress(Unauthenticated):
        caller = await caller_of(request, context)
        if caller is not None and caller.credential.kind == "session":  # a token is revoked, which the log says
            await context.authenticator.end(caller.credential)
            more = await _elsewhere(context, caller.credential.issued_by)
    done = page("Signed out", f'<p>You are signed out here.</p>{more}<p><a href="/sign-in">Sign in</a></p>')
    forget_session(done, context)
    return done


async def _elsewhere(context: Context, way: str) -> str:
    """Return where to sign out as well: whoever uses this browser next could come back without a password."""
    provider = context.providers.get(way.removeprefix("oidc:"))
    with suppress(ProviderUnavailable):
        address = None if provider is None else await provider.sign_out_address(context.origin)
        if provider is not None and address is not None:
            name = html.escape(provider.given.label or provider.name)
            return f'<p>At {name} you are signed in still: <a href="{html.escape(address)}">sign out there</a>.</p>'
    return ""


@router.post("/sign-in", dependencies=[SIGNS_IN])
async def sign_in(request: Request) -> HTMLResponse:
    """Sign in by the code of a link, also without a script."""
    context = context_of(request)
    try:
        check_same_site(request, context)
        given = parse_qs((await request.body()).decode(errors="replace"), max_num_fields=5).get("link", [""])[0]
        if not given:
            raise Unauthenticated("Enter the code of the link that you were given.")
        issued = await context.authenticator.sign_in(given, context.device_of(request))
    except (InterlockError, ValueError) as error:
        said = error.message if isinstance(error, InterlockError) else "This form is not ours."
        status = meaning_of(type(error)).status if isinstance(error, InterlockError) else HTTPStatus.BAD_REQUEST
        return page("Sign in", FORM.format(said=html.escape(said)), status)
    welcome = _signed_in(issued.credential.principal)
    await begin_session(request, welcome, issued)
    return welcome


def page(title: str, body: str, status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    """Return a page of ours: it loads nothing, and no other page can frame it."""
    nonce = secrets.token_urlsafe(16)
    policy = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; form-action 'self'"
    headers = {"Content-Security-Policy": f"{policy}; frame-ancestors 'none'; base-uri 'none'"}
    return HTMLResponse(PAGE.format(title=title, body=body, nonce=nonce), status, headers)
