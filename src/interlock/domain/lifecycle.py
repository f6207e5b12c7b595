"""The whole life of a request in one table, and `evolve`, which applies one event by it.

What is asked for becomes events in `decide`; here stands what can happen at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import reduce
from typing import Any

from interlock.domain import collaboration, events
from interlock.domain.authority import Delegation
from interlock.domain.collaboration import Clarification, Reservation, Snooze
from interlock.domain.copying import copy_with
from interlock.domain.events import Decided, Event, Opened, StepReached
from interlock.domain.invariants import check_event
from interlock.domain.quorum import with_vote
from interlock.domain.request import Edition, EffectState, Request, Status

S, E = Status, EffectState

_WHILE_OPEN = (
    *("step_reached", "vote_cast", "edited", "reminded", "escalated", "extended", "rescheduled"),
    *("commented", "delegated", "delegation_taken_back", "step_held", "vote_taken_back"),
    *("reserved", "reservation_ended", "snoozed", "asked_back", "clarified"),
)

TRANSITIONS: dict[tuple[Status, EffectState, str], tuple[Status, EffectState]] = {
    # While it is open, people vote, change, are reminded and move on. It never comes back here.
    **{(S.open, E.none, event): (S.open, E.none) for event in _WHILE_OPEN},
    # It comes to one outcome, by an event of that name.
    **{(S.open, E.none, str(outcome)): (outcome, E.none) for outcome in S if outcome is not S.open},
    # An approved effect begins once, or never.
    (S.approved, E.none, "effect_claimed"): (S.approved, E.claimed),
    (S.approved, E.none, "effect_lapsed"): (S.approved, E.lapsed),
    # It ends; or its worker died, and it is claimed again with the same key, or nobody can know.
    (S.approved, E.claimed, "effect_executed"): (S.approved, E.executed),
    (S.approved, E.claimed, "effect_failed"): (S.approved, E.failed),
    (S.approved, E.claimed, "effect_unknown"): (S.approved, E.unknown),
    (S.approved, E.claimed, "effect_claimed"): (S.approved, E.claimed),
    # What is unknown is settled: by the truth arriving late, or by a person, who may also have it tried again; a truth
    # that arrives before it is tried again still holds.
    (S.approved, E.unknown, "effect_executed"): (S.approved, E.executed),
    (S.approved, E.unknown, "effect_failed"): (S.approved, E.failed),
    (S.approved, E.unknown, "effect_released"): (S.approved, E.none),
    (S.approved, E.none, "effect_executed"): (S.approved, E.executed),
}
"""Every change of status and effect. Anything that is not here cannot happen."""

NOTES = frozenset({"viewed", "refusal_noted", "late_result", "restored", "configuration_held"})
"""Events that are recorded in any state and change none."""


def fold(history: Iterable[Event], request: Request | None = None) -> Request:
    """Return the request that these events make, of the one before or of nothing."""
    folded = reduce(evolve, history, request)
    if folded is None:
        raise ValueError("no events, so no request")
    return folded


def evolve(request: Request | None, event: Event) -> Request:
    """Apply one event.

    Raises:
        ValueError: if the table does not know this change, or the event counts what the log does not hold: a defect,
            or an altered log; never a user's fault.
    """
    if isinstance(event, Opened):
        if request is not None:
            raise ValueError(f"{request.id} is opened twice")
        return _opened(event)
    if request is None:
        raise ValueError(f"{event.type} before opened")
    status, effect = request.status, request.effect
    label = event.outcome if isinstance(event, Decided) else event.type
    if label not in NOTES:
        try:
            status, effect = TRANSITIONS[status, effect, label]
        except KeyError:
            raise ValueError(f"{request.id} is {status}/{effect}: {label} cannot happen") from None
        check_event(request, event)
    return copy_with(_apply(request, event), status=status, effect=effect, version=request.version + 1)


def _opened(event: Opened) -> Request:
    return Request(
        id=event.request_id,
        tenant=event.tenant,
        run_id=event.run_id,
        agent=event.agent,
        requester=event.requester,
        initiator=event.initiator,
        ask=event.ask,
        asked_digest=event.asked_digest,
        edition=Edition(event.ask.subject),
        digest=event.asked_digest,
        round=event.round,
        route=event.route,
        opened_at=event.at,
        replaces=event.replaces,
        replacements=event.replacements,
        version=1,
        trace=event.trace,
    )


def _apply(request: Request, event: Event) -> Request:  # noqa: C901, PLR0911, PLR0912 - one line an event
    match event:
        case StepReached():
            return _step_begun(request, event)
        case events.Reminded(at=at):
            return copy_with(request, reminders=tuple(moment for moment in request.reminders if moment > at))
        case events.Escalated():
            return _escalated(request, event)
        case events.Delegated(giver=giver, delegate=delegate, reason=reason, at=at):
            kept = (one for one in request.delegations if one.giver != giver)
            return copy_with(request, delegations=(*kept, Delegation(giver, delegate, None, at, reason)))
        case events.DelegationTakenBack(giver=giver):
            return copy_with(request, delegations=tuple(one for one in request.delegations if one.giver != giver))
        case events.Extended(due_at=due_at):
            return copy_with(request, due_at=due_at)
        case events.Rescheduled(due_at=due_at, reminders=reminders, escalates_at=escalates_at, at=at):
            return copy_with(request, step_since=at, due_at=due_at, reminders=reminders, escalates_at=escalates_at)
        case events.VoteCast(vote=vote):
            return copy_with(_unreserved(request, vote.voter, vote.at), votes=with_vote(request.votes, vote))
        case events.VoteTakenBack(voter=voter):
            return copy_with(request, votes=tuple(vote for vote in request.votes if vote.voter != voter))
        case events.StepHeld(until=until, by=by):
            return copy_with(request, held_until=until, held_by=by)
        case events.Edited():
            return _edited(request, event)
        case Decided(by=by, comment=comment, at=at):
            counted, stand_ins = _counted(request, event), (*request.stand_ins, *event.stand_ins)
            voted = {"counted": counted, "stand_ins": stand_ins, "decided_by": by, "by_grant": event.by_grant}
            return _closed(request, at, comment, **voted)
        case events.Expired(at=at):
            return _closed(request, at, "nobody decided in time")
        case events.Withdrawn(reason=reason, replaced_by=replaced_by, at=at, by=by):
            return _closed(request, at, reason, replaced_by=replaced_by, decided_by=() if by is None else (by,))
        case events.ConfigurationHeld(problem=problem):
            return copy_with(request, configuration_held=problem)
        case _:
            return _apply_to_conversation(request, event)


def _apply_to_conversation(request: Request, event: Event) -> Request:
    match event:
        case collaboration.Reserved(by=by, until=until, at=at):
            others = _unreserved(request, by, at).reservations
            return copy_with(request, reservations=(*others, Reservation(by, at, until)))
        case collaboration.ReservationEnded(by=by, at=at):
            return _unreserved(request, by, at)
        case collaboration.Snoozed(by=by, until=until, at=at):
            left = tuple(one for one in request.snoozes if one.by != by and one.until > at)
            return copy_with(request, snoozes=(*left, Snooze(by, until)) if until > at else left)
        case collaboration.AskedBack(number=number, by=by, text=text, at=at):
            asked = Clarification(number, by, text, at)
            return copy_with(request, clarifications=(*request.clarifications, asked))
        case collaboration.Clarified(number=number, by=by, text=text, at=at):
            said = {number: replace(request.clarifications[number - 1], said=text, said_by=by, said_at=at)}
            return copy_with(request, clarifications=tuple(said.get(one.number, one) for one in request.clarifications))
        case _:
            return _apply_to_effect(request, event)


def _escalated(request: Request, event: events.Escalated) -> Request:
    handed_on, due_at = request.handed_on or event.due_at is not None, event.due_at or request.due_at
    asks = tuple(dict.fromkeys((*request.step_asks, *event.to)))
    escalated = tuple(sorted({*request.escalated, event.step}))
    handed = {"step_asks": asks, "due_at": due_at, "handed_on": handed_on}
    return copy_with(request, **handed, escalated=escalated, escalates_at=None)


def _edited(request: Request, event: events.Edited) -> Request:
    edition = event.edition
    behind = (edition.author or "", *((edition.on_behalf_of,) if edition.on_behalf_of is not None else ()))
    editors = tuple(dict.fromkeys((*request.editors, *behind)))
    changed = {"edition": edition, "digest": event.digest, "route": event.route, "editors": editors}
    return copy_with(request, **_NOT_HELD, **changed, votes=(), counted=(), escalated=(), stand_ins=(), step_since=None)


def _closed(request: Request, at: datetime, comment: str, **decided: Any) -> Request:
    return copy_with(request, **_NOT_HELD, decided_at=at, due_at=None, comment=comment, **decided)


_NOT_HELD: dict[str, Any] = {"held_until": None, "held_by": ()}


def _apply_to_effect(request: Request, event: Event) -> Request:
    match event:
        case events.EffectClaimed(claim=claim):
            return copy_with(request, claim=claim)
        case events.EffectExecuted(result=result, note=note):
            return copy_with(request, result=result, effect_note=note)
        case events.EffectFailed(reason=note) | events.EffectUnknown(reason=note) | events.EffectReleased(comment=note):
            return copy_with(request, effect_note=note)
        case events.EffectLapsed(reason=reason, replaced_by=replaced_by):
            return copy_with(request, effect_note=reason, replaced_by=replaced_by)
        case events.LateResult(state=state) if request.claim is None and state != "failed":
            return copy_with(request, reported=True)
        case _:
            return request


def _unreserved(request: Request, person: str, now: datetime) -> Request:
    """Return a request without this person's reservation, and without those that the clock has ended."""
    left = tuple(one for one in request.reservations if one.by != person and one.until > now)
    return request if left == request.reservations else copy_with(request, reservations=left)


def _step_begun(request: Request, event: StepReached) -> Request:
    return copy_with(
        request,
        **_NOT_HELD,
        step=event.step,
        step_since=event.at,
        step_asks=event.ask,
        step_approvals=event.approvals,
        due_at=event.due_at,
        reminders=event.reminders,
        escalates_at=event.escalates_at,
        handed_on=False,
        hold=event.hold,
        reservations=(),
        snoozes=(),
        votes=(),
        counted=_counted(request, event),
        stand_ins=(*request.stand_ins, *event.stand_ins),
    )


def _counted(request: Request, event: StepReached | Decided) -> tuple[tuple[int, str], ...]:
    return (*request.counted, *((request.step, person) for person in event.counted))
