"""Rows of the inbox: nothing that somebody sees moves, alike ones are one line, and what is over says so."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.model.rules import START, Bench

from interlock.domain.action import Action
from interlock.domain.authority import Directory
from interlock.domain.policy import Level, Policy, Step
from interlock.service.inbox import Listed
from interlock.web.pages.inbox_rows import folded, kept_in_place, rows_of
from interlock.web.pages.shown_rows import shown_row

POLICY = Policy("p", (Level("only", None, (Step(("group:g",), approvals=2),)),))
PEOPLE = Directory({"g": frozenset({"mia", "noah"})}, local_roles=False)
HOUR = timedelta(hours=1)


@pytest.fixture
def bench():
    made = Bench(POLICY, PEOPLE)
    made.ask(Action("pay", {"amount": "50"}))
    return made


def listed(bench, *ids, **changed):
    return [Listed(replace(bench.request, id=key, **changed)) for key in ids]


def shown(found):
    return [row.request.id for row in found]


def test_what_is_seen_stays_what_came_since_waits_and_what_moved_up_is_put_at_the_end(bench):
    later = bench.now + HOUR
    seen = listed(bench, "a", "b", "c")
    now = [*listed(bench, "new", step_since=later + HOUR), *listed(bench, "c", "a", "fill")]
    rows, new = kept_in_place(
        now, {row.request.id: row for row in seen}, shown=["a", "b", "c", "nobody's"], since=later
    )
    assert (shown(rows), new) == (["a", "b", "c", "fill"], 1)
    assert kept_in_place(now, {}, shown=["nobody's"], since=later) == (now, 0)
    assert kept_in_place(now, {}, shown=[], since=None) == (now, 0)


def test_like_requests_are_one_line_where_the_first_stands_and_few_or_decided_ones_are_not(bench):
    pay = listed(bench, "1", "2", "3", "4")
    other = Listed(replace(bench.request, id="x", agent="other"))
    over = Listed(replace(bench.request, id="over"), excluded="you have voted already")
    rows = rows_of("mine", [pay[0], other, *pay[1:], over], bench.now)
    assert [shown(fold.rows) for fold in folded(rows)] == [["1", "2", "3", "4"], ["x"], ["over"]]
    assert [shown(fold.rows) for fold in folded(rows[:4])] == [["1"], ["x"], ["2"], ["3"]]


def test_a_row_says_what_has_become_of_it(bench):
    def said(which="mine", **listing):
        (row,) = rows_of(which, [Listed(bench.request, **listing)], bench.now)
        return row.said, row.is_gone

    assert said() == ("", False)
    assert said(snoozed_until=bench.now + HOUR) == ("You have put it aside", True)
    assert said(excluded="you have voted already") == ("You have voted already", True)
    assert said("others", excluded="you have voted already") == ("", False)
    assert said("snoozed") == ("It waits for you again", True)
    bench.vote("mia")
    assert rows_of("mine", [Listed(bench.request)], bench.now)[0].votes == "1 of 2 approvals: mia approved"
    bench.vote("noah")
    assert said() == ("Approved by mia, noah", True)
    assert said("decided") == ("Approved by mia, noah", False)
    assert rows_of("mine", [Listed(bench.request)], START)[0].votes == ""


def test_a_row_is_written_once_for_all_who_see_the_same_and_anew_where_anything_differs(bench):
    def written(request=bench.request, which="mine", **listing):
        return shown_row(rows_of(which, [Listed(request, **listing)], bench.now)[0], which)

    once = written()
    assert written() is once
    changed = replace(bench.request, version=bench.request.version + 1, agent="other")
    given = {"excluded": "you have voted already"}, {"on_behalf_of": "noah"}, {"snoozed_until": bench.now}
    others = [written(changed), written(which="all"), *(written(**one) for one in given)]
    assert len({once, *others}) == len(others) + 1
    assert "other" in others[0]
    soon = rows_of("mine", [Listed(bench.request)], bench.request.due_at - HOUR)[0]
    assert shown_row(soon, "mine") != once
