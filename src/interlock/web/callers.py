"""Who calls: by a token in a header, or by a session in a cookie; and what that is good for."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection, Request
from starlette.types import Scope

from interlock.domain.access import Permission, why_refused
from interlock.domain.authority import Directory, Principal
from interlock.domain.canonical import digest
from interlock.domain.credentials import Credential
from interlock.errors import BadInput, Forbidden, InterlockError, Unauthenticated
from interlock.service.client import Client
from interlock.web.context import Context, context_of

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
API = "/api/"
"""Where all calls of programs begin. Pages call there only to read: a vote there comes from no page."""

_BEARER = re.compile(r"[Bb]earer +([\x21-\x7e]{1,200}) *")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, by what credential.

    Args:
        directory: the people of the tenant, as they were when the credential was read; None to read them anew.
    """

    principal: Principal
    credential: Credential
    client: Client
    directory: Directory | None = None

    @property
    def mark(self) -> str:
        """Name who calls, in one word without their name: pages and what they send say by it for whom they were."""
        return digest([self.principal.tenant, self.principal.id])[-16:]


async def caller_of(connection: HTTPConnection, context: Context) -> Caller | None:
    """Return who calls; None if the call brings no credential.

    Raises:
        Unauthenticated: if it brings one that proves nothing.
        Forbidden: if a browser brings its cookie to a page of somebody else's.
    """
    given = connection.headers.getlist("authorization")
    address = context.address_of(connection)
    if given:
        match = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        if match is None:
            raise Unauthenticated("Send one header `Authorization: Bearer TOKEN`.")
        credential, directory = await context.authenticator.known(match.group(1), kinds=("token",), address=address)
        via = "api"
    else:
        if len(connection.headers.getlist("cookie")) > 1:
            raise BadInput("Send one Cookie header.")
        secret = connection.cookies.get(context.cookie)
        if secret is None:
            return None
        check_same_site(connection, context)
        credential, directory = await context.authenticator.known(secret, kinds=("session",), address=address)
        via = "api" if connection.scope["path"].startswith(API) else "web"
    principal = credential.bearer(via, address)
    note_principal(connection, principal.id)
    return Caller(principal, credential, Client(context.components, principal, key=_key_of(connection)), directory)


def note_principal(connection: HTTPConnection, principal: str) -> None:
    """Note who calls, for the access log."""
    connection.scope["interlock.principal"] = principal


def principal_of(scope: Scope) -> str | None:
    """Return the id of who has called; None if nobody knows."""
    found: str | None = scope.get("interlock.principal")
    return found


def _key_of(connection: HTTPConnection) -> str | None:
    given = connection.headers.getlist("idempotency-key")
    if len(given) > 1:
        raise BadInput("Send one Idempotency-Key.")
    return given[0] if given else None


def check_same_site(connection: HTTPConnection, context: Context) -> None:
    """Take a cookie only from our own pages: other sites can have a browser send it (CSRF)."""
    if connection.scope["type"] == "http" and connection.scope["method"] in SAFE:
        return
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    if connection.scope["type"] == "websocket" or site is None:
        if context.is_ours(origin):
            return
        said = "A session is taken from this server's own pages alone"
        raise Forbidden(f"{said}: a program sends a token, or with a session `Origin: {context.origin}`.")
    if site not in {"same-origin", "none"}:
        raise Forbidden("This was sent by a page of another site.")


async def _known(connection: HTTPConnection, context: Context) -> Caller:
    caller = await caller_of(connection, context)
    if caller is None:
        raise Unauthenticated("Sign in, or send a token: `Authorization: Bearer TOKEN`.")
    return caller


async def admit(connection: HTTPConnection, need: Permission) -> Caller:
    """Return who calls, if they may do something.

    Raises:
        Unauthenticated: if it is not known who calls.
        TooManyCalls: if they have called too often.
        Forbidden: if they may not.
    """
    context = context_of(connection)
    try:
        caller = await _known(connection, context)
    except Unauthenticated:
        context.rates.unknown(context.address_of(connection))  # those who are known are not slowed by it
        raise
    context.rates.call(caller.principal.tenant, caller.principal.id)
    await must(caller, need, context)
    return caller


async def why_not(caller: Caller, need: Permission, context: Context) -> str | None:
    """Say why somebody may not do something as things stand now; None if they may."""
    directory = await context.components.directories.directory(caller.principal.tenant)
    return why_refused(need, caller.principal, caller.credential.scopes, directory)


async def must(caller: Caller, need: Permission, context: Context) -> None:
    """Refuse whoever may not do something, at the beginning of a call.

    Raises:
        Forbidden: if they may not.
    """
    directory = caller.directory or await context.components.directories.directory(caller.principal.tenant)
    refused = why_refused(need, caller.principal, caller.credential.scopes, directory)
    if refused is not None:
        raise Forbidden(f"{caller.principal.id} may not do that: {refused}.")


def allow(need: Permission) -> Callable[..., Awaitable[Caller]]:
    """Return a dependency that admits those who may do what a route is for. Each route has exactly one."""

    async def admitted(connection: HTTPConnection) -> Caller:
        return await admit(connection, need)

    admitted.need = need  # type: ignore[attr-defined]  # the walk over all routes reads it
    return admitted


def open_to_all(need: Permission, *, counts: bool = True) -> Callable[..., Awaitable[None]]:
    """Return a dependency that says that a route is for everybody, known or not.

    Args:
        counts: whether somebody may call it so often, and no more.
    """

    async def admitted(connection: HTTPConnection) -> None:
        if counts:
            await _count(connection, context_of(connection))

    admitted.need = need  # type: ignore[attr-defined]
    return admitted


async def _count(connection: HTTPConnection, context: Context) -> None:
    """Count a call: of people who are signed in by who they are, of all others by where they are."""
    caller = None
    with suppress(InterlockError):  # what the call brings proves nothing: the page says so
        caller = await caller_of(connection, context)
    if caller is None:
        context.rates.unknown(context.address_of(connection))
    else:
        context.rates.call(caller.principal.tenant, caller.principal.id)


async def tries_to_sign_in(request: Request) -> None:
    """Count a try to sign in, wherever that is done.

    Raises:
        TooManyCalls: if there were too many from this address.
    """
    context = context_of(request)
    context.rates.sign_in(context.address_of(request))


SIGNS_IN = Depends(tries_to_sign_in)
Reads = Annotated[Caller, Depends(allow(Permission.read))]
ReadsAll = Annotated[Caller, Depends(allow(Permission.read_all))]
Asks = Annotated[Caller, Depends(allow(Permission.ask))]
Clarifies = Annotated[Caller, Depends(allow(Permission.clarify))]
Withdraws = Annotated[Caller, Depends(allow(Permission.withdraw))]
Decides = Annotated[Caller, Depends(allow(Permission.decide))]
Starts = Annotated[Caller, Depends(allow(Permission.start))]
Operates = Annotated[Caller, Depends(allow(Permission.operate))]
Follows = Annotated[Caller, Depends(allow(Permission.follow))]
ReadsLog = Annotated[Caller, Depends(allow(Permission.log))]
Measures = Annotated[Caller, Depends(allow(Permission.measure))]
Examines = Annotated[Caller, Depends(allow(Permission.examine))]
Exports = Annotated[Caller, Depends(allow(Permission.export))]
Sends = Annotated[Caller, Depends(allow(Permission.send))]
Manages = Annotated[Caller, Depends(allow(Permission.manage))]
AnyCaller = Annotated[Caller, Depends(allow(Permission.anyone_known))]
