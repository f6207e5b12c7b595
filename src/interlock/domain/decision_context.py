"""What a decision depends on apart from the request and the command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from interlock.domain.authority import Directory, Principal
from interlock.domain.policy import Policy
from interlock.domain.windows import Recent

__all__ = ["DecisionContext"]


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """What a decision depends on apart from the request and the command.

    Args:
        now: the store's clock.
        principal: who asks for the change.
        policy: the policy version that the request has pinned, or will pin.
        directory: the people as they are known now.
        recent: what the agent asked before of the same action; None where nobody has looked.
        abandoned: nobody holds the run any more, so nobody will report what became of an effect that was begun.
    """

    now: datetime
    principal: Principal
    policy: Policy
    directory: Directory
    recent: Recent | None = None
    abandoned: bool = False
