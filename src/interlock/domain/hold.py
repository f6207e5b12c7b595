"""A hold: a step ends some time after the vote that would end it, and until then that vote can be taken back.

Until it is over there is no outcome, so that none is ever left (I3), and nothing runs.
"""

from __future__ import annotations

from interlock.domain.commands import DecisionContext
from interlock.domain.events import Event, StepHeld, VoteTakenBack
from interlock.domain.lifecycle import evolve
from interlock.domain.request import Request
from interlock.domain.step_end import after_votes, counting, ending_votes, held, is_held_for, step_ends
from interlock.domain.voting import must_be_in_time, must_be_open
from interlock.errors import Forbidden, NoVote, TooEarly


def decide_end_hold(request: Request, context: DecisionContext) -> tuple[Event, ...]:
    """End a step whose hold is over as its votes say; one whose voter has lost the role meanwhile no longer counts."""
    must_be_open(request)
    if request.held_until is None or context.now < request.held_until:
        raise TooEarly(f"No hold of {request.id} is over.", request_id=request.id)
    ending = ending_votes(request, counting(request, context), context)
    if not ending:
        return (StepHeld(request.step, None, context.now),)
    in_time = request.due_at is not None and context.now < request.due_at
    if in_time and not is_held_for(request, ending):  # others end it now: theirs can be taken back for as long
        return (held(request, ending, context),)
    return step_ends(request, ending, context)


def decide_take_back(request: Request, context: DecisionContext) -> tuple[Event, ...]:
    """Take back the vote of the present step that is this person's, or was cast for them."""
    if context.principal.kind != "person":
        raise Forbidden(f"{context.principal.id} has no vote on {request.id}: only people vote.", request_id=request.id)
    person = context.person
    must_be_in_time(request, context.now)
    voter = next((vote.voter for vote in request.votes if person in {vote.voter, vote.owner}), None)
    if voter is None:
        raise NoVote(
            f"{person} has no vote on {request.id} that could be taken back: `interlock requests show {request.id}` "
            "lists those of the present step.",
            request_id=request.id,
        )
    taken = VoteTakenBack(voter, person, request.step, context.now)
    if request.hold is None:
        return (taken,)  # fewer votes end nothing
    return (taken, *after_votes(request, evolve(request, taken), context))
