"""Tokens of agents and services: issued once, listed without their secret, revoked."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from interlock.service.arguments import duration
from interlock.service.shapes import credential_shape
from interlock.web import bodies
from interlock.web.callers import Manages
from interlock.web.context import context_of
from interlock.web.openapi import answers
from interlock.web.requests import Limit

router = APIRouter(prefix="/tokens", tags=["tokens"])


@router.post("", status_code=HTTPStatus.CREATED, responses=answers("IssuedToken", 201, "Issued"))
async def issue(caller: Manages, request: Request, body: bodies.NewToken) -> dict[str, Any]:
    """Issue a token. Its secret is in this answer, and nowhere else ever."""
    issued = await context_of(request).authenticator.token(
        caller.principal.tenant,
        body.principal,
        scopes=frozenset(body.scopes),
        lasts=duration(body.lasts, "lasts"),
        by=caller.principal,
        label=body.label,
        key=caller.client.key,
    )
    return {**credential_shape(issued.credential), "secret": issued.secret}


@router.get("", responses=answers("TokenPage"))
async def list_tokens(caller: Manages, request: Request, after: str = "", limit: Limit = 50) -> dict[str, Any]:
    """List the tokens of this tenant."""
    found = await context_of(request).authenticator.tokens(caller.principal.tenant, after=after, limit=limit)
    more = {"next": found[-1].id} if len(found) == limit else {}
    return {"tokens": [credential_shape(one) for one in found], "more": bool(more), **more}


@router.delete("/{token_id}", status_code=HTTPStatus.NO_CONTENT)
async def revoke(caller: Manages, request: Request, token_id: str) -> None:
    """Revoke a token: it is good for nothing from now on."""
    await context_of(request).authenticator.revoke(caller.principal.tenant, token_id, by=caller.principal)
