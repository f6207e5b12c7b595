"""What an answer's schema wants is said in words, as far as words go."""

import pytest

from interlock.channels.fields import wanted


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (
            {"type": "string", "maxLength": 100, "title": "Destination"},
            ['text of at most 100 characters, "Destination"'],
        ),
        ({"type": "integer", "minimum": 1, "maximum": 9}, ["whole number from 1 to 9"]),
        ({"type": "number", "minimum": 0}, ["number, at least 0"]),
        ({"type": "number", "maximum": 0.5}, ["number, at most 0.5"]),
        ({"type": "boolean"}, ["yes or no"]),
        ({"enum": ["a", 1]}, ["one of a, 1"]),
        (
            {
                "type": "object",
                "properties": {"date": {"type": "string", "description": "YYYY-MM-DD"}, "for": {"type": "integer"}},
                "required": ["date"],
            },
            ['date (text, "YYYY-MM-DD")', "for (whole number; may be left out)"],
        ),
        (
            {"type": "object", "properties": {"a": {"type": ["integer", "null"]}}},
            ['JSON that fits {"type": "object", "properties": {"a": {"type": ["integer", "null"]}}}'],
        ),
        ({"type": "array"}, ["a list (written as JSON)"]),
        ({"type": "string", "description": "\x1b[2J"}, ['text, "⟨ESC⟩[2J"']),
    ],
)
def test_a_schema_is_said_in_words(schema, words):
    assert wanted(schema) == words


def test_what_takes_many_words_is_cut_with_their_number():
    for schema in (
        {"type": "string", "description": "x" * 50_000},
        {"enum": list(range(10_000))},
        {"type": "array", "items": {"enum": list(range(10_000))}},
        {"type": "object", "properties": {f"f{n}": {"type": "object"} for n in range(10_000)}},
    ):
        (words,) = wanted(schema)
        assert len(words) < 1_200
        assert " characters)" in words or "and 9,990 more" in words
