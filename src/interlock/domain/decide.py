"""What happens when somebody asks for a change: events, or a refusal.

`decide` is pure: time, identity and policy come in with the context. Nothing else changes a request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from interlock.domain import commands
from interlock.domain.authority import LONGEST_ID, NO_PERSON, Delegation
from interlock.domain.canonical import check_text
from interlock.domain.collaboration import (
    LONGEST_RESERVATION,
    LONGEST_SNOOZE,
    MOST_CLARIFICATIONS,
    SHORTEST_RESERVATION,
    AskedBack,
    Clarified,
    ReservationEnded,
    Reserved,
    Snoozed,
)
from interlock.domain.commands import (
    AskBack,
    Clarify,
    Command,
    Comment,
    DecisionContext,
    Delegate,
    EndReservation,
    Open,
    Reserve,
    Snooze,
    TakeBackDelegation,
    Withdraw,
    WithdrawAsPerson,
)
from interlock.domain.effect import decide_claim, decide_lapse, decide_record, decide_settle
from interlock.domain.events import (
    Commented,
    Delegated,
    DelegationTakenBack,
    Event,
    Opened,
    Withdrawn,
)
from interlock.domain.granting import approval_by_grant
from interlock.domain.hold import decide_end_hold, decide_take_back
from interlock.domain.lifecycle import evolve
from interlock.domain.request import MAX_COMMENT, Request
from interlock.domain.step_end import after_votes, first_step
from interlock.domain.timing import decide_escalate, decide_expire, decide_extend, decide_remind, decide_reschedule
from interlock.domain.voting import decide_vote, must_be_in_time, must_be_open, says_something
from interlock.errors import Closed, Forbidden, InvalidValue, NotFound, ReasonMissing, WrongDigest


def decide(request: Request | None, command: Command, context: DecisionContext) -> tuple[Event, ...]:
    """Say what happens when somebody asks for this change now.

    Returns:
        The events, in order; none if what is asked for is so already.

    Raises:
        Refused: if the rules say no. Nothing changes then; the desk notes the refusal.
    """
    if isinstance(command, Open):
        return _decide_open(request, command, context)
    if request is None:
        raise NotFound(f"There is no request {command.request_id}.", request_id=command.request_id)
    return _DECISIONS[type(command)](request, command, context)


def _decide_withdraw(request: Request, command: Withdraw, context: DecisionContext) -> tuple[Event, ...]:
    must_be_open(request)
    return (Withdrawn(command.reason, command.replaced_by, context.now),)


def _decide_withdraw_as_person(
    request: Request, command: WithdrawAsPerson, context: DecisionContext
) -> tuple[Event, ...]:
    person, directory = context.person, context.directory
    must_be_in_time(request, context.now)
    started = person == directory.canonical(request.initiator)
    if context.principal.kind != "person" or not (started or directory.is_operator(person)):
        raise Forbidden(
            f"{person} may not withdraw {request.id}: whoever started it may, and operators.", request_id=request.id
        )
    check_text(command.reason, "reason", MAX_COMMENT)
    if not says_something(command.reason):
        raise ReasonMissing(f"A withdrawal of {request.id} needs a reason: it is logged, and the agent reads it.")
    return (Withdrawn(command.reason, None, context.now, person),)


def _decide_comment(request: Request, command: Comment, context: DecisionContext) -> tuple[Event, ...]:
    person = _person(request, context, "comment on")
    must_be_open(request)
    _check_said(command.text)
    return (Commented(person, command.text, context.now),)


def _decide_delegate(request: Request, command: Delegate, context: DecisionContext) -> tuple[Event, ...]:
    giver = _person(request, context, "delegate")
    delegate = context.directory.canonical(_person_named(command.to))
    must_be_in_time(request, context.now)
    check_text(command.reason, "reason", MAX_COMMENT)
    if not delegate or delegate == giver:
        raise InvalidValue("to", "must be another person")
    reason = _may_not_delegate(request, giver, delegate, context)
    if reason is not None:
        raise Forbidden(f"{giver} may not let {delegate} vote on {request.id}: {reason}.", request_id=request.id)
    if any((one.giver, one.delegate) == (giver, delegate) for one in request.delegations):
        return ()
    return (Delegated(giver, delegate, command.reason, context.now),)


def _decide_take_back_delegation(
    request: Request, _: TakeBackDelegation, context: DecisionContext
) -> tuple[Event, ...]:
    giver = _person(request, context, "delegate")
    known = context.directory.canonical
    given = next((one for one in request.delegations if known(one.giver) == giver), None)
    if given is None:
        return ()
    must_be_in_time(request, context.now)
    taken = DelegationTakenBack(given.giver, given.delegate, context.now)
    if request.hold is None:
        return (taken,)  # fewer votes end nothing
    return (taken, *after_votes(request, evolve(request, taken), context))


def _person_named(to: object) -> str:
    """Refuse what cannot be the id of a person: it is shown to others, and kept."""
    if not isinstance(to, str) or not to.strip() or not to.isprintable() or len(to) > LONGEST_ID:
        raise InvalidValue(
            "to", f"must be the id of a person, such as mia@example.com: at most {LONGEST_ID} characters"
        )
    if to.strip().casefold().startswith(NO_PERSON):
        raise InvalidValue("to", "must be a person: a group, a role, an agent and a service have no vote")
    return to


def _person(request: Request, context: DecisionContext, verb: str) -> str:
    if context.principal.kind != "person":
        raise Forbidden(f"{context.principal.id} may not {verb} {request.id}: only people do.", request_id=request.id)
    return context.person


def why_not_given_away(request: Request, giver: str, context: DecisionContext) -> str | None:
    """Say why somebody (canonical id) may let nobody else vote for them; None if nothing stands in the way."""
    step = request.step_of(context.policy)
    eligibility = context.eligibility(request)
    reason = eligibility.exclusion(step, giver)
    if reason is None and any(vote.owner == giver for vote in eligibility.counting(step, request.votes)):
        return f"{giver} has voted, or somebody has for them"
    return reason


def _may_not_delegate(request: Request, giver: str, delegate: str, context: DecisionContext) -> str | None:
    reason = why_not_given_away(request, giver, context)
    if reason is not None:
        return reason
    step, eligibility = request.step_of(context.policy), context.eligibility(request)
    if eligibility.exclusion(step, delegate) is None:
        return f"{delegate} is asked as well, and one person is one vote"
    given = Delegation(giver, delegate, None, context.now)
    people = replace(eligibility.directory, delegations=(given, *eligibility.directory.delegations))
    return replace(eligibility, directory=people).exclusion(step, delegate, giver, context.now)


def _decide_reserve(request: Request, command: Reserve, context: DecisionContext) -> tuple[Event, ...]:
    person = _person(request, context, "reserve")
    must_be_in_time(request, context.now)
    if not SHORTEST_RESERVATION <= command.lasts <= LONGEST_RESERVATION:
        raise InvalidValue("lasts", "must be from one minute to a day")
    _must_be_asked(request, person, context, "reserve")
    return (Reserved(person, _before_deadline(request, context.now + command.lasts), context.now),)


def _must_be_asked(request: Request, person: str, context: DecisionContext, verb: str) -> None:
    eligibility = context.eligibility(request)
    right = eligibility.of(request.step_of(context.policy), person, context.now, request.votes)
    if right.excluded is not None:
        raise Forbidden(f"{person} may not {verb} {request.id}: {right.excluded}.", request_id=request.id)


def _before_deadline(request: Request, until: datetime) -> datetime:
    return until if request.due_at is None else min(until, request.due_at)


def _decide_end_reservation(request: Request, _: EndReservation, context: DecisionContext) -> tuple[Event, ...]:
    person = _person(request, context, "reserve")
    mine = any(one.by == person for one in request.reserved_at(context.now))
    return (ReservationEnded(person, context.now),) if mine else ()


def _decide_snooze(request: Request, command: Snooze, context: DecisionContext) -> tuple[Event, ...]:
    person = _person(request, context, "snooze")
    if command.lasts is None:
        return (Snoozed(person, context.now, context.now),) if request.snoozed_by(person, context.now) else ()
    must_be_in_time(request, context.now)
    if not SHORTEST_RESERVATION <= command.lasts <= LONGEST_SNOOZE:
        raise InvalidValue("lasts", "must be from one minute to 30 days")
    _must_be_asked(request, person, context, "snooze")
    return (Snoozed(person, _before_deadline(request, context.now + command.lasts), context.now),)


def _decide_ask_back(request: Request, command: AskBack, context: DecisionContext) -> tuple[Event, ...]:
    person = _person(request, context, "ask back about")
    must_be_in_time(request, context.now)
    _check_said(command.text)
    if len(request.clarifications) >= MOST_CLARIFICATIONS:
        raise Forbidden(
            f"People have asked back {MOST_CLARIFICATIONS} times about {request.id}: decide on it, or comment.",
            request_id=request.id,
        )
    return (AskedBack(len(request.clarifications) + 1, person, command.text, context.now),)


def _decide_clarify(request: Request, command: Clarify, context: DecisionContext) -> tuple[Event, ...]:
    by = context.person if context.principal.kind == "person" else context.principal.id
    if by not in {request.requester, context.directory.canonical(request.initiator)}:
        raise Forbidden(
            f"{by} may not answer what was asked back about {request.id}: its agent does, and who started it.",
            request_id=request.id,
        )
    must_be_open(request)
    _check_said(command.text)
    asked = next((one for one in request.clarifications if one.number == command.number), None)
    if asked is None:
        raise NotFound(f"Nothing was asked back about {request.id} under number {command.number}.")
    if (asked.said, asked.said_by) == (command.text, by):
        return ()
    if asked.said is not None:
        raise Closed(f"{asked.said_by} has answered number {asked.number} already.", request_id=request.id)
    return (Clarified(command.number, by, command.text, context.now),)


def _check_said(text: str) -> None:
    check_text(text, "text", MAX_COMMENT)
    if not says_something(text):
        raise InvalidValue("text", "must say something")


_DECISIONS: dict[type[Command], Callable[[Request, Any, DecisionContext], tuple[Event, ...]]] = {
    commands.CastVote: decide_vote,
    commands.TakeBack: lambda request, _, context: decide_take_back(request, context),
    commands.EndHold: lambda request, _, context: decide_end_hold(request, context),
    commands.Expire: lambda request, _, context: decide_expire(request, context),
    commands.Remind: lambda request, _, context: decide_remind(request, context),
    commands.Escalate: lambda request, _, context: decide_escalate(request, context),
    commands.Extend: decide_extend,
    commands.Comment: _decide_comment,
    commands.Delegate: _decide_delegate,
    commands.TakeBackDelegation: _decide_take_back_delegation,
    commands.Reserve: _decide_reserve,
    commands.EndReservation: _decide_end_reservation,
    commands.Snooze: _decide_snooze,
    commands.AskBack: _decide_ask_back,
    commands.Clarify: _decide_clarify,
    commands.Reschedule: lambda request, _, context: decide_reschedule(request, context),
    commands.Withdraw: _decide_withdraw,
    commands.WithdrawAsPerson: _decide_withdraw_as_person,
    commands.ClaimEffect: decide_claim,
    commands.RecordEffect: decide_record,
    commands.SettleEffect: decide_settle,
    commands.Lapse: decide_lapse,
}
"""Each command, and the rule that decides on it."""


def _decide_open(request: Request | None, command: Open, context: DecisionContext) -> tuple[Event, ...]:
    if request is not None:
        if request.run_id == command.run_id and request.asked_digest == command.ask.subject.digest:
            return ()
        raise WrongDigest(f"{request.id} exists and asks something else.", request_id=request.id)
    opened = Opened(
        request_id=command.request_id,
        tenant=context.principal.tenant,
        run_id=command.run_id,
        agent=command.agent,
        requester=context.principal.id,
        initiator=command.initiator,
        ask=command.ask,
        asked_digest=command.ask.subject.digest,
        round=command.round,
        route=command.route,
        replaces=command.replaces,
        replacements=command.replacements,
        at=context.now,
        trace=command.trace,
    )
    level = context.policy.levels[command.route.level]
    granted = None if level.grants is None or command.forked else approval_by_grant(evolve(None, opened), context)
    return (opened, granted or first_step(context, command.route))
