"""I5, I6, I9, I11: an outcome that counts what the log does not hold never folds, whoever wrote it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.model.rules import AGENT, START, Bench

from interlock.domain.action import Action, Verdict
from interlock.domain.authority import Directory
from interlock.domain.events import (
    Decided,
    Edited,
    EffectClaimed,
    EffectExecuted,
    Expired,
    Extended,
    StepHeld,
    StepReached,
    VoteCast,
    VoteTakenBack,
)
from interlock.domain.lifecycle import evolve
from interlock.domain.policy import Escalation, Level, Policy, Route, Step
from interlock.domain.request import Claim, Edition, StandIn, Vote

HOUR = timedelta(hours=1)
MANAGERS = Step(("group:managers",), approvals=2, rejections=2, within=HOUR)
DIRECTORS = Step(("group:directors",), within=HOUR, escalate=Escalation(("group:board",), HOUR / 2))
POLICY = Policy("purchases", (Level("only", None, (MANAGERS, DIRECTORS)),))
SECONDS = timedelta(seconds=10)
HELD = replace(POLICY, levels=(Level("only", None, (replace(MANAGERS, hold=SECONDS), DIRECTORS)),))
PEOPLE = Directory(
    groups={"managers": frozenset({"mia", "noah", "omar"}), "directors": frozenset({"olga"})}, local_roles=False
)
PAY = Action("pay", {"amount": "5"})
ROUTE = Route("purchases", "sha256:0", 0, "")


def asked(policy: Policy = POLICY) -> Bench:
    bench = Bench(policy, PEOPLE)
    bench.ask(PAY)
    return bench


def first_approved():
    bench = asked()
    bench.vote("mia")
    return bench.request


def managers_approved():
    bench = asked()
    bench.vote("mia")
    bench.vote("noah")
    return bench.request


def two_for_a_hold():
    bench = asked(HELD)
    bench.vote("mia")
    return evolve(bench.request, VoteCast(vote("noah")))


def held():
    return evolve(two_for_a_hold(), StepHeld(0, START + SECONDS, START, ("mia", "noah")))


def test_a_held_step_is_passed_when_its_hold_is_over_and_may_be_taken_back_before():
    assert evolve(held(), next_step("mia", "noah", at=START + SECONDS)).step == 1
    left = evolve(held(), VoteTakenBack("noah", "noah", 0, START))
    assert [one.voter for one in left.votes] == ["mia"]
    assert evolve(left, StepHeld(0, None, START)).held_until is None


def vote(voter: str, verdict: Verdict = Verdict.approve, **changed) -> Vote:
    return replace(Vote(voter, verdict, PAY.digest, 0, START, eligible_as="group:managers"), **changed)


def next_step(*counted: str, behind: tuple[StandIn, ...] = (), step: int = 1, at=START) -> StepReached:
    return StepReached(step, at + HOUR, at, counted, stand_ins=behind, ask=("group:directors",), approvals=1)


def test_a_step_is_passed_by_those_who_voted():
    assert evolve(evolve(first_approved(), VoteCast(vote("noah"))), next_step("mia", "noah")).step == 1


FORGED = {
    "counts somebody who has not voted": (first_approved, next_step("mia", "noah")),
    "counts one person twice": (first_approved, next_step("mia", "mia")),
    "counts fewer than the step needs": (first_approved, next_step("mia")),
    "counts nobody": (first_approved, next_step()),
    "passes over a step": (managers_approved, next_step("olga", step=3)),
    "begins the first step again": (first_approved, next_step(step=0)),
    "names somebody behind a vote": (
        lambda: evolve(first_approved(), VoteCast(vote("noah"))),
        next_step("mia", "noah", behind=(StandIn(0, "mia", "omar", START),)),
    ),
    "is passed after its time": (
        lambda: evolve(first_approved(), VoteCast(vote("noah"))),
        next_step("mia", "noah", at=START + HOUR),
    ),
    "approved by nobody": (first_approved, Decided("approved", (), "", START)),
    "approved by a rule in the middle": (first_approved, Decided("approved", ("rule:petty",), "", START)),
    "approved by one who did not vote": (
        managers_approved,
        Decided("approved", ("mia", "noah", "olga"), "", START, ("olga",)),
    ),
    "approved in the name of others than counted": (
        lambda: evolve(managers_approved(), VoteCast(vote("olga", step=1, eligible_as="group:directors"))),
        Decided("approved", ("olga",), "", START, ("olga",)),
    ),
    "answered without an answer": (
        lambda: evolve(managers_approved(), VoteCast(vote("olga", step=1, eligible_as="group:directors"))),
        Decided("answered", ("mia", "noah", "olga"), "", START, ("olga",)),
    ),
    "rejected by one who approved": (first_approved, Decided("rejected", ("mia",), "", START)),
    "sent back by nobody": (first_approved, Decided("revised", (), "", START)),
    "expires before its time": (first_approved, Expired(START)),
    "is extended after its time": (first_approved, Extended("mia", START + 3 * HOUR, "ill", START + HOUR)),
    "a vote after the deadline": (first_approved, VoteCast(vote("noah", at=START + HOUR))),
    "a vote on something else": (first_approved, VoteCast(vote("noah", digest="sha256:1"))),
    "a vote in another step": (first_approved, VoteCast(vote("olga", step=1, eligible_as="group:directors"))),
    "a vote of somebody who is not asked": (first_approved, VoteCast(vote("olga", eligible_as="group:directors"))),
    "a vote of nobody in particular": (first_approved, VoteCast(vote("noah", eligible_as=""))),
    "a vote of the requester": (first_approved, VoteCast(vote(AGENT))),
    "a vote for the requester": (first_approved, VoteCast(vote("noah", on_behalf_of=AGENT))),
    "passes what is held": (held, next_step("mia", "noah", at=START + SECONDS - timedelta.resolution)),
    "ends with a hold that has not begun": (two_for_a_hold, next_step("mia", "noah", at=START + SECONDS)),
    "expires though it was decided": (held, Expired(START + HOUR)),
    "a vote when the hold is over": (held, VoteCast(vote("omar", at=START + SECONDS))),
    "a hold without a vote": (lambda: asked(HELD).request, StepHeld(0, START + SECONDS, START)),
    "a hold by one who has not voted": (two_for_a_hold, StepHeld(0, START + SECONDS, START, ("mia", "omar"))),
    "a hold that ends after the deadline": (two_for_a_hold, StepHeld(0, START + 2 * HOUR, START, ("mia", "noah"))),
    "a hold that is over at once": (two_for_a_hold, StepHeld(0, START, START, ("mia", "noah"))),
    "a hold where the policy has none": (first_approved, StepHeld(0, START + SECONDS, START, ("mia",))),
    "the end of a hold that was not": (two_for_a_hold, StepHeld(0, None, START)),
    "takes back what nobody said": (first_approved, VoteTakenBack("noah", "noah", 0, START)),
    "takes back what another said": (first_approved, VoteTakenBack("mia", "noah", 0, START)),
    "takes back in another step": (first_approved, VoteTakenBack("mia", "mia", 1, START)),
    "takes back too late": (held, VoteTakenBack("mia", "mia", 0, START + SECONDS)),
    "an edit whose digest is another's": (first_approved, Edited(Edition(PAY, None, "mia"), "sha256:1", ROUTE, START)),
}


@pytest.mark.parametrize("what", FORGED)
def test_I11_the_fold_refuses_an_event_that(what):
    before, event = FORGED[what]
    with pytest.raises(ValueError, match=event.type):
        evolve(before(), event)


def test_I9_somebody_whom_the_step_escalated_to_may_vote_from_then_on():
    bench = asked()
    bench.vote("mia")
    bench.vote("noah")
    on_board = VoteCast(vote("paul", step=1, eligible_as="group:board", at=START + HOUR / 2))
    with pytest.raises(ValueError, match="whom the step does not ask"):
        evolve(bench.request, on_board)
    bench.wait(minutes=30)
    bench.sweep()
    assert evolve(bench.request, on_board).votes


def test_I2_an_attempt_follows_the_one_before_and_reports_on_itself():
    bench = asked()
    for person in ("mia", "noah", "olga"):
        bench.vote(person)
    claim = Claim(1, bench.request.id, "tools:pay", 1, START)
    with pytest.raises(ValueError, match="attempt 2 does not follow attempt 0"):
        evolve(bench.request, EffectClaimed(replace(claim, attempt=2)))
    claimed = evolve(bench.request, EffectClaimed(claim))
    with pytest.raises(ValueError, match="attempt 2 has not claimed it"):
        evolve(claimed, EffectExecuted(2, None, START))
