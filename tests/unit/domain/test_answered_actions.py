"""Somebody answers in an action's place: it is not done, and whoever votes after decides on the answer."""

import pytest
from tests.model.rules import Bench

from interlock.domain.action import Action, Verdict
from interlock.domain.authority import Directory
from interlock.domain.policy import Level, Policy, Step
from interlock.domain.request import EffectState, Status
from interlock.errors import EffectRefused, NotOffered, WrongDigest

MIA, PETE = "mia@example.com", "pete@example.com"
PEOPLE = Directory(groups={"managers": frozenset({MIA, PETE})}, local_roles=False)
PAY = Action("pay", {"amount": 5})
ALL = (Verdict.approve, Verdict.edit, Verdict.reject, Verdict.respond)


def asked(approvals=1, verdicts=ALL):
    policy = Policy("pay", (Level("only", steps=(Step(("group:managers",), approvals=approvals),)),))
    bench = Bench(policy, PEOPLE, "ian@example.com")
    bench.ask(PAY, verdicts)
    return bench


def test_I1_what_is_answered_is_not_approved_and_has_no_effect():
    bench = asked()
    request = bench.vote(MIA, "respond", answer="it is paid already")
    assert (request.status, request.edition.answer) == (Status.answered, "it is paid already")
    with pytest.raises(EffectRefused):
        bench.claim(digest=PAY.digest)
    assert bench.request.effect is EffectState.none


def test_I8_an_answer_voids_the_approvals_of_the_action_before_it():
    bench = asked(approvals=2)
    bench.vote(MIA)
    request = bench.vote(PETE, "respond", answer="ask finance")
    assert request.is_open
    assert [vote.voter for vote in request.votes] == [PETE]
    with pytest.raises(WrongDigest):
        bench.vote(MIA, digest=PAY.digest)
    assert bench.vote(MIA).status is Status.answered


def test_I8_an_edit_takes_an_answer_back():
    bench = asked(approvals=2)
    bench.vote(MIA, "respond", answer="ask finance")
    request = bench.vote(PETE, "edit", subject=Action("pay", {"amount": 4}))
    assert request.edition.answer is None
    assert bench.vote(MIA).status is Status.approved


def test_an_answer_is_taken_only_where_it_is_offered():
    with pytest.raises(NotOffered):
        asked(verdicts=(Verdict.approve, Verdict.reject)).vote(MIA, "respond", answer="no")
