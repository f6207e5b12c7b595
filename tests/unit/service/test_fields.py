"""What an answer's schema wants is said in words, as far as words go."""

import pytest

from interlock.domain.action import Question
from interlock.errors import InvalidAnswer
from interlock.service.fields import wanted
from interlock.service.typed import read_answer


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
            ["a (a whole number, or nothing; may be left out)"],
        ),
        (
            {
                "type": "object",
                "properties": {
                    "to": {"$ref": "#/$defs/Person"},
                    "days": {"type": "array", "items": {"type": "string"}},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "rest": {"not": {}},
                },
                "required": ["to"],
                "$defs": {"Person": {"type": "object", "properties": {"name": {}, "age": {}}}},
            },
            [
                (
                    'named fields, written as in {"name": "value"}: to (named fields: name, age), '
                    'days (a list, of which each entry is text, written as in ["a", "b"]; may be left out), '
                    "note (text, or nothing; may be left out), rest (by the agent's own rules; may be left out)"
                )
            ],
        ),
        ({"type": "object"}, ['named fields, written as in {"name": "value"}']),
        ({"allOf": []}, ["as the agent's own rules want it; `show` shows them"]),
        ({"type": "array"}, ['a list, written as in ["a", "b"]']),
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


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "boolean"}, "yes", True),
        ({"type": "boolean"}, "false", False),
        ({"type": "integer"}, "7", 7),
        ({"type": "integer"}, "seven", "seven"),
        ({"type": ["integer", "null"]}, "nothing", None),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "no", False),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "a word", "a word"),
        ({"enum": ["a", 1]}, "1", 1),
        ({"enum": ["Iberia", "KLM"]}, "klm", "KLM"),
        ({"enum": ["b", "B"]}, "B", "B"),
        ({"type": "string"}, "yes", "yes"),
    ],
)
def test_an_answer_is_typed_in_words_and_means_what_the_schema_wants(schema, text, value):
    assert read_answer(Question("?", schema), text) == value


def test_an_answer_that_cannot_be_read_is_told_without_the_name_of_its_form():
    for text, said in (
        ("Oslo", "The answer must be a list, written as in"),
        ('["Oslo"', "The answer cannot be read: it ends too early, at character 8; it must be a list, written as in"),
    ):
        with pytest.raises(InvalidAnswer) as refused:
            read_answer(Question("?", {"type": "array"}), text)
        assert refused.value.message == f'{said} ["a", "b"].'
