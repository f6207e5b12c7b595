"""What a tool or a run gave back, as JSON for the record: what JSON cannot carry is described in its place.

It has happened, so nothing that a result holds or does may make it look otherwise: no type, size, depth or cycle, and
no code of its own that raises. Whatever can be kept is kept.

And what it says of a failure of its tool; and tools that would call themselves again.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any

from langchain_core.messages import ToolMessage
from langgraph.types import Command
from pydantic_core import to_jsonable_python

from interlock.domain.canonical import MAX_BYTES, MAX_DEPTH, MAX_SAFE_INTEGER, Json, canonical_bytes, normalize
from interlock.errors import InvalidAgent, InvalidValue
from interlock.runtime.state.models import LOOKS, WITHHELD, fields_of, has_code, is_small, written
from interlock.runtime.state.weight import Looks

DEEPEST = MAX_DEPTH - 2
"""Below it a description finds room, which is an object itself."""

ROOM = MAX_BYTES - 16_000
"""Bytes for what is kept; the rest is for the descriptions of what finds no room, one for each level."""

LONGEST_REPR = 2_000
LONGEST_INTEGER = 256
LONGEST_FAILURE = 2_000

_BARE: Any = object.__repr__
_LISTS = (list, tuple, set, frozenset, deque, Iterator)


def jsonable(value: object) -> Json:
    """Return a tool's result or a run's output as JSON.

    What JSON cannot carry is replaced where it stands by `{"not_recorded": "bytes, 3 of them"}`: bytes that are no
    text, integers beyond 2^53, lone surrogates, what holds itself, what is nested deeper than 64 or finds no room in
    256 kB, and what raises when it is read. Anything else that is no JSON is its usual JSON form, or its `repr`.
    """
    try:
        return normalize(value, path="result")
    except BaseException:  # noqa: BLE001, S110 - it happened, whatever its result's own code does when it is read
        pass
    try:
        return normalize(_Walk().kept(value, 0), path="result")
    except BaseException as error:  # noqa: BLE001 - as above
        return _described(f"a {type(value).__name__}: {type(error).__name__} when it was read")


class _Walk:
    def __init__(self) -> None:
        self._room = ROOM
        self._looks = Looks(LOOKS)
        self._above: set[int] = set()

    def kept(self, value: Any, depth: int) -> Json:
        """Return what is kept of a value. Nothing that it does is raised."""
        try:
            return self._kept(value, depth)
        except BaseException as error:  # noqa: BLE001 - a result's own code may raise anything, an exit too
            return self._instead(f"a {type(value).__name__}: {type(error).__name__} when it was read")

    def _kept(self, value: Any, depth: int) -> Json:  # noqa: PLR0911 - one line a type
        if value is None or isinstance(value, bool):
            return self._single(value)
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, int):
            return self._integer(int.__index__(value))
        if isinstance(value, float):
            return self._single(float.__float__(value))
        if isinstance(value, bytes | bytearray | memoryview):
            return self._bytes(bytes(value))
        if isinstance(value, dict):
            return self._inside(value, depth, self._object)
        if isinstance(value, _LISTS):
            return self._inside(value, depth, self._list)
        return self._other(value, depth)

    def _single(self, value: Json) -> Json:
        if isinstance(value, float) and not math.isfinite(value):
            return self._text("NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity")
        size = len(canonical_bytes(value))
        return (
            self._instead(f"a {type(value).__name__} without room") if size > self._room else self._spend(size, value)
        )

    def _text(self, text: str) -> Json:
        if len(text) > self._room:
            return self._instead(f"text, {len(text):,} characters, for which no room is left")
        try:
            size = len(canonical_bytes(text, max_bytes=10 * MAX_BYTES))
        except InvalidValue:
            return self._instead(f"text, {len(text):,} characters, with lone surrogates")
        if size > self._room:
            return self._instead(f"text, {len(text):,} characters, for which no room is left")
        return self._spend(size, text)

    def _integer(self, value: int) -> Json:
        if abs(value) <= MAX_SAFE_INTEGER:
            return self._single(value)
        bits = value.bit_length()
        return self._instead(f"the integer {value}" if bits <= LONGEST_INTEGER else f"an integer of {bits:,} bits")

    def _bytes(self, value: bytes) -> Json:
        try:
            if len(value) <= 4 * ROOM:
                return self._text(value.decode())
        except UnicodeDecodeError:
            pass
        return self._instead(f"bytes, {len(value):,} of them")

    def _inside(self, value: Any, depth: int, lay_out: Callable[[Any, int], Json]) -> Json:
        name = type(value).__name__
        if id(value) in self._above:
            return self._instead(f"a {name} that holds itself")
        if depth >= DEEPEST:
            return self._instead(f"a {name} that is nested deeper than {DEEPEST}")
        self._above.add(id(value))
        try:
            return lay_out(value, depth)
        finally:
            self._above.discard(id(value))

    def _list(self, value: Any, depth: int) -> Json:
        kept: list[Json] = []
        self._room -= 2
        for item in _careful(value):
            if self._room <= 0:
                left = f"{len(value) - len(kept):,} more" if hasattr(value, "__len__") else "more"
                kept.append(_described(f"{left}, for which no room is left"))
                break
            self._room -= 1
            kept.append(self.kept(item, depth + 1))
        return kept

    def _object(self, value: dict[Any, Any], depth: int) -> Json:
        kept: dict[str, Json] = {}
        self._room -= 2
        for key, item in dict.items(value):
            name = self._free(key, kept)
            if self._room <= len(name):
                kept[self._free("not_recorded", kept)] = f"{len(value) - len(kept):,} more, for which no room is left"
                break
            self._room -= len(canonical_bytes(name, max_bytes=10 * MAX_BYTES)) + 2
            kept[name] = self.kept(item, depth + 1)
        return kept

    def _free(self, key: Any, taken: dict[str, Json]) -> str:
        """Return a key as text that is not taken yet."""
        name = _key(key)
        numbered = (f"{name} ({number})" for number in itertools.count(len(taken) + 1))
        return name if name not in taken else next(other for other in numbered if other not in taken)

    def _other(self, value: Any, depth: int) -> Json:
        """Keep what has a form of its own: at once if it is small, otherwise one level after the other."""
        if value is WITHHELD:
            return self._instead("a field that only its model's own code shows, which gave too much, or failed")
        self._room -= 1  # whatever it is, it has been looked at
        fields = None
        try:
            if has_code(type(value)):
                return self._plain(written(value, _shown, self._looks), depth)
            if is_small(value, self._looks):
                return self._plain(to_jsonable_python(value, fallback=_shown, inf_nan_mode="strings"), depth)
        except Exception:  # one of its parts has no JSON, or is too large: the others are kept
            if (fields := fields_of(value)) is None:
                raise
        fields = fields or fields_of(value)
        if fields is None:
            return self._large(value, depth)
        whole = fields
        return self._inside(value, depth, lambda _, level: self._object(whole, level))

    def _large(self, value: Any, depth: int) -> Json:
        if isinstance(value, Enum):
            return self._inside(value, depth, lambda one, level: self.kept(one.value, level))
        if getattr(type(value), "__repr__", None) is _BARE:
            return self._text(repr(value))
        return self._instead(f"a {type(value).__name__} that holds too much to be described")

    def _plain(self, plain: Any, depth: int) -> Json:
        return self._kept(plain, depth) if isinstance(plain, str | int | float | dict | list) else self._single(None)

    def _spend(self, size: int, value: Json) -> Json:
        self._room -= size
        return value

    def _instead(self, what: str) -> Json:
        self._room -= len(what) + 20
        return _described(what)


def _described(what: str) -> Json:
    return {"not_recorded": what.encode(errors="backslashreplace").decode()}


def _careful(items: Iterable[Any]) -> Iterator[Any]:
    """Go through something that may raise on its way: what came before is kept."""
    going = iter(items)
    while True:
        try:
            item = next(going)
        except StopIteration:
            return
        except BaseException as error:  # noqa: BLE001 - as above
            yield _described(f"the rest: {type(error).__name__} when it was read")
            return
        yield item


def _key(key: Any) -> str:
    try:
        if isinstance(key, str):
            name = str.__str__(key)
        elif is_small(key):
            name = next(iter(to_jsonable_python({key: None}, fallback=_shown)))
        else:
            return f"a {type(key).__name__}"
        return str(name).encode(errors="backslashreplace").decode()
    except BaseException:  # noqa: BLE001 - as above
        return f"a {type(key).__name__}"


def _shown(value: Any) -> Json:
    """Return the `repr` of an object that has no JSON form of its own, cut where it is long."""
    try:
        text = str.__str__(repr(value))
    except BaseException as error:  # noqa: BLE001 - as above
        return _described(f"a {type(value).__name__}: {type(error).__name__} when it was described")
    return text if len(text) <= LONGEST_REPR else f"{text[:LONGEST_REPR]}… ({len(text):,} characters)"


def failure_in(result: object) -> str | None:
    """Return what a result says of its tool's failure; None if it speaks of none.

    Such are a `ToolMessage` of status `error`, alone, in a list or in a `Command`, and MCP's whose `isError` is true.
    """
    match result:
        case ToolMessage():
            return _text_of(result.content) if result.status == "error" else None
        case Command(update=dict() as update):
            return next((found for value in update.values() if (found := failure_in(value)) is not None), None)
        case list():
            messages = [value for value in result if isinstance(value, ToolMessage | Command)]
            return next((found for value in messages if (found := failure_in(value)) is not None), None)
        case {"isError": True, "content": content}:
            return _text_of(content)
        case _ if getattr(result, "isError", None) is True:
            return _text_of(getattr(result, "content", ""))
        case _:
            return None


def _text_of(content: object) -> str:
    """Return what a message's content says, cut where it is long."""
    blocks = jsonable(content)
    parts = blocks if isinstance(blocks, list) else []
    texts = [str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part]
    text = blocks if isinstance(blocks, str) else "\n".join(texts) or json.dumps(blocks, ensure_ascii=False)
    return text[:LONGEST_FAILURE] or "it does not say why"


def refuse_retries(fn: Callable[..., Any] | None, name: str) -> None:
    """Refuse a function that calls itself again when it raises: one approval is one attempt.

    Only what tenacity decorates can be told from any other function.
    """
    inner: Any = fn
    while inner is not None:
        if hasattr(inner, "retry") and hasattr(inner, "retry_with"):
            raise InvalidAgent(
                f"{name} calls itself again when it raises (tenacity's retry), and one approval is one attempt: take "
                "the retry away; or, if the other side counts one for each idempotency key, declare it idempotent."
            )
        inner = inner.func if isinstance(inner, functools.partial) else getattr(inner, "__wrapped__", None)
