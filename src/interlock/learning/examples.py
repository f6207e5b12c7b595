"""One decision of people, as an example to learn from, whatever it is written as later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from interlock.domain.action import NEGATIVE_OUTCOMES, VERDICTS, Action, Draft, Kind, Question, Subject
from interlock.domain.canonical import Json, canonical_bytes
from interlock.domain.request import Request, name_of
from interlock.domain.statistics import JUDGED, Ended, how_ended, level_of

USERS = frozenset({"user", "human"})
"""What LangChain and OpenAI call the author of a person's message."""

MOST_BYTES = 4_000_000
"""Room for a value that was stored, with the names around it."""


@dataclass(frozen=True, slots=True)
class Round:
    """A draft that people sent back, and what they said."""

    proposed: Json
    feedback: str


@dataclass(frozen=True, slots=True)
class Example:
    """What an agent was given, what it proposed, and what people made of it.

    Args:
        request, run: ids; `run` is empty where the agent acts by itself.
        action: the name of the action, the title of the draft, or the question.
        position: of the log's entry that decided it.
        given: the input of its run; without a run, what the agent said about the request.
        schema: the JSON Schema of the arguments, or of the answer; None if there is none.
        proposed: the arguments, the draft, or the question.
        accepted: what people let pass, or answered; None if they let nothing pass.
        reason: what people wrote when they decided.
        rounds: the drafts that were sent back before this one, the oldest first.
        seen: what else people had before them: no row has it, but their words may repeat what must be taken out of it.
    """

    request: str
    run: str
    agent: str
    action: str
    kind: Kind
    ended: Ended
    level: str
    decided_at: datetime
    position: str
    given: Json
    schema: dict[str, Json] | None
    proposed: Json
    accepted: Json
    reason: str = ""
    rounds: tuple[Round, ...] = ()
    seen: tuple[Json, ...] = ()

    @property
    def task(self) -> str:
        """What the agent was given, as text."""
        return task_of(self.given)


def example_of(request: Request, position: str, given: Json, before: Sequence[Request] = ()) -> Example | None:
    """Return what a request teaches; None where people decided nothing that an agent could learn from.

    That is what a rule approved, what expired or was taken back, and an action in whose place an answer was given.

    Args:
        given: see `Example`.
        before: the drafts that were sent back before this one, the oldest first.
    """
    ended = how_ended(request)
    if ended is None or request.decided_at is None or not _teaches(request, ended):
        return None
    subject, edition = request.asked, request.edition
    accepted = None
    if ended is Ended.answered:
        accepted = edition.answer
    elif ended in {Ended.approved, Ended.changed}:
        accepted = content_of(edition.subject)
    return Example(
        request=request.id,
        run=request.run_id,
        agent=request.agent,
        action=name_of(subject),
        kind=request.kind,
        ended=ended,
        level=level_of(request),
        decided_at=request.decided_at,
        position=position,
        given=given,
        schema=schema_of(subject),
        proposed=content_of(subject),
        accepted=accepted,
        reason=reason_of(request),
        rounds=tuple(Round(content_of(one.asked), reason_of(one)) for one in before),
        seen=tuple(part for one in (request, *before) for part in _seen(one)),
    )


def _seen(request: Request) -> tuple[Json, ...]:
    return request.ask.context, content_of(request.edition.subject), request.edition.answer


def _teaches(request: Request, ended: Ended) -> bool:
    if isinstance(request.asked, Question):
        return ended is Ended.answered
    return ended in JUDGED


def reason_of(request: Request) -> str:
    """Return what people wrote when they decided: those who refused, or whoever's vote decided."""
    refused = request.status in NEGATIVE_OUTCOMES
    said = [vote.comment for vote in request.votes if refused and not VERDICTS[vote.verdict].supports]
    return "\n".join(dict.fromkeys(text for text in (*said, request.comment) if text))


def content_of(subject: Subject) -> Json:
    """Return the arguments of an action, the body of a draft, the text of a question."""
    match subject:
        case Action(args=args):
            return args
        case Draft(body=body):
            return body
        case Question(text=text):
            return text


def schema_of(subject: Subject) -> dict[str, Json] | None:
    """Return the JSON Schema of an action's arguments, or of a question's answer."""
    match subject:
        case Action(schema=schema):
            return schema
        case Question():
            return subject.answer_schema
        case Draft():
            return None


def task_of(given: Json) -> str:
    """Return what an agent was given, as text: of a conversation the last words of a person, else JSON."""
    match given:
        case str():
            return given
        case {"messages": [*messages]}:
            said = [one["content"] for one in messages if _is_of_a_user(one)]
            return said[-1] if said else as_text(given)
        case {"input": str(text)}:
            return text
    return as_text(given)


def _is_of_a_user(message: Json) -> bool:
    if not isinstance(message, dict) or not isinstance(message.get("content"), str):
        return False
    return message.get("role", message.get("type")) in USERS


def as_text(value: Json) -> str:
    """Return a value as text: a text as it is, anything else as canonical JSON (RFC 8785)."""
    return value if isinstance(value, str) else canonical_bytes(value, max_bytes=MOST_BYTES).decode()
