"""When a failed advance is tried again, and when only a person may say so.

What `perform` calls and what is gated stands in the ledger, and happens once. What a graph does by itself after a plain
interrupt, a breakpoint or an unchanged middleware stands nowhere: once it was allowed to act, another try may do it
again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from interlock.domain.action import Action
from interlock.domain.request import Request, Status

__all__ = ["DEFAULT", "Retries", "allowed_by", "may_have_happened"]


@dataclass(frozen=True, slots=True)
class Retries:
    """How an agent's failed advances are tried again.

    Args:
        attempts: how many advances of one pause may fail in a row before a person has to look.
        backoff: how long the first of them waits; each after it twice as long.
        longest: the longest that one waits.
        repeatable: whatever the graph does may happen twice, so it is tried again whoever allowed what.
    """

    attempts: int = 5
    backoff: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=60)
    repeatable: bool = False

    def wait(self, failed: int) -> timedelta:
        """Return how long to wait after an attempt, when so many before it have failed."""
        wait = min(self.longest, self.backoff)
        for _ in range(failed):
            wait = min(self.longest, wait * 2)
        return wait


DEFAULT = Retries()


def allowed_by(requests: Iterable[Request]) -> list[Request]:
    """Return those of an advance's decided requests that let the graph act by itself.

    That is what was approved, and questions that were answered. Not: what `interlock.ask` asked, which the ledger
    guards; refusals and silence; an answer in the place of an action, which is not done.
    """
    return [request for request in requests if not request.task and _lets_act(request)]


def may_have_happened(allowed: list[Request], what_ended: str) -> str:
    """Say why a person has to look at a run that was allowed to act, and did not come to the end of its advance."""
    first = allowed[0]
    subject = first.edition.subject
    name = f"{subject.name} " if isinstance(subject, Action) else ""
    others = f" and {len(allowed) - 1} more" if len(allowed) > 1 else ""
    said = "approved" if first.status is Status.approved else "answered"
    return (
        f"{name}({first.id}){others} was {said}, and then {what_ended}. It may have happened, and nothing here counts "
        "it: look before you let the run try again."
    ).lstrip()


def _lets_act(request: Request) -> bool:
    if request.status is Status.answered:
        return not isinstance(request.edition.subject, Action)
    return request.status is Status.approved
