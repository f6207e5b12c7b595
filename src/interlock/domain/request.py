"""A request: one thing asked of people. Its state is the fold of its events."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from interlock.domain.action import NEGATIVE_OUTCOMES, Action, Ask, Draft, Kind, Question, Subject, Verdict
from interlock.domain.authority import Delegation
from interlock.domain.canonical import Json, digest
from interlock.domain.collaboration import Clarification, Reservation, Snooze
from interlock.domain.grants import ByGrant
from interlock.domain.policy import Policy, Route, Step

MAX_COMMENT = 20_000
"""Longest comment of a person, in bytes."""

Repeatable = Literal["idempotent", "verifiable", "no"]
"""What a tool declares about being called again after a crash."""

Reported = Literal["executed", "failed", "unknown"]
"""What an attempt says became of an effect."""


class Status(StrEnum):
    """Where a request stands: open, or its one outcome."""

    open = "open"
    approved = "approved"
    rejected = "rejected"
    answered = "answered"
    revised = "revised"
    expired = "expired"
    withdrawn = "withdrawn"


class EffectState(StrEnum):
    """Where the guarded side effect of an approved request stands."""

    none = "none"
    claimed = "claimed"
    executed = "executed"
    failed = "failed"
    unknown = "unknown"
    lapsed = "lapsed"


UNSETTLED = (EffectState.claimed, EffectState.unknown)
"""The states of effects of which nobody knows yet what became."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's verdict on one digest, in one step.

    Args:
        voter: canonical id of the person.
        on_behalf_of: canonical id of the person for whom it was cast, under a delegation; None for the voter.
        eligible_as: the entry of the step's `ask` that names whose vote it is, such as `group:managers`.
    """

    voter: str
    verdict: Verdict
    digest: str
    step: int
    at: datetime
    comment: str = ""
    on_behalf_of: str | None = None
    eligible_as: str = ""

    @property
    def owner(self) -> str:
        """Whose vote it is: one of those whom the step asks."""
        return self.on_behalf_of or self.voter

    @property
    def acting(self) -> str:
        """Who voted, and for whom, in words."""
        return acting(self.voter, self.on_behalf_of)


@dataclass(frozen=True, slots=True)
class StandIn:
    """Somebody who counted, or decided, for another.

    Args:
        voter: canonical id of the person who voted.
        on_behalf_of: canonical id of the person for whom.
        at: when the vote was cast: the delegation must still say that it covered this moment.
    """

    step: int
    voter: str
    on_behalf_of: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Edition:
    """What is decided on now: the subject as edited, and the answer, if one was given.

    Args:
        author: canonical id of the person who made it, None while it is the agent's own.
        on_behalf_of: canonical id of the person for whom the author acted, under a delegation; None for the author.
    """

    subject: Subject
    answer: Json = None
    author: str | None = None
    on_behalf_of: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody began the effect.

    Args:
        attempt: counts from 1.
        key: the same for every attempt: the tool's idempotency key.
        tool: the function that was called, as `module:name`.
        run_version: the version of the run under which the effect was claimed.
        repeatable: what the tool declared when it was first called: `idempotent`, `verifiable`, or neither.
        until: where the request has no run: from when on somebody else may conclude that its result will never come.
    """

    attempt: int
    key: str
    tool: str
    run_version: int
    at: datetime
    repeatable: Repeatable = "no"
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VotingState:
    """As much of a request as says for whom it waits.

    Args:
        votes: those that count for this digest, in this step.
        editors: everybody who changed it, or answered, or for whom somebody did; under four-eyes none of them decides.
        step_asks: who is asked in the present step: groups, roles, people.
        held_until: when the present step ends, because its votes have come to something; until then they may change.
        held_by: the voters by whose votes it will end then.
        escalated: the steps, since the last edit, in which more people are asked by now.
        delegations: who votes for whom on this request alone.
        snoozes: who has put it aside, one for each person; some may have ended by the clock.
    """

    requester: str
    initiator: str
    route: Route
    status: Status = Status.open
    step: int = 0
    step_asks: tuple[str, ...] = ()
    escalated: tuple[int, ...] = ()
    votes: tuple[Vote, ...] = ()
    editors: tuple[str, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    held_until: datetime | None = None
    held_by: tuple[str, ...] = ()
    snoozes: tuple[Snooze, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether people can still vote."""
        return self.status is Status.open

    def snoozed_by(self, person: str, now: datetime) -> datetime | None:
        """Return until when a person (canonical id) has put it aside; None if they have not, or that is over."""
        mine = (one.until for one in self.snoozes if one.by == person and one.until > now)
        return next(mine, None) if self.is_open else None

    def step_of(self, policy: Policy, index: int | None = None) -> Step:
        """Return a step as it stands for this request, with those to whom it has escalated.

        Args:
            policy: the version that the request has pinned.
            index: of the step; the present one by default.
        """
        at = self.step if index is None else index
        step = policy.levels[self.route.level].steps[at]
        return step.escalated() if at in self.escalated else step


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(VotingState):
    """The current state of a request.

    Args:
        run_id: the run that asks it; empty where an agent asks through the API, and acts by itself.
        ask: what the agent asked, for ever.
        asked_digest: names the subject that was asked; a graph finds its decision by it.
        edition: what stands to be decided now; `digest` is its digest.
        step_since: when the present step began; None before the first one, and before the first one after an edit.
        step_approvals: how many people must approve in the present step; 0 where the log is too old to say.
        hold: how long after the vote that would end it the present step ends; None: it ends at once.
        due_at: the deadline of the present step; None once there is an outcome.
        reminders: when those who are asked will be reminded, soonest first.
        escalates_at: when more people will be asked in the present step; None if nobody, or if they are already.
        handed_on: the present step's deadline has passed once, and its escalation brought another.
        replaces: the request that this one took the place of.
        replacements: how many requests stood in this place before.
        version: how many events it has had.
        decided_by: those whose votes made the outcome, the rule or the grant that did, or the person who withdrew it.
        stand_ins: those among `counted` and `decided_by` who voted for another.
        configuration_held: what was wrong with the configuration when something was last decided by the one before it.
        reported: an attempt that this record does not know has said that the effect happened, or may have: the record
            was put back from a backup.
        reservations: who is on it, one for each person; some may have ended by the clock.
        clarifications: what people have asked back, and what was said to it.
        trace: the trace context (W3C `traceparent`) in which it was asked, if anybody traces; a run has its own.
        by_grant: the grant that approved it, in place of votes.
    """

    id: str
    tenant: str
    run_id: str
    agent: str
    ask: Ask
    asked_digest: str
    edition: Edition
    digest: str
    round: int
    opened_at: datetime
    step_since: datetime | None = None
    step_approvals: int = 0
    due_at: datetime | None = None
    reminders: tuple[datetime, ...] = ()
    escalates_at: datetime | None = None
    handed_on: bool = False
    decided_at: datetime | None = None
    decided_by: tuple[str, ...] = ()
    counted: tuple[tuple[int, str], ...] = ()
    comment: str = ""
    effect: EffectState = EffectState.none
    claim: Claim | None = None
    result: Json = None
    effect_note: str = ""
    replaces: str | None = None
    replacements: int = 0
    replaced_by: str | None = None
    version: int = 0
    stand_ins: tuple[StandIn, ...] = ()
    configuration_held: str = ""
    reported: bool = False
    hold: timedelta | None = None
    reservations: tuple[Reservation, ...] = ()
    clarifications: tuple[Clarification, ...] = ()
    trace: str | None = None
    by_grant: ByGrant | None = None

    @property
    def asked(self) -> Subject:
        """The subject as the agent asked it; what stands to be decided now is in `edition`."""
        return self.ask.subject

    @property
    def reference(self) -> str | None:
        """What it is about in the business: an order's number, a ticket; None if the agent named nothing."""
        return self.ask.reference

    @property
    def kind(self) -> Kind:
        """What sort of thing is asked."""
        return Kind(self.asked.kind)

    @property
    def takes_anything(self) -> bool:
        """Whether it is a question of a graph's own `interrupt` that takes any answer: then approving answers true."""
        takes = isinstance(self.asked, Question) and self.asked.answer_schema is None
        return takes and not self.ask.task and Verdict.approve in self.ask.verdicts

    def reserved_at(self, now: datetime) -> tuple[Reservation, ...]:
        """Return who is on it at a time."""
        return tuple(one for one in self.reservations if one.until > now) if self.is_open else ()

    @property
    def closes_at(self) -> datetime | None:
        """From when on votes of the present step have no effect: its deadline, or the end of its hold."""
        return self.held_until or self.due_at

    @property
    def wake_at(self) -> datetime | None:
        """When the next thing comes due: the end of a hold, a reminder, an escalation, the deadline; None: nothing."""
        if self.held_until is not None:  # nobody is reminded of what is decided, nor asked as well
            return self.held_until
        moments = (*self.reminders[:1], self.escalates_at, self.due_at)
        return min((moment for moment in moments if moment is not None), default=None) if self.is_open else None

    @property
    def deciders(self) -> tuple[str, ...]:
        """Those of `decided_by` in words: `noah (for mia)` where noah voted for mia; a grant with its giver."""
        if self.by_grant is not None or self.status is Status.withdrawn:  # by no vote
            return self.decided_by if self.by_grant is None else (self.by_grant.words,)
        ended = self.status in NEGATIVE_OUTCOMES  # by the votes of its last step alone
        passed = () if ended else self.counted
        final = [one for one in self.stand_ins if not ended or one.step == self.step]
        words = []
        for person in self.decided_by:
            givers = dict.fromkeys(one.on_behalf_of for one in final if one.voter == person)
            own = any(who == person and self.stand_in_of(step, person) is None for step, who in passed)
            words.append(acting(person, f"{'themselves and ' if own and givers else ''}{' and '.join(givers)}"))
        return tuple(words)

    @property
    def passed(self) -> tuple[tuple[int, str], ...]:
        """Those of `counted` in words, by step: `noah (for mia)` where noah voted for mia."""
        found = ((step, person, self.stand_in_of(step, person)) for step, person in self.counted)
        return tuple((step, acting(person, behind.on_behalf_of if behind else None)) for step, person, behind in found)

    def stand_in_of(self, step: int, voter: str) -> StandIn | None:
        """Return for whom somebody counted in a step, if not for themselves."""
        return next((one for one in self.stand_ins if (one.step, one.voter) == (step, voter)), None)


def acting(person: str, on_behalf_of: str | None) -> str:
    """Return who did something, and for whom, in words."""
    return f"{person} (for {on_behalf_of})" if on_behalf_of else person


def edition_digest(edition: Edition) -> str:
    """Return the digest of what is decided on: the subject, with the answer where there is one."""
    if edition.answer is None:
        return edition.subject.digest
    return digest({"question": edition.subject.content(), "answer": edition.answer}, max_bytes=1_000_000)


def name_of(subject: Subject) -> str:
    """Return what a subject is called in one line."""
    match subject:
        case Action(name=name):
            return name
        case Question(text=text):
            return text
        case Draft(title=title):
            return title


FILE_MODULE = "interlock_agent_"
"""How the name of a module begins that is made of a file; a digest of its path follows."""
_OF_FILE = re.compile(rf"^{FILE_MODULE}[0-9a-f]+:")


def tool_shown(tool: str) -> str:
    """Return a tool's name for people: without its module, if that was made of a file and has no name of its own."""
    return _OF_FILE.sub("", tool)
