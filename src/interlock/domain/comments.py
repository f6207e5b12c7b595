"""Decide comments, and the delegation of one request to another person."""

from __future__ import annotations

from dataclasses import replace

from interlock.domain.authority import LONGEST_ID, NO_PERSON, Delegation
from interlock.domain.canonical import check_text
from interlock.domain.commands import Comment, DecisionContext, Delegate
from interlock.domain.eligibility import eligibility_of
from interlock.domain.events import Commented, Delegated, Event
from interlock.domain.request import MAX_COMMENT, Request
from interlock.domain.voting import must_be_in_time, must_be_open, says_something
from interlock.errors import Forbidden, InvalidValue

__all__ = ["decide_comment", "decide_delegate"]


def decide_comment(request: Request, command: Comment, context: DecisionContext) -> tuple[Event, ...]:
    """Put what a person says into the log."""
    person = _person(request, context, "comment on")
    must_be_open(request)
    check_text(command.text, "text", MAX_COMMENT)
    if not says_something(command.text):
        raise InvalidValue("text", "must say something")
    return (Commented(person, command.text, context.now),)


def decide_delegate(request: Request, command: Delegate, context: DecisionContext) -> tuple[Event, ...]:
    """Let another person vote for whoever asks for it, if both of them may."""
    giver = _person(request, context, "delegate")
    delegate = context.directory.canonical(_person_named(command.to))
    must_be_open(request)
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
    eligibility = eligibility_of(request, context.policy, context.directory)
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
