"""A request as lines: what will happen first, from its canonical bytes; the agent's own words below, marked as such."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from interlock.domain.action import Action, Draft, Kind, Question
from interlock.domain.canonical import Json
from interlock.domain.explain import duration_words
from interlock.domain.request import Request, Status, acting
from interlock.service.fields import wanted
from interlock.service.hostile_text import harmless, plain, quoted, shortened
from interlock.service.inline import Place, as_json, name_shown, when
from interlock.service.request_warnings import request_warnings
from interlock.service.views import RequestView
from interlock.terminal.screen import Line, said
from interlock.terminal.values import ValueLines

TITLES = {"approval": "HUMAN APPROVAL REQUIRED", "input": "HUMAN INPUT REQUIRED", "review": "HUMAN REVIEW REQUIRED"}

ANYTHING = (
    "The answer may be anything: yes or approve means yes, no or reject means no, a number is sent as a number, the "
    'rest as text; quotes make it text ("no").'
)

OWN_WORDS = "In the agent's own words:"
MANY_WARNINGS = 5
MANY_WORDS = 20_000
SHORT_DIGEST = len("sha256:") + 12


@dataclass(frozen=True, slots=True)
class Presentation:
    """What somebody is shown, and whether that is all of it."""

    lines: tuple[Line, ...]
    whole: bool


def present(view: RequestView, *, full: bool = False, fold: bool = True, place: Place | None = None) -> Presentation:
    """Lay out a request.

    Args:
        place: which of how many things it is that its run asks at once.
        full: fold nothing, and say everything about the policy.
        fold: long values, unless everything is shown.
    """
    request, values = view.request, ValueLines(full=full or not fold)
    title = TITLES[request.kind] if request.is_open else f"{request.kind.upper()} {request.status.upper()}"
    title += "" if place is None else f" ({place[0]} of {place[1]})"
    lines = [Line(""), Line(title, "title", "  "), *subject_lines(request, values)]
    whole = not values.folded
    lines += warning_lines(request)
    lines += words_lines(request, ValueLines(full=values.full, aside=True))
    lines += _votes(request)
    lines += _conversation(view)
    lines += [Line(plain(said), "warn") for said in (view.stuck, view.done_before) if said is not None]
    lines += _why(view, full=full)
    digest = request.digest if full else request.digest[:SHORT_DIGEST]
    about = "" if request.reference is None else f" about {quoted(request.reference)}"
    lines.append(Line(f"Request {request.id} of agent {plain(request.agent)}{about}, {digest}", "dim"))
    return Presentation(tuple(lines), whole)


def _time_left(view: RequestView, *, brief: bool) -> str:
    due, held = view.request.due_at, view.request.held_until
    if held is not None and held <= view.now:
        return f"none: what was decided takes effect now, since {when(held)}"
    if held is not None:
        return f"{duration_words(max(held - view.now, timedelta(0)))} to take a vote back, until {when(held)}"
    if due is None:
        return "no deadline"
    left = due - view.now
    if left <= timedelta(0):
        return f"none: it was due at {when(due)}"
    words = " ".join(duration_words(left).split(" ")[:4])
    calendar = view.request.step_of(view.policy).calendar
    if calendar is not None:
        words += f" ({duration_words(calendar.open_time(view.now, due), open_time=True)} of open time)"
    if brief:
        return words
    return f"{words}, until {when(due)}; {silence(view)}"


def silence(view: RequestView) -> str:
    """Say what becomes of a request if nobody decides in time."""
    step = view.request.step_of(view.policy)
    ends = step.on_timeout == "expire" or view.request.handed_on
    if view.request.kind is Kind.input:
        return "without an answer it " + ("expires, and the agent gets none" if ends else "goes to more people")
    return "without a decision it " + ("expires, not approved" if ends else "goes to more people, and is not approved")


def subject_lines(request: Request, values: ValueLines) -> Iterator[Line]:
    """Lay out what is decided on, from its canonical bytes."""
    edited = request.edition.author
    if edited is not None:
        what = "Changed" if request.edition.answer is None else "Answered"
        yield Line(f"{what} by {plain(acting(edited, request.edition.on_behalf_of))}", "warn")
    match request.edition.subject:
        case Action(name=name, args=args):
            yield Line(f"Action: {name_shown(name)}", "title")
            for key, value in args.items():
                yield from values.named(key, value)
            if not args:
                yield Line("(no arguments)", "dim", "  ")
            if request.edition.answer is not None:
                yield Line("It is not to be done; this is the answer in its place:", "warn")
                yield from values.named("answer", request.edition.answer)
        case Question() as question:
            yield from _question(question, request.edition.answer, values)
            if request.takes_anything and request.is_open:
                yield Line(ANYTHING, "dim", "  ", "  │ ")
        case Draft(title=title, body=body):
            yield from values.named(title, body, 0)


def _question(question: Question, answer: Json, values: ValueLines) -> Iterator[Line]:
    yield Line("The agent asks:", "title")
    yield from said(question.text, indent="  ")
    for number, option in enumerate(question.options or (), start=1):
        yield Line(quoted(option), "", f"  {number}. ", "     │ ")
    if question.schema is not None:
        yield from _wanted(question.schema, values)
    if answer is not None:
        yield from values.named("answer", answer)


def _wanted(schema: dict[str, Json], values: ValueLines) -> Iterator[Line]:
    first, *more = wanted(schema)
    yield Line(f"The answer: {first}", "dim", "  ", "  │ ")
    for line in more:
        yield Line(line, "dim", " " * len("  The answer: "), "  │ ")
    if values.full:
        yield Line(f"The agent's rules for it (JSON Schema): {as_json(schema)}", "dim", "  ", "  │ ")


def words_lines(request: Request, values: ValueLines, most: int = MANY_WORDS) -> Iterator[Line]:
    """Lay out what the agent says of it, at most so many characters."""
    if request.ask.description:
        yield Line(OWN_WORDS, "dim")
        yield from said(shortened(request.ask.description, most), indent="  ")
    if request.ask.context not in (None, {}, []):
        yield Line("Context, from the agent:", "dim")
        context = request.ask.context if isinstance(request.ask.context, dict) else {"context": request.ask.context}
        yield from _cut((line for key, value in context.items() for line in values.named(key, value)), most)


def _cut(lines: Iterable[Line], most: int) -> Iterator[Line]:
    """Cut what is not decided on, however much of it the agent writes."""
    room = most
    for line in lines:
        if room <= 0:
            yield Line(f"⟨cut: the first {most:,} characters are shown; --json has all⟩", "warn", "  ")
            return
        yield replace(line, text=shortened(line.text, room))
        room -= len(line.text)


def warning_lines(request: Request) -> Iterator[Line]:
    """Say what in it is there to deceive."""
    found = request_warnings(request)
    for warning in found[:MANY_WARNINGS]:
        yield Line(f"! {warning}", "warn")
    if len(found) > MANY_WARNINGS:
        yield Line(f"! and {len(found) - MANY_WARNINGS} more of this kind", "warn")


def _votes(request: Request) -> Iterator[Line]:
    for vote in request.votes:
        comment = f": {quoted(vote.comment)}" if vote.comment else ""
        yield Line(f"{plain(vote.acting)} said {vote.verdict}{comment}", "dim")


def _conversation(view: RequestView) -> Iterator[Line]:
    for one in view.request.clarifications:
        yield Line(f"{plain(one.asked_by)} asks back ({one.number}): {quoted(one.asked)}", "dim")
        if one.said is not None:
            yield Line(f"{plain(one.said_by or '')} says: {quoted(one.said)}", "dim", "  ")
    for reserved in view.request.reserved_at(view.now):
        yield Line(f"{plain(reserved.by)} is on it, until {when(reserved.until)}", "dim")


def _why(view: RequestView, *, full: bool) -> Iterator[Line]:
    request = view.request
    lines = harmless(view.why, lines=True).split("\n")
    if not full:
        kept = ("Policy ", f"Step {request.step + 1} of", "  Decided by ", "  May vote now", "  Votes for ")
        lines = [line for line in lines if line.startswith(kept)]
    for line in lines:
        text = line.lstrip(" ")
        yield Line(text, "dim", line[: len(line) - len(text)])
    if request.status is Status.open:
        yield Line(f"Time left: {_time_left(view, brief=full)}", "dim")
