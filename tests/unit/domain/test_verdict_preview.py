"""What a verdict would lead to is what it leads to; and only what nobody can undo takes a second act."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model.rules import Bench
from tests.model.strategies import INITIATOR, PEOPLE, directories, policies, subjects

from interlock.domain.action import Action, Draft, Question
from interlock.domain.authority import Directory
from interlock.domain.commands import DecisionContext
from interlock.domain.permitted import delegates, permitted
from interlock.domain.policy import Level, Policy, Step
from interlock.domain.verdict_preview import verdict_previews, why_confirmed
from interlock.testing.people import principal

MANAGERS, DIRECTORS = Step(("group:managers",)), Step(("group:directors",))
PLAIN = Policy("plain", (Level("only", None, (MANAGERS,)),))
PEOPLE_HERE = Directory(
    {"managers": frozenset({"mia", "noah"}), "directors": frozenset({"olga"})},
    {"auditor": frozenset({"ruth"})},
    local_roles=False,
)
PAY = Action("pay", {"amount": "5"})


def bench_of(*steps: Step, subject=PAY, levels: tuple[Level, ...] = ()) -> Bench:
    policy = replace(PLAIN, levels=(*levels, Level("only", None, steps or (MANAGERS,))))
    bench = Bench(policy, PEOPLE_HERE)
    bench.ask(subject)
    return bench


def seen_by(bench: Bench, who: str) -> DecisionContext:
    return DecisionContext(bench.now, principal(who), bench.policy, bench.directory)


def told(bench: Bench, who: str = "mia") -> dict[str, str]:
    return {str(one.verdict): one.says for one in verdict_previews(bench.request, seen_by(bench, who))}


@given(policies(), directories(), subjects(), st.lists(st.sampled_from(PEOPLE), max_size=3), st.sampled_from(PEOPLE))
def test_what_is_foretold_is_what_happens(policy, directory, subject, before, who):
    bench = Bench(policy, directory, INITIATOR)
    bench.ask(subject)
    for one in before:
        if "approve" in permitted(bench.request, seen_by(bench, one)).vote:
            bench.vote(one)
    found = verdict_previews(bench.request, seen_by(bench, who))
    assert {one.verdict for one in found} >= set(permitted(bench.request, seen_by(bench, who)).vote)
    for one in found:
        if one.verdict in {"approve", "reject"}:
            later = replace(bench)
            step, level = bench.request.step, bench.request.route.level
            after = later.vote(who, one.verdict, "said")
            assert after.route.level == level
            assert (one.becomes == "decided") == (not after.is_open)
            assert (one.becomes == "next_step") == (after.is_open and after.step > step)
            assert (one.becomes == "held") == (after.held_until is not None and after.step == step)


def test_each_verdict_is_told_in_a_sentence():
    assert told(bench_of()) == {
        "approve": "It is approved, and what is shown is carried out.",
        "edit": "It is approved, and your version is carried out.",
        "reject": "It is rejected, and not carried out. The agent reads your comment.",
    }
    assert (
        told(bench_of(MANAGERS, DIRECTORS))["approve"] == "Step 1 of 2 is passed; then the group directors must agree."
    )
    two = bench_of(replace(MANAGERS, approvals=2, rejections=2))
    assert told(two)["approve"] == "It is recorded; 1 more approval must follow."
    two.vote("noah")
    assert told(two)["edit"] == "It is recorded; 1 more approval must follow. Votes before it no longer count."
    eyes = bench_of(replace(MANAGERS, approvals=1))
    eyes.policy = replace(eyes.policy, four_eyes=True)
    assert told(eyes)["edit"] == "Your changes are recorded, and others decide on them."
    assert told(bench_of(replace(MANAGERS, hold=timedelta(minutes=5))))["approve"] == (
        "It is approved, and final in 5 minutes; until then your vote can be taken back."
    )
    assert told(bench_of(subject=Question("When?")))["respond"] == "The agent goes on with this answer."
    assert told(bench_of(subject=Draft("text")))["revise"].startswith("The draft goes back with your feedback")
    assert told(bench_of(subject=Draft("text")))["edit"] == "Your version of the draft is accepted."
    low = bench_of(levels=(Level("low", "true", (MANAGERS,)),))
    assert told(low)["edit"] == (
        "It is approved, and your version is carried out. "
        "What you change may belong to a higher level: the form says who has to agree then."
    )
    assert told(bench_of(), "olga") == {}


@pytest.mark.parametrize(
    ("steps", "subject", "said", "reasons"),
    [
        ((MANAGERS,), PAY, {"reversible": False}, 1),
        ((MANAGERS,), PAY, {"reversible": True}, 0),
        ((MANAGERS,), PAY, "reversible", 0),
        ((MANAGERS, DIRECTORS), PAY, {"reversible": False}, 0),
        ((replace(MANAGERS, hold=timedelta(minutes=1)),), PAY, {"reversible": False}, 0),
        ((MANAGERS,), Draft("text"), {"reversible": False}, 0),
    ],
    ids=["says no", "says yes", "says nothing", "others follow", "a hold", "a draft"],
)
def test_only_what_nobody_can_undo_takes_a_second_act(steps, subject, said, reasons):
    bench = bench_of(*steps, subject=subject)
    request = replace(bench.request, ask=replace(bench.request.ask, context=said))
    assert len(why_confirmed(request, seen_by(bench, "mia"))) == reasons


def test_the_highest_of_several_levels_and_what_was_done_before_take_one_as_well():
    bench = bench_of(levels=(Level("never", "false", (MANAGERS,)),))
    assert why_confirmed(bench.request, seen_by(bench, "mia")) == (
        'It stands on the highest level of its policy, level "only".',
    )
    plain = bench_of()
    assert why_confirmed(plain.request, seen_by(plain, "mia"), done_before="It was done.") == ("It was done.",)
    assert why_confirmed(plain.request, seen_by(plain, "olga"), done_before="It was done.") == ()


def test_somebody_may_let_those_vote_who_are_not_asked_themselves():
    bench = bench_of()
    assert delegates(bench.request, seen_by(bench, "mia")) == ("olga", "ruth")
    bench.vote("noah", "reject")
    assert delegates(bench.request, seen_by(bench, "mia")) == ()
