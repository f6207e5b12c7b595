"""The page on which people sign in: by a link that was given to them, with one click and no secret in any address."""

from __future__ import annotations

import html
import secrets
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from interlock.domain.access import Permission
from interlock.errors import InterlockError, Unauthenticated
from interlock.service.error_table import meaning_of
from interlock.web.callers import check_same_site, open_to_all
from interlock.web.context import context_of
from interlock.web.sessions import begin_session

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
const link = location.hash.slice(1), form = document.querySelector("form");
if (link && form) {{
  history.replaceState(null, "", location.pathname);
  form.elements.link.value = link;
  form.querySelector("button").focus();
}}
</script></html>
"""

FORM = """<p>{said}</p>
<form method="post" action="/sign-in"><label>Your sign-in code
<input name="link" type="password" autocomplete="off" required></label><button>Sign in</button></form>"""

WELCOME = "The link that you were given holds a code. It can be used once, and within a quarter of an hour."


@router.get("/sign-in")
async def sign_in_page() -> HTMLResponse:
    """Show where to sign in. What stands behind `#` in a link is not sent to any server: the page reads it."""
    return _page("Sign in", FORM.format(said=WELCOME))


@router.post("/sign-in")
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
        return _page("Sign in", FORM.format(said=html.escape(said)), status)
    person = html.escape(issued.credential.principal)
    page = _page("Signed in", f"<p>You are signed in as <strong>{person}</strong>.</p>")
    await begin_session(request, page, issued)
    return page


def _page(title: str, body: str, status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    nonce = secrets.token_urlsafe(16)
    policy = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; form-action 'self'"
    headers = {"Content-Security-Policy": f"{policy}; frame-ancestors 'none'; base-uri 'none'"}
    return HTMLResponse(PAGE.format(title=title, body=body, nonce=nonce), status, headers)
