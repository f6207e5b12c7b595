"""Routes of pages: a caller who is not signed in signs in first, and an error is shown as a page."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from interlock.domain.access import Permission
from interlock.errors import Forbidden, InterlockError, Unauthenticated
from interlock.web.callers import SAFE, Caller, admit
from interlock.web.context import context_of
from interlock.web.pages.error_pages import address_not_understood, error_page

_OURS = re.compile(r"/(?![/\\])[\x21-\x7e]{0,2000}")
_KEY = re.compile(r"[A-Za-z0-9-]{1,80}")
SIGN_IN = "/sign-in"


class PageRoute(APIRoute):
    """A route whose answers are pages for people."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, which answers errors by pages."""
        answer = super().get_route_handler()

        async def answered(call: Request) -> Response:
            try:
                return await answer(call)
            except Unauthenticated as error:
                return sign_in_first(call) if call.method in SAFE else await error_page(call, error)
            except InterlockError as error:
                return await error_page(call, error)
            except RequestValidationError:
                return await address_not_understood(call)

        return answered


def pages(*dependencies: Any) -> APIRouter:
    """Return a router of pages.

    Args:
        dependencies: the dependencies of each route.
    """
    return APIRouter(route_class=PageRoute, include_in_schema=False, dependencies=dependencies)


def signed_in(need: Permission) -> Callable[..., Awaitable[Caller]]:
    """Return a dependency that admits people who have signed in and have a permission."""

    async def admitted(connection: HTTPConnection) -> Caller:
        caller = await admit(connection, need)
        if caller.credential.kind != "session" or caller.principal.kind != "person":
            raise Forbidden("Pages are for people who have signed in: programs call /api/v1.")
        connection.state.mark = caller.mark  # `fields_of` refuses forms of pages that were made for another session
        live = context_of(connection).live(caller.principal.tenant)
        connection.state.position = await live.last()  # before the page reads anything: its stream misses nothing
        return caller

    admitted.need = need  # type: ignore[attr-defined]  # the walk over all routes reads it
    return admitted


Reader = Annotated[Caller, Depends(signed_in(Permission.read))]
Decider = Annotated[Caller, Depends(signed_in(Permission.decide))]
SignedInPerson = Annotated[Caller, Depends(signed_in(Permission.anyone_known))]


def own_address(given: str | None, otherwise: str = "/") -> str:
    """Return an address if it is one of ours; else `otherwise`."""
    return given if given is not None and _OURS.fullmatch(given) else otherwise


def counted(address: str, key: str) -> str:
    """Return an address with the key of a form that has counted, so that `drafts.js` deletes its draft."""
    if not _KEY.fullmatch(key):
        return address
    path, hash_sign, fragment = address.partition("#")
    return f"{path}{'&' if '?' in path else '?'}sent={key}{hash_sign}{fragment}"


def sign_in_first(call: Request) -> Response:
    """Redirect to the sign-in page, which leads back here."""
    wanted = call.url.path + (f"?{call.url.query}" if call.url.query else "")
    return RedirectResponse(f"{SIGN_IN}?next={quote(own_address(wanted), safe='')}", HTTPStatus.SEE_OTHER)
