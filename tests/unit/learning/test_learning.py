"""What an example is made of, what is taken out of it, and which rows are for what."""

import json

import pytest
from tests.unit.learning.lessons import answer, draft, example

from interlock.domain.statistics import Ended
from interlock.errors import InvalidValue
from interlock.learning.examples import task_of
from interlock.learning.formats import DatasetFormat, rows_of
from interlock.learning.redaction import REDACTED, redacted
from interlock.learning.selection import Selection
from interlock.learning.splits import Split, Unique, split_of

SFT = DatasetFormat.sft


@pytest.mark.parametrize(
    ("given", "task"),
    [
        ("Buy it", "Buy it"),
        ({"input": "Buy it", "approved": None}, "Buy it"),
        ({"messages": [{"role": "user", "content": "Hi"}, {"type": "human", "content": "Buy it"}]}, "Buy it"),
        ({"messages": [{"role": "assistant", "content": "Hi"}]}, '{"messages":[{"content":"Hi","role":"assistant"}]}'),
        ({"b": 1, "a": [2]}, '{"a":[2],"b":1}'),
        (None, "null"),
    ],
)
def test_what_an_agent_was_given_becomes_text(given, task):
    assert task_of(given) == task


SECRETIVE = {
    "given": {"input": "Pay Ann Lee 4500 to DE02 1234, ann lee says"},
    "proposed": {"Name": "Ann Lee", "accounts": [{"iban": "DE02 1234"}], "sum": 4500, "note": "for Ann Lee, 45000"},
    "reason": "DE02 1234 is closed, ask ann lee; 14500 is not 4500.",
}


@pytest.mark.parametrize(
    ("fields", "proposed", "words"),
    [
        (("NAME",), {"Name": REDACTED, "note": f"for {REDACTED}, 45000"}, ["Ann Lee", "ann lee"]),
        (("/accounts/-/iban",), {"accounts": [{"iban": REDACTED}]}, ["DE02 1234"]),
        (("accounts", "/sum"), {"accounts": REDACTED, "sum": REDACTED}, ["DE02 1234"]),
    ],
)
def test_a_field_is_taken_out_wherever_its_value_stands(fields, proposed, words):
    one = redacted(example(Ended.rejected, **SECRETIVE), fields)
    assert one.proposed == {**SECRETIVE["proposed"], **proposed}
    written = json.dumps([dict(row.content) | {"about": row.about} for row in rows_of(one, DatasetFormat.kto)])
    assert [word for word in words if word in written] == []
    if "/sum" in fields:
        assert "14500 is not [redacted]" in one.reason
        assert one.task == f"Pay Ann Lee {REDACTED} to {REDACTED}, ann lee says"


@pytest.mark.parametrize(
    ("given", "hidden"),
    [
        ({"proposed": {"customer": {"ann@example.com": "gold"}}, "reason": "ann@example.com paid"}, "ann@example.com"),
        ({"proposed": {"iban": "王小明"}, "reason": "请问王小明的账户"}, "王小明"),
        ({"proposed": {"iban": 4500}, "reason": "EUR4500, ref_4500"}, "4500"),
        ({"proposed": {"body": '{"to": [{"iban": "DE02 \\u00e9"}]}'}, "reason": "DE02 \u00e9"}, "DE02"),
        ({"given": '{"iban": "DE02"}', "reason": "DE02 is closed"}, "DE02"),
        ({"seen": ({"iban": "DE02"},), "reason": "DE02 is closed"}, "DE02"),
        ({"schema": {"properties": {"iban": {"enum": ["DE02", "DE03"]}}}}, "DE03"),
        ({"schema": {"properties": {"customer": {"properties": {"email": {"const": "b@x.org"}}}}}}, "b@x.org"),
        ({"schema": {"examples": [{"iban": "DE03"}], "properties": {}}}, "DE03"),
    ],
)
def test_no_value_of_a_field_is_left_wherever_it_stands(given, hidden):
    one = redacted(example(**given), ["iban", "/customer", "/customer/email"])
    for written in DatasetFormat:
        assert [row for row in rows_of(one, written) if hidden.encode() in row.line] == []
    assert hidden not in repr(one)


def test_plain_names_of_fields_and_what_is_no_json_stay():
    given = {"customer": {"name": "Bo Li"}, "body": '{"name": "x"}', "other": "{name", "deep": "[" * 900 + "]" * 900}
    one = redacted(example(proposed=given, reason="no name, Bo Li"), ["customer"])
    assert (one.proposed, one.reason) == ({**given, "customer": REDACTED}, f"no name, {REDACTED}")


def test_drafts_answers_and_plain_texts_are_searched_too():
    told = draft(proposed={"to": "ann@example.com", "text": "Dear ann@example.com"}, given="Write to ann@example.com")
    one = redacted(told, ["to"])
    assert (one.proposed["text"], one.task) == (f"Dear {REDACTED}", f"Write to {REDACTED}")
    assert redacted(answer(), ["to"]) == answer()
    assert redacted(example(proposed={"to": True, "no": "true"}), ["to"]).proposed == {"to": REDACTED, "no": "true"}


def test_where_very_much_is_taken_out_no_words_are_left():
    many = example(proposed={"ids": [f"id {number}" for number in range(201)], "note": "id 7"}, reason="id 7 is gone")
    one = redacted(many, ["ids"])
    assert (one.proposed, one.reason) == ({REDACTED: REDACTED}, REDACTED)
    assert not [row for row in rows_of(one, SFT) if b"id 7" in row.line or b"lunch" in row.line]


def test_a_change_of_what_is_taken_out_teaches_nothing():
    one = redacted(example(Ended.changed), ["subject"])
    assert [*rows_of(one, DatasetFormat.dpo), *rows_of(one, DatasetFormat.kto)] == []
    assert [row.content["completion"][0]["content"] for row in rows_of(one, SFT)] == [
        '{"arguments":{"subject":"[redacted]","to":"ann@example.com"},"name":"send_email"}'
    ]


def test_the_same_content_counts_once_whatever_it_comes_from():
    unique = Unique()
    rows = [
        row
        for one in (example(), example(number=1), example(Ended.changed, 2))
        for row in rows_of(one, DatasetFormat.argilla)
    ]
    assert [unique.is_new(row) for row in rows] == [True, False, True]
    assert unique.duplicates == 1


def test_splits_are_by_time_and_no_run_stands_in_two():
    assert (
        split_of([f"r{number}" for number in range(10)], 10, 20)
        == [Split.train] * 7 + [Split.validation] + [Split.test] * 2
    )
    assert split_of(["r1"], 10, 10) == [Split.train]
    assert split_of([], 10, 10) == []
    assert split_of(["a", "b", "c", "b"], 0, 50) == [Split.train, Split.train, Split.test, None]


def test_a_selection_fits_by_all_that_it_names():
    one = example(Ended.changed)
    assert Selection(SFT, "mailer", "send_email", "mails: manager", (Ended.changed,)).fits(one)
    for other in ({"agent": "x"}, {"action": "x"}, {"level": "manager"}, {"outcomes": (Ended.approved,)}):
        assert not Selection(SFT, **other).fits(one)
    assert dict(Selection(SFT, "mailer", outcomes=(Ended.changed, Ended.approved), since="30d").filters()) == {
        "agent": "mailer", "since": "30d", "outcomes": ["approved", "changed"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"validation": 50, "test": 41}, "percentages"),
        ({"test": -1}, "percentages"),
        ({"outcomes": (Ended.expired,)}, "has expired, which people did not decide"),
        ({"redact": ("",)}, "names at most"),
    ],
)
def test_a_selection_that_makes_no_sense_is_refused(given, why):
    with pytest.raises(InvalidValue, match=why):
        Selection(SFT, **given)
