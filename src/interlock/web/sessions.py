"""Signing in and out, and who one is."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from interlock.domain.access import Permission
from interlock.domain.credentials import Credential
from interlock.web import bodies
from interlock.web.callers import Known, check_same_site, open_to_all
from interlock.web.context import Context, context_of

router = APIRouter(prefix="/session", tags=["session"])


@router.post("", dependencies=[Depends(open_to_all(Permission.anybody))])
async def sign_in(request: Request, response: Response, body: bodies.SignIn) -> dict[str, Any]:
    """Sign in by a link, which is used up by that; the session is a cookie."""
    context = context_of(request)
    check_same_site(request, context)
    issued = await context.authenticator.sign_in(body.link)
    keep_session(response, context, issued.secret)
    return _who(issued.credential)


@router.get("")
async def who(caller: Known) -> dict[str, Any]:
    """Say who the caller is."""
    directory = caller.client.system.policies.current().directory
    person = directory.canonical(caller.principal.id)
    return {**_who(caller.credential), "roles": directory.roles_of(person)}


@router.delete("", status_code=HTTPStatus.NO_CONTENT)
async def sign_out(caller: Known, request: Request, response: Response) -> None:
    """End the session, or revoke the token, that this call came with."""
    context = context_of(request)
    await context.authenticator.end(caller.credential.tenant, caller.credential.id)
    response.delete_cookie(context.cookie, path="/", secure=context.is_secure, httponly=True, samesite="lax")


def keep_session(response: Response, context: Context, secret: str) -> None:
    """Have the browser keep a session: no script reads it, and no other site's page can send it with a form."""
    response.set_cookie(context.cookie, secret, path="/", secure=context.is_secure, httponly=True, samesite="lax")


def _who(credential: Credential) -> dict[str, Any]:
    return {
        "principal": credential.principal,
        "kind": credential.principal_kind,
        "tenant": credential.tenant,
        "by": credential.kind,
        "expires_at": credential.expires_at.isoformat(),
    }
