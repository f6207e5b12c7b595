"""What every call passes: its host is ours, its body is strict JSON, it is logged without secrets, nobody keeps it."""

from __future__ import annotations

import json
import logging
import secrets
import time
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from interlock.errors import InterlockError
from interlock.service.credentials import SECRET
from interlock.web.body_reader import BodyRefused, read_whole
from interlock.web.callers import principal_of
from interlock.web.context import CONTEXT, Context
from interlock.web.pages.error_pages import as_page, takes_page
from interlock.web.problems import answer_of, problem

HEALTH = frozenset({"/livez", "/readyz"})
"""What a probe asks, which calls a machine by its address. Anybody may know the answers."""

_log = logging.getLogger("interlock.access")
LONGEST_PATH = 300
_OF_SOCKETS = {"websocket.accept": int(HTTPStatus.SWITCHING_PROTOCOLS), "websocket.close": int(HTTPStatus.FORBIDDEN)}

_ALWAYS = {
    "Cache-Control": "no-store, no-transform",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Edge:
    """Stands around the application. Pure ASGI: a stream passes it piece by piece."""

    def __init__(self, app: FastAPI, context: Context) -> None:
        self.app = app
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        scope[CONTEXT] = self._context
        call = _Call(scope, send, self._context)
        if self._is_reached(scope):
            answer: ASGIApp = self.app
        elif scope["type"] == "http":
            said = f"This server is reached at {self._context.origin}."
            answer = await self._told(scope, problem(HTTPStatus.MISDIRECTED_REQUEST, "wrong_host", said))
        else:
            answer = WebSocketClose(1008)
        try:
            if answer is self.app and scope["type"] == "http":
                answer, receive = await self._with_body(scope, receive)
            await answer(scope, receive, call.send)
        except ClientDisconnect:  # in the middle of its body: nobody waits for an answer
            pass
        finally:
            call.log()

    def _is_reached(self, scope: Scope) -> bool:
        """Say whether a call names one host, and that is ours: else another site's name may lead here (rebinding)."""
        if scope["type"] == "http" and scope["path"] in HEALTH:
            return True
        named = Headers(scope=scope).getlist("host")
        return len(named) == 1 and named[0].lower() in self._context.hosts

    async def _with_body(self, scope: Scope, receive: Receive) -> tuple[ASGIApp, Receive]:
        """Take a call's body; return what answers the call, and what gives it the body."""
        try:
            return self.app, await read_whole(scope, receive)
        except BodyRefused as refused:
            headers = {"Connection": "close"}  # what is left of the body is not waited for
            told = problem(refused.status, refused.code, str(refused), headers=headers)
            return await self._told(scope, told), receive
        except InterlockError as error:
            return await self._told(scope, answer_of(error)), receive

    async def _told(self, scope: Scope, answer: Response) -> ASGIApp:
        """Return a problem as a page, to whom a page is of use."""
        scope["app"] = self.app  # as the application itself would say: the page asks it what the server knows
        return await as_page(Request(scope), answer) if takes_page(scope) else answer


class _Call:
    """One call: its id, what was answered, how long it took."""

    def __init__(self, scope: Scope, send: Send, context: Context) -> None:
        self.scope = scope
        self._send = send
        self._context = context
        self._began = time.perf_counter()
        self._status = 0
        self.id = secrets.token_hex(8)
        scope["interlock.call_id"] = self.id

    async def send(self, message: Message) -> None:
        """Send a part of the answer, with what all answers say."""
        self._status = self._status or message.get("status") or _OF_SOCKETS.get(message["type"], 0)
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _ALWAYS.items():
                headers.setdefault(name, value)
            headers["X-Request-Id"] = self.id
            if self._context.stop.is_set():
                headers["Connection"] = "close"
        await self._send(message)

    def log(self) -> None:
        """Write a line: no query, no header, no body, and no secret that somebody has put into a path."""
        if _log.isEnabledFor(logging.INFO):
            line = {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "id": self.id,
                "method": self.scope.get("method", "WEBSOCKET"),
                "path": SECRET.sub("…", self.scope["path"])[:LONGEST_PATH],
                "status": self._status,
                "ms": round((time.perf_counter() - self._began) * 1000, 1),
                "address": self._context.address_of(HTTPConnection(self.scope)),
                "principal": principal_of(self.scope),
            }
            _log.info(json.dumps(line))
        if self.scope["type"] == "http":
            seconds = time.perf_counter() - self._began
            self._context.measuring.answered(self.scope["method"], _route_of(self.scope), self._status, seconds)


def _route_of(scope: Scope) -> str:
    """Return a call's route as it is written; no path of the caller's own, of which there may be any number."""
    return str(getattr(scope.get("route"), "path", "") or "none")
