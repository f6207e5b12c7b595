"""What each verdict of somebody would lead to now: the rules are tried, so that what is foretold is what happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

from interlock.domain.action import VERDICTS, Kind, Verdict
from interlock.domain.canonical import Json
from interlock.domain.commands import CastVote, DecisionContext
from interlock.domain.decide import decide
from interlock.domain.events import Edited, Event, VoteCast
from interlock.domain.explain import duration_words, who_asked
from interlock.domain.lifecycle import evolve
from interlock.domain.policy import Level, Policy
from interlock.domain.quorum import opponents, supporters
from interlock.domain.request import Request, Status
from interlock.domain.step_end import first_step
from interlock.errors import InterlockError

_SAID = "said"
_AS_IT_STANDS = "The draft is accepted as it stands."
_OTHERS_DECIDE = "Your changes are recorded, and others decide on them."

Becomes = Literal["recorded", "next_step", "held", "decided"]
"""A vote may wait for others, pass its step, decide with time to take it back, or decide at once."""

OUTCOMES: Mapping[tuple[Status, Kind], str] = {
    (Status.approved, Kind.approval): "It is approved, and what is shown is carried out.",
    (Status.approved, Kind.review): _AS_IT_STANDS,
    (Status.approved, Kind.input): "The agent goes on with the answer that stands.",
    (Status.answered, Kind.input): "The agent goes on with this answer.",
    (Status.answered, Kind.approval): "It is not carried out: the agent goes on with this answer in its place.",
    (Status.answered, Kind.review): "The agent goes on with this answer in the draft's place.",
}

_REFUSED = {
    Kind.approval: "It is rejected, and not carried out.",
    Kind.review: "The draft is rejected.",
    Kind.input: "The question is turned down: the agent gets no answer.",
}


@dataclass(frozen=True, slots=True)
class VerdictPreview:
    """What a verdict would lead to.

    Args:
        says: the same in a sentence or two.
    """

    verdict: Verdict
    becomes: Becomes
    says: str


def verdict_previews(request: Request, context: DecisionContext) -> tuple[VerdictPreview, ...]:
    """Return what each verdict would lead to that the principal may say now, in the order in which they are offered."""
    return tuple(
        _preview(request, verdict, events, context)
        for verdict in request.ask.verdicts
        if (events := _tried(request, verdict, context)) is not None
    )


def why_confirmed(
    request: Request, context: DecisionContext, *, done_before: str | None = None, risk: str = ""
) -> tuple[str, ...]:
    """Say why an approval takes a second act, because nobody can undo it; nothing if it takes none.

    An approval that others follow, or that can be taken back for a while, takes none. Else it is what the agent's
    author calls irreversible or of high risk, what stands on the highest of several levels, and what was done before.

    Args:
        risk: how high the agent calls its risk, if it is high.
        done_before: that a run from which this one was forked has done the same already.
    """
    found = next((one for one in verdict_previews(request, context) if one.verdict is Verdict.approve), None)
    if found is None or found.becomes != "decided" or request.kind is not Kind.approval:
        return ()
    return why_grave(request, context.policy, done_before=done_before, risk=risk)


def called_irreversible(request: Request) -> bool:
    """Say whether the agent's author says that what is asked cannot be undone."""
    given = request.ask.context
    return isinstance(given, dict) and given.get("reversible") is False


def why_grave(request: Request, policy: Policy, *, done_before: str | None = None, risk: str = "") -> tuple[str, ...]:
    """Say why an approval should take a second act, whoever gives it. See `why_confirmed`."""
    return tuple(_grave(request, policy.levels, done_before, risk))


def _grave(request: Request, levels: Sequence[Level], done_before: str | None, risk: str) -> Iterator[str]:
    if called_irreversible(request):
        yield "The agent's author says that it cannot be undone."
    if risk:
        yield f"The agent calls its risk “{risk}”."
    if len(levels) > 1 and request.route.level == len(levels) - 1:
        yield f"It stands on the highest level of its policy, {levels[-1].title}."
    if done_before is not None:
        yield done_before


def _tried(request: Request, verdict: Verdict, context: DecisionContext) -> tuple[Event, ...] | None:
    answer: Json = _SAID if verdict is Verdict.respond else None
    subject = request.edition.subject if verdict is Verdict.edit else None
    try:
        return decide(request, CastVote(request.id, verdict, request.digest, _SAID, subject, answer), context)
    except InterlockError:
        return None


def preview_of_change(request: Request, events: tuple[Event, ...], context: DecisionContext) -> VerdictPreview | None:
    """Return what a change leads to of which these events come, also on another level; None if it changes nothing."""
    made = next((one for one in events if isinstance(one, Edited)), None)
    if made is None:
        return None
    after = reduce(evolve, events, request)
    anew = evolve(evolve(request, made), first_step(context, made.route))
    level = context.policy.levels[made.route.level]
    moves = ""
    if made.route.level != request.route.level:
        moves = f"Your version belongs to {level.title}: {_must_agree(level)}. "
    if not any(isinstance(one, VoteCast) for one in events):
        return VerdictPreview(Verdict.edit, "recorded", moves + _OTHERS_DECIDE + _void(request))
    becomes, says = _comes_to(anew, after, Verdict.edit, context)
    return VerdictPreview(Verdict.edit, becomes, moves + _of_version(says) + _void(request))


def _must_agree(level: Level) -> str:
    steps = [who_asked(one.ask) + (f" ({one.approvals} of them)" if one.approvals > 1 else "") for one in level.steps]
    return f"{', then '.join(steps)} must agree"


def _of_version(says: str) -> str:
    return says.replace("what is shown", "your version").replace(
        _AS_IT_STANDS, "Your version of the draft is accepted."
    )


def _preview(request: Request, verdict: Verdict, events: tuple[Event, ...], context: DecisionContext) -> VerdictPreview:
    if verdict is Verdict.edit:
        return _preview_of_edit(request, context)
    after = reduce(evolve, events, request)
    becomes, says = _comes_to(request, after, verdict, context)
    return VerdictPreview(verdict, becomes, says + (_void(request) if verdict is Verdict.respond else ""))


def _preview_of_edit(request: Request, context: DecisionContext) -> VerdictPreview:
    """Return what a change leads to that stays on its level: the steps begin anew, with the vote of who makes it."""
    edition = replace(request.edition, author=context.person)
    edited = Edited(edition, request.digest, request.route, context.now)
    anew = evolve(evolve(request, edited), first_step(context, request.route))
    counted = _tried(anew, Verdict.approve, context) if anew.is_open else ()
    above = _above(request, context)
    if counted is None:
        return VerdictPreview(Verdict.edit, "recorded", _OTHERS_DECIDE + _void(request) + above)
    becomes, says = _comes_to(anew, reduce(evolve, counted, anew), Verdict.edit, context)
    return VerdictPreview(Verdict.edit, becomes, _of_version(says) + _void(request) + above)


def _above(request: Request, context: DecisionContext) -> str:
    """Say that a change may lead to another level, where there is one."""
    highest = request.route.level == len(context.policy.levels) - 1
    may_move = request.kind is Kind.approval and not highest
    return " What you change may belong to a higher level: the form says who has to agree then." if may_move else ""


def _void(request: Request) -> str:
    return " Votes before it no longer count." if request.votes or request.counted else ""


def _comes_to(before: Request, after: Request, verdict: Verdict, context: DecisionContext) -> tuple[Becomes, str]:
    if not after.is_open:
        return "decided", _outcome(after)
    if after.held_until is not None:
        length = duration_words(after.held_until - context.now)
        return "held", f"It is {VERDICTS[verdict].did}, and final in {length}; until then your vote can be taken back."
    if after.step > before.step:
        passed, steps = after.step, len(context.policy.levels[after.route.level].steps)
        asked = who_asked(after.step_of(context.policy).ask)
        return "next_step", f"Step {passed} of {steps} is passed; then {asked} must agree."
    step = after.step_of(context.policy)
    votes = context.eligibility(after).counting(step, after.votes)
    if verdict in {Verdict.reject, Verdict.revise}:
        left = step.rejections - len(opponents(votes))
        return "recorded", f"It is recorded; {_more(left, 'rejection')} would end it."
    left = step.approvals - len(supporters(votes))
    return "recorded", f"It is recorded; {_more(left, 'approval')} must follow."


def _outcome(after: Request) -> str:
    if after.status is Status.revised:
        return "The draft goes back with your feedback, and the agent makes another one."
    return OUTCOMES.get((after.status, after.kind)) or f"{_REFUSED[after.kind]} The agent reads your comment."


def _more(number: int, noun: str) -> str:
    return f"{max(number, 1)} more {noun}{'' if number <= 1 else 's'}"
