"""A row of a list says what will happen, and which of how many it is."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from interlock.domain.action import Action, Draft, Question
from interlock.service import inline
from interlock.service.inline import in_order, places, row, subject_row
from interlock.testing.samples import opened


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (Action("pay", {"to": "ACME", "amount": 120}), 'pay(amount=120, to="ACME")'),
        (Action("audit"), "audit()"),
        (Action("mail", {"to": ["a", "b"], "cc": None}), 'mail(cc=nothing, to=["a", "b"])'),
        (Action("mail", {"body": "x" * 1_204}), f'mail(body="{"x" * 32}"… (1,204 characters))'),
        (
            Action("sum", {"of": list(range(100))}),
            "sum(of=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, … and 79 more])",
        ),
        (
            Action("mail", {"to": ["ann@example.com", "bob@example.com", "m" * 40]}),
            'mail(to=["ann@example.com", … and 2 more])',
        ),
        (Action("pay", {"lines": [{"item": "pen", "vat": False, "note": None}] * 2}), "pay(lines=(2 entries))"),
        (Action("pay", {"urgent": True, "to": None, "tags": []}), "pay(tags=(empty list), to=nothing, urgent=yes)"),
        (Question("Which airline?"), '"Which airline?"'),
        (Draft("Sales rose.", "report"), 'report: "Sales rose."'),
        (Action("a\nb", {"x, y=1": "\x1b[2J"}), 'a⟨U+000A⟩b("x, y=1"="⟨ESC⟩[2J")'),
    ],
)
def test_a_row_says_what_will_happen_in_the_actions_own_terms(subject, shown):
    assert subject_row(subject) == shown


def test_many_arguments_are_counted_and_none_is_hidden_by_a_long_one():
    many = subject_row(Action("set", {f"name_{number:02}": "v" * 20 for number in range(20)}))
    assert many.endswith("… and 17 more)")
    assert 'zip="80331"' in subject_row(Action("move", {"note": "n" * 200_000, "zip": "80331"}))
    assert len(subject_row(Action("x" * 200, {"k" * 5_000: "v" * 5_000}))) < 300


def test_a_text_cannot_forge_the_length_that_stands_behind_it():
    assert subject_row(Action("pay", {"to": 'a"… (9 characters)'})) == 'pay(to="a\\"… (9 characters)")'


def test_siblings_stand_in_the_order_in_which_they_were_asked():
    first = opened("req_c", datetime(2026, 11, 2, tzinfo=UTC)).after
    second, third, other = (replace(first, id=f"req_{name}") for name in ("b", "a", "z"))
    other = replace(other, run_id="run_other")
    place_of = places({first.run_id: [first.id, second.id, third.id], "run_other": [other.id]})
    assert [one.id for one in in_order([third, other, first, second], place_of)] == [
        first.id,
        second.id,
        third.id,
        other.id,
    ]
    assert row(third, place_of.get(third.id)).endswith("(3 of 3)")
    assert "of 1" not in row(other, place_of.get(other.id))


def test_a_row_reads_no_more_of_what_is_asked_than_it_shows():
    read = 0

    class Counted(dict):
        def items(self):
            nonlocal read
            for pair in super().items():
                read += 1
                yield pair

    args = Counted({f"key_{number}": number for number in range(100_000)})
    shown = inline._arguments(args, 100)
    assert len(shown) <= 100
    assert shown.endswith("more")
    assert read < 20
    assert inline._value({"deep": list(range(100_000))}) == "(1 field)"
