"""A hold: until it is over nothing is decided, and without a second thought it changes nothing but the time."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.model.rules import Bench
from tests.model.strategies import INITIATOR, SPELLINGS, Move, directories, moves, policies, subjects

from interlock.domain.action import Action, Verdict
from interlock.domain.authority import Directory
from interlock.domain.commands import CastVote, Delegate, Reschedule, TakeBackDelegation
from interlock.domain.policy import Level, Policy, Step
from interlock.errors import BadInput, Refused
from interlock.testing.people import principal

SECONDS = timedelta(seconds=10)
HELD = Policy("held", (Level("only", None, (Step(("group:g",), hold=SECONDS, within=timedelta(hours=1)),)),))
PEOPLE = Directory(groups={"g": frozenset({"mia", "noah"})}, roles={"operator": frozenset({"olga"})}, local_roles=False)
VERDICTS = {str(verdict) for verdict in Verdict} - {"edit", "respond"}


def held() -> Bench:
    bench = Bench(HELD, PEOPLE)
    bench.ask(Action("pay", {"amount": "5"}))
    bench.vote("mia")
    return bench


def test_while_it_is_held_it_wakes_at_the_end_of_the_hold_and_says_by_whom():
    request = held().request
    assert (request.held_until, request.wake_at, request.closes_at) == (request.step_since + SECONDS,) * 3
    assert request.held_by == ("mia",)
    assert request.due_at > request.held_until


def test_an_outcome_forgets_the_hold_and_names_who_decided():
    bench = held()
    bench.now += SECONDS
    request = bench.sweep()
    assert (request.held_until, request.held_by, request.wake_at) == (None, (), None)
    assert request.decided_by == ("mia",)
    assert request.decided_at == bench.now


def test_a_hold_ends_at_once_when_a_vote_that_it_rests_on_was_cast_for_somebody_who_takes_that_back():
    bench = Bench(HELD, replace(PEOPLE, groups={"g": frozenset({"mia"})}))
    bench.ask(Action("pay", {"amount": "5"}))
    bench.send(Delegate("r-1", "zoe"), principal("mia"))
    bench.vote("zoe")
    assert bench.request.held_by == ("zoe",)
    taken = bench.send(TakeBackDelegation("r-1"), principal("mia"))
    assert (taken.held_until, taken.delegations) == (None, ())
    assert bench.send(TakeBackDelegation("r-1"), principal("mia")).version == taken.version
    bench.vote("mia")
    bench.now += SECONDS
    assert bench.sweep().decided_by == ("mia",)


def test_a_hold_that_a_wrong_clock_put_into_the_future_is_set_right_with_the_rest():
    bench = held()
    bench.now -= timedelta(days=300)
    bench.send(Reschedule("r-1"), principal("olga"))
    assert bench.request.held_until == bench.now + SECONDS
    bench.now += SECONDS
    assert bench.sweep().status == "approved"


def outcome(policy: Policy, directory: Directory, subject, said: list[Move]):
    """Let people say things in one step, each a moment after the other, and see what it comes to."""
    bench = Bench(policy, directory, INITIATOR)
    bench.ask(subject)
    for move in said:
        bench.now += timedelta(milliseconds=1)
        request = bench.request
        if request.step or not request.is_open:
            break
        try:
            bench.send(CastVote(request.id, Verdict(move.what), request.digest, move.comment), move.who)
        except (Refused, BadInput):
            continue
    if bench.request.held_until is not None:
        bench.now = bench.request.held_until
        bench.sweep()
    request = bench.request
    return request.status, request.step, request.counted, request.decided_by, request.comment


@given(policies(), subjects(), directories(), st.lists(moves().filter(lambda move: move.what in VERDICTS), max_size=10))
def test_a_hold_changes_nothing_but_the_time_unless_somebody_thinks_again(policy, subject, directory, said):
    spoken: set[str] = set()
    names = [SPELLINGS[it.who.id] for it in said]
    once = [it for it, name in zip(said, names, strict=True) if not (name in spoken or spoken.add(name))]
    directory = replace(directory, delegations=())  # nobody thinks again, nor for another
    plain, slow = (
        replace(
            policy,
            levels=tuple(
                replace(level, steps=tuple(replace(step, hold=hold) for step in level.steps)) for level in policy.levels
            ),
        )
        for hold in (None, timedelta(minutes=1))
    )
    assert outcome(plain, directory, subject, once) == outcome(slow, directory, subject, once)
