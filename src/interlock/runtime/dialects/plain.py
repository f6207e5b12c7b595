"""The dialect of everybody's `interrupt(value)`: a question, or Agent Inbox's `HumanInterrupt`.

A `HumanInterrupt` (`{action_request, config, description}`, alone or in a list) is an approval, and the answer is the
list of `HumanResponse` that Agent Inbox sends. Anything else is a question: its schema is the interrupt's
`response_schema`, or its options, or any JSON will do; the answer goes back as it was given. Where any JSON will do,
people may also approve, which is `true`, and reject, which is `false`: such a question is often whether to go on.
Otherwise a refusal, and silence, is `false` where the schema is boolean, and ends the run elsewhere.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from interlock.domain.action import Action, Ask, Question, Verdict, default_verdicts
from interlock.domain.canonical import Json
from interlock.domain.request import Request, Status
from interlock.errors import InvalidValue, NotApproved
from interlock.runtime.dialects.shown import as_text

TEXTS = ("question", "message", "prompt", "text", "query", "instruction", "title", "task", "description")
OPTIONS = ("options", "choices")
KINDS = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
SHOWN = 2_000
ANY = "The agent asks for an answer"

ANYTHING = (Verdict.respond, Verdict.approve, Verdict.reject)
"""What is offered where any JSON will do."""

ALLOWS = {
    "allow_accept": Verdict.approve,
    "allow_edit": Verdict.edit,
    "allow_ignore": Verdict.reject,
    "allow_respond": Verdict.respond,
}


def is_inbox(value: object) -> bool:
    """Say whether an interrupt's value is made for Agent Inbox."""
    asked = value if isinstance(value, list) else [value]
    return bool(asked) and all(isinstance(one, dict) and isinstance(one.get("action_request"), dict) for one in asked)


def read_inbox(interrupt_id: str, value: Any) -> tuple[Ask, ...]:
    """Return what each `HumanInterrupt` asks, in their order."""
    asked = value if isinstance(value, list) else [value]
    return tuple(_inbox_ask(f"{interrupt_id}/{position}", one) for position, one in enumerate(asked))


def answer_inbox(value: Any, requests: Sequence[Request]) -> Json:
    """Return what resumes a `HumanInterrupt`: a list with one `HumanResponse` for each."""
    asked = value if isinstance(value, list) else [value]
    return [_response(request, _verdicts(one)) for one, request in zip(asked, requests, strict=True)]


def read(interrupt_id: str, value: Json, schema: Mapping[str, Any] | None) -> tuple[Ask, ...]:
    """Return what any other interrupt asks: a question, with the whole value beside it."""
    options = None if schema is not None else _options(value)
    question = Question(_text(value), None if schema is None else dict(schema), options)
    context = None if isinstance(value, str) else value
    verdicts = ANYTHING if question.answer_schema is None else default_verdicts(question)
    return (Ask(interrupt_id, "", question, verdicts, context=context),)


def answer(schema: Mapping[str, Any] | None, request: Request) -> Json:
    """Return what resumes a question: its answer, as it was checked; raise NotApproved if the graph cannot be told."""
    if request.status is Status.answered:
        return request.edition.answer
    if request.takes_anything and request.status in {Status.approved, Status.rejected}:
        return request.status is Status.approved
    if schema is not None and schema.get("type") == "boolean":
        return False
    raise NotApproved(f"{request.id} was {request.status}, and its graph takes nothing but an answer", None)


def _inbox_ask(interrupt_id: str, asked: dict[str, Any]) -> Ask:
    call = asked["action_request"]
    name, args = call.get("action"), call.get("args", {})
    if not isinstance(name, str) or not isinstance(args, dict):
        raise InvalidValue("interrupt.action_request", "must have an action and an object of args")
    verdicts, description = _verdicts(asked), str(asked.get("description") or "")
    if not verdicts:
        raise InvalidValue("interrupt.config", "allows nothing: neither to accept, nor to edit, respond or ignore")
    if Verdict.approve in verdicts or Verdict.edit in verdicts:
        return Ask(interrupt_id, "", Action(name, args, _kinds(args)), verdicts, description)
    return Ask(
        interrupt_id,
        "",
        Question(description or name, {"type": "string"}),
        verdicts,
        description,
        {"action": name, "args": args},
    )


def _verdicts(asked: Mapping[str, Any]) -> tuple[Verdict, ...]:
    config = asked.get("config")
    allowed = config if isinstance(config, dict) else dict.fromkeys(ALLOWS, True)
    return tuple(verdict for key, verdict in ALLOWS.items() if allowed.get(key))


def _response(request: Request, verdicts: tuple[Verdict, ...]) -> dict[str, Json]:
    match request.status:
        case Status.approved:
            stands = request.edition.subject
            assert isinstance(stands, Action)
            edited = stands.digest != request.asked_digest or Verdict.approve not in verdicts
            return {"type": "edit" if edited else "accept", "args": {"action": stands.name, "args": stands.args}}
        case Status.answered:
            return {"type": "response", "args": as_text(request.edition.answer)}
        case _ if Verdict.reject in verdicts:
            return {"type": "ignore", "args": None}
        case _:
            raise NotApproved(f"{request.id} was {request.status}, and its graph cannot be told to ignore it", None)


def _kinds(args: Mapping[str, Json]) -> dict[str, Json]:
    """Return the schema that keeps each argument's kind of value, so that an edit does not make text of a number."""
    properties = {name: {"type": KINDS[type(value)]} for name, value in args.items() if type(value) in KINDS}
    return {"type": "object", "properties": properties}


def _text(value: Json) -> str:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, dict):
        for key in TEXTS:
            said = value.get(key)
            if isinstance(said, str) and said.strip():
                return said
    shown = textwrap.shorten(json.dumps(value, ensure_ascii=False)[: 10 * SHOWN], SHOWN)
    return f"{ANY}: {shown}" if value not in (None, "", {}, []) else f"{ANY}."


def _options(value: Json) -> list[str] | None:
    for key in OPTIONS if isinstance(value, dict) else ():
        found = value.get(key)
        if isinstance(found, list) and found and all(isinstance(one, str) for one in found):
            return found
    return None
