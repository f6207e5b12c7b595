"""What is counted of requests and votes, and what rates are made of it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from tests.model.rules import START

from interlock.domain.action import Action, Verdict
from interlock.domain.events import Edited, Rescheduled, StepReached, VoteCast
from interlock.domain.inbox import Act, acts_of
from interlock.domain.policy import Route
from interlock.domain.request import Edition, Status, Vote
from interlock.domain.statistics import (
    SAID,
    Counted,
    Ended,
    Every,
    Figures,
    Number,
    Times,
    groups_of,
    how_ended,
    level_of,
    period_of,
    rank,
)
from interlock.testing.samples import approved, opened

MINUTE = timedelta(minutes=1)
OPEN = opened("req_1", START).after


def test_each_outcome_is_a_way_to_end_and_a_changed_approval_is_told_apart():
    assert how_ended(OPEN) is None
    done = approved(OPEN, START).after
    assert how_ended(done) is Ended.approved
    assert how_ended(replace(done, digest="sha256:1")) is Ended.changed
    assert how_ended(replace(done, decided_by=("rule:petty cash",))) is Ended.automatic
    for status in Status:
        if status not in {Status.open, Status.approved}:
            assert how_ended(replace(OPEN, status=status)) == str(status)
    assert set(SAID) == set(Verdict)


def test_a_level_is_called_by_its_name_with_its_policy_and_old_ones_by_their_number():
    assert level_of(replace(OPEN, route=Route("purchases", "h", 1, "", "director"))) == "purchases: director"
    assert level_of(OPEN) == "default: level 1"
    assert len(level_of(replace(OPEN, route=Route("p", "h", 0, "", "x" * 999)))) == 200


def test_rates_are_made_of_what_people_judged_alone():
    group = Figures(
        ended={Ended.approved: 6, Ended.changed: 2, Ended.rejected: 1, Ended.revised: 1} | {Ended.answered: 5}
    )
    assert (group.decided, group.overridden, group.approval_rate, group.override_rate) == (15, 4, 0.8, 0.4)
    unjudged = Figures(ended={Ended.automatic: 9, Ended.expired: 9, Ended.withdrawn: 9, Ended.answered: 1})
    assert (unjudged.decided, unjudged.approval_rate, unjudged.override_rate) == (1, None, None)


def test_groups_come_by_period_and_name_and_those_that_only_wait_are_among_them():
    numbers = [Number("b", None, Ended.approved, 2), Number(None, None, Ended.answered, 1)]
    counted = Counted(numbers, [Times("b", None, MINUTE, 2 * MINUTE)], {"a": 3, None: 1})
    assert [(one.key, one.decided, one.p95, one.waiting) for one in groups_of(counted, None)] == [
        (None, 1, None, 1),
        ("a", 0, None, 3),
        ("b", 2, 2 * MINUTE, 0),
    ]


@pytest.mark.parametrize(
    ("at", "day", "week"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01", "1969-12-29"),
        (datetime(2026, 11, 29, 23, 59, 59, 999_999, tzinfo=UTC), "2026-11-29", "2026-11-23"),
        (datetime(2026, 11, 30, tzinfo=UTC), "2026-11-30", "2026-11-30"),
    ],
)
def test_a_period_begins_at_midnight_and_a_week_on_monday_in_utc(at, day, week):
    for every, begins in ((Every.day, day), (Every.week, week)):
        assert every.begins(period_of(at, every)) == date.fromisoformat(begins)
        assert every.begins(period_of(at.astimezone().astimezone(UTC), every)).isoformat() == begins


def test_a_percentile_stands_at_the_nearest_rank():
    assert [rank(number, 50) for number in (1, 2, 3, 10)] == [1, 1, 2, 5]
    assert [rank(number, 95) for number in (1, 19, 20, 100)] == [1, 19, 19, 95]


def test_whoever_acts_has_waited_since_their_step_began():
    reached, again = StepReached(0, START, START), Rescheduled("ann", START, (), None, START + 2 * MINUTE)
    vote = Vote("ann", Verdict.reject, "d", 0, START + 3 * MINUTE)
    assert acts_of([reached, VoteCast(vote)]) == {"ann": Act(vote.at, Verdict.reject, 3 * MINUTE)}
    assert acts_of([reached, again, VoteCast(vote)])["ann"].waited == MINUTE
    assert acts_of([VoteCast(vote)], START + MINUTE)["ann"].waited == 2 * MINUTE
    assert acts_of([VoteCast(vote)])["ann"].waited is None
    assert acts_of([VoteCast(vote)], vote.at + MINUTE)["ann"].waited == timedelta(0)  # a clock went back


def test_an_edit_and_the_vote_that_it_brings_are_one_act_in_the_step_before_it():
    at = START + 3 * MINUTE
    edited = Edited(Edition(Action("send", {}), author="ann"), "d", Route("p", "h", 0, ""), at)
    anew, vote = StepReached(0, at, at), VoteCast(Vote("ann", Verdict.edit, "d", 0, at))
    assert acts_of([edited, anew, vote], START) == {"ann": Act(at, Verdict.edit, 3 * MINUTE)}
    later = VoteCast(Vote("ann", Verdict.reject, "d", 0, at + MINUTE))
    assert acts_of([edited, anew, vote, later], START) == {"ann": Act(at + MINUTE, Verdict.reject, MINUTE)}
