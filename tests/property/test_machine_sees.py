"""The state machine can fail: each of these defects, planted alone, is found within a bounded search."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.model.fixtures import TENANT
from tests.model.machine import SystemMachine

from interlock.domain import (
    authority,
    decide,
    effect,
    eligibility,
    hold,
    lifecycle,
    policy,
    quorum,
    request,
    step_end,
    voting,
)
from interlock.domain.collaboration import Reserved
from interlock.domain.commands import AskBack, ClaimEffect, Clarify, Reserve, TakeBack, WithdrawAsPerson
from interlock.domain.events import Expired
from interlock.domain.request import EffectState
from interlock.engine import (
    advance,
    advance_end,
    advance_start,
    audit_requests,
    audit_runs,
    desk,
    job_runner,
    runs,
    threads,
)
from interlock.service import inbox
from interlock.storage import audit, memory, memory_commit, rows
from interlock.storage.memory import MemoryStore

pytestmark = pytest.mark.soak  # each defect takes its search; `make soak` plants them all

SEARCH = settings(
    max_examples=3_000,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # it is enough to know that there is one
    verbosity=Verbosity.quiet,
    suppress_health_check=list(HealthCheck),
)


class OneStore(SystemMachine):
    tampers = True

    def open_stores(self, clock):
        self.store = MemoryStore(clock)
        return {"memory": self.store}

    def read_row(self, name, table, key):
        return getattr(self.store._tables, table)[TENANT, key].body

    def write_row(self, name, table, key, body):
        rows = getattr(self.store._tables, table)
        rows[TENANT, key] = rows[TENANT, key]._replace(body=body)


# ── defects ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def votes_after_the_deadline(patch):
    """I5: neither the rule nor the commit minds the deadline."""
    real, real_commit = voting._check_vote, MemoryStore.commit
    patch(voting, "_check_vote", lambda request, *rest: real(replace(request, due_at=None), *rest))

    async def commit(self, changes):
        await real_commit(self, replace(changes, before=None))

    patch(MemoryStore, "commit", commit)


def votes_race_with_the_deadline(patch):
    """I5: the rule minds the deadline, the commit does not."""
    real_commit = MemoryStore.commit

    async def commit(self, changes):
        await real_commit(self, replace(changes, before=None))

    patch(MemoryStore, "commit", commit)


def one_voter_counts_twice(patch):
    """I6."""
    patch(lifecycle, "cast", lambda votes, vote: (*votes, vote))
    patch(quorum, "supporters", lambda votes: tuple(vote.voter for vote in votes if vote.verdict in quorum.FOR))


def other_names_are_other_people(patch):
    """I6: case and aliases are not resolved."""
    patch(authority.Directory, "canonical", lambda self, name: name)


def initiators_approve(patch):
    """I7."""
    real = eligibility.Eligibility.exclusion
    patch(
        eligibility.Eligibility,
        "exclusion",
        lambda eligibility, *given: real(replace(eligibility, initiator="nobody"), *given),
    )


def authors_approve(patch):
    """I7: four eyes are not minded."""
    real = eligibility.Eligibility.exclusion
    patch(
        eligibility.Eligibility, "exclusion", lambda eligibility, *given: real(replace(eligibility, editors=()), *given)
    )


def delegates_add_people(patch):
    """I6: a person's own vote and their delegate's are two."""

    def cast(votes, vote):
        return (*(earlier for earlier in votes if earlier.voter != vote.voter), vote)

    patch(lifecycle, "cast", cast)


def delegates_speak_over_people(patch):
    """I6: a delegate's vote takes the place of the other's own."""
    patch(eligibility, "_taken", lambda *given: None)


def delegations_never_end(patch):
    """I9."""
    patch(authority.Delegation, "covers", lambda self, at: True)


def delegations_cannot_be_taken_back(patch):
    """I9: at the claim, a vote for another is looked at as if it were the other's own."""
    real = effect._lapsed

    def lapsed(request, now):
        behind = {(one.step, one.voter): one.on_behalf_of for one in request.stand_ins}
        counted = tuple((step, behind.get((step, person), person)) for step, person in request.counted)
        return real(replace(request, counted=counted, stand_ins=()), now)

    patch(effect, "_lapsed", lapsed)


def edits_keep_votes(patch):
    """I8."""
    real = lifecycle._apply

    def apply(request, event):
        after = real(request, event)
        if event.type == "edited" or (event.type == "step_reached" and event.step == 0):
            return replace(after, votes=request.votes)
        return after

    patch(lifecycle, "_apply", apply)


def edits_lead_down(patch):
    """I8: an edit is routed to a lower level."""
    patch(voting, "reroute", lambda rules, before, occasion: policy.route(rules, before.policy_hash, occasion))


def any_digest_is_claimed(patch):
    """I1: a claim does not look at what is about to be executed."""
    real = effect.decide_claim

    def claim(request, command, now):
        return real(request, replace(command, digest=request.digest), now)

    patch(decide, "_DECISIONS", decide._DECISIONS | {ClaimEffect: claim})


def approvals_never_lapse(patch):
    """I9: who counted may have lost the role meanwhile."""
    patch(effect, "_lapsed", lambda request, now: None)


def effects_are_tried_again(patch):
    """I2: an unknown effect of a tool that cannot be repeated is claimed again."""
    real = effect.decide_claim

    def claim(request, command, now):
        return real(request, replace(command, repeatable="idempotent"), now)

    patch(decide, "_DECISIONS", decide._DECISIONS | {ClaimEffect: claim})


def stale_advances_claim(patch):
    """I2: neither the desk nor the store minds who holds the run."""
    for module in (desk, advance_end):
        patch(module, "must_hold", lambda loaded, hold: loaded.run.run)
    patch(memory_commit, "_check_hold", lambda *given: None)


def versions_are_not_compared(patch):
    """I3: a commit overwrites what others have committed meanwhile."""
    real = memory_commit.check

    def check(tables, changes, now):
        real(tables, replace(changes, requests=(), run=None), now)

    patch(memory, "check", check)


def wishes_are_lost(patch):
    """I4: a job that was asked for again meanwhile is finished all the same."""

    def finish(tables, job, now):
        row = tables.jobs.get(memory_commit.key_of(job))
        if row is not None and row.owner == job.owner:
            tables.jobs[memory_commit.key_of(job)] = row._replace(due_at=memory_commit.NEVER, owner=None)

    patch(memory_commit, "_finish", finish)


def marks_begin_again(patch):
    """I4: a wish looks like one that was fulfilled long ago (this one was real)."""
    real = memory_commit._finish

    def finish(tables, job, now):
        real(tables, job, now)
        row = tables.jobs.get(memory_commit.key_of(job))
        if row is not None and row.due_at == memory_commit.NEVER:
            del tables.jobs[memory_commit.key_of(job)]

    patch(memory_commit, "_finish", finish)


def outcomes_wake_nobody(patch):
    """I4."""
    real = desk.with_consequences
    patch(desk, "with_consequences", lambda *given: replace(real(*given), enqueue=()))


def anybody_withdraws(patch):
    """I7: who is asked takes back what somebody else has started."""
    real = decide._DECISIONS[WithdrawAsPerson]

    def withdraws(request, command, context):
        return real(replace(request, initiator=context.principal.id), command, context)

    patch(decide, "_DECISIONS", {**decide._DECISIONS, WithdrawAsPerson: withdraws})


def withdrawals_wake_nobody(patch):
    """I4: a run waits for ever for what a person has withdrawn."""
    real = desk.with_consequences

    def with_consequences(change, *given):
        found = real(change, *given)
        return replace(found, enqueue=()) if change.after.status == "withdrawn" else found

    patch(desk, "with_consequences", with_consequences)


def resumes_before_all_have_answered(patch):
    """I16: a worker resumes with one request still open."""
    real = advance_start.is_ready

    def is_ready(loaded):
        ready = {key: request for key, request in loaded.requests.items() if not request.is_open}
        return real(replace(loaded, requests=ready))

    for module in (advance_start, job_runner):
        patch(module, "is_ready", is_ready)


def cancelled_runs_leave_requests(patch):
    """I4: people are asked for a run that is no more."""
    patch(runs, "withdraw_open", lambda *given: [])


def expiry_is_early(patch):
    """I5: a sweep expires what is not due."""
    real = decide.decide_expire
    patch(decide, "decide_expire", lambda request, now: real(replace(request, due_at=now.now), now))


def silence_escalates_to_nobody(patch):
    """I4: a step expires, though it should go on with others."""
    patch(decide, "decide_expire", lambda request, now: (Expired(now.now),) if now.now >= request.due_at else ())


def silence_escalates_for_ever(patch):
    """I4: a step goes on again and again."""
    real = decide.decide_expire
    patch(decide, "decide_expire", lambda request, now: real(replace(request, handed_on=False), now))


def escalations_come_early(patch):
    """I9: those to whom a step may escalate decide before it does."""
    real = request.Request.step_of
    patch(request.Request, "step_of", lambda *given: real(*given).escalated())


def reminders_come_again(patch):
    """I4: a reminder does not end its being due."""
    real = lifecycle._apply
    patch(lifecycle, "_apply", lambda asked, event: asked if event.type == "reminded" else real(asked, event))


def holds_end_early(patch):
    """I3: a step ends before its hold, and nobody can take anything back any more."""
    real = step_end.held
    for module in (step_end, hold):
        patch(module, "held", lambda *what: replace(real(*what), until=real(*what).at + timedelta(seconds=1)))


def late_votes_end_a_hold(patch):
    """I6: whoever votes while a step is held is counted among those who ended it."""
    real = step_end.ending_votes
    for module in (step_end, hold):
        patch(module, "ending_votes", lambda it, votes, context: votes if real(it, votes, context) else ())


def anybody_takes_votes_back(patch):
    """I6: who takes a vote back is not who cast it."""
    real = decide._DECISIONS[TakeBack]

    def taken(it, command, context):
        voter = it.votes[0].voter if it.votes else context.person
        return real(it, command, replace(context, principal=replace(context.principal, id=voter)))

    patch(decide, "_DECISIONS", {**decide._DECISIONS, TakeBack: taken})


def the_feed_skips(patch):
    """I11: a reader who reads page by page misses an entry."""
    real = MemoryStore.feed

    async def feed(self, tenant, *, after="", limit=100):
        page = await real(self, tenant, after=after, limit=limit + 1)
        return page if len(page) <= limit else [*page[: limit - 1], page[limit]]

    patch(MemoryStore, "feed", feed)


def rows_are_not_the_fold(patch):
    """I11: a row says something that its log does not."""
    real = memory_commit.request_row
    patch(
        memory_commit,
        "request_row",
        lambda request: real(replace(request, comment="?") if request.effect is EffectState.executed else request),
    )


def leases_are_not_minded(patch):
    """I16: a worker takes a run that another one holds."""
    for module in (advance_start, job_runner):
        patch(module, "is_leased", lambda loaded: False)
    patch(memory_commit, "_check_job", lambda *given: None)


def jobs_begin_without_a_wish(patch):
    """I4: a run that is taken up with its decision keeps the generation that somebody has seen."""
    real = advance_start.begin_with

    def begin_with(*given):
        begun = real(*given)
        if begun is None:
            return None
        part = begun.changes.begin
        job = replace(part.job, generation=max(1, part.job.generation - 1))
        return replace(begun, changes=replace(begun.changes, begin=replace(part, job=job)))

    patch(job_runner, "begin_with", begin_with)


def rows_are_acted_on(patch):
    """I11: nobody compares a row with its log before anything is decided by it."""
    for module in (desk, advance_end, runs, job_runner):
        patch(module, "verified", lambda loaded: loaded)
    patch(advance, "verified_request", lambda found, history: found)


def audits_do_not_compare(patch):
    """I11: an audit takes every row for what its log says."""
    for module in (audit_requests, audit_runs):
        patch(module, "same", lambda one, other: True)
    patch(audit, "_is_filed", lambda row: True)


def runs_of_a_thread_go_side_by_side(patch):
    """I16: nobody looks whether the run before has ended."""
    real = threads.status_of
    patch(threads, "status_of", lambda found: replace(real(found), busy=None))


def the_end_of_a_run_wakes_nobody_in_its_thread(patch):
    """I4."""
    for module in (advance_end, runs):
        patch(module, "turn_of", lambda after: None)


def threads_forget(patch):
    """I16: a run begins with nothing, whatever the run before it left."""
    real = threads.status_of
    patch(threads, "status_of", lambda found: replace(real(found), source=None))


def inboxes_forget_delegates(patch):
    """I4: what waits for those who have named somebody does not wait for that one."""
    real = inbox.entries_of
    patch(inbox, "entries_of", lambda directory, *rest: real(replace(directory, delegations=()), *rest))


def an_inbox_keeps_the_step_before(patch):
    """I4: a request is found by whom its first step asks, whatever step it has reached."""
    real = rows.asked_entries
    first = {}
    patch(rows, "asked_entries", lambda request: first.setdefault(request.id, real(request)))


def votes_leave_no_trace(patch):
    """I4: what somebody has voted on is not among what they have decided."""
    patch(memory_commit, "acts_by", lambda change: {})


def reservations_outlive_their_vote(patch):
    """I3: who has voted is on it still."""
    real = lifecycle._apply
    patch(
        lifecycle,
        "_apply",
        lambda asked, event: (
            replace(real(asked, event), reservations=asked.reservations)
            if event.type == "vote_cast"
            else real(asked, event)
        ),
    )


def anybody_is_on_it(patch):
    """I9: who may not vote is on it."""
    patch(
        decide,
        "_DECISIONS",
        decide._DECISIONS
        | {
            Reserve: lambda asked, command, context: (
                Reserved(context.person, context.now + command.lasts, context.now),
            )
        },
    )


def answers_come_from_anybody(patch):
    """I6: not the agent, nor who started it, but anybody answers what was asked back."""
    real = decide._DECISIONS[Clarify]
    patch(
        decide,
        "_DECISIONS",
        decide._DECISIONS
        | {
            Clarify: lambda asked, command, context: real(
                replace(asked, requester=context.principal.id, initiator=context.principal.id), command, context
            )
        },
    )


def questions_come_late(patch):
    """I5: what is over is asked back about."""
    real = decide._DECISIONS[AskBack]
    patch(
        decide,
        "_DECISIONS",
        decide._DECISIONS | {AskBack: lambda asked, *rest: real(replace(asked, due_at=None, held_until=None), *rest)},
    )


DEFECTS = [
    anybody_withdraws,
    withdrawals_wake_nobody,
    reservations_outlive_their_vote,
    anybody_is_on_it,
    answers_come_from_anybody,
    questions_come_late,
    inboxes_forget_delegates,
    an_inbox_keeps_the_step_before,
    votes_leave_no_trace,
    runs_of_a_thread_go_side_by_side,
    the_end_of_a_run_wakes_nobody_in_its_thread,
    threads_forget,
    rows_are_acted_on,
    audits_do_not_compare,
    votes_after_the_deadline,
    votes_race_with_the_deadline,
    one_voter_counts_twice,
    other_names_are_other_people,
    initiators_approve,
    authors_approve,
    edits_keep_votes,
    delegates_add_people,
    delegates_speak_over_people,
    delegations_never_end,
    delegations_cannot_be_taken_back,
    edits_lead_down,
    any_digest_is_claimed,
    approvals_never_lapse,
    effects_are_tried_again,
    stale_advances_claim,
    versions_are_not_compared,
    wishes_are_lost,
    marks_begin_again,
    outcomes_wake_nobody,
    resumes_before_all_have_answered,
    cancelled_runs_leave_requests,
    expiry_is_early,
    silence_escalates_to_nobody,
    silence_escalates_for_ever,
    escalations_come_early,
    reminders_come_again,
    holds_end_early,
    late_votes_end_a_hold,
    anybody_takes_votes_back,
    the_feed_skips,
    rows_are_not_the_fold,
    leases_are_not_minded,
    jobs_begin_without_a_wish,
]


@pytest.mark.parametrize("plant", DEFECTS, ids=lambda plant: plant.__name__)
def test_the_machine_finds(plant, monkeypatch):
    plant(monkeypatch.setattr)
    with pytest.raises(Exception):  # noqa: B017, PT011 - a defect may show itself as any failure
        run_state_machine_as_test(OneStore, settings=SEARCH)
