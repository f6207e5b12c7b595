"""One server, and calls of it: signed, bounded in time, and made again where that does nothing twice."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from interlock.client.problems import NOT_SENT, PASSING, error_of, unreachable
from interlock.domain.addresses import origin_at
from interlock.errors import (
    BadInput,
    InterlockError,
    ServerBusy,
    ServerError,
    StoreUnavailable,
    TooManyAttempts,
    TooManyRequests,
)

API = "/api/v1"
FIRST_DELAY, LONGEST_DELAY = 0.25, 8.0
LONGEST_ASKED = 60.0
"""Seconds: no call is waited for longer than that, in all, where a server asks for a rest by `Retry-After`."""

NOT_BUSY = TooManyRequests | TooManyAttempts
"""What is refused until people have decided, or for guessing: whoever called has to know that at once."""

CONNECT = 5.0
LONGEST_WORK = 600.0
"""Seconds that a server may work before it sends the first byte of what it makes of the log."""

SILENCE = 40.0
"""Seconds without a word after which a stream has broken: the server says at least each 15 that it is alive."""


class Token(httpx2.Auth):
    """Signs calls with a token. What it is stands in no representation."""

    def __init__(self, secret: str) -> None:
        if not secret.isascii() or not secret.isprintable() or not secret or " " in secret:
            raise BadInput("The token is no token: give it as it was shown, without spaces.")
        self._secret = secret

    def auth_flow(self, request: httpx2.Request) -> Any:
        """Sign a call."""
        request.headers["Authorization"] = f"Bearer {self._secret}"
        yield request


class Session(httpx2.Auth):
    """Signs calls with the session of a person, and keeps what the server puts in its place."""

    def __init__(self, origin: str, secret: str = "") -> None:
        self.secret = secret
        self._origin = origin
        self._name = cookie_name(origin)

    def auth_flow(self, request: httpx2.Request) -> Any:
        """Sign a call: a cookie is taken from the server's own pages, so the call names its origin."""
        request.headers["Origin"] = self._origin
        if self.secret:
            request.headers["Cookie"] = f"{self._name}={self.secret}"
        response = yield request
        self.secret = response.cookies.get(self._name) or self.secret


def cookie_name(origin: str) -> str:
    """Return what a server calls the cookie of a session."""
    return "__Host-interlock" if origin.startswith("https:") else "interlock"


def origin_of(url: str) -> str:
    """Return scheme, host and port of a server; raise `BadInput` if it is none."""
    try:
        given = urlsplit(url)
        found = origin_at(given.scheme, given.hostname or "", given.port)
    except ValueError:
        raise BadInput(f"{url!r} is no server: name scheme and host, such as https://approvals.example.com.") from None
    if given.username is not None or given.query or given.fragment:
        raise BadInput("Name the server by scheme and host alone: secrets do not belong into addresses.")
    if given.path.rstrip("/") not in {"", API}:
        raise BadInput(f"Name the server without {given.path}: its API is at {API}.")
    return found


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call may take, and how often it is made.

    Args:
        timeout: seconds for an answer.
        tries: how often a call is made at most, with a rest of random length between (full jitter), longer each time.
    """

    timeout: float = 30.0
    tries: int = 5


@dataclass(slots=True)
class Calls:
    """Makes calls of one server."""

    origin: str
    http: httpx2.AsyncClient = field(repr=False)
    patience: Patience
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ahead: timedelta | None = None
    """How far the server's clock is ahead of this machine's; None before the first answer."""

    async def get(self, path: str, params: Mapping[str, Any] | None = None, *, wait: float = 0.0) -> Any:
        """Read something.

        Args:
            wait: seconds that the server may take beyond what is usual.
        """
        given = {name: value for name, value in (params or {}).items() if value is not None}
        return _document(await self._sent("GET", path, again=True, wait=wait, params=given))

    async def post(self, path: str, body: object, *, key: str | None = None, again: bool = False) -> Any:
        """Do something.

        Args:
            key: an idempotency key: the call can be made again with it.
            again: the call can be made again without one.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        sent = await self._sent("POST", path, again=again or key is not None, json=body, headers=headers)
        return _document(sent)

    async def delete(self, path: str, *, key: str | None = None) -> Any:
        """End something; return what is told of it, if anything is."""
        headers = {} if key is None else {"Idempotency-Key": key}
        response = await self._sent("DELETE", path, again=key is not None, headers=headers)
        return _document(response) if response.content else None

    async def put(self, path: str, body: object = None) -> Any:
        """Have something be so: it can be made again."""
        return _document(await self._sent("PUT", path, again=True, json=body))

    async def done(self, method: str, path: str) -> None:
        """Do something of which nothing is told."""
        await self._sent(method, path, again=method == "PUT")

    async def _sent(self, method: str, path: str, *, again: bool, wait: float = 0.0, **given: Any) -> httpx2.Response:
        timeout = httpx2.Timeout(self.patience.timeout, connect=CONNECT, read=self.patience.timeout + wait)
        left = LONGEST_ASKED
        for tried in range(1, self.patience.tries + 1):
            asked: float | None = None
            try:
                response = await self.http.request(method, API + path, timeout=timeout, **given)
            except httpx2.TransportError as error:
                failed: InterlockError = unreachable(error, error.request if _has_request(error) else None, self.origin)
                repeats = isinstance(error, NOT_SENT) or again
            else:
                self._note_time(response)
                if response.is_success:
                    return response
                failed, asked = error_of(response), retry_after(response)
                later = isinstance(failed, ServerBusy | StoreUnavailable) or asked is not None
                repeats = later and (again or response.status_code == BUSY_BEFORE) and response.status_code in PASSING
                repeats = repeats and not isinstance(failed, NOT_BUSY)
            left -= asked or 0
            if not repeats or tried == self.patience.tries or left < 0:
                raise _with_rest(failed, asked)
            await self.rest(tried, at_least=asked or 0)
        raise AssertionError("unreachable")

    async def rest(self, failures: int, *, at_least: float = 0.0) -> None:
        """Wait before a call is made again: for a random time, so that not all who wait come back at once."""
        longest = min(LONGEST_DELAY, FIRST_DELAY * 2**failures)
        await self.sleep(at_least + random.uniform(0, longest))  # noqa: S311 - nobody gains by guessing it

    async def download(self, path: str, body: object, *, key: str | None = None) -> AsyncGenerator[bytes, None]:
        """Do something, and yield the bytes that it comes to as they come. It is not made again."""
        headers = {} if key is None else {"Idempotency-Key": key}
        timeout = httpx2.Timeout(self.patience.timeout, connect=CONNECT, read=LONGEST_WORK)
        try:
            async with self.http.stream("POST", API + path, json=body, headers=headers, timeout=timeout) as response:
                if not response.is_success:
                    raise _with_rest(error_of(response), retry_after(response))
                async for part in response.aiter_bytes():
                    yield part
        except httpx2.TransportError as error:
            raise unreachable(error, None, self.origin) from error

    @asynccontextmanager
    async def events(self, path: str, position: str | None) -> AsyncGenerator[httpx2.EventSource, None]:
        """Open a stream of events after a position of the log, or from now on."""
        timeout = httpx2.Timeout(SILENCE, connect=CONNECT)
        params = {} if position is None else {"after": position}
        try:
            async with self.http.sse(API + path, params=params, timeout=timeout) as source:
                if not source.response.is_success:
                    raise _with_rest(error_of(source.response), retry_after(source.response))
                yield source
        except httpx2.TransportError as error:
            raise unreachable(error, None, self.origin) from error

    def now(self) -> datetime:
        """Return the server's clock, as its last answer told it."""
        return datetime.now(UTC) + (self.ahead or timedelta(0))

    def _note_time(self, response: httpx2.Response) -> None:
        told = response.headers.get("date")
        if told is not None:
            try:
                self.ahead = parsedate_to_datetime(told) - datetime.now(UTC).replace(microsecond=0)
            except (ValueError, TypeError):  # no date, or one of no zone
                return


def quoted(part: str) -> str:
    """Return a part of a path."""
    return quote(part, safe="")


def _document(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise ServerError("What answers there is no Interlock server: its answer is no JSON.") from None


BUSY_BEFORE = HTTPStatus.TOO_MANY_REQUESTS
"""What is answered before anything is done: any call can be made again."""


def retry_after(response: httpx2.Response) -> float | None:
    """Return after how many seconds an answer asks to be called again (RFC 9110, 10.2.3)."""
    told = response.headers.get("retry-after", "").strip()
    if told.isdecimal():
        return float(told)
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except ValueError:
        return None


def _with_rest(error: InterlockError, asked: float | None) -> InterlockError:
    if asked is not None:
        error.details.setdefault("retry_after", asked)
    return error


def _has_request(error: httpx2.RequestError) -> bool:
    try:
        return error.request is not None
    except RuntimeError:
        return False


def opened(
    origin: str,
    auth: httpx2.Auth,
    *,
    authorities: str | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> httpx2.AsyncClient:
    """Return what speaks HTTP with a server: it keeps no cookies of its own, and follows nobody elsewhere.

    Args:
        authorities: a file of certificates that are believed, in place of the system's.

    Raises:
        BadInput: if the file cannot be read.
    """
    import ssl  # noqa: PLC0415 - few name authorities

    try:
        verify = True if authorities is None else ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(f"{authorities} holds no certificates that can be read: {error}.") from None
    return httpx2.AsyncClient(
        base_url=origin,
        auth=auth,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": f"interlock/{version('interlock-hitl')}", "Accept": "application/json"},
        verify=verify,
        transport=transport,
        event_hooks={"response": [_read_errors]},
    )


async def _read_errors(response: httpx2.Response) -> None:
    """Read what a stream is refused with, too."""
    if not response.is_success and response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        await response.aread()
