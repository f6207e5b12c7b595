"""Votes become the outcome of a step."""

from __future__ import annotations

from enum import Enum

from interlock.domain.action import Verdict
from interlock.domain.policy import Step
from interlock.domain.request import Vote

__all__ = ["Tally", "cast", "supporters", "tally"]

FOR = frozenset({Verdict.approve, Verdict.edit, Verdict.respond})
AGAINST = frozenset({Verdict.reject, Verdict.revise})


class Tally(Enum):
    """What the votes of a step have come to."""

    open = "open"
    passed = "passed"
    rejected = "rejected"
    revised = "revised"


def cast(votes: tuple[Vote, ...], vote: Vote) -> tuple[Vote, ...]:
    """Add a vote; a person's later vote takes the place of the earlier one."""
    return (*(earlier for earlier in votes if earlier.voter != vote.voter), vote)


def supporters(votes: tuple[Vote, ...]) -> tuple[str, ...]:
    """Return who supports, in the order of their votes."""
    return tuple(vote.voter for vote in votes if vote.verdict in FOR)


def tally(step: Step, votes: tuple[Vote, ...], eligible: frozenset[str] | None) -> Tally:
    """Say what the votes of a step have come to.

    Args:
        votes: at most one a person, oldest first, all on the digest that stands.
        eligible: everybody who may vote in this step, or None if that cannot be counted.
    """
    against = [vote for vote in votes if vote.verdict in AGAINST]
    lost = {vote.voter for vote in against}
    if len(supporters(votes)) >= step.approvals:
        return Tally.passed
    if against and (len(against) >= step.rejections or _out_of_reach(step, lost, eligible)):
        return Tally.revised if against[-1].verdict is Verdict.revise else Tally.rejected
    return Tally.open


def _out_of_reach(step: Step, against: set[str], eligible: frozenset[str] | None) -> bool:
    # One who was against and may not vote any more is not among the eligible: do not subtract that person twice.
    return eligible is not None and len(eligible - against) < step.approvals
