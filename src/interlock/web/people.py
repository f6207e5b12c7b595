"""Accounts, as admins see them: invited, helped, kept out."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from interlock.service.credentials import Issued
from interlock.service.people_shapes import account_shape
from interlock.web import bodies
from interlock.web.callers import Manages
from interlock.web.context import Context, context_of
from interlock.web.openapi import answers

router = APIRouter(prefix="/people", tags=["people"])


@router.get("", responses=answers("Accounts"))
async def list_accounts(caller: Manages, request: Request) -> dict[str, Any]:
    """List the accounts."""
    return {"people": [account_shape(one) for one in await context_of(request).accounts.every(caller.principal)]}


@router.post("", status_code=HTTPStatus.CREATED, responses=answers("Invited", 201, "Invited"))
async def invite(caller: Manages, request: Request, body: bodies.Invitation) -> dict[str, Any]:
    """Invite somebody. The link is in this answer, and nowhere else ever: give it to them, and to nobody else.

    `warnings` says what looks like a mistake: a role that nothing asks for, letters of several scripts in one word.
    """
    context = context_of(request)
    issued = await context.accounts.invite(body.name, by=caller.principal, roles=body.roles, key=caller.client.key)
    return {**link_to(context, issued), "warnings": context.accounts.warnings(body.name, body.roles)}


@router.post("/{name}/reset", responses=answers("Link"))
async def offer_reset(caller: Manages, request: Request, name: str) -> dict[str, Any]:
    """Return a link with which somebody sets another password, once."""
    context = context_of(request)
    issued = await context.accounts.offer_reset(name, by=caller.principal, key=caller.client.key)
    return link_to(context, issued)


@router.post("/{name}/disable", status_code=HTTPStatus.NO_CONTENT)
async def disable(caller: Manages, request: Request, name: str) -> None:
    """Keep anybody from signing in and from deciding, and sign them out: their votes and delegations count no more."""
    await context_of(request).accounts.disable(name, by=caller.principal, key=caller.client.key)


@router.post("/{name}/enable", status_code=HTTPStatus.NO_CONTENT)
async def enable(caller: Manages, request: Request, name: str) -> None:
    """Let somebody sign in again."""
    await context_of(request).accounts.enable(name, by=caller.principal, key=caller.client.key)


@router.delete("/{name}/second-factor", status_code=HTTPStatus.NO_CONTENT)
async def remove_second_factor(caller: Manages, request: Request, name: str) -> None:
    """Take the second factor from somebody who has lost it."""
    await context_of(request).accounts.remove_second_factor(name, by=caller.principal)


def link_to(context: Context, issued: Issued) -> dict[str, Any]:
    """Return a link as it is given to a person: what stands behind `#` is sent to no server before they click."""
    until = issued.credential.expires_at.isoformat()
    return {
        "name": issued.credential.principal,
        "link": f"{context.origin}/join#{issued.secret}",
        "expires_at": until,
    }
