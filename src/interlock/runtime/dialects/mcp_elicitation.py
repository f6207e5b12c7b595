"""The dialect of `langchain.mcp`: an MCP server that needs something of a person in the middle of a tool's call.

One interrupt holds all that a server asks in a round. Each key becomes a question of its own, and the answers go back
together, by key. A form is a question with the server's schema; an address is a question whether the person has been
there, shown with its host and never fetched. A refusal declines the question; silence cancels the call.

Source: MCP, elicitation (2026-07-28), and `langchain.mcp.elicitation`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from interlock.domain.action import Ask, Question, Verdict
from interlock.domain.canonical import Json
from interlock.domain.request import Request, Status
from interlock.errors import InvalidValue

VERDICTS = (Verdict.respond, Verdict.reject)
SCHEMES = ("https", "http")
UNCLEAR = re.compile(r"[\\\s\x00-\x20\x7f]")
"""What browsers read otherwise than RFC 3986: a backslash as a slash; spaces and control characters not at all."""
HOST = re.compile(r"[a-z0-9._:-]+")


def is_elicitation(value: object) -> bool:
    """Say whether an interrupt's value holds what an MCP server asks."""
    return isinstance(value, dict) and value.get("type") == "mcp_elicitation" and "requests" in value


def read(interrupt_id: str, value: dict[str, Any]) -> tuple[Ask, ...]:
    """Return what each key of a round asks, in their order."""
    asked = value["requests"]
    if not isinstance(asked, list) or not asked or not all(isinstance(one, dict) for one in asked):
        raise InvalidValue("interrupt.requests", "must be a list of at least one thing that the MCP server asks")
    keys = [one.get("key") for one in asked]
    if not all(isinstance(key, str) for key in keys) or len({*keys}) < len(keys):
        raise InvalidValue("interrupt.requests", "must each have a key of its own")
    tool = str(value.get("tool_name") or "")
    return tuple(
        Ask(
            f"{interrupt_id}/{position}",
            "",
            _question(one, f"interrupt.requests[{position}]"),
            VERDICTS,
            f"Asked by the MCP server of the tool {tool}." if tool else "Asked by an MCP server.",
            {"tool": tool, "key": one["key"]},
        )
        for position, one in enumerate(asked)
    )


def answer(value: dict[str, Any], requests: Sequence[Request]) -> Json:
    """Return what resumes a round: one response a key."""
    return {
        "responses": {
            one["key"]: _response(one, request) for one, request in zip(value["requests"], requests, strict=True)
        }
    }


def _question(asked: dict[str, Any], path: str) -> Question:
    message = str(asked.get("message") or "").strip() or "The MCP server needs something of you."
    if asked.get("mode") == "url":
        return Question(f"{message}\n{_address(asked.get('url'), path)}", {"type": "boolean"})
    schema = asked.get("requested_schema")
    if not isinstance(schema, dict):
        raise InvalidValue(f"{path}.requested_schema", "must be the JSON Schema of a form")
    return Question(message, schema)


def _address(url: object, path: str) -> str:
    """Return how an address is shown: its host apart, as browsers would find it, because addresses are forged."""
    text = str(url)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port  # which raise where the address has none
    except ValueError:
        host = ""
    if not host or parts.scheme not in SCHEMES:
        raise InvalidValue(f"{path}.url", "is no web address: people are only sent to https:// and http:// addresses")
    known = _in_ascii(host)
    if known is None or UNCLEAR.search(text):
        raise InvalidValue(
            f"{path}.url",
            "can be read in more than one way: browsers may open another host than the one that people would be shown",
        )
    return f"Open this address on {known} yourself, and answer yes when you are done there: {text}"


def _in_ascii(host: str) -> str | None:
    """Return a host's name as it is looked up; None where browsers and older rules (IDNA 2003) may differ."""
    if host.isascii():
        return host if HOST.fullmatch(host) else None
    try:
        name = host.encode("idna")
        return name.decode() if name.decode("idna") == host else None
    except UnicodeError:
        return None


def _response(asked: dict[str, Any], request: Request) -> dict[str, Json]:
    if request.status is Status.answered:
        if asked.get("mode") != "url":
            return {"action": "accept", "content": request.edition.answer}
        return {"action": "accept" if request.edition.answer is True else "decline"}
    return {"action": "decline" if request.status is Status.rejected else "cancel"}
