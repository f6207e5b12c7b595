"""OpenTelemetry's span of a call over HTTP: FastAPI makes it, and one only; what may be secret is taken out of it."""

from __future__ import annotations

import sys
from typing import Any

from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp, Receive, Scope, Send

from interlock.engine.tracing import SDK
from interlock.service.credentials import SECRET

ONE_SPAN: TelemetryConfig = {"operation_spans": False, "logs": False}
"""One span a call, and no log: FastAPI's would hold what was sent and what was raised."""

HIDDEN = "REDACTED"


class RedactedSpans:
    """Takes a call's query out of its span, as it may hold a code, and credentials that somebody put into its path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on."""
        if SDK in sys.modules and scope["type"] == "http":
            from opentelemetry import trace  # noqa: PLC0415 - not needed without an SDK

            changed: dict[str, Any] = {"url.path": SECRET.sub("…", scope["path"])}
            if scope.get("query_string"):
                changed["url.query"] = HIDDEN
            trace.get_current_span().set_attributes(changed)
        await self._app(scope, receive, send)
