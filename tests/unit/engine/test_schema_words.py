"""Each way in which a value does not fit a JSON Schema is said in words, and what is missing is named."""

import pytest

from interlock.domain.action import Question
from interlock.engine.schema_words import wants
from interlock.engine.schemas import check_answer
from interlock.errors import InvalidAnswer

OPTIONAL = {"anyOf": [{"type": "integer"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        ({"type": ["integer", "null"]}, "x", "it must be a whole number or nothing"),
        ({"enum": ["Iberia", "KLM", "Lufthansa"]}, "x", "it must be one of Iberia, KLM, Lufthansa"),
        ({"enum": [*range(12)]}, "x", "it must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 … and 2 more"),
        ({"enum": ["1", 1, True, None, "a, b"]}, 2, 'it must be one of "1", 1, yes, nothing, "a, b"'),
        ({"const": "yes"}, "x", 'it must be "yes"'),
        ({"type": "string", "format": "date"}, "soon", "it must be a date such as 2027-01-05"),
        ({"type": "string", "format": "email"}, "x", "it must be an e-mail address such as mia@example.com"),
        ({"pattern": "^a"}, "b", "it must have the form that the agent gave, the pattern ^a"),
        ({"minimum": 1}, 0, "it must be at least 1"),
        ({"exclusiveMaximum": 5}, 5, "it must be less than 5"),
        ({"multipleOf": 5}, 3, "it must be a multiple of 5"),
        ({"minLength": 1}, "", "it must have at least 1 character"),
        ({"maxItems": 2}, [1, 2, 3], "it must have at most 2 entries"),
        ({"uniqueItems": True}, [1, 1], "it has the same entry twice"),
        ({"contains": {"const": 1}}, [2], "it lacks an entry that must be there"),
        ({"minProperties": 2}, {}, "it must have at least 2 fields"),
        ({"not": {"type": "string"}}, "x", "this is not allowed here"),
        (OPTIONAL, "x", "it must be a whole number, or nothing"),
        ({"oneOf": [{"type": "string"}, {"const": "x"}]}, "x", "it fits more than one of the forms"),
        ({"prefixItems": [{}], "items": False}, [1, 2], "entry 2: this is not allowed here"),
        ({"propertyNames": {"maxLength": 1}}, {"aa": 1}, "it has a field whose name is not allowed"),
    ],
)
def test_a_misfit_is_said_in_words(schema, value, words):
    with pytest.raises(InvalidAnswer) as refused:
        check_answer(value, Question("?", schema))
    assert refused.value.message.startswith(f"The answer does not fit: {words}")


@pytest.mark.parametrize("apart", [{}, {"$id": "https://example.com/s"}])
def test_what_is_missing_or_too_much_is_named_by_its_path(apart):
    order = {
        "type": "object",
        "properties": {"date": {"format": "date"}, "lines": {"items": {"required": ["price"]}}},
        "required": ["date"],
        "additionalProperties": False,
        **apart,
    }
    with pytest.raises(InvalidAnswer) as refused:
        check_answer({"lines": [{}], "more": "1"}, Question("?", order))
    assert {error["path"]: error["message"] for error in refused.value.details["errors"]} == {
        "$.date": "it is missing",
        "$.lines[0].price": "it is missing",
        "$.more": "there is no such field here: leave it out",
    }
    assert "lines, entry 1, price: it is missing" in refused.value.message
    assert "$" not in refused.value.message


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "array", "items": {"type": "string"}}, "a list, of which each entry is text"),
        (OPTIONAL, "a whole number, or nothing"),
        ({"type": ["string", "null"], "format": "date"}, "a date such as 2027-01-05, or nothing"),
        ({"enum": ["a", "b"]}, "one of a, b"),
        ({"$ref": "#/$defs/x"}, ""),
        ({"type": "object"}, ""),
    ],
)
def test_what_a_schema_wants_is_said_as_far_as_words_go(schema, words):
    assert wants(schema) == words
