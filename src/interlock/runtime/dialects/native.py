"""The dialect of `interlock.ask`: what an interrupt holds, and what resumes it.

The interrupt's value is everything that is asked. The answer is the id of the decided request and nothing else: what
was decided is read from the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interlock.domain.action import Action, Draft, Question, Subject, Verdict
from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.engine.ports.runtime import Ask
from interlock.errors import InvalidValue

__all__ = ["answer", "answer_id", "is_native", "payload", "payload_again", "read"]

FORMAT = 1


def payload(
    subject: Subject,
    *,
    description: str,
    context: Json,
    policy: str | None,
    verdicts: Sequence[Verdict] | None,
) -> dict[str, Json]:
    """Return the value of the interrupt that asks this; the caller adds its `task`."""
    return {
        "interlock": FORMAT,
        "subject": _write(subject),
        "description": description,
        "context": context,
        "policy": policy,
        "verdicts": None if verdicts is None else [str(verdict) for verdict in verdicts],
        "replaces": None,
    }


def payload_again(request: Request) -> dict[str, Json]:
    """Return the value of the interrupt that asks again what a lapsed request asked."""
    wanted = payload(
        request.asked,
        description=request.description,
        context=request.context,
        policy=request.route.policy,
        verdicts=request.verdicts,
    )
    return {**wanted, "replaces": request.id}


def is_native(value: object) -> bool:
    """Say whether an interrupt's value was made by `interlock.ask`."""
    return isinstance(value, dict) and value.get("interlock") == FORMAT and {"subject", "task"} <= value.keys()


def read(interrupt_id: str, value: dict[str, Any]) -> Ask:
    """Read what an interrupt asks.

    Raises:
        InvalidValue: if it was not made by `interlock.ask`.
    """
    try:
        verdicts = value["verdicts"]
        return Ask(
            interrupt_id=interrupt_id,
            task=value["task"],
            subject=_read(value["subject"]),
            description=value["description"],
            context=value["context"],
            verdicts=None if verdicts is None else tuple(Verdict(verdict) for verdict in verdicts),
            policy=value["policy"],
            replaces=value["replaces"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidValue("interrupt", f"was not made by interlock.ask: {error}") from None


def answer(request_id: str) -> dict[str, Json]:
    """Return the value that resumes an interrupt whose request is decided."""
    return {"interlock_request": request_id}


def answer_id(value: object) -> str | None:
    """Return the id of the request that an answer names, or None if it names none."""
    found = value.get("interlock_request") if isinstance(value, dict) else None
    return found if isinstance(found, str) else None


def _write(subject: Subject) -> dict[str, Json]:
    match subject:
        case Action(name=name, args=args, schema=schema):
            return {"kind": "approval", "name": name, "args": args, "schema": schema}
        case Question(text=text, schema=schema, options=options):
            return {"kind": "input", "text": text, "schema": schema, "options": options}
        case Draft(body=body, title=title):
            return {"kind": "review", "body": body, "title": title}


def _read(value: dict[str, Any]) -> Subject:
    match value["kind"]:
        case "approval":
            return Action(value["name"], value["args"], value["schema"])
        case "input":
            return Question(value["text"], value["schema"], value["options"])
        case _:
            return Draft(value["body"], value["title"])
