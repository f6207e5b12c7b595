"""Who may vote, for whom, and whose vote no longer counts. A disabled account has no roles.

The vote of somebody who has lost a role stops counting when votes are counted anew. At the next vote (`voting.py`),
when a vote or a delegation is taken back and when a hold ends (`hold.py`), the votes of the present step are checked.
When the effect is claimed (`effect.py`), the votes of all steps are checked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from interlock.domain.authority import Directory
from interlock.domain.policy import Policy, Step, where_holds
from interlock.domain.request import Request, Vote, VotingState

ONLY_PEOPLE = "only people vote"
DISABLED = "their account is disabled"
OVER = "the time to decide is over"


@dataclass(frozen=True, slots=True)
class VotingRight:
    """Whether somebody may vote: for whom, if not for themselves, or why not at all."""

    on_behalf_of: str | None = None
    excluded: str | None = None


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Who may vote on one request. `editors`: canonical ids of those who changed it, and whose change may stand."""

    policy: Policy
    directory: Directory
    initiator: str
    requester: str
    editors: Collection[str] = ()

    def exclusion(
        self, step: Step, person: str, on_behalf_of: str | None = None, at: datetime | None = None
    ) -> str | None:
        """Say why a vote of this person does not count in this step, or None if it does.

        Args:
            person: canonical id of the voter.
            on_behalf_of: canonical id of the person whom the voter represents, if any; then both must be eligible.
            at: when the vote was cast, or would be; a delegation must cover it.
        """
        if on_behalf_of is None:
            return self._barred(person) or self._unasked(step, person) or self._unfit(step, person)
        if at is None or on_behalf_of not in self.directory.givers(person, at):
            return f"{on_behalf_of} has not named {person} to vote for them at that time, or has taken it back"
        theirs = self.exclusion(step, on_behalf_of)
        if theirs is not None:
            return f"the vote is {on_behalf_of}'s, and {theirs}"
        return self._barred(person) or self._unfit(step, person)

    def _barred(self, person: str) -> str | None:
        if person in self.directory.disabled:
            return DISABLED
        if person == self.directory.canonical(self.requester):
            return "the requester never decides on its own request"
        if person == self.directory.canonical(self.initiator) and not self.policy.initiator_may_approve:
            return "whoever started the run does not decide on it under this policy"
        if self.policy.four_eyes and person in self.editors:
            return "under four-eyes, whoever changed the arguments does not decide on them"
        return None

    def _unasked(self, step: Step, person: str) -> str | None:
        return None if self.directory.is_asked(step, person) else "this step asks " + ", ".join(step.ask)

    def _unfit(self, step: Step, person: str) -> str | None:
        reviewer = {"id": person, "roles": self.directory.roles_of(person)}
        initiator, requester = map(self.directory.canonical, (self.initiator, self.requester))
        fits = where_holds(step, reviewer, initiator, requester)
        return None if fits else f"this step asks only those for whom {step.where}"

    def counting(self, step: Step, votes: Sequence[Vote]) -> tuple[Vote, ...]:
        """Return the votes that still count: whoever has lost the role since does not any more (I9)."""
        return tuple(vote for vote in votes if self.exclusion(step, vote.voter, vote.on_behalf_of, vote.at) is None)

    def of(
        self, step: Step, person: str, now: datetime, votes: Sequence[Vote] = (), prefer: str | None = None
    ) -> VotingRight:
        """Say whether a person may vote now, and for whom.

        Whoever may vote in their own right does so, and for nobody else: one person is one vote. Of several people for
        whom somebody may vote it is the one for whom they have, else the first.

        Args:
            votes: those cast in this step. Whoever has voted, or for whom somebody else has, needs no delegate.
            prefer: for whom the person acts already, where they may.
        """
        own = self.exclusion(step, person)
        if own is None:
            return VotingRight()
        others = [vote for vote in self.counting(step, votes) if vote.voter != person]
        before = [vote.on_behalf_of for vote in votes if vote.voter == person]
        reasons = []
        givers = self.directory.givers(person, now)
        for giver in sorted(givers, key=lambda one: (one != prefer, one not in before)):
            reason = self.exclusion(step, person, giver, now) or _taken(giver, others)
            if reason is None:
                return VotingRight(giver)
            reasons.append(reason)
        return VotingRight(None, "; ".join(dict.fromkeys([own, *reasons])))


def _taken(giver: str, others: Sequence[Vote]) -> str | None:
    for vote in others:
        if vote.voter == giver:
            return f"{giver}, for whom this would be, has voted"
        if vote.on_behalf_of == giver:
            return f"{vote.voter} has voted for {giver}"
    return None


def eligibility_of(request: VotingState, policy: Policy, directory: Directory) -> Eligibility:
    """Return the voting rules of a request."""
    people = with_delegations(directory, request)
    return Eligibility(policy, people, request.initiator, request.requester, request.editors)


def voting_right(request: Request, policy: Policy, directory: Directory, person: str, now: datetime) -> VotingRight:
    """Say whether somebody may vote on a request now, and for whom; nothing stands in the way where nobody is asked."""
    if not request.is_open or policy.levels[request.route.level].automatic:
        return VotingRight()
    if request.closes_at is not None and now >= request.closes_at:
        return VotingRight(excluded=OVER)
    eligibility = eligibility_of(request, policy, directory)
    return eligibility.of(request.step_of(policy), directory.canonical(person), now, request.votes)


def with_delegations(directory: Directory, request: VotingState) -> Directory:
    """Return the directory, preceded by the delegations made for this request."""
    if not request.delegations:
        return directory
    known = directory.canonical  # somebody may have become another name of somebody else since
    here = (replace(one, giver=known(one.giver), delegate=known(one.delegate)) for one in request.delegations)
    return replace(directory, delegations=(*here, *directory.delegations))
