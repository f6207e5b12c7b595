"""Why a text is no JSON is said without a parser's words."""

import pytest

from interlock.domain.canonical import parse_json
from interlock.errors import InvalidValue


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it ends too early: line 1, character 1"),
        ('{"a": ', "it ends too early"),
        ("seven", "a value is missing"),
        ("[1 2]", "a comma, or a closing bracket, is missing: line 1, character 4"),
        ('{"a" 1}', "a colon is missing after a name"),
        ("{a: 1}", "a name in double quotes is missing"),
        ('["a]', "a text has no closing quote"),
        ('["a\nb"]', "a line break, or another control character, stands within a text"),
        ('["\\q"]', "a backslash stands before something"),
        ("1 2", "something stands after its end"),
        ("NaN", "NaN is not a JSON number"),
        ('{"a": 1, "a": 2}', 'the name "a" stands twice in one object'),
    ],
)
def test_what_is_wrong_is_said_in_words(text, reason):
    with pytest.raises(InvalidValue) as refused:
        parse_json(text)
    assert reason in refused.value.reason
    assert "Expecting" not in refused.value.reason
