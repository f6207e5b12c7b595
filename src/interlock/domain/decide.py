"""What happens when somebody asks for a change: events, or a refusal.

`decide` is pure: time, identity and policy come in with the context. Nothing else changes a request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from interlock.domain import commands
from interlock.domain.authority import LONGEST_ID, NO_PERSON, Delegation
from interlock.domain.canonical import check_text
from interlock.domain.commands import Command, Comment, DecisionContext, Delegate, Open, Withdraw
from interlock.domain.effect import decide_claim, decide_lapse, decide_record, decide_settle
from interlock.domain.events import Commented, Delegated, Event, Opened, Withdrawn
from interlock.domain.hold import decide_end_hold, decide_take_back
from interlock.domain.request import MAX_COMMENT, Request
from interlock.domain.step_end import first_step
from interlock.domain.timing import decide_escalate, decide_expire, decide_extend, decide_remind, decide_reschedule
from interlock.domain.voting import decide_vote, must_be_in_time, must_be_open, says_something
from interlock.errors import Forbidden, InvalidValue, NotFound, WrongDigest


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


def _decide_comment(request: Request, command: Comment, context: DecisionContext) -> tuple[Event, ...]:
    person = _person(request, context, "comment on")
    must_be_open(request)
    check_text(command.text, "text", MAX_COMMENT)
    if not says_something(command.text):
        raise InvalidValue("text", "must say something")
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


def _may_not_delegate(request: Request, giver: str, delegate: str, context: DecisionContext) -> str | None:
    step = request.step_of(context.policy)
    eligibility = context.eligibility(request)
    reason = eligibility.exclusion(step, giver)
    if reason is not None:
        return reason
    if any(vote.owner == giver for vote in eligibility.counting(step, request.votes)):
        return f"{giver} has voted, or somebody has for them"
    if eligibility.exclusion(step, delegate) is None:
        return f"{delegate} is asked as well, and one person is one vote"
    given = Delegation(giver, delegate, None, context.now)
    people = replace(eligibility.directory, delegations=(given, *eligibility.directory.delegations))
    return replace(eligibility, directory=people).exclusion(step, delegate, giver, context.now)


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
    commands.Reschedule: lambda request, _, context: decide_reschedule(request, context),
    commands.Withdraw: _decide_withdraw,
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
    )
    return (opened, first_step(context, command.route))
