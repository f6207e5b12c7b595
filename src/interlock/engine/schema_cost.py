"""The most work that a JSON Schema can make, found without running it: a light schema is judged in this process.

A schema is light if it uses only keywords whose work is known and refers to no part of itself that holds the reference.
Then each place of the expanded schema looks at each byte of a value a constant number of times, at most.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from interlock.domain.canonical import Json, canonical_bytes, read_canonical

MAX_EXPANDED = 200_000
"""The largest expanded schema that is light, in bytes."""

_ONE = frozenset({"items", "additionalItems", "additionalProperties"})
_SEVERAL = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SILENT = frozenset({
    *("$defs", "definitions"),  # their content counts where it is referred to
    *("$schema", "$comment", "title", "description", "default", "examples", "example", "deprecated", "nullable"),
    *("readOnly", "writeOnly", "discriminator"),
})  # fmt: skip
_DATA = frozenset({
    *("type", "enum", "const", "required", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
})  # fmt: skip
_FORMATS = frozenset(
    {"date", "date-time", "time", "email", "uri", "uuid", "ipv4", "ipv6", "hostname", "binary", "byte"}
)

_REFERENCE = re.compile(r"#/(\$defs|definitions)/([^/~%]+)")
_COUNTED = re.compile(r"\{(\d*)(?:,(\d*))?\}", re.ASCII)
_EXPENSIVE = re.compile(r"\(\?[^:]|\\[1-9kgpP]")  # backtracking, and classes of thousands of characters

MAX_PATTERN = 200
MAX_COUNTED = 100
SLOW_FORMAT = 500
SLOW_DIVISION = 4_000


class _Heavy(Exception):
    """The schema may be heavy."""


@lru_cache(maxsize=1024)
def expanded_size(schema: bytes) -> int | None:
    """Return the size in bytes of a schema (canonical JSON) with every reference replaced by its target.

    It is None for a schema that may be heavy.
    """
    whole = read_canonical(schema)
    try:
        return _Expansion(whole).size(whole)
    except (_Heavy, RecursionError):  # a chain of references may be as long as the schema
        return None


class _Expansion:
    def __init__(self, whole: Json) -> None:
        self._whole = whole
        self._referred: dict[str, int | None] = {}  # None while it is being measured: a reference to it is recursive

    def size(self, schema: Any) -> int:
        if isinstance(schema, bool):
            return 1
        if not isinstance(schema, dict):
            raise _Heavy
        total = 2 + sum(len(keyword) + self._keyword(keyword, value) for keyword, value in schema.items())
        if total > MAX_EXPANDED:
            raise _Heavy
        return total

    def _keyword(self, keyword: str, value: Any) -> int:
        if keyword in _ONE:
            return self.size(value)
        if keyword == "properties" and isinstance(value, dict):
            return sum(len(name) + self.size(inner) for name, inner in value.items())
        if keyword in _SEVERAL and isinstance(value, list):
            return sum(map(self.size, value))
        if keyword == "$ref" and isinstance(value, str):
            return self._reference(value)
        return _own_size(keyword, value)

    def _reference(self, reference: str) -> int:
        if reference not in self._referred:
            found = _REFERENCE.fullmatch(reference)
            place = self._whole.get(found[1]) if found is not None else None
            if found is None or not isinstance(place, dict) or found[2] not in place:
                raise _Heavy
            self._referred[reference] = None
            self._referred[reference] = self.size(place[found[2]])
        size = self._referred[reference]
        if size is None:
            raise _Heavy
        return size


def _own_size(keyword: str, value: Any) -> int:
    """Return the size of a keyword that holds no other schema."""
    if keyword in _SILENT:
        return 0
    if keyword in _DATA:
        return len(canonical_bytes(value))
    if keyword == "multipleOf":
        return SLOW_DIVISION
    if keyword == "format" and isinstance(value, str) and value in _FORMATS:
        return SLOW_FORMAT
    if keyword == "pattern" and isinstance(value, str):
        return _pattern(value)
    raise _Heavy


def _pattern(pattern: str) -> int:
    """Return the size of a regular expression: about that of its automaton, which runs in linear time."""
    if len(pattern) > MAX_PATTERN or _EXPENSIVE.search(pattern):
        raise _Heavy
    copies = 1
    for low, high in _COUNTED.findall(pattern):
        copies *= max(int(count[:4]) for count in (low, high, "1") if count)
    if copies > MAX_COUNTED:
        raise _Heavy
    return len(pattern) * max(copies, 10)
