"""Slack's Web API: one call at a time, and what it says when it does not do what was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx2

from interlock.domain.delivery import Failure
from interlock.engine.ports.sender import NotTaken

SECONDS = 10.0
UNKNOWN_WAIT = timedelta(seconds=30)
"""How long is waited after a call of which nobody knows what became: by then Slack has carried it out, or never will.

Else it could overtake the next one, and an older card would stand in the place of a newer one.
"""

LONGEST_WAIT = timedelta(hours=1)
AGAIN = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
"""What Slack says when the same call may succeed later; all else stays wrong until somebody mends it."""


class SlackRefused(NotTaken):
    """Slack has understood a call, and has not done it.

    Args:
        code: why, as Slack names it.
    """

    def __init__(self, method: str, code: str, wait: timedelta | None = None) -> None:
        super().__init__(Failure(f"{method}: Slack says {code}.", final=code not in AGAIN, wait=wait))
        self.code = code


class SlackApi:
    """Calls the Web API with a bot's token. See https://docs.slack.dev/apis/web-api.

    Args:
        url: where it is.
        transport: in place of the network, for tests.
    """

    def __init__(self, token: str, url: str, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}", "user-agent": "interlock"}
        self._transport = transport
        self._client: httpx2.AsyncClient | None = None

    async def call(self, method: str, **given: Any) -> dict[str, Any]:
        """Call a method, and return what it answers.

        Raises:
            NotTaken: if it was not done, or nobody knows.
        """
        form = {name: _written(value) for name, value in given.items() if value is not None}
        try:
            answer = await self._open().post(f"{self._url}/{method}", data=form)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise NotTaken(Failure(f"{method}: Slack cannot be reached: {_words(error)}.")) from None
        except httpx2.HTTPError as error:
            said = f"{method}: nobody knows what became of it: {_words(error)}."
            raise NotTaken(Failure(said, wait=UNKNOWN_WAIT)) from None
        return _judged(method, answer)

    async def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _open(self) -> httpx2.AsyncClient:
        if self._client is None:  # in the loop that uses it
            self._client = httpx2.AsyncClient(headers=self._headers, timeout=SECONDS, transport=self._transport)
        return self._client


ApiOf = Callable[[str], SlackApi]


def _judged(method: str, answer: httpx2.Response) -> dict[str, Any]:
    given = answer.headers.get("retry-after", "")
    wait = min(timedelta(seconds=int(given)), LONGEST_WAIT) if given.isdecimal() and len(given) < 6 else None  # noqa: PLR2004
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        raise SlackRefused(method, "ratelimited", wait)
    if answer.status_code != HTTPStatus.OK:
        raise NotTaken(Failure(f"{method}: Slack answered {answer.status_code}.", wait=wait or UNKNOWN_WAIT))
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise NotTaken(Failure(f"{method}: Slack's answer is not JSON.", wait=UNKNOWN_WAIT))
    if found.get("ok") is not True:
        raise SlackRefused(method, str(found.get("error", "nothing"))[:100], wait)
    return found


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
