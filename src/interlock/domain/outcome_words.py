"""What became of a request, in words: the end of the story, and that it can have no good one."""

from __future__ import annotations

from collections.abc import Iterable

from interlock.domain.authority import Directory
from interlock.domain.eligibility import Eligibility, eligibility_of
from interlock.domain.policy import Policy, Step
from interlock.domain.request import EffectState, Request, Status
from interlock.domain.run import Run, RunStatus


def what_became(request: Request, run: Run | None) -> str:
    """Say what a request came to, and what was done about it, such as `approved; done, 14:03`.

    Args:
        run: the request's run as it stands; None if it has none.
    """
    if request.status is not Status.approved:
        return str(request.status)
    return f"approved; {_effect(request) or ('not done yet' if run is None else _unused(request, run))}"


def _effect(request: Request) -> str:
    note = f": {request.effect_note}" if request.effect_note else ""
    match request.effect:
        case EffectState.executed:
            return f"done, {request.claim.at:%H:%M} UTC" if request.claim is not None else "done"
        case EffectState.failed:
            return f"not done{note}"
        case EffectState.unknown:
            return f"nobody knows whether it was done{note}"
        case EffectState.claimed:
            return "begun, and its result is not there yet"
        case EffectState.lapsed:
            return f"not done, the approval lapsed{note}"
        case _:
            return ""


def _unused(request: Request, run: Run) -> str:
    """Say what became of an approval that no effect in the ledger has used."""
    gated = bool(request.ask.task)
    match run.status:
        case RunStatus.cancelled | RunStatus.failed:
            ended = "was cancelled" if run.status is RunStatus.cancelled else "failed"
            return f"not done, the run {ended}" if gated else f"the run {ended}; what the agent did is not recorded"
        case RunStatus.done:
            return "not used, the run is done" if gated else "the agent went on, and the run is done"
        case RunStatus.needs_attention:
            return "not done yet, the run needs attention" if gated else "the run needs attention"
        case _:
            goes_on = f"the run goes on{_with_others(request, run)}"
            return f"not done yet, {goes_on}" if gated else goes_on


def _with_others(request: Request, run: Run) -> str:
    waits = {wait.request_id for wait in run.pause} if run.status is RunStatus.paused else set()
    return " when all that it asked is decided" if request.id in waits and len(waits) > 1 else ""


def done_before(request: Request, earlier: Iterable[Request]) -> str | None:
    """Say that a run from which this request's run was forked has done the same already; None if none has.

    Args:
        earlier: what those runs have asked.
    """
    for other in earlier:
        if request.digest in {other.digest, other.asked_digest} and other.effect in _BEGUN:
            return (
                f"This run is a fork, and {other.run_id} has asked the same ({other.id}): approved; {_effect(other)}. "
                "What is approved here is done once more."
            )
    return None


_BEGUN = frozenset({EffectState.claimed, EffectState.executed, EffectState.unknown})


def cannot_pass(request: Request, policy: Policy, directory: Directory) -> str | None:
    """Say why nobody can approve an open request as people and policies are now; None if somebody can.

    Those to whom a step escalates, and whoever may vote for somebody else, count as people who can.
    """
    level = policy.levels[request.route.level]
    if not request.is_open or level.automatic:
        return None
    eligibility = eligibility_of(request, policy, directory)
    for index in range(request.step, len(level.steps)):
        why = _too_few(request.step_of(policy, index).escalated(), eligibility, directory)
        if why is not None:
            return f"Nobody can approve this: step {index + 1} of {len(level.steps)} {why}"
    return None


def _too_few(step: Step, eligibility: Eligibility, directory: Directory) -> str | None:
    asked = directory.asked(step)
    if asked is None:
        return None
    reasons = {person: eligibility.exclusion(step, person) for person in asked}
    may = sorted(person for person, reason in reasons.items() if reason is None)
    if len(may) >= step.approvals:
        return None
    excluded = "; ".join(f"not {person}: {reason}" for person, reason in sorted(reasons.items()) if reason)
    who = ", ".join(may) or "nobody"
    return f"needs {step.approvals} of {', '.join(step.ask)}, and {who} may{f' ({excluded})' if excluded else ''}."
