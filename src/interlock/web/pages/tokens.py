"""Tokens of agents and services: made, shown once, listed without their secrets, revoked."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import Any

from starlette.requests import Request as Call
from starlette.responses import RedirectResponse, Response

from interlock.domain.credentials import Scope
from interlock.errors import NotFound
from interlock.service.arguments import duration
from interlock.service.last_changes import Subject
from interlock.web.callers import Caller
from interlock.web.context import context_of
from interlock.web.pages.fields import Fields, fields_of
from interlock.web.pages.form_errors import SHOWN_AT_FORMS, FormError, form_error_of
from interlock.web.pages.routing import pages
from interlock.web.pages.settings import Manager, settings_page

router = pages()
MOST = 50
SCOPES = {
    Scope.ask: "Ask people, take requests back, claim what was approved, and say what became of it",
    Scope.read: "Read requests and runs",
    Scope.run: "Start runs, and cancel those that it has started",
    Scope.log: "Read the log",
    Scope.metrics: "Read statistics and metrics",
}
LASTS = {"7d": "A week", "30d": "30 days", "90d": "90 days", "365d": "A year"}
NAMED = {
    "principal": ("principal", "The name"),
    "scopes": ("scope-ask", "What it may do"),
    "label": ("label", "The note"),
}


@router.get("/settings/tokens")
async def list_tokens(call: Call, caller: Manager, after: str = "", done: str = "") -> Response:
    """List the tokens of a tenant, a page at a time."""
    context, tenant = context_of(call), caller.principal.tenant
    found = await context.authenticator.tokens(tenant, after=after, limit=MOST + 1)
    changes = await context.last_changes.of(tenant)
    shown: dict[str, Any] = {
        "tokens": found[:MOST],
        "next": found[MOST - 1].id if len(found) > MOST else "",
        "changed": {one.id: changes.get(Subject("token", one.id)) for one in found},
        "now": await caller.client.now(),
        "scopes": SCOPES,
        "done": "The token is revoked: it is good for nothing from now on." if done == "revoked" else "",
    }
    return await settings_page(call, "tokens.html", caller, **shown)


@router.get("/settings/tokens/new")
async def new_token_page(call: Call, caller: Manager) -> Response:
    """Show the form that makes a token."""
    return await _form(call, caller, Fields([("scope", "ask"), ("scope", "read"), ("lasts", "90d")]))


async def _form(call: Call, caller: Caller, form: Fields, form_error: FormError | None = None) -> Response:
    given = {name: form[name] for name in ("principal", "label", "lasts")} | {"scopes": form.every("scope")}
    return await settings_page(call, "new_token.html", caller, form_error, scopes=SCOPES, lasts=LASTS, given=given)


@router.post("/settings/tokens")
async def make_token(call: Call, caller: Manager) -> Response:
    """Make a token, and show its secret once."""
    form = await fields_of(call)
    try:
        issued = await context_of(call).authenticator.token(
            caller.principal.tenant,
            form["principal"].strip(),
            scopes=frozenset(Scope(one) for one in form.every("scope") if one in list(Scope)),
            lasts=duration(form["lasts"], "How long it lasts:"),
            by=caller.principal,
            label=form["label"],
            key=form["key"] or None,
        )
    except SHOWN_AT_FORMS as error:
        return await _form(call, caller, form, form_error_of(error, NAMED))
    return await settings_page(call, "token.html", caller, token=issued.credential, secret=issued.secret)


@router.post("/settings/tokens/revoke")
async def revoke(call: Call, caller: Manager) -> Response:
    """Revoke a token."""
    form = await fields_of(call)
    with suppress(NotFound):  # it was revoked already
        await context_of(call).authenticator.revoke(caller.principal.tenant, form["id"], by=caller.principal)
    return RedirectResponse("/settings/tokens?done=revoked", HTTPStatus.SEE_OTHER)
