"""The body of a call: whole, in time, not too large, and read by one strict parser before any other sees it."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from interlock.domain.canonical import strict_json
from interlock.web.callers import SAFE

MOST_BYTES = 1_500_000
"""The largest body: an input has at most a million bytes, and JSON may write some of them longer."""

SECONDS = 30.0
"""Within which a body has to have arrived."""


class BodyRefused(Exception):
    """A body that is not taken, before it is looked at."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


async def read_whole(scope: Scope, receive: Receive) -> Receive:
    """Return what gives a call's body, which has arrived by then, and after it whatever else comes.

    Raises:
        BodyRefused: if it is too large, or does not come in time.
        InvalidValue: if it says that it is JSON, and is none that has one meaning.
        ClientDisconnect: if its sender is gone.
    """
    headers = Headers(scope=scope)
    if scope["method"] in SAFE and not {"content-length", "transfer-encoding"} & set(headers):
        return receive
    if headers.get("content-length", "").isdecimal() and int(headers["content-length"][:20]) > MOST_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(SECONDS):
            body = await _whole(receive)
    except TimeoutError:
        said = f"The body did not arrive within {SECONDS:g} seconds: send it again, in one go."
        raise BodyRefused(HTTPStatus.REQUEST_TIMEOUT, "too_slow", said) from None
    if body and "json" in headers.get("content-type", "").lower():
        strict_json(body)
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return left.pop() if left else await receive()

    return next_message


async def _whole(receive: Receive) -> bytes:
    pieces, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        size, more = size + len(pieces[-1]), message.get("more_body", False)
        if size > MOST_BYTES:
            raise _too_large()
    return b"".join(pieces)


def _too_large() -> BodyRefused:
    said = f"The body is too large: {MOST_BYTES:,} bytes at most."
    return BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", said)
