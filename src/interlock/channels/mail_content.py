"""What a mail says of a request: what will happen first, the agent's own words below, who may decide, until when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from interlock.domain.action import Kind
from interlock.domain.calendar import find_zone
from interlock.domain.collaboration import AskedBack, Clarified
from interlock.domain.notice_choice import NoticeChoice
from interlock.domain.notices import WAITS_FOR_THEM, Occasion
from interlock.domain.request import Request, Status
from interlock.engine.ports.sender import Message
from interlock.errors import InvalidPolicy
from interlock.service.consequence import consequences
from interlock.service.hostile_text import plain, quoted, shortened
from interlock.service.inline import counted
from interlock.service.notices import PersonalNotice
from interlock.service.summary import summary
from interlock.service.views import RequestView
from interlock.terminal.presentation import OWN_WORDS, silence, subject_lines, warning_lines, words_lines
from interlock.terminal.screen import Line
from interlock.terminal.values import ValueLines

MOST_LINES = 150
"""How many lines of what will happen a mail has: the page has all."""

LONGEST_SUBJECT, LONGEST_SENTENCE, MANY_WORDS = 120, 300, 2_000
NAMED = 5
ON_PAGE = "the page shows all"

ASKS = {Kind.approval: "Decide", Kind.input: "Answer", Kind.review: "Review"}
WHAT = {Kind.approval: "What will happen", Kind.input: "What is asked", Kind.review: "What is to be reviewed"}
WAITS = {
    Kind.approval: "An action waits for your decision.",
    Kind.input: "A question waits for your answer.",
    Kind.review: "A draft waits for your review.",
}


@dataclass(frozen=True, slots=True)
class Content:
    """What one mail says; every text is harmless.

    Args:
        subject: in the mail's head.
        headline: why it comes.
        asks: what will happen, by its canonical bytes; `whole` if that is all of it. `title` stands above it.
        words: what the agent says of it.
        facts: until when, who may decide, and so on.
        rows: of a digest: what waits, and the address of each.
        leads: what one does at the address.
    """

    subject: str
    headline: str
    asks: tuple[Line, ...] = ()
    whole: bool = True
    follows: tuple[str, ...] = ()
    words: tuple[Line, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    rows: tuple[tuple[str, str, str], ...] = ()
    address: str = ""
    leads: str = "Open the inbox"
    title: str = ""
    links: tuple[tuple[str, str], ...] = field(default=())


def content_of(told: PersonalNotice, message: Message, origin: str) -> Content:
    """Return what a mail says to somebody."""
    if told.view is None:
        return _digest(told, origin)
    view, request = told.view, told.view.request
    values, aside = ValueLines(where_all=ON_PAGE), ValueLines(where_all=ON_PAGE, aside=True)
    words = words_lines(request, aside, MANY_WORDS)
    asks = [*subject_lines(request, values)]
    if len(asks) > MOST_LINES:
        asks = [*asks[:MOST_LINES], Line(f"⟨cut: {MOST_LINES} of {len(asks):,} lines are shown; {ON_PAGE}⟩", "warn")]
        values.folded = True
    return Content(
        subject_of(request),
        headline_of(told, message),
        (*asks, *warning_lines(request)),
        not values.folded,
        tuple(plain(one.says) for one in consequences(view, None)) if request.is_open else (),
        tuple(one for one in words if one.text != OWN_WORDS),
        tuple(_facts(view, told)),
        address=f"{origin}/requests/{request.id}",
        leads=f"Look and {ASKS[request.kind].lower()}" if told.occasion in WAITS_FOR_THEM else "Open the request",
        title=WHAT[request.kind] if request.is_open else "What was asked",
    )


def subject_of(request: Request) -> str:
    """Return a mail's subject: the same for all about a request, so that they stand together."""
    return _in_short(request, f"{ASKS[request.kind]}: ", LONGEST_SUBJECT)


def headline_of(told: PersonalNotice, message: Message) -> str:
    """Say why a message comes."""
    assert told.view is not None
    request, event = told.view.request, message.entry.event
    match told.occasion:
        case Occasion.asked:
            said = WAITS[request.kind]
        case Occasion.changed:
            said = f"{plain(request.edition.author or '')} has changed it, and it waits for you again."
        case Occasion.reminded:
            said = "A reminder: this still waits for you."
        case Occasion.escalated:
            said = "Nobody has decided yet: this waits for you as well now."
        case Occasion.delegated:
            said = f"{plain(told.view.on_behalf_of or 'Somebody')} lets you vote on this in their place."
        case Occasion.asked_back if isinstance(event, AskedBack):
            said = f"{plain(event.by)} asks you about what you have started: {_said(event.text)}"
        case Occasion.answered if isinstance(event, Clarified):
            said = f"{plain(event.by)} answers you: {_said(event.text)}"
        case _:
            said = plain(_ended(request))
    return said


def _said(text: str) -> str:
    """Return what somebody has said, made harmless once: what is made so twice nobody can read."""
    return quoted(shortened(text, LONGEST_SENTENCE))


def _ended(request: Request) -> str:
    match request.status:
        case Status.expired:
            return "Nobody decided in time: it is not approved."
        case Status.withdrawn:
            by = f" by {', '.join(request.deciders)}" if request.deciders else ""
            return f"It was withdrawn{by}: nobody needs to decide any more."
        case Status.open:
            return "It has changed."
        case _:
            return (
                f"Nothing is left to do for you: it is {request.status} by {', '.join(request.deciders) or 'a rule'}."
            )


def _facts(view: RequestView, told: PersonalNotice) -> Iterator[tuple[str, str]]:
    request = view.request
    if request.is_open:
        if request.due_at is not None:
            yield "Until", f"{local(request.due_at, told.choice)}; {silence(view)}"
        people = list(view.candidates.people)
        left = len(people) - NAMED
        more = f" and {'others' if view.candidates.more else counted(left, 'other', 'others')}" if left > 0 else ""
        many = f"; {request.step_approvals} of them must approve" if request.step_approvals > 1 else ""
        yield "Who may decide", f"{', '.join(map(plain, people[:NAMED])) or 'nobody who is known'}{more}{many}"
    if view.on_behalf_of is not None:
        yield "You vote for", plain(view.on_behalf_of)
    for record in told.votes:
        yield "Voted", plain(record.words)
    if request.reference is not None:
        yield "About", plain(shortened(request.reference, LONGEST_SENTENCE))
    yield "Asked by", plain(request.agent)


def _digest(told: PersonalNotice, origin: str) -> Content:
    number = 0 if told.count is None else told.count.number
    waits = f"{counted(number, 'request waits', 'requests wait')} for you"
    rows = []
    for listed in told.waiting:
        request = listed.request
        until = "" if request.due_at is None else f"until {local(request.due_at, told.choice)}"
        rows.append((_in_short(request, "", LONGEST_SUBJECT), until, f"{origin}/requests/{request.id}"))
    left = number - len(rows)
    facts = ((("And", f"{left:,} more in your inbox"),) if left > 0 else ()) if rows else ()
    return Content(waits, f"{waits}, the most urgent first.", rows=tuple(rows), facts=facts, address=f"{origin}/")


def _in_short(request: Request, before: str, most: int) -> str:
    short = summary(request.edition.subject)
    told = ", ".join(f"{one.label} {one.value}".strip() for one in short.told)
    said = plain(before + " ".join(f"{short.name}: {told}".rstrip(": ").split()))
    return said if len(said) <= most else f"{said[: most - 1]}…"


def local(at: datetime, choice: NoticeChoice) -> str:
    """Return a moment by the reader's own clock."""
    try:
        zone = find_zone(choice.zone)
    except InvalidPolicy:
        return f"{at.astimezone(UTC):%a %-d %b %Y, %H:%M} (UTC)"
    return f"{at.astimezone(zone):%a %-d %b %Y, %H:%M} ({choice.zone})"
