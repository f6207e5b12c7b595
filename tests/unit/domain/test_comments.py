"""What people say beside their votes: a comment, and who votes for them on one request."""

from dataclasses import replace

import pytest
from tests.model.rules import Bench

from interlock.domain.action import Action, Verdict
from interlock.domain.authority import Directory
from interlock.domain.commands import CastVote, Comment, Delegate, Withdraw
from interlock.domain.eligibility import eligibility_of
from interlock.domain.explain import explain
from interlock.domain.inbox import asked_entries
from interlock.domain.policy import Level, Policy, Step
from interlock.errors import Closed, Forbidden, InvalidValue, TooLate
from interlock.testing.people import principal

STEP = Step(("group:g",), approvals=2, where="reviewer.id != 'yves'")
POLICY = Policy("p", (Level("only", None, (STEP,)),))
PEOPLE = Directory({"g": frozenset({"mia", "noah", "ian"})}, aliases={"m.smith": "mia"}, local_roles=False)


@pytest.fixture
def bench():
    made = Bench(POLICY, PEOPLE, initiator="ian")
    made.ask(Action("pay", {"amount": "50"}))
    return made


def delegate(bench, giver, to, reason=""):
    return bench.send(Delegate(bench.request.id, to, reason), principal(giver))


def approve(bench, who):
    return bench.send(CastVote(bench.request.id, Verdict.approve, bench.request.digest), principal(who))


def test_somebody_else_votes_for_whoever_lets_them_and_for_nobody_else(bench):
    delegate(bench, "M.Smith", "Zoe", "on leave")
    (given,) = bench.request.delegations
    assert (given.giver, given.delegate, given.reason, given.until) == ("mia", "zoe", "on leave", None)
    assert "person:zoe" in asked_entries(bench.request)
    assert "Votes for mia: zoe, on this request." in explain(bench.request, POLICY, PEOPLE, bench.now)
    approve(bench, "zoe")
    assert [(vote.voter, vote.on_behalf_of) for vote in bench.request.votes] == [("zoe", "mia")]
    approve(bench, "noah")
    assert bench.request.status == "approved"
    assert [one.on_behalf_of for one in bench.request.stand_ins] == ["mia"]
    # Whoever counted still does when the effect is claimed: the delegation belongs to the request (I9).
    eligibility = eligibility_of(bench.request, POLICY, PEOPLE)
    (stand_in,) = bench.request.stand_ins
    assert eligibility.exclusion(STEP, "zoe", "mia", stand_in.at) is None


def test_it_holds_on_this_request_alone(bench):
    delegate(bench, "mia", "zoe")
    other = Bench(POLICY, PEOPLE, initiator="ian")
    other.ask(Action("pay", {"amount": "60"}))
    with pytest.raises(Forbidden):
        approve(other, "zoe")


def test_whoever_has_delegated_may_still_vote_and_one_person_is_one_vote(bench):
    delegate(bench, "mia", "zoe")
    approve(bench, "mia")
    with pytest.raises(Forbidden, match="mia, for whom this would be, has voted"):
        approve(bench, "zoe")


def test_the_last_one_named_holds(bench):
    delegate(bench, "mia", "zoe")
    delegate(bench, "mia", "xaver")
    assert [one.delegate for one in bench.request.delegations] == ["xaver"]
    with pytest.raises(Forbidden):
        approve(bench, "zoe")
    known = len(bench.log)
    delegate(bench, "mia", "xaver")
    assert len(bench.log) == known


@pytest.mark.parametrize(
    ("giver", "to", "why"),
    [
        ("zoe", "xaver", "this step asks group:g"),
        ("ian", "zoe", "whoever started the run"),
        ("mia", "noah", "noah is asked as well, and one person is one vote"),
        ("mia", "yves", "this step asks only those for whom"),
        ("mia", "ian", "whoever started the run"),
    ],
)
def test_it_takes_both_of_them(bench, giver, to, why):
    with pytest.raises(Forbidden, match=why):
        delegate(bench, giver, to)


def test_a_vote_that_is_cast_is_given_to_nobody(bench):
    approve(bench, "mia")
    with pytest.raises(Forbidden, match="mia has voted"):
        delegate(bench, "mia", "zoe")


def test_only_people_delegate_and_comment_and_only_while_it_is_open(bench):
    for command in (Delegate(bench.request.id, "zoe"), Comment(bench.request.id, "hello")):
        with pytest.raises(Forbidden, match="only people do"):
            bench.send(command, principal("agent:buyer", "agent"))
    with pytest.raises(InvalidValue, match="another person"):
        delegate(bench, "mia", " MIA ")
    for nobody in ("", " ", "x\nevil", "\x1b[31mred", "x" * 201, None, 5):
        with pytest.raises(InvalidValue, match="the id of a person"):
            delegate(bench, "mia", nobody)
    for no_person in ("group:g", "Agent:buyer", "role:reviewer"):
        with pytest.raises(InvalidValue, match="must be a person"):
            delegate(bench, "mia", no_person)
    with pytest.raises(InvalidValue, match="must say something"):
        bench.send(Comment(bench.request.id, " \u200b"), principal("mia"))
    bench.now = bench.request.due_at
    with pytest.raises(TooLate):
        delegate(bench, "mia", "zoe")
    bench.send(Withdraw(bench.request.id, "enough"), principal("service:x", "service"))
    for command in (Delegate(bench.request.id, "zoe"), Comment(bench.request.id, "hello")):
        with pytest.raises(Closed):
            bench.send(command, principal("mia"))


@pytest.mark.parametrize("other", ["noah", "ian", "mia"], ids=["another voter", "the initiator", "the giver"])
def test_a_delegate_who_turns_out_to_be_somebody_else_no_longer_counts(bench, other):
    """I6, I7: aliases are as they are now, when votes are counted and when the effect is claimed."""
    delegate(bench, "mia", "zoe")
    approve(bench, "zoe")
    known = replace(PEOPLE, aliases={**PEOPLE.aliases, "zoe": other})
    eligibility = eligibility_of(bench.request, POLICY, known)
    (vote,) = bench.request.votes
    assert eligibility.counting(STEP, [vote]) == ()
    assert eligibility.exclusion(STEP, vote.voter, vote.on_behalf_of, vote.at) is not None


def test_a_delegation_holds_under_the_new_names_of_both(bench):
    delegate(bench, "mia", "zoe")
    known = replace(PEOPLE, groups={"g": frozenset({"mia.new", "noah"})}, aliases={"mia": "mia.new", "zoe": "zora"})
    right = eligibility_of(bench.request, POLICY, known).of(STEP, "zora", bench.now)
    assert (right.excluded, right.on_behalf_of) == (None, "mia.new")


def test_a_comment_decides_nothing_and_anybody_may_say_something(bench):
    before = bench.request
    bench.send(Comment(bench.request.id, "Whose budget is it?"), principal("ian"))
    event = bench.log[-1]
    assert (event.by, event.text) == ("ian", "Whose budget is it?")
    assert (bench.request.votes, bench.request.digest, bench.request.due_at) == ((), before.digest, before.due_at)
    assert bench.request.version == before.version + 1
