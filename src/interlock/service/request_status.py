"""How a request stands, as its reader is told: it waits, is only recorded, is decided, is done, or is unknown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from interlock.domain.action import VERDICTS, Kind
from interlock.domain.eligibility import eligibility_of
from interlock.domain.events import EffectExecuted
from interlock.domain.permitted import Candidates
from interlock.domain.quorum import supporters
from interlock.domain.request import EffectState, Request, Status
from interlock.service.failures import what_happened
from interlock.service.views import RequestView

NAMED = 5
_ENTRY = re.compile(r"\b(group|role|person):(\S+?)(?=[\s,;.]|$)")
_KINDS = {"group": "the group ", "role": "the role ", "person": ""}

Tone = Literal["info", "good", "bad", "warn"]


@dataclass(frozen=True, slots=True)
class ShownStatus:
    """How a request stands.

    Args:
        title: in a few words.
        says: what that means, and what follows.
        ends_at: until when it stays so; None if no clock ends it.
        at: when it came to be so; None if that does not matter.
        aside_until: until when the reader has put it aside; None if they have not.
    """

    tone: Tone
    title: str
    says: str = ""
    ends_at: datetime | None = None
    at: datetime | None = None
    aside_until: datetime | None = None


def shown_status(view: RequestView, person: str | None, done: EffectExecuted | None = None) -> ShownStatus:
    """Return how a request stands.

    Args:
        person: canonical id of the reader; None for whoever reads it in a room with others.
        done: that its action was done, as its log has it.
    """
    request = view.request
    if not request.is_open:
        return _decided(view, done)
    if request.closes_at is not None and request.closes_at <= view.now:
        return ShownStatus("warn", "The time is over", "Nobody can decide any more; what follows is written down now.")
    if request.held_until is not None:
        by = ", ".join(request.held_by)
        says = f"By {by}. It takes effect when the time is over, unless a vote is taken back."
        return ShownStatus("warn", f"{_held_as(request)}, and not final yet", says, request.held_until)
    return _to_all(view) if person is None else _to_one(view, person)


def _to_one(view: RequestView, person: str) -> ShownStatus:
    request = view.request
    mine = next((vote for vote in request.votes if person in {vote.voter, vote.owner}), None)
    if mine is not None:
        did = f"You have {VERDICTS[mine.verdict].did} it."
        return ShownStatus("info", f"Recorded, {_so_far(view)}", f"{did} {_others(view)}")
    aside = request.snoozed_by(person, view.now)
    if aside is not None and view.excluded is None:
        return ShownStatus("info", "Put aside by you", "Then it waits for you again.", aside_until=aside)
    if not view.may.vote:
        return ShownStatus("info", "Waits for others", f"{_passed_by(view, person)}{_others(view)}")
    for_whom = f"You decide for {view.on_behalf_of}. " if view.on_behalf_of is not None else ""
    without = "Until somebody can, an approval carries nothing out."
    stuck = "" if view.stuck is None else f"{asked_words(view.stuck)} {without}"
    return ShownStatus("info" if not stuck else "warn", "Waits for you", for_whom + stuck)


def seconds_left(view: RequestView, person: str = "") -> float | None:
    """Return how long it is until a clock ends what is shown (to a person: canonical id); None where no clock does."""
    request = view.request
    ends = (request.closes_at, request.snoozed_by(person, view.now)) if request.is_open else ()
    left = [(end - view.now).total_seconds() for end in ends if end is not None and end > view.now]
    return min(left, default=None)


def _to_all(view: RequestView) -> ShownStatus:
    said = f"Recorded, {_so_far(view)}" if view.request.votes else "Waits for a decision"
    return ShownStatus("info", said, _others(view))


def _held_as(request: Request) -> str:
    """Say what was decided that is not final yet: what the last of those said by whose votes it is."""
    said = [vote.verdict for vote in request.votes if vote.voter in request.held_by]
    return VERDICTS[said[-1]].did.capitalize() if said else "Decided"


def why_not(view: RequestView, person: str = "") -> str:
    """Return one sentence for whoever (canonical id) may not decide: why not, and who can; nothing for whoever may."""
    if view.excluded is None or not view.request.is_open:
        return ""
    why = _passed_by(view, person) or f"You may not decide: {asked_words(view.excluded)}. "
    return f"{why}{_others(view)}"


def _passed_by(view: RequestView, person: str) -> str:
    """Say which step a person has approved that is passed already; nothing if they have approved none."""
    own = {step for step, voter in view.request.counted if voter == person}
    steps = len(view.policy.levels[view.request.route.level].steps)
    return f"You have approved it in step {max(own) + 1} of {steps}. " if own else ""


def asked_words(text: str) -> str:
    """Return a sentence of the rules as reviewers read it: `the group managers` where it has `group:managers`."""
    return _ENTRY.sub(lambda found: _KINDS[found[1]] + found[2], text)


def _others(view: RequestView) -> str:
    if view.stuck is not None:
        return asked_words(view.stuck)
    can = who_can(view.candidates)
    return f"{can} can decide." if can else "Nobody else can decide at the moment."


def who_can(found: Candidates) -> str:
    """Name those who can vote, a few of them."""
    shown = [*found.people[:NAMED]]
    left = len(found.people) - NAMED
    if left > 0 or found.more:
        shown.append("others" if found.more else f"{left} more")
    if found.anybody:
        shown.append("anybody at this machine")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def _so_far(view: RequestView) -> str:
    request = view.request
    step = request.step_of(view.policy)
    counting = eligibility_of(request, view.policy, view.directory).counting(step, request.votes)
    return f"{len(supporters(counting))} of {step.approvals}"


def _decided(view: RequestView, done: EffectExecuted | None) -> ShownStatus:
    request = view.request
    by = f"By {', '.join(request.deciders)}." if request.deciders else ""
    at = request.decided_at
    match request.status:
        case Status.approved:
            return _approved(view, by, done)
        case Status.answered:
            return ShownStatus("good", "Answered", by, at=at)
        case Status.revised:
            return ShownStatus("warn", "Sent back", f"{by} The agent makes another draft.", at=at)
        case Status.rejected:
            not_done = " It is not carried out." if request.kind is Kind.approval else ""
            return ShownStatus("bad", "Rejected", f"{by}{not_done}", at=at)
        case Status.expired:
            return ShownStatus("warn", "Expired", "Nobody decided in time: it is not approved.", at=at)
        case _:
            why = f"{request.comment.rstrip('.')}." if request.comment else ""
            says = " ".join(filter(None, (by, why, "Nothing is to be decided any more.")))
            return ShownStatus("warn", "Withdrawn", says, at=at)


def _approved(view: RequestView, by: str, done: EffectExecuted | None) -> ShownStatus:
    request = view.request
    note = f" ({what_happened(request.effect_note)})" if request.effect_note else ""
    match request.effect:
        case EffectState.executed:
            title = "Done" if done is None or done.by == "tool" else f"Done, as {done.by} has said"
            return ShownStatus("good", title, f"{by}{note}", at=None if done is None else done.at)
        case EffectState.failed:
            return ShownStatus("bad", "Approved, not done", f"{by} It did not happen.{note}")
        case EffectState.unknown:
            says = "It was begun, and its result never came. Look where it would show, and say what became of it."
            return ShownStatus("bad", "Unknown whether it was done: a person must say", f"{says}{note}")
        case EffectState.claimed:
            return ShownStatus("info", "Approved, running", f"{by} It has begun, and its result is not there yet.")
        case EffectState.lapsed:
            return ShownStatus("warn", "Approved, and lapsed", f"It was not done.{note}")
        case _:
            became = (view.became or "").removeprefix("approved; ").capitalize()
            return ShownStatus("good", _WITHOUT_EFFECT[request.kind], f"{by} {became}.", at=request.decided_at)


_WITHOUT_EFFECT = {Kind.approval: "Approved", Kind.review: "Accepted", Kind.input: "Approved"}
