"""What a server says is wrong, and what is wrong with the way to it, as the errors that the kit raises."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, TypeVar

import httpx2

from interlock import errors
from interlock.errors import (
    InterlockError,
    InvalidValue,
    ServerBusy,
    ServerError,
    ServerTimeout,
    ServerUnreachable,
    UntrustedServer,
)

T = TypeVar("T")

NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
"""Nothing has reached the server: whatever was to be sent can be sent again."""

BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
PASSING = BUSY | {HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
"""What a proxy or a server answers that may do better a moment later."""

BY_CODE: dict[str, type[InterlockError]] = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, InterlockError)
}
BY_CODE |= {errors.Conflict.code: errors.Conflict}  # which its subclasses share

BY_STATUS: dict[int, type[InterlockError]] = {
    HTTPStatus.UNAUTHORIZED: errors.Unauthenticated,
    HTTPStatus.FORBIDDEN: errors.Forbidden,
    HTTPStatus.NOT_FOUND: errors.NotFound,
    HTTPStatus.CONFLICT: errors.Conflict,
    HTTPStatus.TOO_MANY_REQUESTS: ServerBusy,
    HTTPStatus.SERVICE_UNAVAILABLE: ServerBusy,
}
"""For codes that are no error's."""


def problem_of(document: Any, status: int, call_id: str | None) -> InterlockError:
    """Return the error that a problem document (RFC 9457) tells of."""
    if not isinstance(document, dict) or not isinstance(document.get("detail"), str):
        said = f"The answer has the status {status}, and is none of an Interlock server."
        return _named(ServerBusy if status in PASSING else ServerError, said, {}, call_id)
    kind = BY_CODE.get(str(document.get("code"))) or BY_STATUS.get(status)
    if kind is None:
        kind = ServerError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else errors.BadInput
    details = document.get("details")
    return _named(kind, document["detail"], details if isinstance(details, dict) else {}, call_id)


def error_of(response: httpx2.Response) -> InterlockError:
    """Return the error that an answer tells of, which was read to its end."""
    call_id = response.headers.get("x-request-id")
    if response.is_redirect:
        to = response.headers.get("location", "nowhere")
        said = f"{_host(response.request)} sends callers on to {to}: name that server."
        return _named(ServerError, said, {}, call_id)
    try:
        document = response.json()
    except ValueError:
        document = None
    return problem_of(document, response.status_code, call_id)


def unreachable(error: httpx2.TransportError, request: httpx2.Request | None, origin: str) -> ServerUnreachable:
    """Return what is wrong with the way to a server, in plain words."""
    if isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return ServerUnreachable(f"{origin} does not answer: no connection was made in time.")
    if isinstance(error, httpx2.TimeoutException):
        method = "" if request is None else f" to {request.method} {request.url.path}"
        said = f"{origin} did not answer in time{method}: whether it has done what was asked is not known."
        return ServerTimeout(said)
    certificate = next((one for one in _causes(error) if isinstance(one, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        reason = certificate.verify_message or "it is not valid"
        return UntrustedServer(
            f"The certificate of {origin} proves nothing: {reason}. Nothing was sent. Name the server as its "
            "certificate does, or the authority that signed it."
        )
    if any(isinstance(one, ssl.SSLError) for one in _causes(error)):
        return ServerUnreachable(f"{origin} does not speak TLS as this program does: is it http:// or another port?")
    if isinstance(error, httpx2.ConnectError):
        return ServerUnreachable(f"No server answers at {origin}: {_reason(error)}.")
    return ServerUnreachable(f"The connection to {origin} broke: {_reason(error)}.")


def _named(kind: type[InterlockError], message: str, details: dict[str, object], call_id: str | None) -> InterlockError:
    error = kind.__new__(kind)
    InterlockError.__init__(error, message, **details)
    if isinstance(error, InvalidValue):
        error.path, error.reason = str(details.get("path", "")), str(details.get("reason", message))
    error.call_id = call_id
    return error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: Exception) -> str:
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    return str(error).rstrip(".") or type(error).__name__


def _host(request: httpx2.Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc.decode()}"


def understood(read: Callable[..., T], *given: Any) -> T:
    """Read what a server has told; raise `ServerError` if it is of no form that this version knows."""
    try:
        return read(*given)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ServerError(
            "The server tells something that this version of Interlock cannot read: use one version on both sides.",
            reason=f"{type(error).__name__}: {error}"[:200],
        ) from error
