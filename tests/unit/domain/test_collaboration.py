"""What people do beside voting: who is on it, what is asked back; and what the log may say of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.model.rules import START, Bench

from interlock.domain.action import Action, Verdict
from interlock.domain.authority import Directory
from interlock.domain.collaboration import (
    AskedBack,
    Clarified,
    ReservationEnded,
    Reserved,
    Snoozed,
    Viewed,
)
from interlock.domain.commands import AskBack, CastVote, Clarify, EndReservation, Extend, Reserve, Snooze
from interlock.domain.lifecycle import evolve
from interlock.domain.policy import Level, Policy, Step
from interlock.errors import Closed, Forbidden, InvalidValue, NotFound, TooLate
from interlock.testing.people import principal

POLICY = Policy("p", (Level("only", None, (Step(("group:g",), approvals=2),)),))
PEOPLE = Directory({"g": frozenset({"mia", "noah"})}, aliases={"m.smith": "mia", "i.": "ian"}, local_roles=False)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AGENT = principal("agent:buyer", "agent")


@pytest.fixture
def bench():
    made = Bench(POLICY, PEOPLE, initiator="ian")
    made.ask(Action("pay", {"amount": "50"}))
    return made


def reserve(bench, who, lasts=HOUR):
    return bench.send(Reserve(bench.request.id, lasts), principal(who))


def on_it(bench):
    return [one.by for one in bench.request.reserved_at(bench.now)]


def test_each_person_is_on_it_once_under_one_name_until_the_clock_ends_it(bench):
    reserve(bench, "mia", 10 * MINUTE)
    reserve(bench, "noah", MINUTE)
    reserve(bench, "M.Smith", 5 * MINUTE)
    assert on_it(bench) == ["noah", "mia"]
    bench.wait(minutes=1)
    assert on_it(bench) == ["mia"]
    reserve(bench, "noah")
    assert [one.by for one in bench.request.reservations] == ["mia", "noah"]  # what the clock ended is kept no longer
    bench.wait(minutes=4)
    assert on_it(bench) == ["noah"]


def test_who_puts_it_aside_does_so_for_themselves_until_then_and_never_past_the_deadline(bench):
    def aside(who):
        return bench.request.snoozed_by(who, bench.now)

    bench.send(Snooze(bench.request.id, HOUR), principal("M.Smith"))
    assert (aside("mia"), aside("noah")) == (bench.now + HOUR, None)
    bench.wait(minutes=60)
    assert aside("mia") is None
    assert bench.send(Snooze(bench.request.id, None), principal("mia")).snoozes == bench.request.snoozes
    bench.send(Snooze(bench.request.id, 30 * 24 * HOUR), principal("mia"))
    assert aside("mia") == bench.request.due_at
    bench.send(Snooze(bench.request.id, None), principal("mia"))
    assert bench.request.snoozes == ()
    refusals = ("ian", HOUR, Forbidden), ("mia", MINUTE / 2, InvalidValue), ("mia", 31 * 24 * HOUR, InvalidValue)
    for who, lasts, refused in refusals:
        with pytest.raises(refused):
            bench.send(Snooze(bench.request.id, lasts), principal(who))
    with pytest.raises(Forbidden):
        bench.send(Snooze(bench.request.id, HOUR), AGENT)


def test_a_vote_of_theirs_or_the_end_of_the_step_ends_it_and_another_ones_vote_does_not(bench):
    reserve(bench, "mia")
    reserve(bench, "noah")
    bench.send(CastVote(bench.request.id, Verdict.approve, bench.request.digest), principal("mia"))
    assert on_it(bench) == ["noah"]
    bench.send(CastVote(bench.request.id, Verdict.approve, bench.request.digest), principal("noah"))
    assert (bench.request.status, on_it(bench)) == ("approved", [])


def test_whoever_is_not_on_it_ends_nothing(bench):
    reserve(bench, "mia", MINUTE)
    known = len(bench.log)
    bench.send(EndReservation(bench.request.id), principal("noah"))
    bench.wait(minutes=1)
    bench.send(EndReservation(bench.request.id), principal("mia"))
    assert len(bench.log) == known


def test_it_takes_who_may_vote_a_length_and_time(bench):
    for who in ("ian", "zoe"):
        with pytest.raises(Forbidden):
            reserve(bench, who)
    for lasts in (timedelta(0), -HOUR, timedelta(seconds=59), timedelta(days=1, seconds=1)):
        with pytest.raises(InvalidValue, match="from one minute to a day"):
            reserve(bench, "mia", lasts)
    bench.now = bench.request.due_at - MINUTE
    assert reserve(bench, "mia").reservations[0].until == bench.request.due_at
    bench.now = bench.request.due_at
    with pytest.raises(TooLate):
        reserve(bench, "mia")


def test_what_is_asked_back_is_answered_once_by_the_agent_or_who_started_it(bench):
    for text in ("Why?", "How much?"):
        bench.send(AskBack(bench.request.id, text), principal("zoe"))
    bench.send(Clarify(bench.request.id, 2, "Fifty"), principal("I."))
    bench.send(Clarify(bench.request.id, 1, "The fair"), AGENT)
    assert [(one.asked, one.said, one.said_by) for one in bench.request.clarifications] == [
        ("Why?", "The fair", "agent:buyer"),
        ("How much?", "Fifty", "ian"),
    ]
    known = len(bench.log)
    bench.send(Clarify(bench.request.id, 1, "The fair"), AGENT)
    assert len(bench.log) == known
    with pytest.raises(Closed, match="agent:buyer has answered number 1"):
        bench.send(Clarify(bench.request.id, 1, "another"), AGENT)
    with pytest.raises(NotFound):
        bench.send(Clarify(bench.request.id, 3, "x"), AGENT)
    for nobody in (principal("mia"), principal("agent:other", "agent"), principal("service:x", "service")):
        with pytest.raises(Forbidden):
            bench.send(Clarify(bench.request.id, 1, "x"), nobody)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Reserved("mia", START, START), "before it begins"),
        (Reserved("mia", START + timedelta(days=9), START), "after the deadline"),
        (Reserved("mia", START + timedelta(days=9), START + timedelta(days=8)), "its time was over"),
        (ReservationEnded("mia", START), "had not reserved"),
        (Snoozed("mia", START, START), "before it begins"),
        (Snoozed("mia", START + timedelta(days=9), START), "after the deadline"),
        (AskedBack(2, "mia", "x", START), "does not follow"),
        (AskedBack(1, "mia", "x", START + timedelta(days=9)), "its time was over"),
        (Clarified(1, "agent:buyer", "x", START), "nothing waits"),
    ],
)
def test_the_log_may_not_say_what_cannot_be(bench, event, why):
    with pytest.raises(ValueError, match=why):
        evolve(bench.request, event)


def test_nothing_of_it_changes_what_is_decided(bench):
    before = bench.request
    bench.send(AskBack(before.id, "Why?"), principal("mia"))
    reserve(bench, "mia")
    seen = evolve(bench.request, Viewed(("mia",), before.digest, START))
    assert replace(seen, version=before.version, reservations=(), clarifications=()) == before
    with pytest.raises(Forbidden):
        bench.send(Extend(before.id, HOUR, "x"), principal("zoe"))
