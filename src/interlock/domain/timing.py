"""What time alone brings to an open request: reminders, more people, expiry; and how a person gives it more."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from interlock.domain.canonical import check_text
from interlock.domain.commands import Command, DecisionContext, EndHold, Escalate, Expire, Extend, Remind
from interlock.domain.events import Escalated, Event, Expired, Extended, Reminded, Rescheduled, StepHeld
from interlock.domain.request import MAX_COMMENT, Request
from interlock.domain.step_end import step_begins
from interlock.domain.voting import must_be_in_time, must_be_open, says_something
from interlock.errors import Forbidden, InvalidValue, ReasonMissing, TooEarly

LONGEST_EXTENSION = timedelta(days=30)
"""How far one extension may move a deadline; another one may follow."""


def due_commands(request: Request, now: datetime) -> tuple[Command, ...]:
    """Return what is due for a request, in the order in which it is to be asked for; nothing if nothing is."""
    if not request.is_open or request.due_at is None:
        return ()
    if request.held_until is not None:
        return (EndHold(request.id),) if now >= request.held_until else ()
    if now >= request.due_at:
        return (Expire(request.id),)
    escalate = request.escalates_at is not None and now >= request.escalates_at
    remind = bool(request.reminders) and now >= request.reminders[0]
    return (*([Escalate(request.id)] if escalate else []), *([Remind(request.id)] if remind else []))


def decide_expire(request: Request, context: DecisionContext) -> tuple[Event, ...]:
    """At its deadline a step expires, or goes on with those to whom it escalates: once, and for as long again."""
    must_be_open(request)
    if request.due_at is None or context.now < request.due_at or request.held_until is not None:
        raise TooEarly(f"{request.id} is not due yet.", request_id=request.id)
    step = request.step_of(context.policy)
    if step.on_timeout == "escalate" and step.escalate is not None and not request.handed_on:
        return (Escalated(request.step, step.escalate.to, step.later(context.now, step.within), context.now),)
    return (Expired(context.now),)


def decide_remind(request: Request, context: DecisionContext) -> tuple[Event, ...]:
    """Remind those who are asked, if it is time and not too late."""
    must_be_in_time(request, context.now)
    if not request.reminders or context.now < request.reminders[0] or request.held_until is not None:
        raise TooEarly(f"No reminder of {request.id} is due.", request_id=request.id)
    return (Reminded(request.step, context.now),)


def decide_escalate(request: Request, context: DecisionContext) -> tuple[Event, ...]:
    """Ask more people in the present step, if it is time and not too late."""
    must_be_in_time(request, context.now)
    step = request.step_of(context.policy)
    held = request.held_until is not None
    if held or request.escalates_at is None or context.now < request.escalates_at or step.escalate is None:
        raise TooEarly(f"No escalation of {request.id} is due.", request_id=request.id)
    return (Escalated(request.step, step.escalate.to, None, context.now),)


def decide_extend(request: Request, command: Extend, context: DecisionContext) -> tuple[Event, ...]:
    """Give the present step more time, if whoever asks for it is an operator or may vote in it."""
    person = context.person
    must_be_in_time(request, context.now)
    reason = _may_not_extend(request, context, person)
    if reason is not None:
        raise Forbidden(f"{person} may not extend {request.id}: {reason}.", request_id=request.id)
    due_at = _extended(request, command, context)
    check_text(command.reason, "reason", MAX_COMMENT)
    if not says_something(command.reason):
        raise ReasonMissing(f"An extension of {request.id} needs a reason: it is logged.")
    return (Extended(person, due_at, command.reason, context.now),)


def decide_reschedule(request: Request, context: DecisionContext) -> tuple[Event, ...]:
    """Let the present step begin now, if an operator asks for it and it begins in the future."""
    person = context.person
    must_be_open(request)
    if context.principal.kind != "person" or not context.directory.is_operator(person):
        raise Forbidden(f"{person} may not set the times of {request.id} right: operators may.", request_id=request.id)
    if request.step_since is None or request.step_since <= context.now:
        return ()
    begun = step_begins(request.step_of(context.policy), request.step, context.now)
    rescheduled = Rescheduled(person, begun.due_at, begun.reminders, begun.escalates_at, context.now)
    if request.held_until is None:
        return (rescheduled,)
    assert request.hold is not None
    until = min(context.now + request.hold, begun.due_at)
    return (rescheduled, StepHeld(request.step, until, context.now, request.held_by))


def _extended(request: Request, command: Extend, context: DecisionContext) -> datetime:
    """Return the deadline that an extension brings: more of the step's own time, so open time under a calendar."""
    assert request.due_at is not None
    step, most = request.step_of(context.policy), f"at most {LONGEST_EXTENSION.days} days"
    if not timedelta(seconds=1) <= command.by <= LONGEST_EXTENSION:
        raise InvalidValue("by", f"must be at least a second and {most}")
    due_at = step.later(request.due_at, command.by)
    if step.calendar is not None and due_at - request.due_at > LONGEST_EXTENSION:
        until = f"is open time of the calendar {step.calendar.name!r}, so until {step.calendar.shown(due_at)}"
        raise InvalidValue("by", f"{until}: one extension moves a deadline by {most}")
    return due_at


def _may_not_extend(request: Request, context: DecisionContext, person: str) -> str | None:
    if context.principal.kind != "person":
        return "only people extend"
    if context.directory.is_operator(person):
        return None
    eligibility = context.eligibility(replace(request, editors=()))  # nothing is changed
    return eligibility.exclusion(request.step_of(context.policy), person)
