"""A request as a card: what will happen first and whole, the agent's own words below, and how it stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from interlock.domain.action import Action, Kind, Verdict
from interlock.domain.events import EffectExecuted
from interlock.domain.explain import who_asked
from interlock.domain.request import acting
from interlock.domain.verdict_preview import why_grave
from interlock.engine.changes import Entry
from interlock.service.hostile_text import plain, shortened
from interlock.service.inline import subject_row
from interlock.service.request_status import ShownStatus, shown_status
from interlock.service.request_warnings import request_warnings
from interlock.service.risk import risk_of
from interlock.service.views import RequestView
from interlock.service.votes_cast import VoteRecord, votes_cast
from interlock.slack.text import Block, badges, element, escaped, label, line, link_button, literal, rich, section
from interlock.slack.values import Room, subject_blocks, words_of_agent

MANY_WORDS = 1_000
MANY_WARNINGS = 5
MANY_VOTES = 10
LONGEST_COMMENT = 200
LONGEST_STATUS = 500
LONGEST_CONFIRMATION = 280

TITLES = {Kind.approval: "Approval needed", Kind.input: "Answer needed", Kind.review: "Review needed"}
_MARKS = {"good": "✓", "bad": "✗", "warn": "!", "info": "•"}

BUTTONS = {
    Verdict.approve: "Approve",
    Verdict.edit: "Edit…",
    Verdict.respond: "Answer…",
    Verdict.revise: "Send back…",
    Verdict.reject: "Reject…",
}
_STYLES = {Verdict.approve: {"style": "primary"}, Verdict.reject: {"style": "danger"}}


@dataclass(frozen=True, slots=True)
class Card:
    """A message.

    Args:
        text: for notifications, and for who cannot see blocks.
        whole: whether it shows all that is decided on; else it has no button that decides.
    """

    blocks: list[Block]
    text: str
    whole: bool


def card_of(view: RequestView, history: Sequence[Entry], origin: str | None, person: str | None = None) -> Card:
    """Return a request as a card.

    Args:
        history: its entries in the log.
        origin: where its page is; None if there is none.
        person: canonical id of who alone sees it; None for everybody in a room.
    """
    request, room = view.request, Room()
    done = next((one.event for one in reversed(history) if isinstance(one.event, EffectExecuted)), None)
    status = shown_status(view, person, done)
    subject = [*subject_blocks(request, room)]
    address = None if origin is None else f"{origin}/requests/{request.id}"
    title = TITLES[request.kind] if request.is_open else status.title
    blocks: list[Block] = [{"type": "header", "text": label(title, 150)}]
    if request.edition.author is not None:
        what = "Changed" if request.edition.answer is None else "Answered"
        blocks.append(_small(plain(f"{what} by {acting(request.edition.author, request.edition.on_behalf_of)}")))
    blocks += subject
    if not room.whole:
        where = "open the page to see all of it, and to decide" if address else "its page shows all of it"
        blocks.append(section(f"This is not all of it, so that nobody can decide here: {where}."))
    blocks += [_small(f"! {one}") for one in request_warnings(request)[:MANY_WARNINGS]]
    if request.ask.description:
        blocks += words_of_agent(request.ask.description, MANY_WORDS)
    blocks += _standing(view, status, votes_cast(history))
    may_say = () if not room.whole else offered(view) if person is None else view.may.vote
    buttons = [*_buttons(view, may_say), *([link_button("Open the page", address)] if address else [])]
    if buttons:
        blocks.append({"type": "actions", "block_id": "decide", "elements": buttons})
    about = "" if request.reference is None else f" about {request.reference}"
    blocks.append(_small(f"{plain(f'Agent {request.agent}{about}')} · {request.id} · {request.digest[:19]}"))
    said = f"{title}: {subject_row(request.edition.subject)}"
    return Card(blocks, shortened(escaped(said), MANY_WORDS), room.whole)


def withheld_card() -> Card:
    """Return what stands in the place of a card of which somebody may not see the request any more."""
    title = "You do not see this request any more"
    said = "You have nothing to do with it as things are now: what stood here was taken away."
    return Card([{"type": "header", "text": label(title)}, rich(line(*literal(said)))], title, whole=False)


def _standing(view: RequestView, status: ShownStatus, votes: Sequence[VoteRecord]) -> Iterator[Block]:
    request = view.request
    said = f" {shortened(status.says, LONGEST_STATUS)}" if status.says else ""
    moments = [] if status.at is None else [element(" "), moment(status.at)]
    ends = [] if status.ends_at is None else [element(" Until "), moment(status.ends_at), element(".")]
    mark = _MARKS[status.tone]
    yield rich(line(element(f"{mark} {plain(status.title)}.", bold=True), *moments, *literal(said), *ends))
    for one in votes[-MANY_VOTES:]:
        why = f": “{shortened(one.vote.comment, LONGEST_COMMENT)}”" if one.vote.comment else ""
        yield rich(line(*literal(f"{one.words}{why}")))
    if not request.is_open or request.held_until is not None:
        return
    step = request.step_of(view.policy)
    needed = f", {step.approvals} of them" if step.approvals > 1 else ""
    until = (
        [] if request.due_at is None else [element(" Until "), moment(request.due_at), element("; silence is no yes.")]
    )
    yield rich(line(*literal(f"Asked: {who_asked(step.ask)}{needed}."), *until))


def moment(at: datetime) -> Block:
    """Return a moment that Slack shows in its reader's own zone."""
    shown = {"format": "{date_short_pretty} at {time}", "fallback": f"{at:%Y-%m-%d %H:%M} UTC"}
    return {"type": "date", "timestamp": int(at.timestamp()), **shown}


def _small(text: str) -> Block:
    """Return a block of harmless text beside what is decided on."""
    return rich(line(*badges(shortened(text, 500), italic=True)))


def _buttons(view: RequestView, verdicts: Sequence[Verdict]) -> Iterator[Block]:
    for verdict in verdicts:
        asks = "…" if verdict is Verdict.approve and verdict in view.policy.reason_for else ""
        button = {
            "type": "button",
            "action_id": str(verdict),
            "text": label(BUTTONS[verdict] + asks),
            "value": json.dumps([view.request.id, view.request.digest]),
            **_STYLES.get(verdict, {}),
        }
        reasons = why_confirmed(view) if verdict is Verdict.approve and not asks else ()
        yield button | ({"confirm": _confirmation(view, reasons)} if reasons else {})


def offered(view: RequestView) -> tuple[Verdict, ...]:
    """Return what somebody may say who may decide."""
    request = view.request
    if not request.is_open or (request.closes_at is not None and request.closes_at <= view.now):
        return ()
    nothing_may_change = isinstance(request.edition.subject, Action) and view.policy.edits == ()
    return tuple(one for one in request.ask.verdicts if not (one is Verdict.edit and nothing_may_change))


def why_confirmed(view: RequestView) -> tuple[str, ...]:
    """Say why an approval takes a second act."""
    if view.request.kind is not Kind.approval:
        return ()
    risk = risk_of(view.request)
    high = risk.level if risk is not None and risk.is_grave else ""
    return why_grave(view.request, view.policy, done_before=view.done_before, risk=high)


def _confirmation(view: RequestView, reasons: Sequence[str]) -> Block:
    return {
        "title": label("Approve this?"),
        "text": label(
            f"{subject_row(view.request.edition.subject, most=100)}. {' '.join(reasons)}", LONGEST_CONFIRMATION
        ),
        "confirm": label("Yes, approve"),
        "deny": label("Not now"),
        "style": "danger",
    }
