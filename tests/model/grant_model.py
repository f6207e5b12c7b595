"""Part of the plain model: what is left of a standing grant, told from the log alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from interlock.domain.action import Action
from interlock.domain.directory_events import GrantRevoked, GrantUsed
from interlock.domain.events import Decided, Opened
from interlock.domain.grants import Grant

HIGHEST_GRANTED = 60
"""Up to which amount the machine's people grant payments."""


@dataclass(slots=True)
class GrantModel:
    """One grant, and what it has approved; `pending` is not counted in the record yet."""

    given: Grant
    amounts: list[Decimal] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    revoked: bool = False

    def approve(self, event: Decided, opened: Opened) -> None:
        """Take in that it has approved a request as that was opened."""
        subject, given, by = opened.ask.subject, self.given, event.by_grant
        assert by is not None
        assert isinstance(subject, Action), "a grant approved what is no action"
        amount = Decimal(subject.args["amount"])
        assert not self.revoked, "a revoked grant approved"
        assert event.at < given.until, "a grant approved when its time was over"
        assert opened.route.policy_hash == given.policy_hash, "a grant approved under another policy"
        assert (opened.agent, subject.name) == (given.agent, given.action), "a grant approved for another agent"
        assert 0 <= amount <= HIGHEST_GRANTED, "a grant approved another amount than it allows"
        assert (event.outcome, event.counted, event.by) == ("approved", (), (f"grant:{given.id}",)), "I6: votes counted"
        assert by.giver == given.giver, "another person gave it"
        self.amounts.append(amount)
        assert len(self.amounts) <= given.uses, "a grant was used more often than it allows"
        assert given.total is None or sum(self.amounts) <= given.total.at_most, "a grant was used beyond its sum"
        self.pending.append(opened.request_id)

    def read(self, event: GrantUsed | GrantRevoked) -> None:
        """Take in what the record says of it."""
        if isinstance(event, GrantRevoked):
            assert not self.revoked, "revoked twice"
            self.revoked = True
        else:
            assert event.request_id in self.pending, "a use is counted that was none, or twice"
            self.pending.remove(event.request_id)
