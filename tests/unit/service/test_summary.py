"""What will happen in a few words: what tells most, in bounds, whatever the arguments are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.domain.action import Action, Draft, Question
from interlock.service.summary import SummaryPart, summaries, summary


def told(subject):
    found = summary(subject)
    return found.name, [f"{one.label} {one.value}".strip() for one in found.told], found.more


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (
            Action("send_email", {"body": "Dear", "to": [f"{n}@x" for n in range(1204)], "subject": "Prices"}),
            ("send_email", ["to 1,204 recipients", "subject Prices", "body Dear"], 0),
        ),
        (Action("send", {"to": ["ann@x"]}), ("send", ["to ann@x"], 0)),
        (Action("invite", {"users": ["a", "b"]}), ("invite", ["2 users"], 0)),
        (
            Action("pay", {"memo": "x", "currency": "EUR", "amount": "12.50", "iban": "DE02", "to": "ACME"}),
            ("pay", ["to ACME", "amount 12.50 EUR", "iban DE02"], 1),
        ),
        (Action("pay", {"amount": 3, "currency": {"a": 1}}), ("pay", ["amount 3", "currency 1 field"], 0)),
        (
            Action("set", {"currency": "EUR", "on": True, "x": None}),
            ("set", ["currency EUR", "on yes", "x nothing"], 0),
        ),
        (Action("write", {"text": "one\ntwo"}), ("write", ["text one … (7 characters)"], 0)),
        (Action("rows", {"rows": [{"a": 1}], "empty": []}), ("rows", ["empty 0 entries", "rows 1 entry"], 0)),
        (Question("Which?", options=["a", "b"]), ("Which?", ["2 options"], 0)),
        (Draft("# Results\nGood", title="Report"), ("Report", ["# Results … (14 characters)"], 0)),
    ],
)
def test_what_tells_most_comes_first(subject, expected):
    assert told(subject) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**52), 2**52) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(args=st.dictionaries(st.text(max_size=400) | st.sampled_from(["to", "amount", "currency"]), JSON, max_size=8))
def test_it_is_bounded_and_counts_what_it_leaves_out(args):
    found = summary(Action("act", args))
    assert all(len(one.label) < 100 and len(one.value) < 120 for one in found.told)
    units = isinstance(args.get("currency"), str) and "amount" in args and len(args["currency"]) <= 8
    assert len(found.told) + found.more == len(args) - units
    assert all(isinstance(one, SummaryPart) for one in found.told)


def one_of_each(*args):
    return [
        [f"{one.label} {one.value}" for one in short.told]
        for short in summaries([Action("set", each) for each in args])
    ]


LONG = "UPDATE contacts SET mails = false WHERE country = "


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (({"amount": 1}, {"amount": 2}), ["amount 1"]),  # they read differently by themselves
        (({"to": "a", "x": 1, "y": 2, "z": 3}, {"to": "a", "x": 1, "y": 2, "z": 4}), ["z 3", "to a", "x 1"]),
        (
            ({"change": {"rate": 5, "unit": "s"}}, {"change": {"rate": 6, "unit": "s"}}),
            ["change rate 5", "change 2 fields"],
        ),
        (({"who": ["ann", "bea"]}, {"who": ["ann", "cem"]}), ["who 2 bea", "who 2 entries"]),
        (({"sql": LONG + "'DE'"}, {"sql": LONG + "'FR'"}), ["sql … country = 'DE'"]),
        (({"a": 1, "b": 2, "c": 3, "d": 4}, {"a": 1, "b": 2, "c": 3, "e": 4}), ["d 4", "e left out", "a 1"]),
    ],
)
def test_what_tells_two_actions_of_one_name_apart_is_told_first(args, expected):
    first, second = one_of_each(*args)
    assert first[: len(expected)] == expected
    assert first != second


@given(st.lists(st.dictionaries(st.text(max_size=2), JSON, max_size=4), max_size=5))
def test_what_is_told_apart_stays_in_bounds_and_the_same_reads_the_same(args):
    actions = [Action("set", one) for one in [*args, *args[:2]]]
    found = summaries(actions)
    assert all(len(one.told) <= 3 for one in found)
    by_digest = {action.digest: short for action, short in zip(actions, found, strict=True)}
    assert [by_digest[action.digest] for action in actions] == found
