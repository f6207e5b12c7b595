"""Votes become the outcome of a step."""

from __future__ import annotations

from enum import Enum

from interlock.domain.action import VERDICTS
from interlock.domain.policy import Step
from interlock.domain.request import StandIn, Vote

FOR = frozenset(verdict for verdict, rule in VERDICTS.items() if rule.supports)
AGAINST = frozenset(VERDICTS) - FOR


class Tally(Enum):
    """What the votes of a step have come to."""

    open = "open"
    passed = "passed"
    rejected = "rejected"
    revised = "revised"


def with_vote(votes: tuple[Vote, ...], vote: Vote) -> tuple[Vote, ...]:
    """Add a vote; a person's later vote takes the place of the earlier one.

    Nobody stands behind two votes of a step, be it as the voter or as the person for whom it was cast.
    """
    people = {vote.voter, vote.owner}
    return (*(earlier for earlier in votes if people.isdisjoint({earlier.voter, earlier.owner})), vote)


def supporters(votes: tuple[Vote, ...]) -> tuple[str, ...]:
    """Return who supports, in the order of their votes."""
    return tuple(vote.voter for vote in votes if vote.verdict in FOR)


def opponents(votes: tuple[Vote, ...]) -> tuple[str, ...]:
    """Return who is against, in the order of their votes."""
    return tuple(vote.voter for vote in votes if vote.verdict in AGAINST)


def stand_ins(votes: tuple[Vote, ...], voters: tuple[str, ...]) -> tuple[StandIn, ...]:
    """Return those of these voters who voted for another."""
    chosen = ((vote, vote.on_behalf_of) for vote in votes if vote.voter in voters)
    return tuple(StandIn(vote.step, vote.voter, giver, vote.at) for vote, giver in chosen if giver is not None)


def tally(step: Step, votes: tuple[Vote, ...], eligible: frozenset[str] | None) -> Tally:
    """Say what the votes of a step have come to.

    Args:
        votes: at most one a person, oldest first, all on the digest that stands.
        eligible: everybody who may vote in this step, or None if that cannot be counted.
    """
    against = [vote for vote in votes if vote.verdict in AGAINST]
    if len(supporters(votes)) >= step.approvals:
        return Tally.passed
    if len(against) >= step.rejections or out_of_reach(step, votes, eligible):
        return Tally(VERDICTS[against[-1].verdict].outcome) if against else Tally.rejected
    return Tally.open


def out_of_reach(step: Step, votes: tuple[Vote, ...], eligible: frozenset[str] | None) -> bool:
    """Say whether too few of those who may vote are left for the step's approvals. See `tally`."""
    against = {vote.owner for vote in votes if vote.verdict in AGAINST}
    return eligible is not None and len(eligible - against) < step.approvals
