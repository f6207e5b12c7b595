"""What an error means to a program: the exit code of a command, and the status of an HTTP answer. One table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from http import HTTPStatus
from typing import Any, NamedTuple

from interlock import errors
from interlock.errors import InterlockError


class Exit(IntEnum):
    """The exit codes."""

    ok = 0
    internal = 1
    usage = 2
    refused = 3
    not_found = 4
    conflict = 5
    store = 6
    waiting = 7
    ended_badly = 8
    interrupted = 130
    broken_pipe = 141


class Meaning(NamedTuple):
    """What an error means. 409: the present state forbids it. 422: the content of the call is wrong."""

    exit: Exit
    status: HTTPStatus


ERRORS: dict[type[InterlockError], Meaning] = {
    InterlockError: Meaning(Exit.internal, HTTPStatus.INTERNAL_SERVER_ERROR),
    errors.BadInput: Meaning(Exit.usage, HTTPStatus.BAD_REQUEST),
    errors.InvalidAnswer: Meaning(Exit.usage, HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.InvalidContext: Meaning(Exit.usage, HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.Refused: Meaning(Exit.refused, HTTPStatus.FORBIDDEN),
    errors.Unauthenticated: Meaning(Exit.refused, HTTPStatus.UNAUTHORIZED),
    errors.TooManyAttempts: Meaning(Exit.refused, HTTPStatus.TOO_MANY_REQUESTS),
    errors.Forbidden: Meaning(Exit.refused, HTTPStatus.FORBIDDEN),
    errors.NotFound: Meaning(Exit.not_found, HTTPStatus.NOT_FOUND),
    errors.Closed: Meaning(Exit.refused, HTTPStatus.CONFLICT),
    errors.TooLate: Meaning(Exit.refused, HTTPStatus.CONFLICT),
    errors.TooEarly: Meaning(Exit.refused, HTTPStatus.CONFLICT),
    errors.WrongDigest: Meaning(Exit.refused, HTTPStatus.CONFLICT),
    errors.EffectRefused: Meaning(Exit.refused, HTTPStatus.CONFLICT),
    errors.AlreadyIssued: Meaning(Exit.refused, HTTPStatus.CONFLICT),
    errors.NotOffered: Meaning(Exit.refused, HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.ReasonMissing: Meaning(Exit.refused, HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.NotEditable: Meaning(Exit.refused, HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.TooManyRequests: Meaning(Exit.refused, HTTPStatus.TOO_MANY_REQUESTS),
    errors.TooManyCalls: Meaning(Exit.refused, HTTPStatus.TOO_MANY_REQUESTS),
    errors.NoVote: Meaning(Exit.refused, HTTPStatus.CONFLICT),
    errors.Conflict: Meaning(Exit.conflict, HTTPStatus.CONFLICT),
    errors.ProviderUnavailable: Meaning(Exit.store, HTTPStatus.SERVICE_UNAVAILABLE),
    errors.ModelFailed: Meaning(Exit.store, HTTPStatus.BAD_GATEWAY),
    errors.ModelUnavailable: Meaning(Exit.store, HTTPStatus.SERVICE_UNAVAILABLE),
    errors.ModelNotUsable: Meaning(Exit.usage, HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.TooBusy: Meaning(Exit.store, HTTPStatus.SERVICE_UNAVAILABLE),
    errors.TakesTooLong: Meaning(Exit.usage, HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.StoreError: Meaning(Exit.store, HTTPStatus.INTERNAL_SERVER_ERROR),
    errors.StoreUnavailable: Meaning(Exit.store, HTTPStatus.SERVICE_UNAVAILABLE),
    errors.ServerError: Meaning(Exit.store, HTTPStatus.BAD_GATEWAY),
}
"""An error that has no entry has that of its nearest base class here."""


def meaning_of(error: type[BaseException]) -> Meaning:
    """Return what an error means; any other exception is a defect of Interlock."""
    return next((ERRORS[kind] for kind in error.__mro__ if kind in ERRORS), ERRORS[InterlockError])


def error_shape(code: str, message: str, details: Mapping[str, object]) -> dict[str, Any]:
    """Return an error."""
    return {"code": code, "message": message, "details": dict(details)}
