"""Part of the plain model: who may say something to a request, and for whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tests.model.entry_context import with_all

from interlock.domain.action import Subject, Verdict
from interlock.domain.authority import Directory
from interlock.domain.events import Opened
from interlock.domain.policy import Policy, Step
from interlock.domain.request import Vote


@dataclass(frozen=True, slots=True)
class Voter:
    """Somebody who speaks, perhaps for another."""

    person: str
    on_behalf_of: str | None
    at: datetime

    @property
    def people(self) -> set[str]:
        """Who stands behind it."""
        return {self.person, self.owner}

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self.on_behalf_of or self.person


@dataclass(slots=True)
class VoteModel:
    """What is said in the present step of one request, and who may say it."""

    opened: Opened
    policy: Policy
    level: int
    digest: str
    subject: Subject
    step: int = -1
    votes: dict[str, Verdict] = field(default_factory=dict)
    voters: dict[str, Voter] = field(default_factory=dict)
    editors: set[str] = field(default_factory=set)
    escalated: set[int] = field(default_factory=set)
    delegates: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    @property
    def rule(self) -> Step:
        """The step that waits now, with those to whom it has escalated."""
        return self.rule_of(self.step)

    def rule_of(self, index: int) -> Step:
        """Return a step, with those to whom it has escalated."""
        step = self.policy.levels[self.level].steps[index]
        return with_all(step) if index in self.escalated else step

    def may_vote(self, person: str, directory: Directory, step: Step | None = None) -> bool:
        """Say whether this person counts in a step in their own right."""
        if self._barred(person):
            return False
        groups = [name.removeprefix("group:") for name in (step or self.rule).ask if name.startswith("group:")]
        in_group = any(person in directory.groups[name] for name in groups)
        return in_group or f"person:{person}" in (step or self.rule).ask

    def _barred(self, person: str) -> bool:
        initiator = None if self.policy.initiator_may_approve else self.opened.initiator
        return person in {self.opened.requester, initiator} or (self.policy.four_eyes and person in self.editors)

    def counts(self, voter: Voter, directory: Directory, step: Step | None = None) -> bool:
        """Say whether somebody counts in a step, for themselves or for another."""
        if voter.on_behalf_of is None:
            return self.may_vote(voter.person, directory, step)
        return (
            voter.on_behalf_of in self._others(voter.person, directory, voter.at)
            and self.may_vote(voter.on_behalf_of, directory, step)
            and not self._barred(voter.person)
        )

    def voter_of(self, person: str, directory: Directory, at: datetime) -> Voter | None:
        """Say how somebody may speak now; None if not at all."""
        if self.may_vote(person, directory):
            return Voter(person, None, at)
        earlier = [self.voters[one] for one in self.votes if one != person]
        taken = {one for voter in earlier if self.counts(voter, directory) for one in voter.people}
        before = self.voters[person].on_behalf_of if person in self.votes else None
        others = sorted(self._others(person, directory, at), key=lambda other: other != before)
        possible = (Voter(person, other, at) for other in others if other not in taken)
        return next((voter for voter in possible if self.counts(voter, directory)), None)

    def _others(self, person: str, directory: Directory, at: datetime) -> list[str]:
        """Return for whom somebody may speak: on this request alone, or on any."""
        here = [giver for giver, (delegate, since) in self.delegates.items() if delegate == person and since <= at]
        given = [one for one in directory.delegations if one.delegate == person]
        return here + [
            one.giver
            for one in given
            if (one.since is None or one.since <= at) and one.until is not None and one.until > at
        ]

    def has_voted(self, person: str, directory: Directory) -> bool:
        """Say whether somebody has a vote that counts."""
        return person in self.votes and self.counts(self.voters[person], directory)

    def take(self, vote: Vote, directories: list[Directory]) -> None:
        """Take in a vote, and forget those whose people speak anew."""
        voter = Voter(vote.voter, vote.on_behalf_of, vote.at)
        assert any(
            self.counts(voter, it) and (voter.on_behalf_of is None or not self.may_vote(voter.person, it))
            for it in directories
        ), "I7/I9: may not vote"
        for person in list(self.votes):
            earlier = self.voters[person]
            if earlier.people & voter.people:
                stands = all(self.counts(earlier, it) for it in directories)
                assert vote.voter in earlier.people or not stands, "I6: one vote took another person's place"
                del self.votes[person]
        self.votes[vote.voter], self.voters[vote.voter] = vote.verdict, voter
