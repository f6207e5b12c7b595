"""What a change would lead to if its vote were cast now: it is tried, and nothing of it is kept."""

from __future__ import annotations

from dataclasses import replace

from interlock.domain.commands import CastVote
from interlock.domain.verdict_preview import VerdictPreview, preview_of_change
from interlock.service.client import Client

_REASON = "a reason"  # whether one is given is seen when the vote is cast


async def change_tried(client: Client, vote: CastVote) -> VerdictPreview | None:
    """Say what a change would lead to, and who has to agree on it; None if it changes nothing.

    Raises:
        InvalidAnswer: if it does not fit, or the policy could not judge it any more.
        Refused: if this principal may not make it.
    """
    found = await client.system.desk.tried(replace(vote, comment=_REASON), client.principal)
    return preview_of_change(*found)
