"""What each verdict is, in one table: how it counts, what a request comes to by it, who offers it, and its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from interlock.domain.action import Kind, Verdict

__all__ = ["REFUSALS", "VERDICTS", "Outcome", "VerdictRule"]

Outcome = Literal["approved", "rejected", "answered", "revised"]
"""What people, or a rule, can bring a request to."""


@dataclass(frozen=True, slots=True)
class VerdictRule:
    """What a verdict is.

    Args:
        supports: it counts for what a step needs to pass; else it counts against.
        outcome: what a request comes to, if this verdict decides it.
        kinds: what it is offered for, unless the graph's author chooses.
        did: what somebody has done by it, such as `sent back`.
        question: asks whether it is meant.
        does: what happens by it, after "you".
    """

    supports: bool
    outcome: Outcome
    kinds: frozenset[Kind]
    did: str
    question: str
    does: str


_TO_APPROVE = frozenset({Kind.approval, Kind.review})

VERDICTS: dict[Verdict, VerdictRule] = {
    Verdict.approve: VerdictRule(
        True, "approved", _TO_APPROVE, "approved", "Approve?", "approve it: what is shown is done"
    ),
    Verdict.edit: VerdictRule(
        True,
        "approved",
        _TO_APPROVE,
        "approved with changes",
        "Approve with these changes?",
        "approve it with the changes that are shown",
    ),
    Verdict.respond: VerdictRule(
        True, "answered", frozenset({Kind.input}), "answered", "Answer so?", "give this answer"
    ),
    Verdict.revise: VerdictRule(
        False, "revised", frozenset({Kind.review}), "sent back", "Send back?", "send the draft back with what you said"
    ),
    Verdict.reject: VerdictRule(False, "rejected", frozenset(Kind), "rejected", "Reject?", "reject it"),
}
"""In the order in which they are offered."""

REFUSALS: frozenset[str] = frozenset(rule.outcome for rule in VERDICTS.values() if not rule.supports)
"""The outcomes that are a no: nobody counts as approving, and the votes of the last step alone decide."""
