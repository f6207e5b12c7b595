"""The tables of transitions, exhaustively: what they name happens, and nothing else does."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from tests.model.rules import AGENT, START, Bench

from interlock.domain.action import Action, Verdict
from interlock.domain.authority import Delegation, Directory
from interlock.domain.collaboration import (
    AskedBack,
    Clarification,
    Clarified,
    Reservation,
    ReservationEnded,
    Reserved,
    Snoozed,
    Viewed,
)
from interlock.domain.commands import ClaimEffect, Lapse, Open, RecordEffect, SettleEffect, Withdraw
from interlock.domain.events import (
    Commented,
    ConfigurationHeld,
    Decided,
    Delegated,
    DelegationTakenBack,
    Edited,
    EffectClaimed,
    EffectExecuted,
    EffectFailed,
    EffectLapsed,
    EffectReleased,
    EffectUnknown,
    Escalated,
    Expired,
    Extended,
    LateResult,
    RefusalNoted,
    Reminded,
    Rescheduled,
    Restored,
    StepHeld,
    StepReached,
    VoteCast,
    VoteTakenBack,
    Withdrawn,
)
from interlock.domain.lifecycle import NOTES, TRANSITIONS, evolve, fold
from interlock.domain.policy import Level, Policy, Route, Step
from interlock.domain.request import Claim, Edition, EffectState, Status, Vote
from interlock.domain.run import ENDED, Pending, RunStatus
from interlock.domain.run_events import (
    AdvanceBegan,
    AttemptFailed,
    AttentionNeeded,
    RunCancelled,
    RunDone,
    RunFailed,
    RunPaused,
    RunRetried,
    RunStarted,
    StepKept,
    TurnCame,
    VersionAccepted,
)
from interlock.domain.run_lifecycle import RUN_TRANSITIONS, evolve_run, fold_run
from interlock.errors import Closed, EffectRefused, Forbidden, NotFound, WrongDigest
from interlock.testing.people import principal

POLICY = Policy("p", (Level("only", None, (Step(("group:g",)),)),))
PEOPLE = Directory(groups={"g": frozenset({"mia", "noah"})}, roles={"operator": frozenset({"olga"})}, local_roles=False)
PAY = Action("pay", {"amount": "5"})
OPERATOR, WORKER = principal("olga"), principal(AGENT, "agent")
ROUTE = Route("p", "sha256:0", 0, "")
CLAIM = Claim(1, "r-1", "tools:pay", 1, START)

EVENTS = {
    "step_reached": StepReached(0, START + timedelta(hours=1), START),
    "vote_cast": VoteCast(Vote("mia", Verdict.approve, PAY.digest, 0, START, eligible_as="group:g")),
    "step_held": StepHeld(0, START + timedelta(seconds=9), START, ("mia",)),
    "vote_taken_back": VoteTakenBack("mia", "mia", 0, START),
    "edited": Edited(Edition(PAY, None, "mia"), PAY.digest, ROUTE, START),
    "approved": Decided("approved", ("mia",), "", START, ("mia",)),
    "rejected": Decided("rejected", ("mia",), "", START),
    "answered": Decided("answered", ("mia",), "", START, ("mia",)),
    "revised": Decided("revised", ("mia",), "", START),
    "expired": Expired(START),
    "reminded": Reminded(0, START),
    "escalated": Escalated(0, ("group:h",), None, START),
    "extended": Extended("mia", START, "ill", START),
    "commented": Commented("mia", "why?", START),
    "viewed": Viewed(("mia",), PAY.digest, START),
    "reserved": Reserved("mia", START + timedelta(minutes=1), START),
    "reservation_ended": ReservationEnded("mia", START),
    "snoozed": Snoozed("mia", START + timedelta(minutes=1), START),
    "asked_back": AskedBack(1, "mia", "why?", START),
    "clarified": Clarified(1, "ian", "because", START),
    "delegated": Delegated("mia", "zoe", "ill", START),
    "delegation_taken_back": DelegationTakenBack("mia", "zoe", START),
    "rescheduled": Rescheduled("olga", START, (), None, START),
    "restored": Restored("olga", "it was another", START),
    "withdrawn": Withdrawn("cancelled", None, START),
    "effect_claimed": EffectClaimed(CLAIM),
    "effect_executed": EffectExecuted(1, None, START),
    "effect_failed": EffectFailed(1, "no", START),
    "effect_unknown": EffectUnknown(1, "lost", START),
    "effect_released": EffectReleased("olga", "", START),
    "effect_lapsed": EffectLapsed("late", None, START),
    "refusal_noted": RefusalNoted("CastVote", "ian", "forbidden", "no", START),
    "configuration_held": ConfigurationHeld("interlock.yaml:3: is not YAML", START),
    "late_result": LateResult(1, "executed", None, "", START),
}
STATES = list(product(Status, EffectState))


def bench() -> Bench:
    fresh = Bench(POLICY, PEOPLE)
    fresh.ask(PAY)
    return fresh


def approved() -> Bench:
    fresh = bench()
    fresh.vote("mia")
    return fresh


def vote(verdict: Verdict = Verdict.approve, **changed) -> Vote:
    return replace(Vote("mia", verdict, PAY.digest, 0, START, eligible_as="group:g"), **changed)


BEFORE = {
    "step_reached": {"step_since": None},
    "approved": {"votes": (vote(),)},
    "answered": {"votes": (vote(Verdict.respond),), "edition": Edition(PAY, 3, "mia")},
    "rejected": {"votes": (vote(Verdict.reject),)},
    "revised": {"votes": (vote(Verdict.revise),)},
    "expired": {"due_at": START},
    "step_held": {"votes": (vote(),), "hold": timedelta(seconds=9)},
    "vote_taken_back": {"votes": (vote(),)},
    "reservation_ended": {"reservations": (Reservation("mia", START, START + timedelta(minutes=1)),)},
    "delegation_taken_back": {"delegations": (Delegation("mia", "zoe", None, START),)},
    "clarified": {"clarifications": (Clarification(1, "mia", "why?", START),)},
    "effect_claimed": {"claim": None},
}
"""What the log has said before each of these, so that it may follow."""


def standing(status: Status, effect: EffectState, label: str):
    return replace(bench().request, **{"status": status, "effect": effect, "claim": CLAIM} | BEFORE.get(label, {}))


def test_every_event_has_its_place_in_the_table_or_changes_nothing():
    assert {label for _, _, label in TRANSITIONS} | NOTES == set(EVENTS)


@pytest.mark.parametrize("label", EVENTS)
def test_I3_only_what_the_table_names_can_happen(label):
    for status, effect in STATES:
        request = standing(status, effect, label)
        expected = (status, effect) if label in NOTES else TRANSITIONS.get((status, effect, label))
        if expected is None:
            with pytest.raises(ValueError, match="cannot happen"):
                evolve(request, EVENTS[label])
        else:
            after = evolve(request, EVENTS[label])
            assert (after.status, after.effect, after.version) == (*expected, request.version + 1), (status, effect)


def test_I3_an_outcome_is_never_left():
    for (status, _, _), (after, _) in TRANSITIONS.items():
        assert status in {Status.open, after}


def test_I2_what_was_executed_failed_or_lapsed_never_begins_again():
    ends = {EffectState.executed, EffectState.failed, EffectState.lapsed}
    assert not [row for row in TRANSITIONS if row[1] in ends]


def test_I1_an_effect_belongs_to_an_approval():
    for (status, effect, _), (_, after) in TRANSITIONS.items():
        assert status is Status.approved or (effect, after) == (EffectState.none, EffectState.none)


def test_a_history_begins_with_its_opening_and_has_one():
    opened = bench().log[0]
    with pytest.raises(ValueError, match="before opened"):
        evolve(None, EVENTS["expired"])
    with pytest.raises(ValueError, match="opened twice"):
        fold([opened, opened])
    with pytest.raises(ValueError, match="no events"):
        fold([])


# ── commands that are not votes ──


def test_opening_twice_is_one_request():
    once = bench()
    before = list(once.log)
    once.ask(PAY)
    assert once.log == before


def test_an_id_is_never_reused_for_something_else():
    once = bench()
    with pytest.raises(WrongDigest):
        once.ask(Action("pay", {"amount": "6"}))
    opened = once.log[0]
    other = Open("r-1", "run-2", "buyer", "ian", replace(opened.ask, subject=PAY), 1, opened.route)
    with pytest.raises(WrongDigest):
        once.send(other, WORKER)


def test_nothing_can_be_asked_of_a_request_that_is_not_there():
    with pytest.raises(NotFound):
        Bench(POLICY, PEOPLE).send(Withdraw("r-1", "cancelled"), WORKER)


def test_I3_a_decided_request_cannot_be_withdrawn():
    with pytest.raises(Closed, match="already approved by mia"):
        approved().send(Withdraw("r-1", "cancelled"), WORKER)


def test_an_approval_that_was_not_used_lapses_and_others_do_not():
    lapse = Lapse("r-1", "asked something else", "r-2")
    unused = approved().send(lapse, WORKER)
    assert (unused.effect, unused.replaced_by) == (EffectState.lapsed, "r-2")
    assert bench().send(lapse, WORKER).effect is EffectState.none
    used = approved()
    used.claim()
    assert used.send(lapse, WORKER).effect is EffectState.claimed


def test_I2_an_effect_in_progress_is_not_begun_again():
    used = approved()
    used.claim(version=3)
    for version in (1, 2, 3):
        with pytest.raises(EffectRefused, match="in progress"):
            used.claim(version=version)


def test_I2_a_lost_attempt_is_unknown_unless_the_tool_can_be_called_again():
    lost = approved()
    lost.claim(version=1)
    assert lost.claim(version=2).effect is EffectState.unknown
    for repeatable in ("idempotent", "verifiable"):
        again = approved()
        first = again.claim(version=1, repeatable=repeatable).claim
        second = again.claim(version=2, repeatable=repeatable).claim
        assert (first.attempt, second.attempt) == (1, 2)
        assert first.key == second.key


def test_I2_what_was_called_first_decides_whether_it_may_be_called_again():
    switched = approved()
    switched.claim(version=1, repeatable="no")
    assert switched.claim(version=2, repeatable="idempotent").effect is EffectState.unknown


@pytest.mark.parametrize(
    "who", [principal("mia"), principal(AGENT), principal("agent:other", "agent"), principal(AGENT, "service")], ids=str
)
def test_I1_only_the_agent_that_asked_carries_it_out(who):
    used = approved()
    digest = used.request.digest
    for command in (ClaimEffect("r-1", digest, "tools:pay", 1, "no"), RecordEffect("r-1", 1, "executed")):
        with pytest.raises(Forbidden, match=f"only {AGENT}"):
            used.send(command, who)


def test_I1_one_approval_is_for_one_tool():
    used = approved()
    used.claim(tool="tools:pay")
    with pytest.raises(EffectRefused, match="ask again for tools:refund"):
        used.claim(tool="tools:refund", version=2)


def test_a_result_is_recorded_once_and_later_ones_are_noted():
    used = approved()
    used.claim()
    assert used.executed({"id": 1}).effect is EffectState.executed
    late = used.send(RecordEffect("r-1", 1, "failed", reason="timeout"), WORKER)
    assert (late.effect, late.result) == (EffectState.executed, {"id": 1})
    assert isinstance(used.log[-1], LateResult)


def test_I2_an_effect_that_was_reported_before_it_was_claimed_is_a_persons_question():
    """A record that was put back from a backup does not know of the claim: the tool must not be called again by it."""
    restored = approved()
    assert restored.send(RecordEffect("r-1", 1, "executed", {"id": 1}), WORKER).reported
    claimed = restored.claim()
    assert (claimed.effect, claimed.claim.attempt) == (EffectState.unknown, 1)
    assert "backup" in claimed.effect_note


def test_an_effect_that_was_reported_not_to_have_happened_may_be_claimed():
    restored = approved()
    assert not restored.send(RecordEffect("r-1", 1, "failed", reason="no"), WORKER).reported
    assert restored.claim().effect is EffectState.claimed


def test_a_late_result_of_the_claiming_attempt_settles_what_was_unknown():
    used = approved()
    used.claim()
    used.claim(version=2)
    assert used.executed().effect is EffectState.executed


def test_I2_the_result_of_an_older_attempt_is_noted_and_does_not_speak_for_the_present_one():
    used = approved()
    first = ClaimEffect("r-1", used.request.digest, "tools:pay", 1, "idempotent")
    used.send(first, WORKER)
    used.send(replace(first, run_version=2), WORKER)
    late = used.send(RecordEffect("r-1", 1, "failed", reason="timeout"), WORKER)
    assert late.effect is EffectState.claimed
    assert isinstance(used.log[-1], LateResult)


def test_I2_a_truth_that_arrives_before_the_retry_keeps_it_from_happening_twice():
    used = approved()
    used.claim()
    used.claim(version=2)
    used.send(SettleEffect("r-1", "retry"), OPERATOR)
    assert used.executed({"receipt": 1}).effect is EffectState.executed
    assert used.claim(version=3).result == {"receipt": 1}


def test_I9_a_vote_whose_voter_has_lost_the_role_does_not_make_the_outcome():
    two = Policy("p", (Level("only", None, (Step(("group:g",), approvals=2),)),))
    people = replace(PEOPLE, groups={"g": frozenset({"mia", "noah", "olga"})})
    used = Bench(two, people)
    used.ask(PAY)
    used.vote("mia")
    used.directory = replace(people, groups={"g": frozenset({"noah", "olga"})})
    assert used.vote("noah").is_open
    assert used.vote("olga").decided_by == ("noah", "olga")
    assert used.claim().effect is EffectState.claimed


def test_a_result_that_nobody_claimed_changes_nothing():
    assert approved().executed().effect is EffectState.none


@pytest.mark.parametrize(("verdict", "effect"), [("happened", "executed"), ("did_not", "failed"), ("retry", "none")])
def test_a_person_settles_what_is_unknown(verdict, effect):
    used = approved()
    used.claim()
    used.claim(version=2)
    assert used.send(SettleEffect("r-1", verdict, comment="looked"), OPERATOR).effect == effect


def test_a_person_may_not_settle_what_is_known_nor_anybody_anything():
    used = approved()
    used.claim()
    settle = SettleEffect("r-1", "retry")
    with pytest.raises(Closed):
        used.send(settle, OPERATOR)
    used.claim(version=2)
    for who in (principal("zoe"), WORKER, principal("olga", "service")):
        with pytest.raises(Forbidden):
            used.send(settle, who)


def test_a_retry_counts_on_and_keeps_the_key():
    used = approved()
    used.claim()
    used.claim(version=2)
    used.send(SettleEffect("r-1", "retry"), OPERATOR)
    claim = used.claim(version=3).claim
    assert (claim.attempt, claim.key) == (2, "r-1")


# ── runs ──

RUN_EVENTS = {
    "turn_came": TurnCame(None, None, START),
    "step_kept": StepKept("sha256:1", "1+1", START),
    "advance_began": AdvanceBegan("w", START),
    "run_paused": RunPaused((Pending("i", "r"),), "sha256:1", "1", START),
    "run_done": RunDone({"ok": True}, START),
    "run_failed": RunFailed("broken", START),
    "attempt_failed": AttemptFailed("try again", START, START),
    "attention_needed": AttentionNeeded("effect_unknown", "look", "r", START),
    "run_retried": RunRetried("mia", START),
    "version_accepted": VersionAccepted("mia", "2", START),
    "run_cancelled": RunCancelled("mia", "enough", START),
}
STARTED = RunStarted("run-1", "default", "buyer", "m:a", "ian", None, START)


def test_every_event_of_a_run_has_its_place_in_the_table():
    assert {label for _, label in RUN_TRANSITIONS} == set(RUN_EVENTS)


@pytest.mark.parametrize("status", RunStatus)
@pytest.mark.parametrize("label", RUN_EVENTS)
def test_a_run_does_only_what_the_table_names(status, label):
    run = replace(fold_run([STARTED]), status=status, waits=label == "turn_came")
    expected = RUN_TRANSITIONS.get((status, label))
    if expected is None:
        with pytest.raises(ValueError, match="cannot happen"):
            evolve_run(run, RUN_EVENTS[label])
    else:
        after = evolve_run(run, RUN_EVENTS[label])
        assert (after.status, after.version) == (expected, run.version + 1)


def test_a_run_that_waits_for_its_turn_does_nothing_else_than_end():
    waiting = replace(fold_run([STARTED]), waits=True)
    with pytest.raises(ValueError, match="waits for its turn"):
        evolve_run(waiting, RUN_EVENTS["advance_began"])
    with pytest.raises(ValueError, match="does not wait"):
        evolve_run(fold_run([STARTED]), RUN_EVENTS["turn_came"])
    assert evolve_run(waiting, RUN_EVENTS["run_cancelled"]).status is RunStatus.cancelled
    assert not evolve_run(waiting, RUN_EVENTS["turn_came"]).waits


def test_an_ended_run_stays_ended_and_any_other_can_be_cancelled():
    assert not [row for row in RUN_TRANSITIONS if row[0] in ENDED]
    assert {status for status, label in RUN_TRANSITIONS if label == "run_cancelled"} == set(RunStatus) - ENDED


def test_an_ended_run_keeps_no_state_and_waits_for_nothing():
    run = fold_run([STARTED, RUN_EVENTS["advance_began"], RUN_EVENTS["run_paused"], RUN_EVENTS["run_cancelled"]])
    assert (run.pause, run.state_digest, run.ended_at) == ((), None, START)


def test_a_run_is_started_once():
    with pytest.raises(ValueError, match="started twice"):
        fold_run([STARTED, STARTED])
    with pytest.raises(ValueError, match="before run_started"):
        evolve_run(None, RUN_EVENTS["run_done"])
    with pytest.raises(ValueError, match="no events"):
        fold_run([])
