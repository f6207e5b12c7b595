"""Commands ask for a change; the desk decides on each in a context. Events state what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from interlock.domain.action import Ask, Subject, Verdict
from interlock.domain.authority import Directory, Principal
from interlock.domain.canonical import Json
from interlock.domain.eligibility import Eligibility, eligibility_of
from interlock.domain.policy import Policy, Route
from interlock.domain.request import Repeatable, Reported, Request
from interlock.domain.windows import Recent


@dataclass(frozen=True, slots=True)
class Open:
    """Ask people. The route was chosen by the desk, under the policy that it pins. `trace` is that of `Request`.

    Args:
        forked: the run was forked from another, which may have done the same already: no grant approves then.
    """

    request_id: str
    run_id: str
    agent: str
    initiator: str
    ask: Ask
    round: int
    route: Route
    replaces: str | None = None
    replacements: int = 0
    trace: str | None = None
    forked: bool = False


@dataclass(frozen=True, slots=True)
class CastVote:
    """One person's verdict, on what that person saw.

    Args:
        digest: of what the voter was shown.
        subject, answer: the edited action or draft, with `edit`; the answer, with `respond`.
        unseen: the voter named no digest but asked for whatever stands there; it is logged.
        shown: the voter named what they were shown: it is logged that they have seen it, unless it was before.
    """

    request_id: str
    verdict: Verdict
    digest: str
    comment: str = ""
    subject: Subject | None = None
    answer: Json = None
    unseen: bool = False
    shown: bool = False


@dataclass(frozen=True, slots=True)
class TakeBack:
    """A person takes back the vote that is theirs, while the step has not ended."""

    request_id: str


@dataclass(frozen=True, slots=True)
class EndHold:
    """The hold of the present step may be over: then the step ends as its votes say."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Nobody needs to decide this any more: the run was cancelled, or asks something else now."""

    request_id: str
    reason: str
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class WithdrawAsPerson:
    """A person says that nobody needs to decide this any more: who started it, or an operator. They say why."""

    request_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Expire:
    """The deadline may have been reached. Silence then brings what the step says: expiry, or an escalation, once."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Remind:
    """A reminder may be due."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Escalate:
    """It may be time to ask more people in the present step."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Extend:
    """A person gives the present step more time: its deadline is later `by` so much. The reason must say something."""

    request_id: str
    by: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A person says something about an open request. It is logged, and nothing is decided by it."""

    request_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Delegate:
    """A person who may vote in the present step lets another one, by any name, vote for them, on this request alone."""

    request_id: str
    to: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TakeBackDelegation:
    """A person lets nobody vote for them on this request alone any more: a vote under it counts no more."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Reserve:
    """A person who may vote says that they are on it, for so long. It keeps nobody from voting."""

    request_id: str
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class EndReservation:
    """A person is not on it any more."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Snooze:
    """A person who may vote puts it aside for so long, for themselves alone; None: they take it up again."""

    request_id: str
    lasts: timedelta | None


@dataclass(frozen=True, slots=True)
class AskBack:
    """A person asks the agent, or who started the run, something about an open request. Nothing is decided by it."""

    request_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Clarify:
    """The agent, or who started the run, answers what was asked back under a number."""

    request_id: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Reschedule:
    """A person has the present step begin now, because by the store's clock it begins in the future."""

    request_id: str


@dataclass(frozen=True, slots=True)
class ClaimEffect:
    """Begin the effect of an approved request, as its `Claim` will say.

    Args:
        digest: of the arguments that are about to be executed.
        run_version: the version of the run that the claiming advance holds; 0 where the request has no run.
        lasts: where the request has no run: how long nobody else may begin the effect.
    """

    request_id: str
    digest: str
    tool: str
    run_version: int
    repeatable: Repeatable
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True)
class RecordEffect:
    """What became of the effect, from the attempt that claimed it."""

    request_id: str
    attempt: int
    state: Reported
    result: Json = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SettleEffect:
    """A person knows what became of an unknown effect, or wants it tried again."""

    request_id: str
    became: Literal["happened", "did_not", "retry"]
    result: Json = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Lapse:
    """An approval was not used and cannot be any more: the run asked something else in its place."""

    request_id: str
    reason: str
    replaced_by: str | None = None


_Conversation = Comment | Reserve | EndReservation | Snooze | AskBack | Clarify
_OnVotes = CastVote | TakeBack | Delegate | TakeBackDelegation
_ByPeople = _OnVotes | Extend | WithdrawAsPerson | Reschedule | SettleEffect | _Conversation
ByTime = Expire | EndHold | Remind | Escalate
_ByRun = Open | Withdraw | ClaimEffect | RecordEffect | Lapse
Command = _ByPeople | ByTime | _ByRun


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """What a decision depends on apart from the request and the command.

    Args:
        now: the store's clock.
        policy: the policy version that the request has pinned, or will pin.
        recent: what the agent asked before of the same action; None where nobody has looked.
        abandoned: nobody holds the run any more, so nobody will report what became of an effect that was begun.
    """

    now: datetime
    principal: Principal
    policy: Policy
    directory: Directory
    recent: Recent | None = None
    abandoned: bool = False

    @property
    def person(self) -> str:
        """The canonical id of whoever asks for the change."""
        return self.directory.canonical(self.principal.id)

    def eligibility(self, request: Request) -> Eligibility:
        """Return who may vote on a request as people are known now."""
        return eligibility_of(request, self.policy, self.directory)
