"""Text that a form sends is read as the schema wants it; what does not fit then is refused with its path."""

from datetime import date
from decimal import Decimal
from typing import Literal

import pytest
from langchain_core.tools import tool
from pydantic import BaseModel, Field, create_model

from interlock.domain.action import Action, Question
from interlock.engine import schemas
from interlock.engine.schemas import _read, check_answer, fits, misfit_of
from interlock.errors import InvalidAnswer

NUMBERS = {"type": "array", "items": {"type": "number"}}
FORM = {
    "type": "object",
    "properties": {"seats": {"type": "integer"}, "name": {"type": "string"}, "window": {"type": ["boolean", "null"]}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "given", "read"),
    [
        ({"type": "integer"}, "42", 42),
        ({"type": "integer"}, " 42 ", 42),
        ({"type": "integer"}, "42.5", "42.5"),
        ({"type": "integer"}, "forty", "forty"),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "yes", "yes"),
        ({"type": "string"}, "42", "42"),
        ({"type": "object"}, '{"a": 1}', '{"a": 1}'),
        ({"type": "integer"}, "9" * 50, "9" * 50),
        (NUMBERS, ["1", 2, "3.5"], [1, 2, 3.5]),
        (NUMBERS, ["1", "x"], ["1", "x"]),
        (FORM, {"seats": "2", "name": "5", "window": "null"}, {"seats": 2, "name": "5", "window": None}),
        (FORM, {"seats": "2", "more": 1}, {"seats": "2", "more": 1}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "7", 7),
        ({}, "42", "42"),
    ],
)
def test_text_is_read_as_the_schema_wants_it_or_left_as_it_is(schema, given, read):
    before = repr(given)
    assert _read(given, schema)[0] == read
    assert repr(given) == before


def test_what_a_schema_cannot_say_fits_nothing():
    assert not fits(1, {"type": "nothing"})
    assert not fits(1, {"$ref": "https://example.com/schema.json"})
    assert fits(1, {})


class Line(BaseModel):
    sku: str = Field(pattern=r"^[A-Z]{2,4}-[0-9]{3,8}$", description="as in the catalogue")
    price: Decimal = Field(ge=0, decimal_places=2)
    due: date | None = None
    tags: list[Literal["new", "used"]] = []


def nested(depth):
    """Return a pydantic model of twenty fields, one of which is again such a model."""
    fields = {f"field_{number}": (str | int | None, None) for number in range(19)}
    inner = (list[Line], ...) if depth == 1 else (nested(depth - 1), ...)
    return create_model(f"Level{depth}", inner=inner, **fields)


@tool
def search(query: str, limit: int = 10, filters: dict[str, str] | None = None, lines: list[Line] | None = None) -> str:
    """Search the catalogue."""
    return query


MCP_TOOL = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "path": {"type": "string", "minLength": 1},
        "edits": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"oldText": {"type": "string"}, "newText": {"type": "string"}},
                "required": ["oldText", "newText"],
                "additionalProperties": False,
            },
        },
        "dryRun": {"type": "boolean", "default": False},
    },
    "required": ["path", "edits"],
    "additionalProperties": False,
}
LINE = {"sku": "AB-1234", "price": "2.50", "due": "2026-11-29", "tags": ["new"]}


def wrapped(depth, leaf):
    return {"inner": leaf if depth == 1 else wrapped(depth - 1, leaf)}


@pytest.mark.parametrize(
    ("schema", "args"),
    [
        (Line.model_json_schema(), LINE),
        (nested(10).model_json_schema(), wrapped(10, [LINE] * 50)),
        (search.tool_call_schema.model_json_schema(), {"query": "x" * 10_000, "lines": [LINE]}),
        (MCP_TOOL, {"path": "/a", "edits": [{"oldText": "a" * 5_000, "newText": "b" * 5_000}] * 5}),
    ],
)
def test_ordinary_schemas_are_judged_at_once_in_this_process(schema, args, monkeypatch):
    monkeypatch.setattr(schemas, "judge_apart", None)
    misfit_of(Action("call", args, schema))
    assert fits(args, schema)
    assert not fits({**args, next(iter(args)): {"not": "this"}}, schema)


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


@pytest.mark.parametrize(
    ("schema", "fitting", "other"),
    [
        (Tree.model_json_schema(), {"name": "a", "children": [{"name": "b"}]}, {"name": "a", "children": [{}]}),
        ({"type": "string", "pattern": "^(?=.*[0-9])(?=.*[a-z]).{8,}$"}, "passw0rd", "password"),
        ({"type": "array", "uniqueItems": True}, [1, 2], [1, 1]),
        ({"$id": "https://example.com/s", "if": {"const": 1}, "then": False}, 2, 1),
    ],
)
def test_schemas_that_may_be_heavy_are_judged_apart_and_mean_the_same(schema, fitting, other):
    question = Question("which?", schema)
    misfit_of(question)
    assert check_answer(fitting, question) == fitting
    with pytest.raises(InvalidAnswer, match="The answer does not fit"):
        check_answer(other, question)


def test_a_form_is_read_apart_as_it_is_read_here():
    schema = {"$id": "https://example.com/s", **FORM}
    assert check_answer({"seats": "2", "window": "true"}, Question("?", schema)) == {"seats": 2, "window": True}


def test_a_schema_that_cannot_be_used_is_refused_with_the_reason():
    for schema in ({"type": ["object"], "format": []}, {"enum": 1}, {"properties": []}, {"items": 1}):
        with pytest.raises(InvalidAnswer, match="cannot be used"):
            misfit_of(Question("?", schema))
    for schema in ({"type": "nothing"}, {"$id": "https://example.com/s", "type": "nothing"}):
        with pytest.raises(InvalidAnswer, match=r'cannot be used: "nothing" is not valid'):
            misfit_of(Question("?", schema))
    with pytest.raises(InvalidAnswer, match="may not refer to file:///etc/passwd"):
        misfit_of(Question("?", {"$ref": "file:///etc/passwd"}))


def test_paths_and_messages_of_a_refusal_are_short():
    with pytest.raises(InvalidAnswer) as refused:
        check_answer({"k" * 100_000: ["x" * 100_000]}, Question("?", {"additionalProperties": {"type": "string"}}))
    assert len(str(refused.value)) < 1_000


def test_a_process_that_cannot_judge_says_so(monkeypatch):
    question = Question("?", {"uniqueItems": True})
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(InvalidAnswer, match="cannot be started"):
        check_answer([1], question)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(InvalidAnswer, match="cannot be judged"):
        check_answer([1], question)
    assert not fits([1], {"uniqueItems": True})
