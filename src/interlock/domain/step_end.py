"""How a step begins, and what its votes come to: the next step or an outcome, at once or when a hold is over."""

from __future__ import annotations

from datetime import datetime

from interlock.domain.action import Outcome
from interlock.domain.commands import DecisionContext
from interlock.domain.events import Decided, Event, StepHeld, StepReached
from interlock.domain.policy import Route, Step
from interlock.domain.quorum import Tally, opponents, stand_ins, supporters, tally
from interlock.domain.request import Request, StandIn, Vote


def first_step(context: DecisionContext, route: Route) -> Event:
    """Return the event with which a level begins: its first step, or the rule's own approval."""
    level = context.policy.levels[route.level]
    if level.automatic:
        return Decided("approved", (f"rule:{level.name}",), "", context.now)
    return step_begins(level.steps[0], 0, context.now)


def step_begins(
    step: Step, index: int, now: datetime, counted: tuple[str, ...] = (), behind: tuple[StandIn, ...] = ()
) -> StepReached:
    """Return the event with which a step begins now, with all its times."""
    after = None if step.escalate is None else step.escalate.after
    return StepReached(
        index,
        step.later(now, step.within),
        now,
        counted,
        tuple(step.later(now, wait) for wait in step.remind_after),
        None if after is None else step.later(now, after),
        behind,
        step.ask,
        step.approvals,
        step.hold,
    )


def after_votes(before: Request, after: Request, context: DecisionContext) -> tuple[Event, ...]:
    """Return what changed votes cause: the step's end, or with a hold, its start, restart or end.

    A hold begins anew if other votes end the step than before.

    Args:
        before, after: the request with the votes as they were, and as they are.
    """
    if after.hold is None:
        return step_ends(after, counting(after, context), context)
    ending = ending_votes(after, counting(after, context), context)
    if not ending:
        return (StepHeld(after.step, None, context.now),) if after.held_until is not None else ()
    if is_held_for(after, ending) and ending == ending_votes(before, counting(before, context), context):
        return ()
    return (held(after, ending, context),)


def is_held_for(request: Request, ending: tuple[Vote, ...]) -> bool:
    """Say whether the present step is held because of these votes."""
    return request.held_until is not None and request.held_by == tuple(vote.voter for vote in ending)


def held(request: Request, ending: tuple[Vote, ...], context: DecisionContext) -> StepHeld:
    """Return the event with which the present step, which has a hold, is held from now on: not beyond its deadline."""
    assert request.hold is not None
    assert request.due_at is not None
    until = min(context.now + request.hold, request.due_at)
    return StepHeld(request.step, until, context.now, tuple(vote.voter for vote in ending))


def counting(request: Request, context: DecisionContext) -> tuple[Vote, ...]:
    """Return the votes of the present step that count as people are now."""
    return context.eligibility(request).counting(request.step_of(context.policy), request.votes)


def ending_votes(request: Request, votes: tuple[Vote, ...], context: DecisionContext) -> tuple[Vote, ...]:
    """Return the votes up to the one that ends the step, by which alone it ends: those after it came too late.

    There are none if nothing ends it.
    """
    step, eligible = request.step_of(context.policy), able(request, context)
    ends = (end for end in range(1, len(votes) + 1) if tally(step, votes[:end], eligible) is not Tally.open)
    return votes[: next(ends, 0)]


def step_ends(request: Request, votes: tuple[Vote, ...], context: DecisionContext) -> tuple[Event, ...]:
    """Return the event with which these votes, of which the last is the latest, end the present step; none if not."""
    eligible = able(request, context)
    match tally(request.step_of(context.policy), votes, eligible):
        case Tally.open:
            return ()
        case Tally.passed:
            return (_passed(request, votes, context),)
        case Tally.rejected if not opponents(votes):  # the others have lost the role since
            return (Decided("rejected", (), too_few(request, eligible, context), context.now),)
        case Tally.rejected | Tally.revised as turned_down:
            by = opponents(votes)
            return (Decided(turned_down.value, by, votes[-1].comment, context.now, stand_ins=stand_ins(votes, by)),)


def _passed(request: Request, votes: tuple[Vote, ...], context: DecisionContext) -> Event:
    steps = context.policy.levels[request.route.level].steps
    following, counted = request.step + 1, supporters(votes)
    behind = stand_ins(votes, counted)
    if following < len(steps):
        return step_begins(steps[following], following, context.now, counted, behind)
    by = tuple(dict.fromkeys((*(person for _, person in request.counted), *counted)))
    # Somebody may have answered in an action's place: then it is not to be done.
    outcome: Outcome = "approved" if request.edition.answer is None else "answered"
    return Decided(outcome, by, votes[-1].comment, context.now, counted, behind)


def able(request: Request, context: DecisionContext) -> frozenset[str] | None:
    """Return everybody who may vote in this step, or will be able to once it escalates; None if nobody can say."""
    step = request.step_of(context.policy).escalated()
    asked = context.directory.asked(step)
    if asked is None:
        return None
    eligibility = context.eligibility(request)
    # Those whom it asks, whoever may vote for them: a delegate adds nobody.
    return frozenset(person for person in asked if eligibility.exclusion(step, person) is None)


def too_few(request: Request, eligible: frozenset[str] | None, context: DecisionContext) -> str:
    """Say that too few of those who are asked may approve."""
    needed, left = request.step_of(context.policy).approvals, len(eligible or ())
    return f"{needed} must approve and only {left} of those asked may" if left else "nobody who is asked may approve"
