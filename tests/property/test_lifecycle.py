"""Random commands by random people at random times: whatever they try, the invariants hold.

The judge of the invariants reads the log alone, and knows nothing of the rules but policies.md.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.model.rules import AGENT, Bench
from tests.model.strategies import INITIATOR, SPELLINGS, Move, directories, moves, policies, subjects

from interlock.domain.action import Draft, Verdict
from interlock.domain.authority import Directory
from interlock.domain.commands import (
    CastVote,
    ClaimEffect,
    Command,
    DecisionContext,
    Expire,
    Extend,
    Lapse,
    RecordEffect,
    Remind,
    SettleEffect,
    TakeBack,
    Withdraw,
    WithdrawAsPerson,
)
from interlock.domain.decide import decide
from interlock.domain.events import (
    Decided,
    Edited,
    EffectClaimed,
    EffectExecuted,
    EffectReleased,
    Escalated,
    Event,
    Expired,
    Extended,
    Opened,
    StepHeld,
    StepReached,
    VoteCast,
    VoteTakenBack,
    Withdrawn,
)
from interlock.domain.lifecycle import fold
from interlock.domain.policy import Policy
from interlock.domain.request import Status, Vote, edition_digest
from interlock.domain.timing import due_commands
from interlock.engine.codec import decode_request, encode_request
from interlock.errors import BadInput, Refused
from interlock.testing.people import principal

VERDICTS = set(Verdict)
AGENT_ITSELF = principal(AGENT, "agent")
FOR = {Verdict.approve, Verdict.edit, Verdict.respond}


def command(move: Move, bench: Bench) -> Command:  # noqa: C901, PLR0911 - one line a command
    request = bench.request
    digest = request.asked_digest if move.stale else request.digest
    if move.what in VERDICTS:
        verdict = Verdict(move.what)
        edited = move.value if verdict is Verdict.edit else None
        if edited is not None and isinstance(request.asked, Draft):
            edited = Draft(edited.args, request.asked.title)
        answer = move.value if verdict is Verdict.respond else None
        return CastVote(request.id, verdict, digest, move.comment, edited, answer)
    match move.what:
        case "claim":
            version = request.claim.run_version + (not move.stale) if request.claim else 1
            return ClaimEffect(request.id, digest, "tools:pay", version, "no" if move.comment else "idempotent")
        case "record":
            attempt = request.claim.attempt - move.stale if request.claim else 1
            return RecordEffect(request.id, attempt, move.value, {"x": 1}, "why")
        case "settle":
            return SettleEffect(request.id, move.value, None, move.comment)
        case "withdraw":
            return Withdraw(request.id, "cancelled")
        case "withdraw as a person":
            return WithdrawAsPerson(request.id, move.comment)
        case "lapse":
            return Lapse(request.id, "asked something else")
        case "extend":
            return Extend(request.id, timedelta(minutes=30), move.comment)
        case "take back":
            return TakeBack(request.id)
        case "due":
            return next(iter(due_commands(request, bench.now)), Remind(request.id))
        case _:
            return Expire(request.id)


@dataclass
class Judge:
    """Reads one log and says whether the invariants hold."""

    policy: Policy
    directories: list[Directory]  # as they were when each event was made
    outcomes: list[Event] = field(default_factory=list)
    votes: dict[str, Vote] = field(default_factory=dict)  # of the present step
    passed: list[tuple[int, Vote]] = field(default_factory=list)  # what carried the steps before
    editors: set[str] = field(default_factory=set)
    escalated: set[int] = field(default_factory=set)
    executed: int = 0
    released: int = 0
    held: datetime | None = None

    def read(self, log: Iterable[Event]) -> None:  # noqa: C901, PLR0912 - one line an event
        for event, directory in zip(log, self.directories, strict=True):
            match event:
                case Opened():
                    self.digest, self.level, self.requester = event.asked_digest, event.route.level, event.requester
                case StepReached():
                    self.step_reached(event, directory)
                case VoteCast():
                    self.vote(event, directory)
                case StepHeld():
                    self.step_held(event)
                case VoteTakenBack():
                    self.taken_back(event)
                case Escalated():
                    assert not self.outcomes, "I3: escalated after the outcome"
                    self.escalated.add(event.step)
                case Extended():
                    assert event.at < self.due < event.due_at, "I5: more time after the time was over"
                    self.due = event.due_at
                case Edited():
                    self.edited(event)
                case Decided() | Expired() | Withdrawn():
                    self.outcome(event, directory)
                case EffectClaimed():
                    self.claimed(directory)
                case EffectReleased():
                    self.released += 1
                case EffectExecuted():
                    self.executed += 1
        assert len(self.outcomes) <= 1, "I3: more than one outcome"
        assert self.executed <= 1, "I2: executed more than once"

    def step_reached(self, event: StepReached, directory: Directory) -> None:
        if event.step > 0:
            self.ended_in_time(event)
            self.must_be_carried(event, directory)
        else:
            self.passed = []
        self.step, self.due, self.votes, self.held = event.step, event.due_at, {}, None

    def step_held(self, event: StepHeld) -> None:
        assert not self.outcomes, "I3: held after the outcome"
        assert event.until is None or event.at < event.until <= self.due, "I4: held beyond the deadline"
        self.held = event.until

    def taken_back(self, event: VoteTakenBack) -> None:
        assert not self.outcomes, "I3: taken back after the outcome"
        assert event.at < (self.held or self.due), "I5: taken back too late"
        vote = self.votes.pop(event.voter)
        assert event.by in {vote.voter, vote.on_behalf_of}, "I6: somebody else took it back"

    def ended_in_time(self, event: StepReached | Decided) -> None:
        if self.policy.levels[self.level].steps[self.step].hold is None:
            assert event.at < self.due, "I5: ended at or after the deadline"
        else:
            assert self.held is not None, "a step ended that was not held"
            assert event.at >= self.held, "a step ended before its hold"

    def vote(self, event: VoteCast, directory: Directory) -> None:
        vote = event.vote
        assert not self.outcomes, "I3: a vote after the outcome"
        assert vote.at < (self.held or self.due), "I5: a vote at or after the deadline"
        assert vote.digest == self.digest, "I8: a vote on something else"
        assert vote.step == self.step, "a vote in another step"
        self.must_be_eligible(vote, self.step, directory)
        people = {vote.voter, vote.on_behalf_of or vote.voter}
        for earlier in list(self.votes.values()):
            if people & {earlier.voter, earlier.on_behalf_of}:
                own = vote.voter in {earlier.voter, earlier.on_behalf_of}
                assert own or earlier not in self.still_eligible(directory), "I6: a vote took another person's place"
                del self.votes[earlier.voter]
        self.votes[vote.voter] = vote

    def edited(self, event: Edited) -> None:
        assert event.route.level >= self.level, "I8: a lower level than before"
        assert event.digest == edition_digest(event.edition) != self.digest, "I8: an edit that changes nothing"
        assert event.edition.author in SPELLINGS.values()
        self.digest, self.level = event.digest, event.route.level
        self.editors |= {event.edition.author, event.edition.on_behalf_of or event.edition.author}
        self.votes, self.passed, self.escalated = {}, [], set()

    def outcome(self, event: Decided | Expired | Withdrawn, directory: Directory) -> None:
        self.outcomes.append(event)
        level = self.policy.levels[self.level]
        if isinstance(event, Expired):
            assert event.at >= self.due, "I5: expired too early"
            assert self.held is None, "I3: expired, though it was decided"
        if isinstance(event, Decided) and not level.automatic:
            self.ended_in_time(event)
        if isinstance(event, Withdrawn) and event.by is not None:
            assert event.at < (self.held or self.due), "I5: withdrawn too late"
            assert event.by == INITIATOR or directory.is_operator(event.by), "withdrawn by somebody else"
        if not isinstance(event, Decided) or event.outcome not in {"approved", "answered"}:
            return
        if level.automatic:
            assert event.by == (f"rule:{level.name}",), "a rule approves in its own name"
            assert not self.editors, "what a person wrote is not approved by a rule"
            return
        assert self.step == len(level.steps) - 1, "I1: steps were left out"
        self.must_be_carried(event, directory)
        assert {step for step, _ in self.passed} == set(range(len(level.steps))), "I1: a step that nobody carried"
        assert set(event.by) == {vote.voter for _, vote in self.passed}

    def claimed(self, directory: Directory) -> None:
        assert isinstance(self.outcomes[0], Decided), "I1: claimed without a decision"
        assert self.outcomes[0].outcome == "approved", "I1: claimed without an approval"
        if not self.claims:
            for step, vote in self.passed:
                self.must_be_eligible(vote, step, directory)
        self.claims += 1

    claims: int = 0

    def must_be_carried(self, event: StepReached | Decided, directory: Directory) -> None:
        step = self.policy.levels[self.level].steps[self.step]
        carried = [self.votes[voter] for voter in event.counted]
        assert all(vote.verdict in FOR for vote in carried), "I6: somebody counted who was not for it"
        people = [person for vote in carried for person in {vote.voter, vote.on_behalf_of or vote.voter}]
        assert len(set(people)) == len(people), "I6: one person behind two votes"
        assert len(carried) >= step.approvals, "I6: too few people"
        said = {(one.voter, one.on_behalf_of, one.at) for one in event.stand_ins}
        assert said == {(one.voter, one.on_behalf_of, one.at) for one in carried if one.on_behalf_of}
        for vote in carried:
            self.must_be_eligible(vote, self.step, directory)
        self.passed += [(self.step, vote) for vote in carried]

    def still_eligible(self, directory: Directory) -> list[Vote]:
        found = []
        for vote in self.votes.values():
            with contextlib.suppress(AssertionError):
                self.must_be_eligible(vote, self.step, directory)
                found.append(vote)
        return found

    def must_be_eligible(self, vote: Vote, at: int, directory: Directory) -> None:
        for person in {vote.voter, vote.on_behalf_of or vote.voter}:
            assert SPELLINGS[person] == person, "I6: not the canonical id"
            assert person != self.requester, "I7: the agent counted"
            assert self.policy.initiator_may_approve or person != INITIATOR, "I7: the initiator counted"
            assert not (self.policy.four_eyes and person in self.editors), "I7: an editor counted"
        step = self.policy.levels[self.level].steps[at]
        entries = (*step.ask, *(step.escalate.to if at in self.escalated else ()))
        asked = {person for entry in entries for person in members(entry, directory)}
        assert (vote.on_behalf_of or vote.voter) in asked, "I9: not asked, or not any more"
        given = [one for one in directory.delegations if (one.giver, one.delegate) == (vote.on_behalf_of, vote.voter)]
        covers = [one for one in given if (one.since or vote.at) <= vote.at < one.until]
        assert vote.on_behalf_of is None or covers, "I9: for somebody who did not want it, or not any more"


def members(entry: str, directory: Directory) -> frozenset[str]:
    kind, _, name = entry.partition(":")
    named = frozenset({SPELLINGS.get(name, name)})
    return {"group": directory.groups.get(name, frozenset()), "role": directory.roles.get(name, frozenset())}.get(
        kind, named
    )


@given(policies(), subjects(), directories(), st.lists(moves(), min_size=8, max_size=25))
def test_I1_I2_I3_I5_I6_I7_I8_I9_hold_whatever_anybody_tries(policy, subject, directory, tried):
    bench = Bench(policy, directory, INITIATOR)
    bench.ask(subject)
    seen = [directory] * len(bench.log)
    for move in tried:
        bench.now += move.after
        if move.what == "people":
            bench.directory = move.value
            continue
        attempt = command(move, bench)
        who = AGENT_ITSELF if move.what in {"claim", "record"} and not move.stale else move.who
        before = bench.request
        context = DecisionContext(bench.now, who, bench.policy, bench.directory)
        first, second = (outcome_of(before, attempt, context) for _ in range(2))
        assert first == second, "decide is deterministic"
        try:
            bench.send(attempt, who)
        except (Refused, BadInput):
            assert bench.request is before
        seen += [bench.directory] * (len(bench.log) - len(seen))
    assert fold(bench.log) == bench.request, "I11: the state is the fold of the log"
    assert bench.request.version == len(bench.log)
    assert decode_request(encode_request(bench.request)) == bench.request
    Judge(policy, seen).read(bench.log)


def outcome_of(request, attempt, context):
    try:
        return decide(request, attempt, context)
    except (Refused, BadInput) as refused:
        return type(refused), str(refused)


@given(policies(), subjects(), directories(), st.lists(moves(), max_size=12))
def test_I4_I5_silence_always_ends_in_expired(policy, subject, directory, tried):
    bench = Bench(policy, directory, INITIATOR)
    bench.ask(subject)
    for move in tried:
        try:
            bench.send(command(replace(move, what=move.what if move.what != "people" else "expire"), bench), move.who)
        except (Refused, BadInput):
            continue
    if bench.request.is_open:
        bench.now = bench.request.due_at
        held = bench.request.held_until is not None
        assert bench.sweep().status is Status.expired or held
