"""Events state what has happened. Their order for one request is its history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from interlock.domain.action import Ask, Outcome
from interlock.domain.canonical import Json
from interlock.domain.collaboration import AskedBack, Clarified, ReservationEnded, Reserved, Snoozed, Viewed
from interlock.domain.grants import ByGrant
from interlock.domain.policy import Route
from interlock.domain.request import Claim, Edition, StandIn, Vote


@dataclass(frozen=True, slots=True)
class Opened:
    """A request was opened, and routed under a pinned policy.

    Args:
        trace: the trace context (W3C `traceparent`) in which an agent asked that has no run here, if anybody traces.
    """

    request_id: str
    tenant: str
    run_id: str
    agent: str
    requester: str
    initiator: str
    ask: Ask
    asked_digest: str
    round: int
    route: Route
    replaces: str | None
    replacements: int
    at: datetime
    trace: str | None = None
    type: Literal["opened"] = "opened"


@dataclass(frozen=True, slots=True)
class StepReached:
    """A step began; people are asked until `due_at`. Its times and whom it asks are those of `Request`.

    Args:
        counted: those whose approval passed the step before.
        stand_ins: those among `counted` who voted for another.
        hold: how long after the vote that would end it the step ends.
    """

    step: int
    due_at: datetime
    at: datetime
    counted: tuple[str, ...] = ()
    reminders: tuple[datetime, ...] = ()
    escalates_at: datetime | None = None
    stand_ins: tuple[StandIn, ...] = ()
    ask: tuple[str, ...] = ()
    approvals: int = 0
    hold: timedelta | None = None
    type: Literal["step_reached"] = "step_reached"


@dataclass(frozen=True, slots=True)
class VoteCast:
    """Somebody voted, perhaps for another. `unseen` says that the voter did not name what was shown."""

    vote: Vote
    unseen: bool = False
    type: Literal["vote_cast"] = "vote_cast"


@dataclass(frozen=True, slots=True)
class StepHeld:
    """The votes of a step have come to something: it ends at `until`, unless one of them is taken back or changed.

    Args:
        until: None if they no longer come to anything.
        by: the voters by whose votes it ends.
    """

    step: int
    until: datetime | None
    at: datetime
    by: tuple[str, ...] = ()
    type: Literal["step_held"] = "step_held"


@dataclass(frozen=True, slots=True)
class VoteTakenBack:
    """A vote of the present step was taken back: by its voter, or by the person for whom it was cast."""

    voter: str
    by: str
    step: int
    at: datetime
    type: Literal["vote_taken_back"] = "vote_taken_back"


@dataclass(frozen=True, slots=True)
class Edited:
    """The arguments were changed, or an answer was given: earlier votes are void, and the request is routed again."""

    edition: Edition
    digest: str
    route: Route
    at: datetime
    type: Literal["edited"] = "edited"


@dataclass(frozen=True, slots=True)
class Decided:
    """People, a rule or a grant came to an outcome; the comment is the deciding vote's.

    Args:
        by: canonical ids of those whose votes made it, or `rule:LEVEL`, or `grant:ID`.
        counted: those whose approval passed the last step.
        stand_ins: those whose votes ended the last step for another.
        by_grant: the grant that approved it: nobody has voted.
    """

    outcome: Outcome
    by: tuple[str, ...]
    comment: str
    at: datetime
    counted: tuple[str, ...] = ()
    stand_ins: tuple[StandIn, ...] = ()
    by_grant: ByGrant | None = None
    type: Literal["decided"] = "decided"


@dataclass(frozen=True, slots=True)
class Expired:
    """Nobody decided in time. It is not approved."""

    at: datetime
    type: Literal["expired"] = "expired"


@dataclass(frozen=True, slots=True)
class Reminded:
    """Those who are asked were reminded that they are. Reminders that were missed by then are not made up for."""

    step: int
    at: datetime
    type: Literal["reminded"] = "reminded"


@dataclass(frozen=True, slots=True)
class Escalated:
    """More people are asked in a step, because those whom it asked stay silent; at the deadline it brings a new one."""

    step: int
    to: tuple[str, ...]
    due_at: datetime | None
    at: datetime
    type: Literal["escalated"] = "escalated"


@dataclass(frozen=True, slots=True)
class Extended:
    """A person gave the present step more time."""

    by: str
    due_at: datetime
    reason: str
    at: datetime
    type: Literal["extended"] = "extended"


@dataclass(frozen=True, slots=True)
class Commented:
    """A person said something. Nothing is decided by it."""

    by: str
    text: str
    at: datetime
    type: Literal["commented"] = "commented"


@dataclass(frozen=True, slots=True)
class Delegated:
    """A person who may vote let another one vote for them, on this request alone; an earlier one of theirs is over."""

    giver: str
    delegate: str
    reason: str
    at: datetime
    type: Literal["delegated"] = "delegated"


@dataclass(frozen=True, slots=True)
class DelegationTakenBack:
    """A person lets another one no longer vote for them on this request alone: a vote under it counts no more."""

    giver: str
    delegate: str
    at: datetime
    type: Literal["delegation_taken_back"] = "delegation_taken_back"


@dataclass(frozen=True, slots=True)
class Rescheduled:
    """A person set the times of the present step right, which a wrong clock had put into the future."""

    by: str
    due_at: datetime
    reminders: tuple[datetime, ...]
    escalates_at: datetime | None
    at: datetime
    type: Literal["rescheduled"] = "rescheduled"


@dataclass(frozen=True, slots=True)
class Restored:
    """A person had the stored request written anew from its log, because it was something else: `found` says what."""

    by: str
    found: str
    at: datetime
    type: Literal["restored"] = "restored"


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The request was taken back.

    Args:
        by: canonical id of the person who withdrew it; None where its agent, its run or the end of that did.
    """

    reason: str
    replaced_by: str | None
    at: datetime
    by: str | None = None
    type: Literal["withdrawn"] = "withdrawn"


@dataclass(frozen=True, slots=True)
class RefusalNoted:
    """Somebody tried something that the rules refuse."""

    command: str
    by: str
    code: str
    message: str
    at: datetime
    type: Literal["refusal_noted"] = "refusal_noted"


@dataclass(frozen=True, slots=True)
class ConfigurationHeld:
    """The previous event used the last valid configuration because the current file is invalid."""

    problem: str
    at: datetime
    type: Literal["configuration_held"] = "configuration_held"


@dataclass(frozen=True, slots=True)
class EffectClaimed:
    """An attempt at the effect began."""

    claim: Claim
    type: Literal["effect_claimed"] = "effect_claimed"


@dataclass(frozen=True, slots=True)
class EffectExecuted:
    """The effect happened."""

    attempt: int
    result: Json
    at: datetime
    by: str = "tool"
    note: str = ""
    type: Literal["effect_executed"] = "effect_executed"


@dataclass(frozen=True, slots=True)
class EffectFailed:
    """The effect did not happen, for certain."""

    attempt: int
    reason: str
    at: datetime
    by: str = "tool"
    type: Literal["effect_failed"] = "effect_failed"


@dataclass(frozen=True, slots=True)
class EffectUnknown:
    """It cannot be known whether the effect happened. A person is asked."""

    attempt: int
    reason: str
    at: datetime
    type: Literal["effect_unknown"] = "effect_unknown"


@dataclass(frozen=True, slots=True)
class EffectReleased:
    """A person says: it did not happen, try it again."""

    by: str
    comment: str
    at: datetime
    type: Literal["effect_released"] = "effect_released"


@dataclass(frozen=True, slots=True)
class EffectLapsed:
    """The approval cannot be used any more."""

    reason: str
    replaced_by: str | None
    at: datetime
    type: Literal["effect_lapsed"] = "effect_lapsed"


@dataclass(frozen=True, slots=True)
class LateResult:
    """An attempt reported after another had taken its place, or after a person had settled it."""

    attempt: int
    state: str
    result: Json
    reason: str
    at: datetime
    type: Literal["late_result"] = "late_result"


_Asking = Opened | StepReached | Reminded | Escalated | Extended | Rescheduled | Delegated | DelegationTakenBack
_Deciding = VoteCast | StepHeld | VoteTakenBack | Edited | Decided | Expired | Withdrawn
_OfEffect = EffectClaimed | EffectExecuted | EffectFailed | EffectUnknown | EffectReleased | EffectLapsed | LateResult
_Conversation = Commented | Viewed | Reserved | ReservationEnded | Snoozed | AskedBack | Clarified
Event = _Asking | _Deciding | _OfEffect | _Conversation | Restored | RefusalNoted | ConfigurationHeld
