"""The plain model: what the log may say next of one request, written down a second time and without the engine.

It reads the log like any other reader. Where an entry breaks a promise it raises `AssertionError` with the invariant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.model.collaboration_model import CollaborationModel
from tests.model.entry_context import EntryContext, digest_of, misfits, with_all
from tests.model.fixtures import OPERATOR, SPELLINGS, level_of
from tests.model.grant_model import HIGHEST_GRANTED, GrantModel
from tests.model.open_hours import later
from tests.model.vote_model import Voter

from interlock.domain.action import Action, Question, Verdict
from interlock.domain.authority import Directory, Principal
from interlock.domain.collaboration import (
    AskedBack,
    Clarified,
    ReservationEnded,
    Reserved,
    Snoozed,
    Viewed,
)
from interlock.domain.commands import CastVote
from interlock.domain.events import (
    Commented,
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
    Event,
    Expired,
    Extended,
    LateResult,
    Opened,
    RefusalNoted,
    Reminded,
    StepHeld,
    StepReached,
    VoteCast,
    VoteTakenBack,
    Withdrawn,
)
from interlock.domain.policy import Policy, Step
from interlock.domain.request import Edition

FRESH = timedelta(seconds=10)
"""How much older than its entry an outcome's own time may be: it was read before it was committed."""

FOR = {Verdict.approve, Verdict.edit, Verdict.respond}


@dataclass(slots=True)
class RequestModel(CollaborationModel):
    """One request, as plainly as it can be told."""

    answer: object = None
    passed: list[set[Voter]] = field(default_factory=list)
    decided: datetime | None = None
    effect: str = "none"
    attempt: int = 0
    owed: bool = False
    reminders: list[datetime] = field(default_factory=list)
    escalates: datetime | None = None
    handed_on: bool = False
    grant: GrantModel | None = None
    acts: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def begin(cls, event: Opened, policy: Policy) -> RequestModel:
        """Begin with the first entry."""
        assert event.asked_digest == event.ask.subject.digest, "I8: what was asked has another digest"
        assert event.route.level == level_of(policy, event.ask.subject), "I1: opened in the wrong level"
        return cls(event, policy, event.route.level, event.asked_digest, event.ask.subject)

    @property
    def wakes(self) -> datetime | None:
        """When the next thing comes due."""
        if self.held is not None:
            return self.held
        moments = [at for at in (*self.reminders[:1], self.escalates, self.due) if at is not None]
        return min(moments) if self.is_open and moments else None

    @property
    def supporters(self) -> set[str]:
        """Who supports in this step."""
        return {person for person, verdict in self.votes.items() if verdict in FOR}

    def refusal(self, command: CastVote, who: Principal, now: datetime, directory: Directory) -> str | None:  # noqa: PLR0911 - one line a reason
        """Say with which code this vote must be refused; None if it must be accepted."""
        if who.kind != "person":
            return "forbidden"
        if misfits(self.opened.ask.subject, command):
            return "invalid_answer"
        if not self.is_open:
            return "closed"
        if self.closes is None or now >= self.closes:
            return "too_late"
        if command.digest != self.digest:
            return "wrong_digest"
        if command.verdict not in self.opened.ask.verdicts:
            return "not_offered"
        if command.verdict in self.policy.reason_for and not command.comment.strip():
            return "reason_missing"
        voter = self.voter_of(SPELLINGS[who.id], directory, now)
        if voter is None:
            return "forbidden"
        changes = self._not_editable(command) or self._leaves_too_few(command, voter, directory)
        return "not_editable" if changes else None

    def _leaves_too_few(self, command: CastVote, author: Voter, directory: Directory) -> bool:
        """Say whether, under four-eyes, an edit leaves too few people to approve it."""
        subject = command.subject or self.subject
        if not self.policy.four_eyes or digest_of(Edition(subject, command.answer or self.answer)) == self.digest:
            return False
        level = self.policy.levels[max(self.level, level_of(self.policy, subject))]
        others = {*SPELLINGS.values()} - author.people
        return not level.automatic and level.steps[0].approvals > sum(
            self.may_vote(person, directory, with_all(level.steps[0])) for person in others
        )

    def _not_editable(self, command: CastVote) -> bool:
        if not isinstance(command.subject, Action) or not isinstance(self.subject, Action):
            return False
        before, after = self.subject.args, command.subject.args
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        return self.policy.edits is not None and not changed <= set(self.policy.edits)

    def read(self, event: Event, context: EntryContext) -> None:  # noqa: C901, PLR0912 - one line an event
        """Take in the next entry."""
        match event:
            case StepReached():
                self._step_reached(event, context)
            case VoteCast(vote=vote):
                self._vote_cast(event, context)
                self.acts[vote.voter] = vote.at
            case StepHeld():
                self._step_held(event, context)
            case VoteTakenBack():
                self._taken_back(event, context)
            case Edited(edition=edition):
                self._edited(event, context)
                self.acts[str(edition.author)] = event.at
            case Decided():
                self._decided(event, context)
            case Expired():
                self._expired(event, context)
            case Reminded():
                self._reminded(event, context)
            case Escalated():
                self._escalated(event, context)
            case Extended():
                self._extended(event, context)
            case Commented() | Viewed() | Reserved() | ReservationEnded() | Snoozed() | AskedBack() | Clarified():
                self._beside_votes(event, context)
            case Delegated():
                self._delegated(event, context)
            case DelegationTakenBack():
                self._delegation_taken_back(event, context)
            case Withdrawn():
                self._withdrawn(event, context)
            case RefusalNoted() | LateResult():
                pass
            case Opened():
                raise AssertionError("I3: opened twice")
            case _:
                self._read_of_effect(event, context)

    def _beside_votes(self, event: Event, context: EntryContext) -> None:
        match event:
            case Commented():
                assert self.is_open, "I3: a comment after the outcome"
                assert event.text, "a comment that says nothing"
                assert event.by == SPELLINGS[context.by], "I6: somebody else has said it"
            case Viewed(people=people):
                assert SPELLINGS[context.by] in people, "I6: somebody else has seen it"
            case Reserved() | ReservationEnded() | Snoozed() | AskedBack() | Clarified():
                self.collaborate(event, context)

    def _expired(self, event: Expired, context: EntryContext) -> None:
        assert self.due is not None, "I5: expired without a deadline"
        assert context.at >= self.due, "I5: expired before the deadline"
        assert self.held is None, "I3: expired, though it was decided"
        assert self.rule.on_timeout == "expire" or self.handed_on, "I4: expired, and nobody was asked as well"
        self._end("expired", event, context)

    def _read_of_effect(self, event: Event, context: EntryContext) -> None:
        match event:
            case EffectClaimed():
                self._claimed(event, context)
            case EffectLapsed():
                self._lapsed(event, context)
            case EffectExecuted(attempt=attempt) | EffectFailed(attempt=attempt) | EffectUnknown(attempt=attempt):
                self._recorded(event.type.removeprefix("effect_"), attempt)
            case EffectReleased():
                assert self.effect == "unknown", "I2: released, but not unknown"
                self.effect = "none"

    def _end(self, status: str, event: Decided | Expired | Withdrawn, context: EntryContext) -> None:
        assert self.is_open, f"I3: {status} after {self.status}"
        assert event.at <= context.at < event.at + FRESH, "I5: decided by yesterday's time"
        self.status, self.decided, self.due, self.owed, self.held = status, event.at, None, False, None

    def _reminded(self, event: Reminded, context: EntryContext) -> None:
        assert self.is_open, "I3: a reminder after the outcome"
        assert event.step == self.step, "I4: a reminder in another step"
        assert self.held is None, "I4: a reminder of what is decided"
        assert self.reminders, "I4: a reminder too many"
        assert context.at >= self.reminders[0], "I4: reminded too early"
        assert self.due is not None, "I5: reminded without a deadline"
        assert context.at < self.due, "I5: reminded when it was too late"
        self.reminders = [at for at in self.reminders if at > context.at]

    def extension_refused(self, reason: str, who: str, now: datetime, directory: Directory) -> str | None:
        """Say with which code more time must be refused; None if it must be given."""
        if not self.is_open:
            return "closed"
        if self.closes is None or now >= self.closes:
            return "too_late"
        if not self._may_extend(SPELLINGS[who], directory):
            return "forbidden"
        return None if reason else "reason_missing"

    def _may_extend(self, person: str, directory: Directory) -> bool:
        return person == OPERATOR or replace(self, editors=set()).may_vote(person, directory)

    def _extended(self, event: Extended, context: EntryContext) -> None:
        assert self.is_open, "I3: more time after the outcome"
        assert self.due is not None, "I5: more time without a deadline"
        assert context.at < (self.held or self.due) <= self.due < event.due_at, "I5: more time when it was over"
        assert event.by == SPELLINGS[context.by], "I6: somebody else gave more time"
        assert event.reason, "I4: more time without a reason"
        assert self._ever(context, lambda directory: self._may_extend(event.by, directory)), (
            "I9: may not give more time"
        )
        self.due = event.due_at

    def withdrawal_refused(self, reason: str, who: str, now: datetime) -> str | None:
        """Say with which code a withdrawal by a person must be refused; None if it must be taken."""
        if not self.is_open:
            return "closed"
        if self.closes is None or now >= self.closes:
            return "too_late"
        if SPELLINGS[who] not in {self.opened.initiator, OPERATOR}:
            return "forbidden"
        return None if reason else "reason_missing"

    def _withdrawn(self, event: Withdrawn, context: EntryContext) -> None:
        if event.by is not None:
            assert self.closes is not None, "I5: withdrawn without a deadline"
            assert context.at < self.closes, "I5: withdrawn when it was over"
            assert event.by == SPELLINGS[context.by], "I6: somebody else has withdrawn it"
            assert event.by in {self.opened.initiator, OPERATOR}, "withdrawn by who may not"
            assert event.reason, "withdrawn without a reason"
        self._end("withdrawn", event, context)

    def delegation_refused(self, who: str, to: str, now: datetime, directory: Directory) -> str | None:
        """Say with which code a delegation must be refused; None if it must be made."""
        giver, delegate = SPELLINGS[who], SPELLINGS[to]
        if not self.is_open:
            return "closed"
        if self.closes is None or now >= self.closes:
            return "too_late"
        if giver == delegate:
            return "invalid_value"
        return None if self._may_delegate(giver, delegate, directory) else "forbidden"

    def _may_delegate(self, giver: str, delegate: str, directory: Directory) -> bool:
        speaking = [voter for person, voter in self.voters.items() if person in self.votes]
        spoken = {voter.on_behalf_of or voter.person for voter in speaking if self.counts(voter, directory)}
        able = self.may_vote(giver, directory) and giver not in spoken
        return able and not self.may_vote(delegate, directory) and not self._barred(delegate)

    def _delegated(self, event: Delegated, context: EntryContext) -> None:
        assert self.is_open, "I3: a delegation after the outcome"
        assert self.due is not None, "I5: a delegation without a deadline"
        assert context.at < (self.held or self.due), "I5: a delegation when it was over"
        assert event.giver == SPELLINGS[context.by], "I6: somebody else's vote was given away"
        assert self._ever(context, lambda it: self._may_delegate(event.giver, event.delegate, it)), (
            "I9: may not delegate"
        )
        self.delegates.pop(event.giver, None)
        self.delegates[event.giver] = (event.delegate, event.at)

    def delegation_end_refused(self, who: str, now: datetime) -> str | None:
        """Say with which code taking a delegation back must be refused; None if nothing stands in the way."""
        if SPELLINGS[who] not in self.delegates:
            return None
        if not self.is_open:
            return "closed"
        return "too_late" if self.closes is None or now >= self.closes else None

    def _delegation_taken_back(self, event: DelegationTakenBack, context: EntryContext) -> None:
        assert self.is_open, "I3: a delegation taken back after the outcome"
        assert self.closes is not None, "I5: a delegation taken back without a deadline"
        assert context.at < self.closes, "I5: a delegation taken back when it was over"
        assert event.giver == SPELLINGS[context.by], "I6: somebody else's delegation was taken back"
        assert self.delegates.pop(event.giver)[0] == event.delegate, "I9: another one was taken back"

    def _escalated(self, event: Escalated, context: EntryContext) -> None:
        rule = self.policy.levels[self.level].steps[self.step]
        assert self.is_open, "I3: escalated after the outcome"
        assert event.step == self.step, "I4: another step escalated"
        assert rule.escalate is not None, "I4: escalated, though the policy does not say so"
        assert event.to == rule.escalate.to, "I1: escalated to somebody else"
        assert self.due is not None, "I5: escalated without a deadline"
        assert self.held is None, "I4: more people are asked about what is decided"
        if event.due_at is None:
            assert self.escalates is not None, "I4: escalated twice"
            assert self.escalates <= context.at < self.due, "I4: escalated at another time"
        else:
            assert rule.on_timeout == "escalate", "I5: more time than the policy gives"
            assert not self.handed_on, "I4: handed on twice"
            assert context.at >= self.due, "I5: handed on before the deadline"
            assert event.due_at == later(rule, event.at, rule.within), "I4: the deadline is not what the policy says"
            self.due, self.handed_on = event.due_at, True
        self.escalates = None
        self.escalated.add(self.step)

    def _step_reached(self, event: StepReached, context: EntryContext) -> None:
        assert self.is_open, "I3: a step after the outcome"
        if self.step >= 0:
            assert event.step == self.step + 1, "I1: a step was left out"
            self._pass_step(event, context)
        else:
            assert event.step == 0, "I1: began with a later step"
        assert event.hold == self.policy.levels[self.level].steps[event.step].hold, "I1: held for another time"
        self.step, self.votes, self.owed, self.held, self.reserved = event.step, {}, False, None, {}
        self.snoozed = {}
        self.due = event.due_at
        assert event.due_at == later(self.rule, event.at, self.rule.within), (
            "I4: the deadline is not what the policy says"
        )
        self.handed_on, self.reminders = False, [later(self.rule, event.at, wait) for wait in self.rule.remind_after]
        assert list(event.reminders) == self.reminders, "I4: reminders are not what the policy says"
        escalate = self.rule.escalate
        after = None if escalate is None else escalate.after
        self.escalates = None if after is None else later(self.rule, event.at, after)
        assert event.escalates_at == self.escalates, "I4: the escalation is not when the policy says"

    def _vote_cast(self, event: VoteCast, context: EntryContext) -> None:
        vote = event.vote
        assert self.is_open, f"I3: a vote on what is {self.status}"
        assert self.due is not None, "I5: a vote without a deadline"
        assert context.at < (self.held or self.due), "I5: a vote counts at or after the deadline"
        assert vote.digest == self.digest, "I8: a vote on other arguments counts"
        assert vote.step == self.step, "I6: a vote counts in another step"
        assert vote.voter == SPELLINGS[context.by], "I6: one person under two names"
        assert vote.at <= context.at < vote.at + FRESH, "I9: cast by yesterday's time"
        self.take(vote, list(context.directories))
        self.reserved.pop(vote.voter, None)
        self.owed = all(self._has_come_to_something(directory) for directory in context.directories)
        self.owed = self.owed and self.held is None

    def _step_held(self, event: StepHeld, context: EntryContext) -> None:
        assert self.is_open, "I3: held after the outcome"
        assert event.step == self.step, "I4: another step is held"
        assert self.rule.hold is not None, "I1: held, though the policy does not say so"
        assert self.due is not None, "I4: held without a deadline"
        endings = [self._ending(directory) for directory in context.directories]
        assert list(event.by) in endings, "I6: held by others than those whose votes end it"
        if event.until is None:
            assert self.held is not None, "I4: what was not held is no longer"
        else:
            assert event.until == min(event.at + self.rule.hold, self.due), "I4: held for another time"
            assert context.at < self.due, "I5: held at or after the deadline"
        self.held, self.owed = event.until, False

    def _ending(self, directory: Directory) -> list[str]:
        """Return the voters up to the one by whom the step ends; nobody if it does not."""
        counted = [person for person in self.votes if self.counts(self.voters[person], directory)]
        said = [dict.fromkeys(counted[:end]) for end in range(1, len(counted) + 1)]
        return next((list(people) for people in said if self._comes_to_something(set(people), directory)), [])

    def take_back_refused(self, who: str, now: datetime) -> str | None:
        """Say with which code taking a vote back must be refused; None if it must be taken back."""
        if not self.is_open:
            return "closed"
        if self.closes is None or now >= self.closes:
            return "too_late"
        return None if self._vote_of(SPELLINGS[who]) else "no_vote"

    def _vote_of(self, person: str) -> str | None:
        return next((voter for voter in self.votes if person in self.voters[voter].people), None)

    def _taken_back(self, event: VoteTakenBack, context: EntryContext) -> None:
        assert self.is_open, "I3: taken back after the outcome"
        assert self.closes is not None, "I5: taken back without a deadline"
        assert context.at < self.closes, "I5: taken back when it was over"
        assert event.by == SPELLINGS[context.by], "I6: taken back by somebody else"
        assert event.voter == self._vote_of(event.by), "I6: another vote was taken back"
        del self.votes[event.voter]

    def _has_come_to_something(self, directory: Directory) -> bool:
        counted = {person for person in self.votes if self.counts(self.voters[person], directory)}
        return self._comes_to_something(counted, directory)

    def _comes_to_something(self, people: set[str], directory: Directory) -> bool:
        supporters = len(people & self.supporters)
        return (
            supporters >= self.rule.approvals
            or len(people) - supporters >= self.rule.rejections
            or self._out_of_reach(directory, people)
        )

    def _must_end(self, context: EntryContext) -> None:
        if self.rule.hold is not None:
            assert self.held is not None, "I3: a step ended that was not held"
            assert context.at >= self.held, "I3: a step ended before its hold"

    def _pass_step(self, event: StepReached | Decided, context: EntryContext) -> None:
        people = set(event.counted)
        self._must_end(context)
        assert people <= self.supporters, "I6: somebody counted who did not approve"
        assert len(people) >= self.rule.approvals, "I1/I6: a step was passed without its quorum"
        voters = {self.voters[person] for person in people}
        eligible = [{voter for voter in voters if self.counts(voter, it)} for it in context.directories]
        assert voters in eligible, "I7/I9: somebody counted who may not decide"
        assert sum(len(voter.people) for voter in voters) == len(set().union(*(voter.people for voter in voters))), (
            "I6: one person behind two votes"
        )
        told = {Voter(one.voter, one.on_behalf_of, one.at) for one in event.stand_ins}
        assert told == {voter for voter in voters if voter.on_behalf_of is not None}, (
            "I6: for whom they counted is not told"
        )
        self.passed.append(voters)

    def _edited(self, event: Edited, context: EntryContext) -> None:
        edition, author = event.edition, SPELLINGS[context.by]
        assert self.is_open, "I3: edited after the outcome"
        assert self.due is not None, "I5: an edit without a deadline"
        assert context.at < (self.held or self.due), "I5: edited at or after the deadline"
        assert edition.author == author, "I7: the author is somebody else"
        voter = Voter(author, edition.on_behalf_of, event.at)
        assert self._ever(context, lambda directory: self.counts(voter, directory)), "I7/I9: may not edit"
        assert event.digest == digest_of(edition), "I8: the digest does not cover the edition"
        assert event.digest != self.digest, "I8: edited, but the same"
        assert event.route.policy_hash == self.opened.route.policy_hash, "I1: another version of the policy"
        expected = max(self.level, level_of(self.policy, edition.subject))
        assert event.route.level == expected, f"I8: an edit leads to level {event.route.level}, not {expected}"
        self.level, self.digest = event.route.level, event.digest
        self.subject, self.answer = edition.subject, edition.answer
        self.step, self.votes, self.passed, self.owed, self.escalated = -1, {}, [], False, set()
        self.editors |= voter.people
        self.held = None

    def _decided(self, event: Decided, context: EntryContext) -> None:
        if self.grant is not None:
            steps = self.policy.levels[self.level].steps
            assert self.step == -1, "I6: a grant approved what people are asked about"
            assert [step.approvals for step in steps] == [1], "I6: a grant approved what takes several people"
            assert self._ever(context, self.holds), "I7/I9: the giver of the grant may not vote"
            self.grant.approve(event, self.opened)
        elif event.by[:1] == (f"rule:{self.policy.levels[self.level].name}",):
            assert self.policy.levels[self.level].automatic, "I1: a rule approved that asks people"
            assert event.outcome == "approved", "I1: a rule does nothing but approve"
        elif event.outcome in {"approved", "answered"}:
            assert self.step + 1 == len(self.policy.levels[self.level].steps), "I1: approved before the last step"
            self._pass_step(event, context)
            people = {voter.person for voters in self.passed for voter in voters}
            assert set(event.by) == people, "I6: decided by others than voted"
            is_question = isinstance(self.opened.ask.subject, Question)
            assert (event.outcome == "answered") is (self.answer is not None), "I3: answered what was not"
            assert not is_question or self.answer is not None, "I3: answered without an answer"
        else:
            self._must_end(context)
            against = self.votes.keys() - self.supporters
            enough = len(against) >= self.rule.rejections
            assert set(event.by) <= against, "I6: rejected by those who were not against"
            assert enough or self._ever(context, self._out_of_reach), "I6: rejected without enough rejections"
        self._end(event.outcome, event, context)

    def _out_of_reach(self, directory: Directory, said: set[str] | None = None) -> bool:
        people = {*SPELLINGS.values()}
        left = {person for person in people if self.may_vote(person, directory, with_all(self.rule))}
        spoken = self.votes.keys() if said is None else said
        against = {self.voters[person].owner for person in spoken - self.supporters}
        return len(left - against) < self.rule.approvals

    def _claimed(self, event: EffectClaimed, context: EntryContext) -> None:
        claim = event.claim
        assert self.status == "approved", f"I1: the effect of what is {self.status} was claimed"
        assert self.effect in {"none", "claimed"}, f"I2: claimed when {self.effect}"
        assert claim.attempt == self.attempt + 1, "I2: attempts are not counted"
        assert claim.key == self.opened.request_id, "I2: another idempotency key"
        assert claim.run_version == context.run_version, "I2: claimed by an advance that does not hold its run"
        if self.effect == "none":
            expires = self.policy.answer_expires
            assert self.decided is not None, "I1: claimed, but never decided"
            assert expires is None or context.at - self.decided <= expires, "I9: claimed after the approval expired"
            assert self._ever(context, self.holds), "I9: claimed, though a voter has lost the role"
        self.effect, self.attempt = "claimed", claim.attempt

    def holds(self, directory: Directory) -> bool:
        """Say whether the votes that approved it satisfy the policy with the people as they are."""
        steps = self._rules()
        if self.grant is not None:
            return self.may_vote(self.grant.given.giver, directory, steps[0])
        return len(steps) == len(self.passed) and all(
            len({voter for voter in voters if self.counts(voter, directory, step)}) >= step.approvals
            for step, voters in zip(steps, self.passed, strict=True)
        )

    def _lapsed(self, event: EffectLapsed, context: EntryContext) -> None:
        assert (self.status, self.effect) == ("approved", "none"), "I3: lapsed after it had begun"
        expires, decided = self.policy.answer_expires, self.decided
        late = expires is not None and decided is not None and context.at - decided > expires
        lost = self._ever(context, lambda directory: not self._all_hold(directory))
        lost = lost or (self.grant is not None and self.grant.revoked)
        assert event.replaced_by is not None or late or lost, "I9: lapsed, though it holds"
        self.effect = "lapsed"

    def grant_refused(self, who: str, directory: Directory, *, configured: bool) -> str | None:
        """Say with which code a grant like this one must be refused; None if it must be given."""
        if not configured or self.status not in {"open", "approved"}:
            return "closed"
        level = self.policy.levels[self.level]
        if level.grants is None or not self.may_vote(SPELLINGS[who], directory, self.rule_of(0)):
            return "forbidden"
        amount = self.subject.args["amount"] if isinstance(self.subject, Action) else None
        return None if isinstance(amount, int) and 0 <= amount <= HIGHEST_GRANTED else "invalid_value"

    def _all_hold(self, directory: Directory) -> bool:
        if self.grant is not None:
            return self.holds(directory)
        pairs = zip(self._rules(), self.passed, strict=True)
        return all(self.counts(voter, directory, step) for step, voters in pairs for voter in voters)

    def _rules(self) -> list[Step]:
        return [self.rule_of(index) for index in range(len(self.policy.levels[self.level].steps))]

    def _recorded(self, state: str, attempt: int) -> None:
        late = self.effect == "none" and state == "executed" and attempt > 0
        assert late or self.effect in {"claimed", "unknown"}, f"I2: {state} after {self.effect}"
        assert self.effect != state, "I2: unknown twice"
        assert attempt == self.attempt, "I2: the result of another attempt was taken"
        self.effect = state

    def check(self) -> None:
        """Check that it does not wait for what it has already got."""
        if self.is_open:
            assert self.due is not None, "I4: open, and no deadline"
            assert not self.owed, "I4: open, though its votes have come to something"
        if self.effect != "none" or self.attempt:
            assert self.status == "approved", f"I1: an effect of what is {self.status}"

    @staticmethod
    def _ever(context: EntryContext, holds: Callable[[Directory], bool]) -> bool:
        return any(holds(directory) for directory in context.directories)
