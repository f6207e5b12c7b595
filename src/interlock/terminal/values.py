"""JSON values as lines: typed, nested, whole; messages as a conversation. What is folded says so, with its length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from interlock.domain.canonical import Json
from interlock.engine.schema_words import place_words
from interlock.service.hostile_text import cells, fold_padding, harmless, plain, shortened
from interlock.service.inline import FLOW, name_shown, one_line
from interlock.terminal.screen import Line, said

LONG_TEXT = 1_000
MANY_LINES = 40
MANY_ITEMS = 50
DEEPEST = 10
MANY_CHANGES = 1_000

SPEAKERS = {
    **dict.fromkeys(("human", "user", "HumanMessageChunk"), "Person"),
    **dict.fromkeys(("ai", "assistant", "AIMessageChunk"), "Agent"),
    **dict.fromkeys(("system", "developer"), "Instructions"),
    **dict.fromkeys(("tool", "function", "ToolMessageChunk"), "Tool"),
}

SAID = {"type", "role", "content", "name", "tool_calls"}
"""What of a message is said."""

BESIDE = {"tool_call_id", "id", "status", "usage_metadata", "response_metadata"}
"""What says only where a message comes from and what it cost: left out of what is not decided on, and only there."""

CALL, OF_CALL = {"name", "args"}, {"id", "type"}
"""What of a call is said; what is left out of it where nothing is decided on."""

EMPTY: tuple[Json, ...] = (None, "", [], {})

_Path = tuple[str | int, ...]


class ValueLines:
    """Lays out values, folded unless `full`; remembers whether something was folded.

    Args:
        where_all: what shows all of what is folded.
        aside: nothing is decided on them: messages are told without what says only where they come from. Of what is
            decided on nothing is left out: messages that hold more than is said of them are values like all others.
    """

    def __init__(self, *, full: bool = False, where_all: str = "`show` shows all", aside: bool = False) -> None:
        self.full = full
        self.where_all = where_all
        self.aside = aside
        self.folded = False

    def named(self, name: str, value: Json, depth: int = 1) -> Iterator[Line]:
        """Lay out one argument under its name."""
        yield from self._value(f"{name_shown(name)}: ", value, depth)

    def _value(self, label: str, value: Json, depth: int) -> Iterator[Line]:
        indent = "  " * depth
        if _is_conversation(value) and self._is_spoken(value):
            yield Line(f"{label}conversation, {len(value):,} message{'' if len(value) == 1 else 's'}", "", indent)
            yield from _spoken(value, indent=indent + "  ")
            if self.aside and _hides(value, aside=True):
                yield self._fold("what the messages hold beside their words is not shown", indent + "  ")
        elif isinstance(value, str) and "\n" in value:
            yield from self._text(label, value, indent)
        elif isinstance(value, dict | list) and value and depth < DEEPEST and not _fits(value):
            yield from self._nested(label, value, depth)
        else:
            yield from self._single(label, value, indent)

    def _is_spoken(self, messages: list[dict[str, Any]]) -> bool:
        """Say whether messages are told as a conversation: what is not decided on may be told of in part."""
        return (self.aside and not self.full) or not _hides(messages, aside=self.aside)

    def _single(self, label: str, value: Json, indent: str) -> Iterator[Line]:
        shown = value
        if isinstance(value, str) and len(value) > LONG_TEXT and not self.full:
            shown = value[:LONG_TEXT]
        yield Line(label + one_line(shown), "", indent, indent + "│ ")
        if shown is not value:
            yield self._fold(f"{LONG_TEXT:,} of {len(value):,} characters are shown", indent)

    def _text(self, label: str, value: str, indent: str) -> Iterator[Line]:
        lines = value.split("\n")
        yield Line(f"{label}text, {len(lines):,} lines, {len(value):,} characters", "", indent)
        head = value
        if not self.full and (len(lines) > MANY_LINES or len(value) > LONG_TEXT):
            head = "\n".join(lines[:MANY_LINES])[:LONG_TEXT]
        yield from said(head, indent=indent + "  ")
        if head is not value:
            yield self._fold(f"{len(head):,} of {len(value):,} characters are shown", indent + "  ")

    def _nested(self, label: str, value: dict[str, Any] | list[Any], depth: int) -> Iterator[Line]:
        indent = "  " * depth
        if isinstance(value, dict):
            yield Line(label.rstrip(" "), "", indent)
            items = [(f"{name_shown(key)}: ", item) for key, item in value.items()]
        else:
            yield Line(f"{label}list of {len(value):,}", "", indent)
            items = [(f"{number}. ", item) for number, item in enumerate(value, start=1)]
        shown = items if self.full else items[:MANY_ITEMS]
        for name, item in shown:
            yield from self._value(name, item, depth + 1)
        if len(shown) < len(items):
            yield self._fold(f"{len(shown):,} of {len(items):,} entries are shown", indent + "  ")

    def _fold(self, what: str, indent: str) -> Line:
        self.folded = True
        return Line(f"⟨folded: {what}; {self.where_all}⟩", "warn", indent)


def difference(before: Json, after: Json) -> list[Line]:
    """Say what an edit changes, leaf by leaf; how many changes are left out, where there are very many."""
    old, new = dict(_leaves(before, ())), dict(_leaves(after, ()))
    changed = [path for path in {**old, **new} if old.get(path) != new.get(path)]
    lines: list[Line] = []
    for path in changed[:MANY_CHANGES]:
        was, now = old.get(path), new.get(path)
        if was is not None:
            lines += _sided("-", path, was, "bad")
        if now is not None:
            lines += _sided("+", path, now, "good")
    if len(changed) > MANY_CHANGES:
        lines.append(Line(f"⟨cut: {MANY_CHANGES:,} of {len(changed):,} changes are shown⟩", "warn", "  "))
    return lines


def _sided(sign: str, path: _Path, shown: str, style: str) -> list[Line]:
    place = place_words(part if isinstance(part, int) else name_shown(shortened(part, FLOW)) for part in path)
    return [Line(f"{place}: {shown}" if path else shown, style, f"  {sign} ", f"  {sign} │ ")]


def _leaves(value: Json, path: _Path) -> Iterator[tuple[_Path, str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value and not _fits(value):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield path, one_line(value)


def _fits(value: dict[str, Any] | list[Any]) -> bool:
    """Say whether a value is short enough for one line; objects never are."""
    if isinstance(value, dict) or any(isinstance(item, dict | list) and item for item in value):
        return False
    return len(value) <= MANY_ITEMS and cells(fold_padding(harmless(one_line(value)))) <= FLOW


def _is_conversation(value: Json) -> TypeGuard[list[dict[str, Any]]]:
    """Say whether a value is a list of messages, as LangChain or a model's interface writes them."""
    return isinstance(value, list) and bool(value) and all(map(_is_message, value))


def last_words(output: Json) -> str | None:
    """Return what the last message of a state says; None where a state is no conversation, or ends without words."""
    messages = output.get("messages") if isinstance(output, Mapping) else output
    if not _is_conversation(messages) or _speaker(messages[-1]) == "Person":
        return None
    return _text(messages[-1]) or None


def _spoken(messages: list[dict[str, Any]], *, indent: str = "") -> Iterator[Line]:
    """Lay out messages."""
    for message in messages:
        speaker, text, name = _speaker(message), _text(message), message.get("name")
        yield Line(f"{speaker}{f' {plain(name)}' if isinstance(name, str) and name else ''}:", "dim", indent)
        if text or not _calls(message):
            yield from said(text, indent=indent + "  ")
        for called, args in _calls(message):
            told = ", ".join(f"{name_shown(key)}={one_line(value)}" for key, value in args.items())
            yield Line(f"calls {name_shown(called)}({told})", "", indent + "  ", indent + "  │ ")


def _hides(messages: list[dict[str, Any]], *, aside: bool) -> bool:
    """Say whether messages hold more than `_spoken` says of them."""
    return any(_hidden(message, BESIDE if aside else set(), OF_CALL if aside else set()) for message in messages)


def _hidden(message: dict[str, Any], beside: set[str], of_call: set[str]) -> bool:
    """Say whether a message holds more than is said of it, other than what may be left out."""
    if _left_out(message, SAID | beside) or ("type" in message and message.get("role") not in EMPTY):
        return True
    content, name, calls = message["content"], message.get("name"), message.get("tool_calls")
    if isinstance(content, list) and not all(map(_is_words, content)):
        return True
    if name not in EMPTY and not isinstance(name, str):
        return True
    return calls not in EMPTY and (
        not isinstance(calls, list) or any(not _is_call(call) or _left_out(call, CALL | of_call) for call in calls)
    )


def _left_out(fields: dict[str, Any], but_for: set[str]) -> bool:
    return any(value not in EMPTY for key, value in fields.items() if key not in but_for)


def _is_words(part: Json) -> bool:
    match part:
        case str():
            return True
        case {"type": "text", "text": str()}:
            return len(part) == len(("type", "text"))
    return False


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
    return [(call["name"], call["args"]) for call in calls if _is_call(call)]


def _is_call(call: Json) -> TypeGuard[dict[str, Any]]:
    return isinstance(call, dict) and isinstance(call.get("name"), str) and isinstance(call.get("args"), dict)
