"""Forms from schemas and values: what nobody touches comes back byte for byte, and what is typed keeps its type."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from interlock.domain.canonical import canonical_bytes, normalize
from interlock.web.pages.fields import Fields
from interlock.web.pages.form_builder import MOST_FIELDS, MOST_IN_GROUP, form
from interlock.web.pages.form_input import Blank, Given, changed, state_sent, was_switched
from interlock.web.pages.schema_forms import read

NAMES = st.sampled_from(
    ["to", "lines", "a/b", "a~b", "a.b", "", "0", "na\u00efve", "line\nbreak", "\u202ex", "x" * 300]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["12.00", "null", "true", "\n first", "a\r\nb", "\x00", "2027-01-05", "\u202eevil", "", " "]
)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | TEXTS, inner, max_size=4),
    max_leaves=12,
)


def _schemas(inner):
    beside = st.fixed_dictionaries({}, optional={"default": VALUES, "description": TEXTS})
    of_object = st.builds(
        lambda properties, required, more: {"type": "object", "properties": properties, "required": required} | more,
        st.dictionaries(NAMES, inner, max_size=4),
        st.lists(NAMES, max_size=3),
        st.sampled_from([{}, {"additionalProperties": False}, {"additionalProperties": {"type": "integer"}}]),
    )
    several = st.builds(lambda enum: {"type": "array", "uniqueItems": True, "items": {"enum": enum}}, st.lists(TEXTS))
    branches = st.builds(
        lambda word, each: {word: each}, st.sampled_from(["anyOf", "oneOf", "allOf"]), st.lists(inner, max_size=3)
    )
    kinds = of_object | several | branches | st.builds(lambda one: {"type": "array", "items": one}, inner)
    return st.builds(lambda schema, more: {**more, **schema}, kinds, beside)


SIMPLE = [
    *({"type": one} for one in ("string", "integer", "number", "boolean", "null", "object", "array")),
    *({"type": "string", "format": one} for one in ("date", "email", "date-time")),
    *({"type": ["string", "null"]}, {"type": ["integer", "string"]}, {"const": "mail"}, {"enum": ["a", 1, None, True]}),
    *(True, False, {}, {"$ref": "#"}, {"$ref": "#/$defs/none"}, {"not": {}}, {"prefixItems": [{}]}),
]
SCHEMAS = st.recursive(st.sampled_from(SIMPLE), _schemas, max_leaves=8)


def sent(whole, **typed):
    """Return what a browser sends of a form, with other texts in some of its fields."""
    pairs = dict(typed)
    return Fields([(name, pairs.pop(name, text)) for name, text in whole.sent()] + list(pairs.items()))


def comes_back(schema, value):
    whole = form(schema, Given(value))
    for _ in range(2):  # and once more, as when an error had been shown
        found, wrong = read(whole)
        assert not wrong
        assert canonical_bytes(found) == canonical_bytes(value)
        state = state_sent(sent(whole))
        assert not was_switched(state)
        whole = form(schema, state)


@settings(max_examples=150, deadline=None)
@given(SCHEMAS, VALUES)
@example({"type": "object", "properties": {"x": {"type": "string"}}}, {"x": "12.00"})
@example({"type": "number"}, 1e20)
def test_what_nobody_touches_comes_back_byte_for_byte_under_any_schema(schema, value):
    comes_back(normalize(schema) if isinstance(schema, dict) else {}, normalize(value))


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_what_nobody_touches_comes_back_byte_for_byte_without_a_schema(value):
    comes_back(None, normalize(value))


ORDER = {
    "type": "object",
    "required": ["amount", "to"],
    "properties": {
        "to": {"type": "string"},
        "note": {"type": ["string", "null"]},
        "amount": {"type": "number"},
        "urgent": {"type": "boolean"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "pay": {
            "oneOf": [
                {"properties": {"kind": {"const": "card"}, "owner": {"type": "string"}}, "required": ["kind"]},
                {"properties": {"kind": {"const": "iban"}, "owner": {"type": "string"}}, "required": ["kind"]},
            ]
        },
    },
    "$defs": {"line": {"type": "object", "required": ["sku", "count"], "properties": {"count": {"type": "integer"}}}},
}


def typed(value, schema=ORDER, do=None, **texts):
    """Return what a form stands for after somebody has typed, and perhaps pressed one of its buttons."""
    fields = sent(form(schema, Given(value)), **texts)
    state = state_sent(fields)
    return form(schema, state if do is None else changed(state, do, fields))


@pytest.mark.parametrize(
    ("name", "text", "becomes"),
    [
        ("text:/to", "12.00", {"to": "12.00"}),
        ("number:/amount", " 12.50 ", {"amount": 12.5}),
        ("number:/amount", "9007199254740991", {"amount": 9007199254740991}),
        ("number:/amount", "1e20", {"amount": 1e20}),
        ("json:/urgent", "true", {"urgent": True}),
        ("mode:/note", "null", {"note": None}),
        ("text:/note", "null", {"note": "null"}),
        ("json:/more", "", {"more": ...}),
        ("json:/more", "[1, null]", {"more": [1, None]}),
    ],
)
def test_what_is_typed_has_the_type_of_its_field(name, text, becomes):
    before = {"to": "ann", "amount": 1, "note": "", "more": {"x": 1}}
    beside = {"mode:/note": "value"} if name == "text:/note" else {}
    value, wrong = read(typed(before, **{name: text}, **beside))
    assert not wrong
    assert value == {key: one for key, one in (before | becomes).items() if one is not ...}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("number:/amount", "12,50", "write the decimals behind a point"),
        ("number:/amount", "twelve", "write digits"),
        ("number:/amount", "1e400", "too large"),
        ("number:/amount", str(2**70), "beyond 2^53"),
        ("number:/amount", "0.10000000000000001", "it would become 0.1"),
        ("json:/more", "{'a': 1}", "cannot be read: a name in double quotes is missing"),
        ("json:/more", "[0.10000000000000001]", "it would become 0.1"),
        ("json:/more", "[" * 900, "cannot be read"),
        ("json:/more", '{"a": 1, "a": 2}', "stands twice"),
        ("mode:/note", "absent", "clear the text"),
    ],
)
def test_what_cannot_be_read_is_said_at_its_field_and_nothing_is_guessed(name, text, says):
    whole = typed({"to": "ann", "amount": 1, "note": "hello", "more": 1}, **{name: text})
    _, wrong = read(whole)
    assert [one.pointer for one in wrong] == ["/" + name.partition("/")[2]]
    assert says in wrong[0].error
    again = {one.name: one for one in form(ORDER, state_sent(sent(whole))).walk()}
    assert name.startswith("mode") or again[name].text == text  # what was typed is still there


def test_rows_are_added_removed_and_moved():
    lines = [{"sku": "a", "count": 1}, {"sku": "b", "count": 2}]
    before = {"to": "ann", "amount": 1, "lines": lines}
    assert read(typed(before, do="up:/lines/1"))[0]["lines"] == lines[::-1]
    assert read(typed(before, do="down:/lines/0"))[0]["lines"] == lines[::-1]
    assert read(typed(before, do="drop:/lines/0"))[0]["lines"] == lines[1:]
    assert read(typed(before, do="up:/lines/0"))[0]["lines"] == lines
    added = typed(before, do="add:/lines")
    assert [part.pointer for part in added.walk() if part.pointer.startswith("/lines/2")] == [
        "/lines/2",
        "/lines/2/count",
    ]
    assert read(added)[0]["lines"] == [*lines, {}]  # the judge says what is missing


def test_a_row_without_a_schema_is_like_its_neighbours():
    added = form(None, changed(state_sent(sent(form(None, Given([{"n": 1, "t": "x"}])))), "add:", Fields([])))
    assert [(part.pointer, part.wire) for part in added.parts[1].parts] == [("/1/n", "number"), ("/1/t", "filled")]


def test_what_is_left_out_is_filled_in_and_what_is_there_left_out():
    before = {"to": "ann", "amount": 1}
    opened = typed(before, do="open:/lines")
    assert read(opened)[0] == before | {"lines": []}
    assert read(typed(before | {"lines": []}, do="drop:/lines"))[0] == before
    assert read(typed(before | {"urgent": False}))[0] == before | {"urgent": False}


def test_another_branch_keeps_the_fields_of_the_same_name():
    before = {"to": "ann", "amount": 1, "pay": {"kind": "card", "owner": "Ann"}}
    fields = sent(form(ORDER, Given(before)), **{"branch:/pay": "1"})
    assert was_switched(state_sent(fields))
    assert read(form(ORDER, state_sent(fields)))[0]["pay"] == {"kind": "iban", "owner": "Ann"}


def test_blank_forms_are_prefilled_with_defaults_and_leave_out_what_may_be():
    schema = {"required": ["a", "b"], "properties": {"a": {"type": "integer", "default": 7}, "b": {}, "c": {}}}
    assert read(form(schema | {"type": "object"}, Blank()))[0] == {"a": 7}


def test_what_nobody_may_change_is_kept_whatever_is_sent():
    whole = form(ORDER, Given({"to": "ann", "amount": 1}), {"to": "ann"})
    assert read(form(ORDER, state_sent(sent(whole, **{"text:/to": "eve"})), {"to": "ann"}))[0]["to"] == "ann"


@pytest.mark.parametrize(
    "value",
    [
        {f"k{number}": number for number in range(10_000)},
        [[[[[[[[[[[[1]]]]]]]]]]]],
        list(range(5_000)),
        [{"a": [1, 2, 3], "b": {"c": 1}} for _ in range(140)],
    ],
    ids=["keys", "levels", "entries", "all together"],
)
def test_what_is_too_much_for_a_form_is_json_within_it(value):
    whole = form(None, Given(value))
    assert len(list(whole.walk())) <= MOST_FIELDS + MOST_IN_GROUP * 4
    comes_back(None, value)


def test_schemas_that_are_too_much_fall_back_to_json():
    deep = {"type": "object", "properties": {}}
    for _ in range(200):
        deep = {"type": "object", "required": ["a"], "properties": {"a": deep}}
    wide = {"type": "object", "properties": {f"k{number}": {"type": "string"} for number in range(10_000)}}
    endless = {"$ref": "#", "required": ["a"], "properties": {"a": {"$ref": "#"}}}
    doubling = {"anyOf": [{"$ref": "#"}] * 12}
    for schema in (deep, wide, endless, doubling):
        assert len(list(form(schema, Blank()).walk())) < MOST_FIELDS
        comes_back(schema, {"a": {"a": 1}})
