"""When a failed advance is tried again, and when only a person may say so.

What `perform` calls and what is gated stands in the ledger, and happens once. What a graph does by itself after a plain
interrupt, a breakpoint or an unchanged middleware stands nowhere: once it was allowed to act, another try may do it
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from interlock.domain.action import Action, Question
from interlock.domain.request import EffectState, Request, Status

__all__ = ["DEFAULT", "Retries", "allowed_by", "beside", "may_have_happened"]


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

NAMED = 5
"""How many requests a sentence names."""


def allowed_by(requests: Iterable[Request], *, raised: bool = False) -> list[Request]:
    """Return those of an advance's decided requests that let the graph act where no ledger counts.

    That is an action that was approved, and a question that was answered in whatever way: a graph may act on a no, too.
    An action that was refused, or answered in its place, lets nothing happen. What `interlock.ask` asked, the ledger
    guards; but if the agent's own code raised after a yes or an answer that nobody performed, it may have acted on it.

    Args:
        raised: the agent's own code ended the advance.
    """
    return [
        request for request in requests if (raised and _is_unused(request) if request.ask.task else _lets_act(request))
    ]


def may_have_happened(allowed: Sequence[Request], what_ended: str) -> str:
    """Say why a person has to look at a run that was allowed to act, and did not come to the end of its advance."""
    return f"{_named(allowed)}, and then {what_ended}. {_LOOK}"


def beside(allowed: Sequence[Request]) -> str:
    """Say what a person has to look at beside what has stopped the run."""
    return f"In the same attempt, {_named(allowed)}. {_LOOK}"


_LOOK = "It may have happened, and nothing here counts it: look before you let the run try again."

_SAID = {Status.approved: "approved", Status.rejected: "answered with no", Status.expired: "not answered in time"}


def _named(allowed: Sequence[Request]) -> str:
    """Say what each was and what was said to it: a person has to look at each of them."""
    told = [f"{_what(one)} ({one.id}) was {_SAID.get(one.status, 'answered')}" for one in allowed[:NAMED]]
    return ", ".join([*told, f"{len(allowed) - NAMED} more too"] if len(allowed) > NAMED else told)


def _what(request: Request) -> str:
    subject = request.edition.subject
    return subject.name if isinstance(subject, Action) else "a question" if isinstance(subject, Question) else "a draft"


def _lets_act(request: Request) -> bool:
    if isinstance(request.edition.subject, Question):
        return not request.is_open and request.status is not Status.withdrawn
    return request.status is Status.approved


def _is_unused(request: Request) -> bool:
    return request.effect is EffectState.none and request.status in {Status.approved, Status.answered}
