"""Which refusals are put into the log: that somebody tried is said once, however often they try."""

from __future__ import annotations

from collections.abc import Iterable

from interlock.domain.collaboration import Viewed
from interlock.domain.events import ConfigurationHeld, RefusalNoted

BY_AGENTS = frozenset({"ClaimEffect", "RecordEffect", "Withdraw", "Clarify"})
"""Commands that are not for people alone."""

CHANGES_NOTHING = RefusalNoted | Viewed | ConfigurationHeld


def must_be_noted(refusal: RefusalNoted, newest_first: Iterable[object], *, by_person: bool) -> bool:
    """Say whether a refusal has to be noted.

    Of what only people may do, it is noted once of each agent and service that it has tried. All else is noted again
    when it is another refusal, or the request has changed since.

    Args:
        newest_first: what the log of the request holds.
    """
    once = not by_person and refusal.command not in BY_AGENTS
    for event in newest_first:
        if not isinstance(event, CHANGES_NOTHING) and not once:
            return True
        if not isinstance(event, RefusalNoted) or (event.by, event.command) != (refusal.by, refusal.command):
            continue
        if once or (event.code, event.message) == (refusal.code, refusal.message):
            return False
    return True
