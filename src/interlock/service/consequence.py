"""What follows from a request, in sentences: can it be undone, whom it reaches, how it is guarded, and what waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from interlock.domain.action import Kind
from interlock.domain.explain import duration_words
from interlock.domain.request import EffectState, Repeatable, Request, Status
from interlock.domain.run import RunStatus
from interlock.domain.verdict_preview import called_irreversible
from interlock.service.inline import counted
from interlock.service.recipients import recipients
from interlock.service.risk import Risk, risk_of
from interlock.service.run_views import RunView
from interlock.service.views import RequestView

GUARDS: dict[Repeatable, str] = {
    "idempotent": "If the tool is called again, it still happens only once.",
    "verifiable": "If its result is lost, the tool is asked whether it happened before it is called again.",
    "no": "If its result is lost, it is not called again: a person must say what became of it.",
}


@dataclass(frozen=True, slots=True)
class Consequence:
    """One thing that follows; `warns` if it should keep somebody from going on without a thought."""

    says: str
    warns: bool = False


def consequences(view: RequestView, run: RunView | None) -> tuple[Consequence, ...]:
    """Say what follows from a request.

    Args:
        run: the request's; None where it has none, or the reader does not see it.
    """
    return tuple(_consequences(view, run))


def _consequences(view: RequestView, run: RunView | None) -> Iterator[Consequence]:
    request = view.request
    if not request.is_open and request.status is not Status.approved:
        return
    for found in (view.stuck, view.done_before):
        if found is not None:
            yield Consequence(found, warns=True)
    if request.kind is Kind.approval and request.effect is not EffectState.executed:
        yield _undone(view)
    risk = risk_of(request)
    if risk is not None:
        yield _risk(risk)
    reached = recipients(request.edition.subject)
    if reached:
        yield Consequence(f"It reaches {counted(reached, 'recipient', 'recipients')}.")
    if request.kind is Kind.approval and request.effect is not EffectState.executed:
        yield Consequence(guard(request))
    if request.is_open:
        yield from (Consequence(one) for one in _waits(request, run))


def withdrawal(request: Request, run: RunView | None) -> str:
    """Say what becomes of an open request that a person withdraws, and of its run.

    Args:
        run: the request's; None where it has none, or the reader does not see it.
    """
    ends = "Nobody needs to decide it any more, and it is not approved."
    if not request.run_id:
        return f"{ends} {request.agent} reads your reason, and cannot carry it out."
    others = _others(request, run)
    made = counted(others, "other decision is made", "other decisions are made")
    when = f" once {made}" if others else ""
    return f"{ends} The run goes on as after a rejection{when}, and its agent reads your reason. To end it, cancel it."


def _others(request: Request, run: RunView | None) -> int:
    """Return for how many open requests beside this one its run waits."""
    left = {one.id for one in run.requests if one.is_open} - {request.id} if run is not None else set[str]()
    return sum(pending.request_id in left for pending in run.run.pause) if run is not None else 0


def _undone(view: RequestView) -> Consequence:
    request = view.request
    given = request.ask.context
    said = given.get("reversible") if isinstance(given, dict) else None
    author = {True: " The agent's author says that it can be undone.", False: ""}.get(said is True, "")
    if called_irreversible(request):
        return Consequence("It cannot be undone, the agent's author says.", warns=True)
    if request.is_open and request.hold is not None:
        length = duration_words(request.hold)
        until = f"For {length} after the deciding vote it can be taken back; then it is carried out."
        return Consequence(until + author)
    return Consequence(f"Once it is carried out, nobody can take the approval back.{author}")


def _risk(risk: Risk) -> Consequence:
    reasons = f": {'; '.join(risk.reasons)}" if risk.reasons else ""
    return Consequence(f"The agent calls its risk “{risk.level}”{reasons}.", warns=risk.is_grave)


def guard(request: Request) -> str:
    """Say how the effect of an action is guarded."""
    if request.claim is not None:
        return GUARDS[request.claim.repeatable]
    if request.run_id and not request.ask.task:
        return "The agent carries it out by itself: Interlock does not see whether it does."
    return "It is carried out at most once, and only as it is shown."


def _waits(request: Request, run: RunView | None) -> Iterator[str]:
    if not request.run_id:
        yield f"{request.agent} waits for the decision."
        return
    if run is None:
        yield "The run waits for the decision."
        return
    others = _others(request, run)
    also = f", and for {counted(others, 'other decision', 'other decisions')}" if others else ""
    if run.run.status is RunStatus.paused:
        yield f"The run waits for this decision{also}."
    if run.run.thread is not None:
        yield "Later turns of its conversation wait until it has ended."
