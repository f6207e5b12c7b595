"""Examples as rows of training data, in the forms that trainers read.

TRL's are those of https://huggingface.co/docs/trl/dataset_formats (conversational), OpenAI's that of
https://platform.openai.com/docs/guides/supervised-fine-tuning, Argilla's what `argilla.Record.from_dict` reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from interlock.domain.action import Kind
from interlock.domain.canonical import Json, canonical_bytes, digest
from interlock.domain.statistics import Ended
from interlock.learning.examples import MOST_BYTES, Example, as_text

FUNCTION = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What OpenAI lets a function be called."""


class DatasetFormat(StrEnum):
    """How a dataset is written."""

    sft = "sft"
    dpo = "dpo"
    kto = "kto"
    reward = "reward"
    openai = "openai"
    argilla = "argilla"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a dataset.

    Args:
        content: what is learnt: two rows with the same content are the same row.
        about: where it comes from; None where a trainer refuses further keys.
        example: what it was made of.
    """

    content: Mapping[str, Json]
    example: Example
    about: Mapping[str, Json] | None = None

    @property
    def line(self) -> bytes:
        """The row as one line of JSON, always the same bytes (RFC 8785)."""
        more = {} if self.about is None else {"about": self.about}
        return canonical_bytes({**self.content, **more}, max_bytes=MOST_BYTES) + b"\n"

    @property
    def digest(self) -> str:
        """Names what is learnt, wherever it comes from."""
        learnt = {key: value for key, value in self.content.items() if key not in _OF_RECORDS}
        return digest(learnt, max_bytes=MOST_BYTES)


def rows_of(example: Example, written: DatasetFormat) -> Iterator[Row]:
    """Return what an example comes to in a format: nothing, one row or several."""
    make = _FORMATS[written]
    for content in make(example):
        yield Row(content, example, None if written in _WITHOUT_MORE else about(example))


def about(example: Example) -> dict[str, Json]:
    """Return where a row comes from. No person is named."""
    return {
        "request": example.request,
        "agent": example.agent,
        "action": example.action,
        "outcome": str(example.ended),
        "decided_at": example.decided_at.isoformat(),
        "reason": example.reason,
    }


def _sft(example: Example) -> Iterator[dict[str, Json]]:
    if example.accepted is not None:
        yield {"prompt": _conversation(example), "completion": [_said(example, example.accepted)]}


def _dpo(example: Example) -> Iterator[dict[str, Json]]:
    for chosen, rejected in _pairs(example):
        yield {"prompt": _prompt(example), "chosen": [chosen], "rejected": [rejected]}


def _reward(example: Example) -> Iterator[dict[str, Json]]:
    prompt = _prompt(example)
    for chosen, rejected in _pairs(example):
        yield {"chosen": [*prompt, chosen], "rejected": [*prompt, rejected]}


def _kto(example: Example) -> Iterator[dict[str, Json]]:
    if example.kind is Kind.input:
        return
    judged = [(example.proposed, example.ended is Ended.approved)]
    if example.ended is Ended.changed:
        judged = [] if example.accepted == example.proposed else [(example.accepted, True), (example.proposed, False)]
    for proposed, label in judged:
        yield {"prompt": _prompt(example), "completion": [_said(example, proposed)], "label": label}


def _openai(example: Example) -> Iterator[dict[str, Json]]:
    if example.accepted is None:
        return
    asked = [{**one, "weight": 0} if one["role"] == "assistant" else one for one in _conversation(example)]
    if example.kind is not Kind.approval:
        yield {"messages": [*asked, _said(example, example.accepted)]}
        return
    name = _function_name(example.action)
    called = {"name": name, "arguments": as_text(example.accepted)}
    parameters = {"type": "object", "properties": {}} | (example.schema or {})
    yield {
        "messages": [
            *asked,
            {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": called}]},
        ],
        "tools": [{"type": "function", "function": {"name": name, "parameters": parameters}}],
        "parallel_tool_calls": False,
    }


def _argilla(example: Example) -> Iterator[dict[str, Json]]:
    suggested = {"outcome": str(example.ended), "accepted": example.accepted, "reason": example.reason}
    metadata = about(example)
    yield {
        "id": example.request,
        "fields": {"task": example.task, "action": example.action, "proposed": as_text(example.proposed)},
        "suggestions": {
            question: {"value": as_text(value), "agent": "people"}
            for question, value in suggested.items()
            if value is not None and value != ""
        },
        "responses": {},
        "metadata": {key: metadata[key] for key in ("agent", "action", "outcome", "decided_at")},
        "vectors": {},
    }


_FORMATS: dict[DatasetFormat, Callable[[Example], Iterator[dict[str, Json]]]] = {
    DatasetFormat.sft: _sft,
    DatasetFormat.dpo: _dpo,
    DatasetFormat.kto: _kto,
    DatasetFormat.reward: _reward,
    DatasetFormat.openai: _openai,
    DatasetFormat.argilla: _argilla,
}
_WITHOUT_MORE = frozenset({DatasetFormat.openai, DatasetFormat.argilla})
_OF_RECORDS = frozenset({"id", "metadata"})
"""What Argilla's records have, and is not learnt."""


def _prompt(example: Example) -> list[dict[str, Json]]:
    """Return what the agent was given, and of a question the question: people answer as the agent should have."""
    words = [example.task, as_text(example.proposed)] if example.kind is Kind.input else [example.task]
    return [{"role": "user", "content": "\n\n".join(text for text in words if text)}]


def _conversation(example: Example) -> list[dict[str, Json]]:
    """Return the prompt with the drafts that were sent back, and what people said to each."""
    told = _prompt(example)
    for one in example.rounds:
        told += [_said(example, one.proposed), {"role": "user", "content": one.feedback}]
    return told


def _pairs(example: Example) -> Iterator[tuple[dict[str, Json], dict[str, Json]]]:
    """Return what people preferred to what: their change to what was asked, what they let pass to what they sent back.

    Each is an answer to what the agent was given, without what people said in between.
    """
    if example.accepted is None or example.kind is Kind.input:
        return
    chosen = _said(example, example.accepted)
    for proposed in (example.proposed, *(one.proposed for one in example.rounds)):
        if proposed != example.accepted:
            yield chosen, _said(example, proposed)


def _said(example: Example, proposed: Json) -> dict[str, Json]:
    """Return something proposed as the agent's message: of an action, a call as JSON."""
    called = {"name": example.action, "arguments": proposed} if example.kind is Kind.approval else proposed
    return {"role": "assistant", "content": as_text(called)}


def _function_name(action: str) -> str:
    """Return an action's name as OpenAI takes it; one that has to be changed keeps its digest, so that none meet."""
    if FUNCTION.fullmatch(action):
        return action
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', action)[:50]}_{digest(action)[-8:]}"
