"""Forms in Slack: for a reason, an answer, or changes; for what does not fit into one, there is the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.domain.action import Action, Draft, Question, Verdict
from interlock.domain.canonical import Json, canonical_bytes
from interlock.domain.request import Request
from interlock.errors import InvalidValue
from interlock.service.fields import Field, fields_of, types_of, wanted
from interlock.service.hostile_text import harmless
from interlock.service.inline import subject_row
from interlock.service.typed import read_single, read_value
from interlock.service.views import RequestView
from interlock.slack.text import Block, badges, label, line, literal, rich

LONGEST_TYPED = 3_000
LONGEST_OPTION = 75
MOST_OPTIONS, MOST_RADIO = 100, 10
MOST_FIELDS = 20
COMMENT = "comment"
ANSWER = "answer"

_TITLES = {
    Verdict.approve: ("Approve", "Approve"),
    Verdict.edit: ("Approve with changes", "Approve changed"),
    Verdict.respond: ("Answer", "Answer"),
    Verdict.revise: ("Send back", "Send back"),
    Verdict.reject: ("Reject", "Reject"),
}


@dataclass(frozen=True, slots=True)
class TypedField:
    """A field of a form.

    Args:
        block: names it in what the form sends.
        name: of the argument that it changes, or the part of the answer.
        initial: what stands there at first.
        before: the value that it changes.
        schema: of the part of an answer.
    """

    block: str
    name: str
    initial: str = ""
    before: Json = None
    schema: dict[str, Any] | None = None
    required: bool = False


def form_of(view: RequestView, verdict: Verdict, room: str) -> Block | None:
    """Return the form for a verdict; None if what is asked does not fit into one."""
    request, inputs = view.request, list[Block]()
    match verdict:
        case Verdict.edit:
            fields = edit_fields(view)
            if fields is None:
                return None
            inputs = [_text_input(one.block, one.name, one.initial, required=False) for one in fields]
        case Verdict.respond:
            found = _answer_inputs(request)
            if found is None:
                return None
            inputs = found
        case _:
            pass
    needs = verdict in view.policy.reason_for or verdict is Verdict.revise
    about = "Your feedback" if verdict is Verdict.revise else "Reason" if verdict is Verdict.reject else "Comment"
    inputs.append(_text_input(COMMENT, about, "", required=needs, several=True))
    title, submit = _TITLES[verdict]
    return {
        "type": "modal",
        "callback_id": "decide",
        "private_metadata": json.dumps([request.id, request.digest, str(verdict), room]),
        "title": label(title, 48),
        "submit": label(submit, 48),
        "close": label("Cancel"),
        "blocks": [rich(line(*badges(subject_row(request.edition.subject), bold=True))), *inputs],
    }


def edit_fields(view: RequestView) -> list[TypedField] | None:
    """Return the fields of what somebody may change; None if they do not fit, or something in them does not show."""
    match view.request.edition.subject:
        case Action(args=args):
            may = {name: value for name, value in args.items() if view.policy.lets_change(f"args.{name}")}
        case Draft(title=title, body=body):
            may = {title: body}
        case _:
            return None
    fields = [TypedField(f"field-{n}", name, _initial(value), value) for n, (name, value) in enumerate(may.items())]
    fits = all(len(one.initial) <= LONGEST_TYPED and _is_plain(one.initial) and _is_plain(one.name) for one in fields)
    return fields if fields and len(fields) <= MOST_FIELDS and fits else None


def edited_value(view: RequestView, given: Mapping[str, str]) -> Json:
    """Return the arguments, or the draft, as changed: what nobody has touched stays exactly as it was.

    Raises:
        FieldError: if something typed is no such value.
    """
    subject, fields = view.request.edition.subject, edit_fields(view) or []
    changed = {one.name: _read(one, given.get(one.block, "")) for one in fields}
    return {**subject.args, **changed} if isinstance(subject, Action) else next(iter(changed.values()), None)


class FieldError(Exception):
    """What is wrong with one field."""

    def __init__(self, block: str, message: str) -> None:
        super().__init__(message)
        self.block = block


def answer_of(request: Request, given: Mapping[str, str]) -> tuple[Json, bool]:
    """Return the answer that a form stands for, and whether it is text as somebody typed it, to be read.

    Raises:
        FieldError: if a field that must be filled is not.
    """
    options = _options(request)
    if options is not None:
        chosen = given.get(ANSWER, "")
        if not (chosen.isdecimal() and len(chosen) < 4 and int(chosen) < len(options)):  # noqa: PLR2004
            raise FieldError(ANSWER, "Choose one of these.")
        return options[int(chosen)], False
    fields = _answer_fields(request)
    if not fields:
        return given.get(ANSWER, ""), True
    found: dict[str, Json] = {}
    for one in fields:
        text = given.get(one.block, "")
        if text or one.required:
            found[one.name] = read_single(text, one.schema or {})
    return found, False


def _answer_inputs(request: Request) -> list[Block] | None:
    options = _options(request)
    if options is not None:
        return [_choice(ANSWER, "Your answer", options, required=True)]
    fields = _answer_fields(request)
    if fields:
        return [_input_of(one) for one in fields]
    asked = request.asked
    if not isinstance(asked, Question):
        return [_text_input(ANSWER, "Your answer, in its place", "", required=True, several=True)]
    if asked.options is not None:
        return None
    wants = wanted(asked.schema) if asked.schema is not None else []
    if len(wants) > 1:
        return None
    return [_text_input(ANSWER, "Your answer", "", required=True, several=True, hint=" ".join(wants))]


def _options(request: Request) -> list[str] | None:
    options = request.asked.options if isinstance(request.asked, Question) else None
    fits = options is not None and len(options) <= MOST_OPTIONS and all(map(_is_option, options))
    return options if fits else None


def _is_option(text: str) -> bool:
    return 0 < len(text) <= LONGEST_OPTION - 24 and _is_plain(text) and "\n" not in text


def _answer_fields(request: Request) -> list[TypedField]:
    schema = request.asked.schema if isinstance(request.asked, Question) else None
    fields = fields_of(schema)
    if not fields or len(fields) > MOST_FIELDS or not all(map(_is_single, fields)):
        return []
    return [
        TypedField(f"field-{n}", one.path[0], schema=one.schema, required=one.required) for n, one in enumerate(fields)
    ]


def _is_single(field: Field) -> bool:
    return len(field.path) == 1 and _is_plain(field.path[0]) and types_of(field.schema) not in (["array"], ["object"])


def _input_of(field: TypedField) -> Block:
    schema = field.schema or {}
    choices = schema.get("enum") if "enum" in schema else ["yes", "no"] if schema.get("type") == "boolean" else None
    if choices and len(choices) <= MOST_OPTIONS and all(isinstance(one, str) and _is_option(one) for one in choices):
        return _choice(field.block, field.name, choices, required=field.required, by_name=True)
    return _text_input(field.block, field.name, "", required=field.required, hint=" ".join(wanted(schema)))


def _choice(block: str, name: str, options: list[str], *, required: bool, by_name: bool = False) -> Block:
    kind = "radio_buttons" if len(options) <= MOST_RADIO else "static_select"
    shown = [
        {"text": label(one, LONGEST_OPTION), "value": one if by_name else str(number)}
        for number, one in enumerate(options)
    ]
    element = {"type": kind, "action_id": "value", "options": shown}
    return {"type": "input", "block_id": block, "label": label(name), "optional": not required, "element": element}


def _text_input(  # noqa: PLR0913 - what a field is made of
    block: str, name: str, initial: str, *, required: bool, several: bool = False, hint: str = ""
) -> Block:
    element = {
        "type": "plain_text_input",
        "action_id": "value",
        "multiline": several or "\n" in initial or len(initial) > LONGEST_OPTION,
        "max_length": LONGEST_TYPED,
        **({"initial_value": initial} if initial else {}),
    }
    found = {"type": "input", "block_id": block, "label": label(name), "optional": not required, "element": element}
    return found | ({"hint": label(hint, 1_000)} if hint else {})


def _initial(value: Json) -> str:
    return value if isinstance(value, str) else canonical_bytes(value, max_bytes=1_000_000).decode()


def _read(field: TypedField, text: str) -> Json:
    if text == field.initial:
        return field.before
    try:
        return read_value(text, field.before)
    except InvalidValue as error:
        raise FieldError(field.block, f"This is not read: {error.reason}.") from None


def _is_plain(text: str) -> bool:
    """Say whether a text looks in a field as it is: nothing in it is hidden, or turns round what follows."""
    return harmless(text, lines=True) == text and text.strip() == text


def message_view(title: str, text: str) -> Block:
    """Return what stands in the place of a form that was sent."""
    return {
        "type": "modal",
        "title": label(title, 48),
        "close": label("Close"),
        "blocks": [rich(line(*literal(text[:1_000])))],
    }
