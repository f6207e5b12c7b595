"""What differs between two values is said leaf by leaf, inside of texts by words, and always soon."""

import random
from time import process_time

import pytest

from interlock.web.pages.differences import MOST_CHANGES, MOST_LINES, changes_between


def said(before, after):
    return [(one.kind, one.path) for one in changes_between(before, after)]


def words(before, after):
    (change,) = changes_between(before, after)
    return [(line.kind, [(run.kind, run.text) for run in line.runs] or line.words) for line in change.lines]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": "1"}, [("changed", "a")]),
        ({"a": [{"b": 1}]}, {"a": [{"b": "1"}]}, [("changed", "a \u203a entry 1 \u203a b")]),
        ({"a": True}, {"a": 1}, [("changed", "a")]),
        ({"a": None}, {}, [("removed", "a")]),
        ({}, {"a": None}, [("added", "a")]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, [("changed", "a \u203a b \u203a c")]),
        ([1, 2, 3], [1, 3], [("removed", "entry 2")]),
        ([1, 2, 3], [0, 1, 2, 3], [("added", "entry 1")]),
        ([{"n": 1, "m": 1}, 2], [{"n": 1, "m": 2}, 2], [("changed", "entry 1 \u203a m")]),
        ({"a\u202e": 1}, {"a\u202e": 2}, [("changed", "a⟨U+202E⟩")]),
        (1, [1], [("changed", "")]),
    ],
)
def test_each_leaf_that_differs_is_named(before, after, expected):
    assert said(before, after) == expected


def test_within_a_line_the_words_are_marked():
    assert words("pay ACME 100 euros", "pay ACME 900 euros") == [
        ("changed", [("same", "pay ACME "), ("removed", "100"), ("added", "900"), ("same", " euros")])
    ]


def test_an_amount_and_what_takes_its_place_never_stand_on_one_line():
    assert words("640.00", "12840.00") == [
        ("removed", [("removed", "640"), ("same", ".00")]),
        ("added", [("added", "12840"), ("same", ".00")]),
    ]


def test_lines_with_nothing_in_common_stand_one_below_the_other():
    assert [kind for kind, _ in words("one two three", "x")] == ["removed", "added"]


def test_of_a_text_the_lines_around_a_change_are_shown_and_the_others_counted():
    before = [f"line {number}" for number in range(20)]
    after = [*before[:10], "something new", *before[10:]]
    assert [kind for kind, _ in words("\n".join(before), "\n".join(after))] == [
        *("left", "same", "same", "added", "same", "same", "left")
    ]
    assert words("\n".join(before), "\n".join(after))[0][1] == "8 lines are the same"


def test_nothing_is_lost_where_little_is_shown():
    before, after = "\n".join(map(str, range(2_000))), "\n".join(map(str, range(5_000, 7_000)))
    (change,) = changes_between(before, after)
    assert len(change.lines) == MOST_LINES + 1
    assert change.lines[-1].kind == "left"
    found = changes_between({f"k{n}": 1 for n in range(1_000)}, {})
    assert (len(found), found[-1].kind) == (MOST_CHANGES + 1, "left")


def shuffled(items, seed):
    found = list(items)
    random.Random(seed).shuffle(found)
    return found


HARD = {
    "1 MB of other words": lambda: (
        " ".join(shuffled(map(str, range(150_000)), 1)),
        " ".join(shuffled(map(str, range(150_000)), 2)),
    ),
    "1 MB in one line": lambda: ("ab" * 500_000, "ba" * 500_000),
    "100,000 lines in another order": lambda: (
        "\n".join(shuffled(map(str, range(100_000)), 1)),
        "\n".join(map(str, range(100_000))),
    ),
    "lines that are alike": lambda: (
        "\n".join("ab"[n % 2] for n in range(50_000)),
        "\n".join("ab"[n % 3 % 2] for n in range(50_000)),
    ),
    "lists in another order": lambda: (shuffled(range(20_000), 1), list(range(20_000))),
    "other keys": lambda: ({f"a{n}": n for n in range(10_000)}, {f"b{n}": n for n in range(10_000)}),
    "nothing in common": lambda: ("x" * 1_000_000, "\u200b" * 300_000),
}


@pytest.mark.parametrize("made", HARD.values(), ids=HARD)
def test_the_work_is_bounded(made):
    before, after = made()
    began = process_time()
    found = changes_between(before, after)
    assert found
    assert process_time() - began < 2, "under a second on a machine that does nothing else"
    shown = sum(len(run.text) for one in found for line in one.lines for run in line.runs)
    assert shown < 2_000_000


def test_a_small_change_in_a_large_text_is_found():
    before = [f"line {number}" for number in range(60_000)]
    after = [*before[:5], "new", *before[5:50_000], "changed", *before[50_001:]]
    lines = words("\n".join(before), "\n".join(after))
    assert [line for line in lines if line[0] in {"added", "removed", "changed"}] == [
        ("added", [("added", "new")]),
        ("removed", [("removed", "line 50000")]),
        ("added", [("added", "changed")]),
    ]
