"""Says what a JSON Schema wants, and why a value does not fit it, in words for people who know no JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

TYPE_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "yes or no",
    "null": "nothing",
    "array": "a list",
    "object": "a group of named fields",
}

FORMAT_WORDS = {
    "date": "a date such as 2027-01-05",
    "time": "a time such as 14:30:00Z",
    "date-time": "a date and a time such as 2027-01-05T14:30:00Z",
    "duration": "a length of time such as P3D or PT2H30M",
    "email": "an e-mail address such as mia@example.com",
    "idn-email": "an e-mail address such as mia@example.com",
    "uri": "an address such as https://example.com/page",
    "iri": "an address such as https://example.com/page",
    "uuid": "an id such as 123e4567-e89b-12d3-a456-426614174000",
    "ipv4": "an IP address such as 192.0.2.1",
    "ipv6": "an IP address such as 2001:db8::1",
    "hostname": "a host's name such as www.example.com",
    "regex": "a regular expression",
}

SHOWN = 10
LONGEST = 60
DEEPEST = 3
MOST_BRANCHES = 4


def place_words(path: Iterable[str | int]) -> str:
    """Return a place in a value, as people count: `order.lines, entry 1, price`."""
    words, inside = "", False
    for part in path:
        if isinstance(part, int):
            words += f", entry {part + 1}"
        else:
            words += f"{'.' if words and not inside else ', '}{part}"
        inside = isinstance(part, int)
    return words.removeprefix(", ")


def wants(schema: Any, depth: int = 0) -> str:  # noqa: PLR0911 - one line for each form of a schema
    """Say what a schema wants, if a few words can; else nothing."""
    if not isinstance(schema, dict) or "$ref" in schema or depth > DEEPEST:
        return ""
    if isinstance(schema.get("enum"), list):
        return f"one of {choices(schema['enum'])}"
    if "const" in schema:
        return _value(schema["const"])
    branches = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(branches, list) and 0 < len(branches) <= MOST_BRANCHES:
        each = [wants(branch, depth + 1) for branch in branches]
        return ", or ".join(dict.fromkeys(each)) if all(each) else ""
    named = schema.get("type")
    if isinstance(named, list) and named and all(isinstance(one, str) for one in named):
        each = [wants({**schema, "type": one}, depth + 1) for one in named]
        return ", or ".join(dict.fromkeys(each)) if all(each) else ""
    if named == "array":
        items = wants(schema.get("items"), depth + 1)
        return f"a list, of which each entry is {items}" if items else "a list"
    if named == "string" and isinstance(schema.get("format"), str):
        return FORMAT_WORDS.get(schema["format"], TYPE_WORDS["string"])
    return TYPE_WORDS.get(named, "") if isinstance(named, str) and named != "object" else ""


def choices(options: Iterable[Any]) -> str:
    """Return the first of some values, and how many more there are."""
    known = list(options)
    more = f" … and {len(known) - SHOWN:,} more" if len(known) > SHOWN else ""
    return ", ".join(map(_value, known[:SHOWN])) + more


def misfit_words(error: Any, depth: int = 0) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Say where a `jsonschema_rs.ValidationError` is and what is wanted; something missing is named by its path."""
    path, kind = tuple(error.instance_path), error.kind
    match type(kind).__name__.rpartition("_")[2]:
        case "Required":
            yield (*path, kind.property), "it is missing"
        case "AdditionalProperties" | "UnevaluatedProperties":
            for name in kind.unexpected:
                yield (*path, name), "there is no such field here: leave it out"
        case "AnyOf" | "OneOfNotValid":
            yield path, _one_of(kind.context, path, depth)
        case name:
            yield path, _sentence(name, kind, error)


def _one_of(branches: Any, path: tuple[str | int, ...], depth: int) -> str:
    """Say what would fit: what each branch wants, if a few words can."""
    told: list[str] = []
    for branch in branches[: MOST_BRANCHES + 1]:
        found = [one for error in branch for one in misfit_words(error, depth + 1)] if depth < DEEPEST else []
        told += [f"{place_words(where[len(path) :])}: {what}".removeprefix(": ") for where, what in found[:1]]
    if not told or len(branches) > MOST_BRANCHES:
        return "it fits none of the forms that are allowed"
    must = "it must be "
    if all(one.startswith(must) for one in told):
        return must + ", or ".join(dict.fromkeys(one.removeprefix(must) for one in told))
    return ", or ".join(dict.fromkeys(told))


BOUNDS = {"Minimum": "at least", "Maximum": "at most", "ExclusiveMinimum": "more than", "ExclusiveMaximum": "less than"}
SIZES = {
    "MinLength": ("at least", "character"),
    "MaxLength": ("at most", "character"),
    "MinItems": ("at least", "entry"),
    "MinProperties": ("at least", "field"),
    "MaxProperties": ("at most", "field"),
}
UNFIT = {
    "UniqueItems": "it has the same entry twice",
    "Contains": "it lacks an entry that must be there",
    "FalseSchema": "this is not allowed here",
    "Not": "this is not allowed here",
    "OneOfMultipleValid": "it fits more than one of the forms that are allowed, and must fit one",
    "PropertyNames": "it has a field whose name is not allowed",
}


def _sentence(name: str, kind: Any, error: Any) -> str:  # noqa: C901, PLR0911 - one line for each kind
    match name:
        case _ if name in UNFIT:
            return UNFIT[name]
        case _ if name in BOUNDS:
            return f"it must be {BOUNDS[name]} {_value(kind.limit)}"
        case _ if name in SIZES:
            bound, noun = SIZES[name]
            return f"it must have {bound} {_count(kind.limit, noun)}"
        case "Type":
            return f"it must be {_types(kind.types)}"
        case "Enum":
            return f"it must be one of {choices(kind.options)}"
        case "Constant":
            return f"it must be {_value(kind.expected_value)}"
        case "Format":
            known = FORMAT_WORDS.get(kind.format)
            return f"it must be {known}" if known else f"it must be of the form that is called {kind.format}"
        case "Pattern":
            return f"it must have the form that the agent gave, the pattern {_cut(kind.pattern)}"
        case "MultipleOf":
            return f"it must be a multiple of {_value(kind.multiple_of)}"
        case "MaxItems" | "AdditionalItems" | "UnevaluatedItems":
            limit = getattr(kind, "limit", None)
            return "it has too many entries" if limit is None else f"it must have at most {_count(limit, 'entry')}"
        case _:
            return f"it does not fit ({_cut(error.message)})"


def _types(types: Iterable[str]) -> str:
    known = sorted(types, key=list(TYPE_WORDS).index)
    if "integer" in known and "number" in known:
        known.remove("integer")
    return " or ".join(TYPE_WORDS[one] for one in known)


def _count(limit: int, noun: str) -> str:
    plural = noun.removesuffix("y") + "ies" if noun.endswith("y") else f"{noun}s"
    return f"{limit:,} {noun if limit == 1 else plural}"


def _value(value: Any) -> str:
    match value:
        case str():
            return json.dumps(value) if _looks_otherwise(value) else _cut(value)
        case True:
            return "yes"
        case False:
            return "no"
        case None:
            return "nothing"
        case _:
            return _cut(json.dumps(value, ensure_ascii=False))


def _looks_otherwise(text: str) -> bool:
    """Say whether a text without quotes could be read as something else, or hide where it ends."""
    return text != text.strip() or not text or "," in text or text[0].isdigit() or text in {"yes", "no", "nothing"}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"
