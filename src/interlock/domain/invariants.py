"""What an event may say of the request before it. `evolve` refuses anything else, so a false outcome never folds.

An outcome counts only people whose votes are in the log, cast in time, by somebody whom the step asks (I5, I6, I9).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from interlock.domain import collaboration, events
from interlock.domain.action import NEGATIVE_OUTCOMES, Kind
from interlock.domain.events import Decided, Event, StepReached, VoteCast
from interlock.domain.grants import BY_GRANT, ByGrant
from interlock.domain.quorum import opponents, stand_ins, supporters
from interlock.domain.request import Request, StandIn, edition_digest


def check_event(request: Request, event: Event) -> None:
    """Check an event, which the table of transitions allows, against the request before it.

    Raises:
        ValueError: if the event says what the events before it exclude.
    """
    reason = _contradiction(request, event)
    if reason is not None:
        raise ValueError(f"{request.id}: {event.type}, but {reason}")


def _contradiction(request: Request, event: Event) -> str | None:  # noqa: C901, PLR0911, PLR0912 - one line an event
    match event:
        case VoteCast():
            return _vote(request, event)
        case events.Edited():
            wrong = edition_digest(event.edition) != event.digest
            return "the digest is not that of the edition" if wrong else _late(request, event.at)
        case StepReached():
            return _step(request, event)
        case events.StepHeld():
            return _hold(request, event)
        case events.VoteTakenBack():
            return _taken_back(request, event)
        case Decided():
            return _outcome(request, event)
        case events.Extended() | events.Delegated():
            return _late(request, event.at)
        case events.Withdrawn(by=by):
            return None if by is None else _late(request, event.at)
        case events.DelegationTakenBack():
            return _delegation_taken_back(request, event)
        case (
            collaboration.Reserved()
            | collaboration.ReservationEnded()
            | collaboration.Snoozed()
            | collaboration.AskedBack()
            | collaboration.Clarified()
        ):
            return _conversation(request, event)
        case events.Expired():
            over = request.due_at is not None and event.at >= request.due_at
            return "its time was not over" if not over else None if request.held_until is None else "it was decided"
        case events.EffectClaimed(claim=claim):
            before = request.claim.attempt if request.claim is not None else 0
            return None if claim.attempt == before + 1 else f"attempt {claim.attempt} does not follow attempt {before}"
        case events.EffectExecuted() | events.EffectFailed() | events.EffectUnknown():
            claimed = request.claim is not None and request.claim.attempt == event.attempt
            return None if claimed else f"attempt {event.attempt} has not claimed it"
        case _:
            return None


def _delegation_taken_back(request: Request, event: events.DelegationTakenBack) -> str | None:
    given = any((one.giver, one.delegate) == (event.giver, event.delegate) for one in request.delegations)
    return _late(request, event.at) if given else f"{event.delegate} does not vote for {event.giver}"


def _late(request: Request, at: datetime) -> str | None:
    return None if request.closes_at is not None and at < request.closes_at else "its time was over"


def _untimely(request: Request, at: datetime) -> str | None:
    """Say why the present step cannot end now; None if it can: in time, and where it is held, when that is over."""
    if request.hold is None:
        return _late(request, at)
    over = request.held_until is not None and at >= request.held_until
    return None if over else "its hold was not over"


def _hold(request: Request, event: events.StepHeld) -> str | None:
    if request.hold is None or request.step_since is None or event.step != request.step:
        return f"step {event.step} is not under way, or has no hold"
    if event.until is None:
        return None if request.held_until is not None and not event.by else "it was not held"
    if not event.by or not {*event.by} <= {vote.voter for vote in request.votes}:
        return "it names voters whose votes the log does not hold"
    in_time = request.due_at is not None and event.at < event.until <= request.due_at
    return None if in_time else "a hold ends later than it begins, and not after the deadline"


def _taken_back(request: Request, event: events.VoteTakenBack) -> str | None:
    theirs = [vote for vote in request.votes if vote.voter == event.voter and event.by in {vote.voter, vote.owner}]
    if not theirs or event.step != request.step:
        return f"there is no vote of {event.voter} that is {event.by}'s"
    return _late(request, event.at)


def _conversation(
    request: Request,
    event: collaboration.Reserved
    | collaboration.ReservationEnded
    | collaboration.Snoozed
    | collaboration.AskedBack
    | collaboration.Clarified,
) -> str | None:
    match event:
        case collaboration.Reserved(until=until, at=at):
            ends = until > at and (request.due_at is None or until <= request.due_at)
            return _late(request, at) or (None if ends else "it would end before it begins, or after the deadline")
        case collaboration.ReservationEnded(by=by):
            return None if any(one.by == by for one in request.reservations) else f"{by} had not reserved it"
        case collaboration.Snoozed(by=by, until=until, at=at):
            ends = until > at and (request.due_at is None or until <= request.due_at)
            may_begin = _late(request, at) or (None if ends else "it would end before it begins, or after the deadline")
            return None if until == at and any(one.by == by for one in request.snoozes) else may_begin
        case collaboration.AskedBack(number=number, at=at):
            follows = number == len(request.clarifications) + 1
            return _late(request, at) or (None if follows else f"number {number} does not follow")
        case collaboration.Clarified(number=number):
            waits = any((one.number, one.said) == (number, None) for one in request.clarifications)
            return None if waits else f"nothing waits under number {number}"


def _vote(request: Request, event: VoteCast) -> str | None:
    vote = event.vote
    if request.step_since is None or vote.step != request.step:
        return f"step {vote.step} is not under way"
    if vote.digest != request.digest:
        return "the vote is on another digest"
    if request.requester in {vote.voter, vote.owner}:
        return "the requester voted"
    if request.step_asks and vote.eligible_as not in request.step_asks:
        return f"{vote.owner} voted as {vote.eligible_as or 'nobody'}, whom the step does not ask"
    return _late(request, vote.at)


def _step(request: Request, event: StepReached) -> str | None:
    if request.step_since is None:
        begins = event.step == 0 and not event.counted and not event.stand_ins
        return None if begins else "the first step comes first, and counts nobody"
    if event.step != request.step + 1:
        return f"step {event.step} does not follow step {request.step}"
    return _untimely(request, event.at) or _approvals(request, event.counted, event.stand_ins)


def _approvals(request: Request, counted: Sequence[str], behind: Sequence[StandIn]) -> str | None:
    """Say why a step has not been passed by these people; None if it has."""
    uncast = sorted(set(counted) - set(supporters(request.votes)))
    if uncast:
        return f"it counts {', '.join(uncast)}, whose approval the log does not hold"
    if len(set(counted)) != len(counted) or len(counted) < max(1, request.step_approvals):
        return f"{len(set(counted))} approved, and the step needs {max(1, request.step_approvals)}"
    return _others(request, counted, behind)


def _others(request: Request, people: Sequence[str], behind: Sequence[StandIn]) -> str | None:
    same = tuple(behind) == stand_ins(request.votes, tuple(people))
    return None if same else "it names others for whom they voted than the log does"


def _outcome(request: Request, event: Decided) -> str | None:
    if event.by_grant is not None:
        return _granted(request, event, event.by_grant)
    if request.step_since is None:
        by_rule = len(event.by) == 1 and event.by[0].startswith("rule:") and not event.counted and not event.stand_ins
        return None if by_rule and event.outcome == "approved" else "no step has begun"
    untimely = _untimely(request, event.at)
    if untimely is not None or event.outcome in NEGATIVE_OUTCOMES:
        return untimely or _refusals(request, event)
    if (event.outcome == "answered") != (request.edition.answer is not None):
        return "an answer makes it answered, and nothing else does"
    people = dict.fromkeys((*(person for _, person in request.counted), *event.counted))
    if event.by != tuple(people):
        return "the deciders are not those who were counted"
    return _approvals(request, event.counted, event.stand_ins)


def _granted(request: Request, event: Decided, by: ByGrant) -> str | None:
    if event.outcome != "approved" or event.counted or event.stand_ins or event.by != (f"{BY_GRANT}{by.grant}",):
        return "a grant approves by itself, and nobody counts"
    untouched = request.step_since is None and request.digest == request.asked_digest and not request.editors
    return None if untouched and request.kind is Kind.approval else "a grant approves an action as it is asked"


def _refusals(request: Request, event: Decided) -> str | None:
    if event.counted or (not event.by and event.outcome == "revised"):
        return "a rejected request counts no approvals, and a revision needs an author"
    uncast = sorted(set(event.by) - set(opponents(request.votes)))
    if uncast:
        return f"it counts {', '.join(uncast)}, whose refusal the log does not hold"
    return _others(request, event.by, event.stand_ins)
