"""In what capacity somebody votes: for themselves, for another who has named them, or not at all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from interlock.domain.authority import Directory, exclusion
from interlock.domain.policy import Policy, Step
from interlock.domain.request import Request, Vote

__all__ = ["Matter", "Standing", "matter_of"]


@dataclass(frozen=True, slots=True)
class Standing:
    """In what capacity somebody may vote.

    Args:
        on_behalf_of: for whom; None for themselves.
        excluded: why not at all; None if they may.
    """

    on_behalf_of: str | None = None
    excluded: str | None = None


@dataclass(frozen=True, slots=True)
class Matter:
    """What people vote on, as far as it says who may.

    Args:
        editors: canonical ids of everybody who changed it.
    """

    policy: Policy
    directory: Directory
    initiator: str
    requester: str
    editors: Collection[str] = ()

    def exclusion(
        self, step: Step, person: str, on_behalf_of: str | None = None, at: datetime | None = None
    ) -> str | None:
        """Say why a vote of this person does not count in this step, or None if it does. See `authority.exclusion`."""
        return exclusion(
            self.policy,
            step,
            self.directory,
            person=person,
            initiator=self.initiator,
            requester=self.requester,
            editors=self.editors,
            on_behalf_of=on_behalf_of,
            at=at,
        )

    def counting(self, step: Step, votes: Sequence[Vote]) -> tuple[Vote, ...]:
        """Return the votes that still count: whoever has lost the role since does not any more (I9)."""
        return tuple(vote for vote in votes if self.exclusion(step, vote.voter, vote.on_behalf_of, vote.at) is None)

    def standing(
        self, step: Step, person: str, now: datetime, votes: Sequence[Vote] = (), prefer: str | None = None
    ) -> Standing:
        """Say in what capacity a person may vote now.

        Whoever may vote in their own right does so, and for nobody else: one person is one vote. Of several people for
        whom somebody may vote it is the one for whom they have, else the first.

        Args:
            votes: those cast in this step. Whoever has voted, or for whom somebody else has, needs no delegate.
            prefer: for whom the person acts already, where they may.
        """
        own = self.exclusion(step, person)
        if own is None:
            return Standing()
        others = [vote for vote in self.counting(step, votes) if vote.voter != person]
        before = [vote.on_behalf_of for vote in votes if vote.voter == person]
        reasons = []
        givers = self.directory.givers(person, now)
        for giver in sorted(givers, key=lambda one: (one != prefer, one not in before)):
            reason = self.exclusion(step, person, giver, now) or _taken(giver, others)
            if reason is None:
                return Standing(giver)
            reasons.append(reason)
        return Standing(None, "; ".join(dict.fromkeys([own, *reasons])))


def _taken(giver: str, others: Sequence[Vote]) -> str | None:
    for vote in others:
        if vote.voter == giver:
            return f"{giver}, for whom this would be, has voted"
        if vote.on_behalf_of == giver:
            return f"{vote.voter} has voted for {giver}"
    return None


def matter_of(request: Request, policy: Policy, directory: Directory) -> Matter:
    """Return what is voted on in a request."""
    return Matter(policy, directory, request.initiator, request.requester, request.editors)
