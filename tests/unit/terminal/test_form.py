"""Forms and changes at a prompt: what is typed, what it means, and what is said of what does not fit."""

import contextlib
import io
import re
from dataclasses import dataclass

import pytest

from interlock.domain.action import Question
from interlock.engine.schemas import check_answer
from interlock.errors import InvalidAnswer
from interlock.service.fields import fields_of, wanted
from interlock.service.typed import read_answer
from interlock.terminal.editing import edit_json
from interlock.terminal.form import Typed, forget_misfits, read_form
from interlock.terminal.screen import Screen
from interlock.terminal.terminal import Terminal

PERSON = {
    "type": "object",
    "properties": {"first": {"type": "string"}, "born": {"type": "string", "format": "date"}},
    "required": ["first"],
}
NESTED = {
    "type": "object",
    "properties": {
        "who": {"$ref": "#/$defs/Person"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "guest": {"$ref": "#/$defs/Person"},
        "rooms": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["who", "tags"],
    "$defs": {"Person": PERSON},
}


@dataclass
class Typist:
    """A terminal, and what it shows."""

    terminal: Terminal
    screen: io.StringIO

    @property
    def shown(self):
        return self.screen.getvalue()


@pytest.fixture
def typing(tmp_path, monkeypatch):
    """Return a terminal at which these lines are typed, one after the other."""
    for editor in ("EDITOR", "VISUAL"):
        monkeypatch.delenv(editor, raising=False)
    with contextlib.ExitStack() as files:

        def type_in(*lines):
            (tmp_path / "typed").write_text("".join(f"{line}\n" for line in lines))
            typed, screen = files.enter_context((tmp_path / "typed").open()), io.StringIO()
            return Typist(Terminal(Screen(screen), descriptor=typed.fileno()), screen)

        yield type_in


def one(schema):
    return {"type": "object", "properties": {"it": schema}, "required": ["it"]}


@pytest.mark.parametrize(
    ("schema", "lines", "said", "value"),
    [
        ({"type": "number", "exclusiveMinimum": 0}, ("0", "0.5"), "it must be more than 0", 0.5),
        ({"type": "number", "multipleOf": 5}, ("12", "15"), "it must be a multiple of 5", 15),
        ({"type": "integer"}, ("1.5", "2"), "it must be a whole number", 2),
        ({"type": "string", "minLength": 2}, ("A", "Ann"), "it must have at least 2 characters", "Ann"),
        ({"type": "string", "pattern": "^[A-Z]{3}$"}, ("abc", "ABC"), "the pattern ^[A-Z]{3}$", "ABC"),
        ({"type": "string", "format": "date"}, ("2027-02-30", "2027-02-03"), "it must be a date such as", "2027-02-03"),
        ({"type": ["boolean", "null"]}, ("maybe", "nothing"), "it must be yes or no or nothing", None),
        ({"enum": ["a", None, True]}, ("c", "yes"), "it must be one of a, nothing, yes", True),
        (
            {"type": "array", "items": {"type": "string"}, "maxItems": 1},
            ("a, b", '["a, b"]'),
            "at most 1 entry",
            ["a, b"],
        ),
        (
            {"type": "array", "items": {"type": "integer"}},
            ("1, x", "1, 2"),
            "entry 2: it must be a whole number",
            [1, 2],
        ),
    ],
)
async def test_what_does_not_fit_a_field_is_told_with_the_reason(typing, schema, lines, said, value):
    typist = typing(*lines)
    assert await read_form(typist.terminal, one(schema), {}, []) == {"it": value}
    assert re.search(rf" does not fit: [^\n]*{re.escape(said)}", typist.shown)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5}, "number, more than 0, a multiple of 0.5"),
        ({"type": "string", "minLength": 2}, "text of 2 or more characters"),
        ({"type": "string", "minLength": 2, "maxLength": 9}, "text of 2 to 9 characters"),
    ],
)
def test_limits_are_said_before_anything_is_typed(schema, words):
    assert wanted(schema) == [words]


async def test_groups_are_asked_field_by_field_and_nobody_writes_json(typing):
    typist = typing("Ann", "2001-02-30", "2001-02-03", "red, blue", "", "", "")
    answer = await read_form(typist.terminal, NESTED, {}, [])
    assert answer == {"who": {"first": "Ann", "born": "2001-02-03"}, "tags": ["red", "blue"]}
    assert "  who.born (a date such as 2027-01-05; Enter leaves it out): " in typist.shown
    check_answer(answer, Question("?", NESTED))


async def test_of_a_group_that_lacks_something_only_that_is_asked_again(typing):
    kept: Typed = {}
    answer = await read_form(typing("Ann", "", "red", "", "1999-01-01", "1, 2").terminal, NESTED, kept, [])
    assert answer["guest"] == {"born": "1999-01-01"}
    with pytest.raises(InvalidAnswer, match=r"guest\.first: it is missing") as refused:
        check_answer(answer, Question("?", NESTED))
    forget_misfits(kept, refused.value)
    typist = typing("", "", "", "Bob", "", "")
    again = await read_form(typist.terminal, NESTED, kept, [])
    assert again == {
        "who": {"first": "Ann"},
        "tags": ["red"],
        "guest": {"first": "Bob", "born": "1999-01-01"},
        "rooms": [1, 2],
    }
    assert 'Enter keeps ["red"]' in typist.shown


def test_a_misfit_forgets_its_own_field_and_no_other():
    typed: Typed = {("a",): 1, ("ab",): 2, ("g", "a"): [3]}
    misfit = {"path": "$.g.a[0]", "message": "x"}
    forget_misfits(typed, InvalidAnswer("x", errors=[misfit, {"path": "$.ab", "message": "x"}]))
    assert typed == {("a",): 1}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {f"f{number}": {"type": "string"} for number in range(300)}},
        one({"type": "array", "items": {"type": "object"}}),
        one(one(one(one({"type": "string"})))),
        one({"$ref": "#/$defs/it"}) | {"$defs": {"it": one({"$ref": "#/$defs/it"})}},
        one({"$ref": "https://example.com/s"}),
    ],
)
def test_what_cannot_be_asked_in_lines_is_no_form(schema):
    assert fields_of(schema) == []
    assert len(wanted(schema)) == 1


def test_nothing_is_not_offered_as_an_answer():
    assert wanted({"type": ["string", "null"]}) == ["text"]
    assert wanted({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}) == ["whole number, at least 1"]
    assert wanted({"enum": ["a", None]}) == ["one of a"]
    assert wanted(one({"type": ["string", "null"]})) == ["it (text, or nothing)"]


def test_a_list_is_answered_with_commas_and_a_comma_within_an_entry_by_json():
    tags = Question("Tags?", {"type": "array", "items": {"type": "string"}})
    assert wanted(tags.schema) == ["a list, of which each entry is text, with commas between them, as in: a, b"]
    assert read_answer(tags, "Oslo") == ["Oslo"]
    assert read_answer(tags, "red , blue") == ["red", "blue"]
    assert read_answer(tags, '["Doe, John"]') == ["Doe, John"]
    for typed in ("a,,b", '"Doe, John", x'):
        with pytest.raises(InvalidAnswer):
            check_answer(read_answer(tags, typed), tags)


async def test_a_value_is_changed_in_words(typing):
    typist = typing("maybe", "no", "x@example.com, y@example.com", '["a', "", "ten", "nothing", "5")
    changed = await edit_json(
        typist.terminal, {"go": True, "to": ["ann@example.com"], "rows": [1, True], "ref": None, "n": 2}, "req_1"
    )
    assert changed == {
        "go": False,
        "to": ["x@example.com", "y@example.com"],
        "rows": [1, True],
        "ref": None,
        "n": 5,
    }
    shown = typist.shown
    assert "  go: yes\n" in shown
    assert "  Write yes or no.\n" in shown
    assert "  rows: [1, true]\n" in shown  # as it is typed
    assert "  ref: nothing\n" in shown
    assert " JSON" not in shown


async def test_what_is_written_as_json_and_breaks_off_says_where(typing):
    typist = typing("[1, 2", "[3]")
    assert await edit_json(typist.terminal, {"rows": [1]}, "req_1") == {"rows": [3]}
    assert 'Write a list, such as ["a", "b"]. That cannot be read: it ends too early, at character 6.' in typist.shown
