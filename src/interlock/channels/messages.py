"""A state that holds messages, as a conversation: who said what, and which tools were called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from interlock.channels.screen import Line, said
from interlock.domain.canonical import Json
from interlock.service.inline import name_shown, one_line
from interlock.service.text import plain

__all__ = ["hides", "is_conversation", "last_words", "spoken"]

SPEAKERS = {
    **dict.fromkeys(("human", "user", "HumanMessageChunk"), "Person"),
    **dict.fromkeys(("ai", "assistant", "AIMessageChunk"), "Agent"),
    **dict.fromkeys(("system", "developer"), "Instructions"),
    **dict.fromkeys(("tool", "function", "ToolMessageChunk"), "Tool"),
}

SAID = {"type", "role", "content", "name", "tool_calls", "tool_call_id", "id", "status"}
SAID |= {"usage_metadata", "response_metadata"}
"""What of a message is said, and what says only where it comes from and what it cost."""


def is_conversation(value: Json) -> TypeGuard[list[dict[str, Any]]]:
    """Say whether a value is a list of messages, as LangChain or a model's interface writes them."""
    return isinstance(value, list) and bool(value) and all(map(_is_message, value))


def last_words(output: Json) -> str | None:
    """Return what the last message of a state says; None where a state is no conversation, or ends without words."""
    messages = output.get("messages") if isinstance(output, Mapping) else output
    if not is_conversation(messages) or _speaker(messages[-1]) == "Person":
        return None
    return _text(messages[-1]) or None


def spoken(messages: list[dict[str, Any]], *, indent: str = "") -> Iterator[Line]:
    """Lay out messages."""
    for message in messages:
        speaker, text, name = _speaker(message), _text(message), message.get("name")
        yield Line(f"{speaker}{f' {plain(name)}' if isinstance(name, str) and name else ''}:", "dim", indent)
        if text or not _calls(message):
            yield from said(text, indent=indent + "  ")
        for called, args in _calls(message):
            told = ", ".join(f"{name_shown(key)}={one_line(value)}" for key, value in args.items())
            yield Line(f"calls {name_shown(called)}({told})", "", indent + "  ", indent + "  │ ")


def hides(messages: list[dict[str, Any]]) -> bool:
    """Say whether messages hold more than `spoken` says of them: what is decided on is shown in another way then."""
    return any(map(_hidden, messages))


def _hidden(message: dict[str, Any]) -> bool:
    if any(value not in (None, "", [], {}) for key, value in message.items() if key not in SAID):
        return True
    content = message["content"]
    return isinstance(content, list) and any(
        isinstance(part, dict) and set(part) != {"type", "text"} for part in content
    )


def _is_message(value: Json) -> bool:
    if not isinstance(value, dict) or "content" not in value or _kind(value) not in SPEAKERS:
        return False
    return isinstance(value["content"], str | list | None)


def _kind(message: dict[str, Any]) -> str:
    return str(message.get("type") if "type" in message else message.get("role"))


def _speaker(message: dict[str, Any]) -> str:
    return SPEAKERS[_kind(message)]


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(filter(None, map(_part, content)))


def _part(part: Json) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return one_line(part)
    if isinstance(part.get("text"), str):
        return str(part["text"])
    kind = str(part.get("type", ""))
    return "" if kind in {"tool_use", "tool_call", "function_call"} else f"({kind or 'something that is no text'})"


def _calls(message: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return []
    return [
        (str(call["name"]), call["args"])
        for call in calls
        if isinstance(call, dict) and "name" in call and isinstance(call.get("args"), dict)
    ]
