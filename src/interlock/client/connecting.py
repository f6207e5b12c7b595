"""How a client is opened: by a token, or by the session of a person who has signed in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2

from interlock.client.calls import Calls, Patience, Session, Token, opened, origin_of
from interlock.client.remote import RemoteClient, sign_in_code
from interlock.errors import BadInput, ServerError, Unauthenticated

TOKEN = "INTERLOCK_TOKEN"  # noqa: S105 - the name of a variable
SERVER = "INTERLOCK_SERVER"


@contextlib.asynccontextmanager
async def connect(  # noqa: PLR0913 - everything has a default
    server: str | None = None,
    *,
    token: str | None = None,
    session: Session | None = None,
    timeout: float = 30.0,  # noqa: ASYNC109 - what HTTP clients call it
    tries: int = 5,
    authorities: str | Path | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> AsyncIterator[RemoteClient]:
    """Open a client of a server, and yield what one principal reads and does there.

    Args:
        server: scheme, host and port, such as `https://approvals.example.com`; by default INTERLOCK_SERVER.
        token: of an agent or a service; by default INTERLOCK_TOKEN.
        session: of a person, as `sign_in` returns it, in a token's place. It holds what the server puts in its place.
        timeout: seconds for an answer. What waits longer by its nature has more.
        tries: how often a call is made at most, where it does nothing twice.
        authorities: a file of certificates that are believed, in place of the system's.
        transport: what carries calls; a test may call an application in its own process.

    Raises:
        BadInput: if something of that cannot be used. Nothing is sent before the first call.
    """
    origin = origin_of(server or os.environ.get(SERVER) or "")
    auth = session or _token(token)
    if timeout <= 0 or tries < 1:
        raise BadInput("The timeout is a number of seconds above 0, and a call is tried at least once.")
    given = None if authorities is None else str(authorities)
    async with opened(origin, auth, authorities=given, transport=transport) as http:
        yield RemoteClient(Calls(origin, http, Patience(timeout, tries)))


def _token(given: str | None) -> Token:
    secret = given if given is not None else os.environ.get(TOKEN)
    if not secret:
        raise BadInput(f"Give a token, or set {TOKEN}: `interlock tokens create` makes one. People sign in.")
    return Token(secret.strip())


async def sign_in(  # noqa: PLR0913 - what proves who somebody is
    server: str,
    link: str | None = None,
    *,
    name: str | None = None,
    password: str | None = None,
    code: str = "",
    timeout: float = 30.0,  # noqa: ASYNC109 - what HTTP clients call it
    authorities: str | Path | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> Session:
    """Sign a person in, by a link or by name and password, and return their session.

    Args:
        link: a sign-in link, or the code in it; it is used up by this.
        name: of an account, as it was invited, with its `password`.
        code: of the account's second factor, or a recovery code.

    Raises:
        SecondFactorNeeded: if name and password are right, and a code is missing.
        Unauthenticated: if the link is none of this server's, or was used; or if name, password or code is wrong.
        TooManyAttempts: if too many have failed.
    """
    origin = origin_of(server)
    session, body = Session(origin), _proof(link, name, password, code)
    given = None if authorities is None else str(authorities)
    tries = 1 if link is None else 3  # who has guessed too often is told so at once
    async with opened(origin, session, authorities=given, transport=transport) as http:
        await Calls(origin, http, Patience(timeout, tries)).post("/session", body)
    if not session.secret:
        raise ServerError(f"{origin} has signed nobody in: it is no Interlock server, or of another version.")
    return session


def _proof(link: str | None, name: str | None, password: str | None, code: str) -> dict[str, str]:
    if link is not None and name is None and password is None and not code:
        return {"link": sign_in_code(link)}
    if link is not None or not name or not password:
        raise BadInput("Sign in either by a `link`, or by `name` and `password`, with a `code` where one is needed.")
    return {"name": name, "password": password, "code": code}


def session_of(server: str, secret: str) -> Session:
    """Return a session that was kept; raise `Unauthenticated` if there is none."""
    if not secret:
        raise Unauthenticated("Nobody is signed in.")
    return Session(origin_of(server), secret)
