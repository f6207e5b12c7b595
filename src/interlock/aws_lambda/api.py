"""The server behind an HTTP API of API Gateway, or a function's URL: the API, and the pages.

Answers are short here: there are no streams, and pages look again by themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import quote

from mangum import Mangum
from mangum.adapter import DEFAULT_TEXT_MIME_TYPES

from interlock.aws_lambda.process import Process, process
from interlock.domain.addresses import hosts_of
from interlock.errors import BadInput
from interlock.web.app import application
from interlock.web.configured import checked_origin, configured_context
from interlock.web.context import Context

LAST_SECONDS = 2.0
"""Seconds for what goes on behind an answer, such as the note of what somebody was shown."""

TURN = 0.01
FUNCTION_URL = ".lambda-url."
"""What stands in the name of a function's URL, and of no HTTP API."""

TEXT = ("application/problem+json", "application/x-ndjson", "image/svg+xml")
"""What is sent as it is, beside the usual ones; all else is sent in base64, which is longer."""


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Answer a call."""
    mine = process()
    known, adapter = _server(mine)
    answer: dict[str, Any] = adapter(_readable(event), context)
    mine.do(_settled(known))
    return answer | {"statusCode": int(answer["statusCode"])}  # an enumeration's value is for programs of Python


def _readable(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call whose path Mangum reads as it was sent: Mangum decodes it once.

    A function's URL hands paths on encoded, as it has got them. An HTTP API hands them on decoded, where a percent sign
    was seen as `%25` and as `%` (docs/decisions/0082): both are read here as one.
    """
    asked = event["requestContext"]
    if FUNCTION_URL in asked.get("domainName", ""):
        return dict(event)
    path = quote(asked["http"]["path"].replace("%25", "%"), safe="/")
    return {**event, "requestContext": {**asked, "http": {**asked["http"], "path": path}}}


@cache
def _server(mine: Process) -> tuple[Context, Mangum]:
    settings = mine.system.settings
    if settings.server.origin is None:
        raise BadInput("Where people reach the server is not said: set INTERLOCK_ORIGIN, or `server.origin`.")
    origin = checked_origin(settings.server.origin)
    known = replace(
        configured_context(mine.system, origin, frozenset(hosts_of(origin)), settings), streams_events=False
    )
    if settings.channels:
        from interlock.channels.table import reply_keys_of  # noqa: PLC0415 - few installations have channels

        known = replace(known, reply_keys=reply_keys_of(settings.channels, mine.around(origin)))
    return known, Mangum(application(known), lifespan="off", text_mime_types=[*DEFAULT_TEXT_MIME_TYPES, *TEXT])


async def _settled(known: Context) -> None:
    """Wait a little until what goes on behind an answer is done: afterwards the process is frozen."""
    ends = time.monotonic() + LAST_SECONDS
    while known.streams and time.monotonic() < ends:  # noqa: ASYNC110 - it tells nobody of its end
        await asyncio.sleep(TURN)
