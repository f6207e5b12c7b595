"""When a failed advance is tried again, and when only a person may say so.

What `perform` calls and what is gated stands in the ledger, and happens once. What a graph does by itself after a plain
interrupt, a breakpoint or an unchanged middleware stands nowhere: once it was allowed to act, another try may do it
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from interlock.domain.action import Action, Question
from interlock.domain.request import EffectState, Request, Status
from interlock.domain.run import Run
from interlock.domain.run_events import (
    AdvanceBegan,
    AttemptFailed,
    AttentionNeeded,
    RunEvent,
    RunPaused,
    RunRetried,
    StepKept,
    VersionAccepted,
)


@dataclass(frozen=True, slots=True)
class Retries:
    """How an agent's failed advances are tried again: `retries:` in interlock.yaml, read by `PolicySet.retries_of`.

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


@dataclass(frozen=True, slots=True)
class Broke:
    """The agent raised; it may be tried again.

    Args:
        counted: whether it was the agent's doing, and not the database's.
        ran: whether any of the graph may have run.
        person: why another attempt would end in the same way until a person has changed something, as a code of
            `AttentionNeeded`; empty if it may help.
    """

    reason: str
    counted: bool = True
    ran: bool = True
    person: str = ""


PUT_OFF = timedelta(seconds=1)
"""How long a run waits after the database failed; that counts as no attempt."""

BEFORE_ITS_GRAPH = frozenset({"version_mismatch", "record_altered", "invalid_context", "may_have_happened"})
"""Codes to which no doubt is added: nothing of the graph has run, or the reason names the doubt already."""

NAMED = 5
"""How many requests a sentence names."""


def after_failure(
    run: Run, broke: Broke, given: Iterable[Request], retries: Retries, now: datetime
) -> AttemptFailed | AttentionNeeded:
    """Return what follows from an advance that broke off: it is tried again, or a person has to look.

    Args:
        given: the decided requests with which it went on, as they are now.
    """
    reason = broke.reason
    doubt = _doubt(f"it broke off: {reason}", given, retries, now, raised=broke.counted) if broke.ran else None
    if doubt is not None:
        return doubt
    if not broke.counted:
        return AttemptFailed(reason, now + PUT_OFF, now, counted=False)
    if broke.person:
        return AttentionNeeded(broke.person, reason, None, now)
    if run.attempts + 1 < retries.attempts:
        return AttemptFailed(reason, now + retries.wait(run.attempts), now)
    failed = f"{run.attempts + 1} attempts failed, the last: " if run.attempts else ""
    return AttentionNeeded("attempts_exhausted", f"{failed}{reason}", None, now)


def after_vanishing(
    run: Run, history: Iterable[RunEvent], given: Iterable[Request], retries: Retries, now: datetime
) -> AttentionNeeded | None:
    """Return why a person has to look at a run whose worker has vanished; None if it is tried again.

    Args:
        given: the decided requests with which the vanished advance went on, as they are now.
    """
    doubt = _doubt("the worker that went on with it vanished", given, retries, now)
    if doubt is None and run.attempts + 1 >= retries.attempts:
        return AttentionNeeded("attempts_exhausted", exhausted(history), None, now)
    return doubt


def with_doubt(needed: AttentionNeeded, given: Iterable[Request], retries: Retries) -> AttentionNeeded:
    """Add to an AttentionNeeded what else may have happened in the same attempt.

    After that only `runs retry` resumes the run, even if the effect that stopped it has been settled.
    """
    allowed = [] if retries.repeatable or needed.code in BEFORE_ITS_GRAPH else allowed_by(given)
    if not allowed:
        return needed
    reason = needed.reason.rstrip(".")
    beside = f"In the same attempt, {_named(allowed)}. {_LOOK}"
    if needed.code != "effect_unknown" or needed.request_id is None:
        return replace(needed, reason=f"{reason}. {beside}")
    first = f"Settle {needed.request_id} first: interlock effects settle {needed.request_id}"
    return replace(needed, reason=f"{reason}. {first}. {beside}", request_id=None)


def exhausted(history: Iterable[RunEvent]) -> str:
    """Describe how many attempts failed or lost their worker since the run last made progress."""
    vanished, failed, running = 1, 0, False
    for event in history:
        match event:
            case RunPaused() | StepKept() | RunRetried() | VersionAccepted():
                vanished, failed = 1, 0
            case AdvanceBegan() if running:
                vanished += 1
            case AttemptFailed(counted=True):
                failed += 1
        running = isinstance(event, AdvanceBegan)
    if not failed:
        return f"{vanished} workers vanished over it"
    if vanished == 1:
        return f"{failed + 1} attempts failed, the last because its worker vanished"
    return f"{failed + vanished} attempts failed, {vanished} of them because their workers vanished, as the last did"


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


def _doubt(
    ended: str, given: Iterable[Request], retries: Retries, now: datetime, *, raised: bool = False
) -> AttentionNeeded | None:
    """Return that only a person may let an advance be tried again, because it was allowed to act; None if it may be.

    How it ended is said, and whether the agent's own code `raised`.
    """
    allowed = [] if retries.repeatable else allowed_by(given, raised=raised)
    if not allowed:
        return None
    return AttentionNeeded("may_have_happened", f"{_named(allowed)}, and then {ended}. {_LOOK}", allowed[0].id, now)


_LOOK = "It may have happened, and nothing here counts it: look before you let the run try again."

ANSWERS = {
    Status.approved: "approved",
    Status.answered: "answered",
    Status.rejected: "answered with no",
    Status.revised: "sent back",
    Status.expired: "not answered in time",
    Status.withdrawn: "withdrawn",
}
"""What was said to a request, for every outcome: after it a graph may act."""


def _named(allowed: Sequence[Request]) -> str:
    """Say what each was and what was said to it: a person has to look at each of them."""
    told = [f"{_what(one)} ({one.id}) was {ANSWERS[one.status]}" for one in allowed[:NAMED]]
    return ", ".join([*told, f"{len(allowed) - NAMED} more too"] if len(allowed) > NAMED else told)


def _what(request: Request) -> str:
    subject = request.edition.subject
    return subject.name if isinstance(subject, Action) else "a question" if isinstance(subject, Question) else "a draft"


def _lets_act(request: Request) -> bool:
    if isinstance(request.edition.subject, Question):
        return not request.is_open
    return request.status is Status.approved


def _is_unused(request: Request) -> bool:
    return request.effect is EffectState.none and request.status in {Status.approved, Status.answered}
