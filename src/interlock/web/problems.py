"""Errors as RFC 9457 problems, by the one table of what errors mean."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from interlock.errors import (
    InterlockError,
    ProviderUnavailable,
    StoreUnavailable,
    TooBusy,
    TooManyAttempts,
    TooManyCalls,
    TooManyRequests,
    Unauthenticated,
)
from interlock.service.error_table import meaning_of

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 2
"""Seconds after which a call may be made again that the database could not take."""


WHEN_DECIDED = 60
"""Seconds after which an agent may ask again of which too much waits for people."""


def problem(
    status: HTTPStatus, code: str, message: str, details: Any = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return a problem: `code` is the stable name, `detail` the sentence, `details` values for a program."""
    return JSONResponse(_document(status, code, message, details), status, headers, MEDIA_TYPE)


def _document(status: HTTPStatus, code: str, message: str, details: Any) -> dict[str, Any]:
    return {
        "type": f"urn:interlock:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "detail": message,
        "code": code,
        "details": json.loads(json.dumps(details or {}, default=str)),
    }


def add_problems(app: FastAPI) -> None:
    """Let whatever goes wrong be answered by a problem."""
    app.add_exception_handler(InterlockError, _of_ours)  # type: ignore[arg-type]  # starlette's type is wider
    app.add_exception_handler(RequestValidationError, _of_input)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _of_http)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _of_defect)


def document_of(error: InterlockError) -> dict[str, Any]:
    """Return an error of ours as a problem's document."""
    return _document(meaning_of(type(error)).status, error.code, error.message, error.details)


def answer_of(error: InterlockError) -> JSONResponse:
    """Return an error of ours as an answer."""
    headers = {}
    if isinstance(error, TooBusy | TooManyAttempts | TooManyCalls):
        headers["Retry-After"] = str(error.details["retry_after"])
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, StoreUnavailable | ProviderUnavailable):
        headers["Retry-After"] = str(RETRY_AFTER)
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(WHEN_DECIDED)
    return problem(meaning_of(type(error)).status, error.code, error.message, error.details, headers)


async def _of_ours(_: Request, error: InterlockError) -> JSONResponse:
    return answer_of(error)


async def _of_input(_: Request, error: RequestValidationError) -> JSONResponse:
    places = [
        {
            "in": str(found["loc"][0]),
            "path": ".".join(map(str, found["loc"][1:])),
            "reason": reason_of(found["type"], found["msg"]),
        }
        for found in error.errors()
    ]
    first = places[0]
    said = f"{first['path'] or first['in']}: {first['reason']}" + (" (and more)" if len(places) > 1 else "")
    return problem(HTTPStatus.BAD_REQUEST, "bad_input", said, {"errors": places})


def reason_of(kind: str, message: str) -> str:
    """Return what is wrong with what a call carries: in our words, where pydantic's are a programmer's."""
    return _REASONS.get(kind, message)


async def _of_http(_: Request, error: HTTPException) -> JSONResponse:
    status = HTTPStatus(error.status_code)
    code = "bad_input" if status is HTTPStatus.BAD_REQUEST else status.name.lower()
    return problem(status, code, _SAID.get(status, str(error.detail)), headers=dict(error.headers or {}))


async def _of_defect(_: Request, error: Exception) -> JSONResponse:
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "error", f"A defect of the server: {type(error).__name__}.")


_NO_OBJECT = "must be a JSON object, in a body whose Content-Type is application/json"
_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here: leave it out",
    "model_attributes_type": _NO_OBJECT,
    "model_type": _NO_OBJECT,
    "dict_type": _NO_OBJECT,
}
"""What pydantic finds wrong, by its name for that."""

_SAID = {
    HTTPStatus.BAD_REQUEST: "The body is no JSON.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method.",
}
