"""Errors as pages for people, with the reason and what to do. Programs get a problem document."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from interlock.errors import InterlockError, StoreUnavailable
from interlock.service.error_table import meaning_of
from interlock.web.callers import SAFE, Caller, caller_of
from interlock.web.context import Context, context_of
from interlock.web.pages.rendering import page
from interlock.web.problems import answer_of

PROGRAMS = ("/api/", "/assets/", "/metrics", "/livez", "/readyz")
"""Addresses for programs: no page is shown there, whatever a call accepts."""
KEPT = ("retry-after", "allow", "connection")
"""The headers of a problem that a page has, too."""

TITLES = {
    HTTPStatus.UNAUTHORIZED: "Sign in first",
    HTTPStatus.FORBIDDEN: "You may not do that",
    HTTPStatus.NOT_FOUND: "Nothing is here",
    HTTPStatus.METHOD_NOT_ALLOWED: "That cannot be sent here",
    HTTPStatus.CONFLICT: "Things have changed meanwhile",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "That is too large",
    HTTPStatus.MISDIRECTED_REQUEST: "This is not the address of this server",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many calls",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong here",
    HTTPStatus.SERVICE_UNAVAILABLE: "The server is busy",
}
"""The titles of error pages."""
SAID = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address, or it is not yours to see.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Go back, and send the form of the page.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "This is a defect of the server. Look whether what you did "
    "was taken, before you do it again.",
}
AWAY = "The database cannot be reached"
STILL = "Nothing that was confirmed to you is lost. Try again in a few seconds."

Handler = Callable[[Request, Exception], Awaitable[Response]]


def takes_page(scope: Scope) -> bool:
    """Say whether a person will read the answer: a browser calls, and not an address for programs."""
    if scope["type"] != "http" or scope["path"].startswith(PROGRAMS):
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")


def add_error_pages(app: FastAPI) -> None:
    """Show every error to people as a page; programs still get the problem."""
    for kind in (InterlockError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _page_or(app.exception_handlers[kind]))  # type: ignore[arg-type]


def _page_or(problem_of: Handler) -> Handler:
    async def answered(call: Request, error: Exception) -> Response:
        answer = await problem_of(call, error)
        return await as_page(call, answer) if takes_page(call.scope) else answer

    return answered


async def error_page(call: Request, error: InterlockError) -> Response:
    """Return the page of an error, with the headers that a program gets."""
    status = HTTPStatus(meaning_of(type(error)).status)
    if isinstance(error, StoreUnavailable):
        return await _failed(call, status, STILL, answer_of(error).headers, title=AWAY)
    return await _failed(call, status, error.message, answer_of(error).headers)


async def address_not_understood(call: Request) -> Response:
    """Return a page for an address with invalid parameters, to which none of our pages leads."""
    said = "This address is not understood: go back, and try again."
    return await _failed(call, HTTPStatus.BAD_REQUEST, said, Headers())


async def as_page(call: Request, problem: Response) -> Response:
    """Return a program's problem as a page."""
    told = json.loads(bytes(problem.body))
    status = HTTPStatus(problem.status_code)
    if told["code"] == StoreUnavailable.code:
        return await _failed(call, status, STILL, problem.headers, title=AWAY)
    return await _failed(call, status, SAID.get(status, told["detail"]), problem.headers)


async def _failed(call: Request, status: HTTPStatus, said: str, headers: Headers, title: str = "") -> Response:
    context = context_of(call)
    shown = {
        "title": title or TITLES.get(status, "That did not work"),
        "said": said,
        "call_id": call.scope["interlock.call_id"],
        "home": context.origin if status is HTTPStatus.MISDIRECTED_REQUEST else "/",
        "again": "retry-after" in headers and call.method in SAFE,
    }
    kept = {name: headers[name] for name in KEPT if name in headers}
    try:
        caller = await _whoever(call, context, status)
        return await page(call, "error.html", caller, status=status, headers=kept, **shown)
    except InterlockError:  # the store cannot say now who the reader is, or what waits for them
        return await page(call, "error.html", status=status, headers=kept, **shown)


async def _whoever(call: Request, context: Context, status: HTTPStatus) -> Caller | None:
    """Return the reader; None while the server itself fails, or is called by a wrong host name."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status is HTTPStatus.MISDIRECTED_REQUEST:
        return None
    return await caller_of(call, context)
