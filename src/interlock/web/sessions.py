"""Signing in and out, who one is, and where one has signed in."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from interlock.domain.access import Permission
from interlock.domain.credentials import Credential
from interlock.errors import BadInput, NotFound, Unauthenticated
from interlock.service.credentials import DEVICE_LASTS, Issued
from interlock.service.own_account import SignedIn
from interlock.service.sessions import Sessions
from interlock.service.shapes import session_shape
from interlock.web import bodies
from interlock.web.callers import (
    SIGNS_IN,
    AnyCaller,
    Caller,
    check_same_site,
    must,
    note_principal,
    open_to_all,
    why_not,
)
from interlock.web.context import Context, context_of
from interlock.web.openapi import answers

router = APIRouter(tags=["session"])
Answer = TypeVar("Answer", bound=Response)
Of = Annotated[
    str | None,
    Query(min_length=1, max_length=500, description="Whose; yours if it is not given. Others' need `admin`."),
]


@router.post(
    "/session",
    dependencies=[Depends(open_to_all(Permission.anybody, counts=False)), SIGNS_IN],
    responses=answers("SignedIn"),
)
async def sign_in(request: Request, response: Response, body: bodies.SignIn) -> dict[str, Any]:
    """Sign in by a link, which is used up by that, or by name and password; the session is a cookie."""
    context = context_of(request)
    check_same_site(request, context)
    if (body.link is None) is (body.name is None or body.password is None):
        raise BadInput("Send either a `link`, or `name` and `password`.")
    if body.link is not None:
        issued = await context.authenticator.sign_in(body.link, context.device_of(request))
        await begin_session(request, response, issued)
        return _who(issued.credential)
    signed_in = await context.own_account.sign_in(
        body.tenant,
        body.name or "",
        body.password or "",
        code=body.code,
        known=request.cookies.get(context.browser_cookie),
        device=context.device_of(request),
    )
    await begin_with(request, response, signed_in)
    return _who(signed_in.session.credential)


@router.get("/session", responses=answers("Who"))
async def who(caller: AnyCaller) -> dict[str, Any]:
    """Say who the caller is."""
    directory = await caller.client.system.directories.directory(caller.principal.tenant)
    person = directory.canonical(caller.principal.id)
    return {**_who(caller.credential), "roles": directory.roles_of(person)}


@router.delete("/session", status_code=HTTPStatus.NO_CONTENT)
async def sign_out(caller: AnyCaller, request: Request, response: Response) -> None:
    """End the session, or revoke the token, that this call came with."""
    context = context_of(request)
    if caller.credential.kind == "token":
        await context.authenticator.revoke(caller.credential.tenant, caller.credential.id, by=caller.principal)
    else:
        await context.authenticator.end(caller.credential)
    forget_session(response, context)


@router.get("/sessions", responses=answers("Sessions"))
async def list_sessions(caller: AnyCaller, request: Request, of: Of = None) -> dict[str, Any]:
    """List where a person is signed in, the last used first. Nothing in it signs anybody in."""
    person = await _person(caller, of, context_of(request))
    found = await _sessions(caller).live(person)
    return {"sessions": [session_shape(one, current=one.id == caller.credential.id) for one in found]}


@router.delete("/sessions", responses=answers("Ended"))
async def end_sessions(caller: AnyCaller, request: Request, of: Of = None) -> dict[str, Any]:
    """End all sessions of a person but the one that this call came with."""
    person = await _person(caller, of, context_of(request))
    return {"ended": [one.id for one in await _sessions(caller).end_all(person, but={caller.credential.id})]}


@router.delete("/sessions/{session_id}", status_code=HTTPStatus.NO_CONTENT)
async def end_session(caller: AnyCaller, request: Request, session_id: str) -> None:
    """End a session: one of the caller's or, as `admin`, anybody's."""
    anybodys = await why_not(caller, Permission.manage, context_of(request)) is None
    await _sessions(caller).end(session_id, None if anybodys else caller.principal.id)


def _sessions(caller: Caller) -> Sessions:
    return Sessions(caller.client.system.directories, caller.principal)


async def _person(caller: Caller, of: str | None, context: Context) -> str:
    if of is not None:
        await must(caller, Permission.manage, context)
    return of or caller.principal.id


async def begin_session(request: Request, response: Answer, issued: Issued) -> Answer:
    """Have the browser keep a session, in place of the one that it brings, which ends.

    No script reads the cookie, and no other site's page can send it with a form.
    """
    context = context_of(request)
    note_principal(request, issued.credential.principal)
    before = request.cookies.get(context.cookie)
    if before is not None:
        with suppress(Unauthenticated, NotFound):
            old = await context.authenticator.check(before, kinds=("session",))
            await context.authenticator.end(old)
    response.set_cookie(
        context.cookie, issued.secret, path="/", secure=context.is_secure, httponly=True, samesite="lax"
    )
    return response


async def begin_with(request: Request, response: Answer, signed_in: SignedIn) -> Answer:
    """Have the browser keep a session, and that the person has signed in with it."""
    context = context_of(request)
    await begin_session(request, response, signed_in.session)
    response.set_cookie(
        context.browser_cookie,
        signed_in.device.secret,
        max_age=DEVICE_LASTS // timedelta(seconds=1),
        path="/",
        secure=context.is_secure,
        httponly=True,
        samesite="lax",
    )
    return response


def forget_session(response: Response, context: Context) -> None:
    """Have the browser forget its session."""
    response.delete_cookie(context.cookie, path="/", secure=context.is_secure, httponly=True, samesite="lax")


def _who(credential: Credential) -> dict[str, Any]:
    return {
        "principal": credential.principal,
        "kind": credential.principal_kind,
        "tenant": credential.tenant,
        "by": credential.kind,
        "expires_at": credential.expires_at.isoformat(),
    }
