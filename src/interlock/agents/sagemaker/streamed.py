"""The bytes of a streamed answer as JSON values: server-sent events, JSON lines, or one document, wherever it is cut.

A stream is bytes whose parts end anywhere: within a character, a line or a line end. So bytes are put into lines first,
and lines are decoded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

DONE: Final = object()
"""The `[DONE]` by which an OpenAI-style stream ends."""

_BOM = b"\xef\xbb\xbf"
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"\s*")


class NotJson(ValueError):
    """What came is not JSON. The message is how it begins."""


def values(parts: Iterable[bytes]) -> Iterator[Any]:
    """Yield each JSON value as soon as it is complete, and DONE.

    Raises:
        NotJson: at the first line, event or end that cannot be read.
    """
    reading: _EventReader | _DocumentReader | None = None
    for line in _lines(parts):
        reading = reading or _reading(line)
        if reading is not None:
            yield from reading.line(line)
    if reading is not None:
        yield from reading.end()


def decoded(raw: bytes) -> Any:
    """Read the one JSON value that stands there; NotJson if anything else does."""
    found = _decoded(raw)
    if len(found) != 1:
        raise _no_json(raw)
    return found[0]


def _decoded(raw: bytes) -> list[Any]:
    """Read JSON values that stand one after the other."""
    found: list[Any] = []
    try:
        text = raw.decode("utf-8-sig").strip()
        at = 0
        while at < len(text):
            value, at = _DECODER.raw_decode(text, at)
            found.append(value)
            at = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing as well
    except (ValueError, RecursionError):
        raise _no_json(raw) from None
    return found


def _no_json(raw: bytes) -> NotJson:
    return NotJson(raw[:100].decode("utf-8", "replace"))


def _lines(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends. A carriage return waits: the line feed that belongs to it may come next."""
    rest = bytearray()
    for part in parts:
        waits = rest.endswith(b"\r")
        rest += part
        if part and (waits or b"\n" in part or b"\r" in part):
            lines = bytes(rest).splitlines(keepends=True)
            rest = bytearray() if lines[-1].endswith(b"\n") else bytearray(lines.pop())
            yield from (line.rstrip(b"\r\n") for line in lines)
    yield bytes(rest).rstrip(b"\r\n")


class _EventReader:
    """Reads server-sent events. Some containers end an event by one line end, so what is complete is not held back."""

    def __init__(self) -> None:
        self._data: list[bytes] = []

    def line(self, line: bytes) -> Iterator[Any]:
        line = line.removeprefix(_BOM)
        if not line:
            yield from self.end()
        elif line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
            yield from self._complete()
        elif self._data and not line.startswith((b"event:", b"id:", b"retry:", b":")):
            self._data.append(line)  # JSON in several lines, of which the first alone is marked as data

    def _complete(self) -> list[Any]:
        if len(self._data) > 1:  # several lines are one event, and read once, at its end
            return []
        try:
            found = _of_event(self._data[0])
        except NotJson:
            return []
        self._data.clear()
        return found

    def end(self) -> list[Any]:
        data, self._data = self._data, []
        return _of_event(b"\n".join(data)) if data else []


class _DocumentReader:
    """Reads JSON lines, and one document that is spread over lines."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def line(self, line: bytes) -> list[Any]:
        if not self._lines:
            try:
                return _decoded(line)
            except NotJson:
                pass
        self._lines.append(line)
        return []

    def end(self) -> list[Any]:
        return _decoded(b"\n".join(self._lines)) if self._lines else []


def _reading(line: bytes) -> _EventReader | _DocumentReader | None:
    """Return what reads a stream that begins with this line; None if the line is empty."""
    line = line.removeprefix(_BOM)
    if not line.strip():
        return None
    return _EventReader() if line.startswith((b"data:", b"event:", b"id:", b"retry:", b":")) else _DocumentReader()


def _of_event(data: bytes) -> list[Any]:
    return [DONE] if data.strip() == b"[DONE]" else _decoded(data)
