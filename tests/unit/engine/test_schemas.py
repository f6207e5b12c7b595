"""Text that a form sends is read as the schema wants it; what does not fit then is refused with its path."""

import pytest

from interlock.engine.schemas import _read, fits

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
