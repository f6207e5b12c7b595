"""A Slack of our own: it keeps messages, and delays, repeats, refuses and loses what it is told to."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx2

from interlock.domain.slack_signatures import slack_signature
from interlock.testing.slack_limits import why_refused

TEAM = "T0TEAM"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to one call.

    Args:
        status: the HTTP status of the answer, in place of 200; 0: nobody answers, and nothing is carried out.
        error: Slack's own word for why it does nothing.
        lost: the call is carried out, and its answer never arrives.
        until: the call is carried out, and answered, once this is set.
        late: the answer never arrives, and the call is carried out when `apply_late` is called.
    """

    status: int = 200
    error: str = ""
    retry_after: int | None = None
    lost: bool = False
    late: bool = False
    until: asyncio.Event | None = None


@dataclass
class SlackMessage:
    """A message in a room, and what stood there before."""

    room: str
    ts: str
    content: dict[str, Any]
    before: list[dict[str, Any]] = field(default_factory=list)


class FakeSlack(httpx2.AsyncBaseTransport):
    """Answers as Slack's Web API does; what it refuses as too large, Slack does as well.

    Attributes:
        calls: every call, its method and what it brought.
        ephemeral: what single people were shown.
        views: the forms that were opened.

    Args:
        now: its clock; by default that of this machine.
    """

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self._now = now or partial(datetime.now, UTC)
        self.secret = hashlib.sha256(b"a signing secret").hexdigest()[:32]  # as long as Slack makes them
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.messages: dict[tuple[str, str], SlackMessage] = {}
        self.ephemeral: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self._trouble: dict[str, list[Trouble]] = {}
        self._late: list[tuple[str, dict[str, Any]]] = []
        self._stamps = 0

    def next(self, method: str, *trouble: Trouble) -> None:
        """Let something happen to the next calls of a method."""
        self._trouble.setdefault(method, []).extend(trouble)

    def cards(self) -> list[SlackMessage]:
        """Return the messages that stand in rooms."""
        return [*self.messages.values()]

    def apply_late(self) -> None:
        """Carry out what was held up, as if it had just arrived."""
        for method, given in self._late:
            self._done(method, given)
        self._late.clear()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a call."""
        method = request.url.path.rpartition("/")[2]
        given = form_values((await request.aread()).decode())
        self.calls.append((method, given))
        planned = self._trouble.get(method)
        trouble = planned.pop(0) if planned else Trouble()
        if trouble.status == 0:
            raise httpx2.ConnectError("Connection refused.")
        if trouble.until is not None:
            await trouble.until.wait()
        if trouble.late:
            self._late.append((method, given))
            raise httpx2.ReadTimeout("No answer came.")
        status, headers, found = self.answer(method, given, trouble)
        if trouble.lost:
            raise httpx2.ReadTimeout("No answer came.")
        return httpx2.Response(status, headers=headers, json=found)

    def answer(
        self, method: str, given: dict[str, Any], trouble: Trouble | None = None
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Carry a call out, and return status, headers and body of the answer."""
        trouble = trouble or Trouble()
        headers = {} if trouble.retry_after is None else {"Retry-After": str(trouble.retry_after)}
        if trouble.status != 200:  # noqa: PLR2004
            return trouble.status, headers, {}
        if trouble.error:
            return 200, headers, {"ok": False, "error": trouble.error}
        return 200, headers, self._done(method, given)

    def _done(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        refused = why_refused(method, given)
        if refused:
            return {"ok": False, "error": refused}
        methods: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "chat.postEphemeral": self._show_to_one,
            "views.open": self._show_form,
            "auth.test": lambda _: {"ok": True, "team_id": TEAM},
            "conversations.open": lambda given: {"ok": True, "channel": {"id": f"D{given['users']}"}},
        }
        found = methods.get(method)
        return {"ok": False, "error": "unknown_method"} if found is None else found(given)

    def _show_to_one(self, given: dict[str, Any]) -> dict[str, Any]:
        self.ephemeral.append(given)
        return {"ok": True}

    def _show_form(self, given: dict[str, Any]) -> dict[str, Any]:
        self.views.append(given["view"])
        return {"ok": True}

    def _post(self, given: dict[str, Any]) -> dict[str, Any]:
        self._stamps += 1
        message = SlackMessage(given["channel"], f"{int(self._now().timestamp())}.{self._stamps:06}", given)
        self.messages[message.room, message.ts] = message
        return {"ok": True, "channel": message.room, "ts": message.ts}

    def _update(self, given: dict[str, Any]) -> dict[str, Any]:
        found = self.messages.get((given["channel"], given["ts"]))
        if found is None:
            return {"ok": False, "error": "message_not_found"}
        found.before.append(found.content)
        found.content = given
        return {"ok": True, "channel": found.room, "ts": found.ts}

    def _history(self, given: dict[str, Any]) -> dict[str, Any]:
        since = float(given.get("oldest", "0"))
        found = [one for one in self.messages.values() if one.room == given["channel"] and float(one.ts) >= since]
        shown = [{"ts": one.ts, "metadata": one.content.get("metadata")} for one in found]
        return {"ok": True, "messages": shown[::-1]}

    def signed(self, payload: dict[str, Any], at: int) -> tuple[bytes, dict[str, str]]:
        """Return the body and the headers of a call that Slack makes."""
        body = urlencode({"payload": json.dumps(payload)}).encode()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": str(at),
            "X-Slack-Signature": slack_signature(self.secret, str(at), body),
        }
        return body, headers


def form_values(body: str) -> dict[str, Any]:
    """Return what a call brought: what is written in JSON, read."""
    return {name: _read(value) for name, value in parse_qsl(body, keep_blank_values=True)}


def _read(text: str) -> Any:
    if text[:1] not in "[{tf":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def press(
    card: SlackMessage, button: str, user: str, *, team: str = TEAM, at: str = "1700000100.000001"
) -> dict[str, Any]:
    """Return what Slack sends when somebody presses a button of a card."""
    found = [one for block in card.content["blocks"] for one in block.get("elements", ()) if "action_id" in one]
    pressed = next(one for one in found if one["action_id"] == button)
    return {
        "type": "block_actions",
        "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": team},
        "api_app_id": "A0APP",
        "token": "not looked at",
        "container": {"type": "message", "message_ts": card.ts, "channel_id": card.room, "is_ephemeral": False},
        "trigger_id": f"13345224609.{at}",
        "team": {"id": team, "domain": "example"},
        "channel": {"id": card.room, "name": "ops"},
        "message": {"ts": card.ts},
        "actions": [
            {"type": "button", "block_id": "decide", "action_ts": at, **{key: pressed[key] for key in ("action_id",)}}
            | ({"value": pressed["value"]} if "value" in pressed else {})
        ],
    }


def submit(
    view: dict[str, Any], values: dict[str, str], user: str, *, team: str = TEAM, view_id: str = "V1"
) -> dict[str, Any]:
    """Return what Slack sends when somebody sends a form.

    Args:
        values: what was typed or chosen, by the labels of the fields; an option by its text.
    """
    state: dict[str, Any] = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            state[block["block_id"]] = {block["element"]["action_id"]: _state(block, values)}
    return {
        "type": "view_submission",
        "team": {"id": team, "domain": "example"},
        "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": team},
        "api_app_id": "A0APP",
        "view": {**view, "id": view_id, "state": {"values": state}},
    }


def _state(block: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    element, given = block["element"], values.get(block["label"]["text"])
    if element["type"] == "plain_text_input":
        typed = element.get("initial_value") if given is None else given or None
        return {"type": element["type"], "value": typed}
    option = next((one for one in element["options"] if one["text"]["text"] == given), None)
    return {"type": element["type"], "selected_option": option}


@contextmanager
def serving(slack: FakeSlack, port: int = 0) -> Iterator[str]:
    """Answer on a port of this machine, by default a free one; yield the address of the API."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            method, given = self.path.rpartition("/")[2], form_values(body)
            slack.calls.append((method, given))
            status, headers, found = slack.answer(method, given)
            written = json.dumps(found).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(written))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
