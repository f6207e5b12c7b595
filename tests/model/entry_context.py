"""What the plain model of a request goes by: the context of an entry, and what fits, without the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tests.model.fixtures import HIGHEST

from interlock.domain.action import Action, Question, Subject
from interlock.domain.authority import Directory
from interlock.domain.canonical import digest
from interlock.domain.commands import CastVote
from interlock.domain.policy import Step
from interlock.domain.request import Edition


@dataclass(frozen=True, slots=True)
class EntryContext:
    """Around an entry: when it was written, who stands behind it, and who the people were meanwhile.

    Args:
        directories: as configured at some time between the command's begin and its end.
        run_version: the version of the request's run before the step that wrote the entry.
    """

    at: datetime
    by: str
    directories: Sequence[Directory]
    run_version: int


def with_all(step: Step) -> Step:
    """Return a step with those to whom it may still escalate."""
    return step if step.escalate is None else replace(step, ask=(*step.ask, *step.escalate.to))


def misfits(asked: Subject, command: CastVote) -> bool:
    """Say whether an edit or an answer does not fit the schemas that are used here."""
    if isinstance(command.subject, Action):
        amount = command.subject.args.get("amount")
        return not isinstance(amount, int) or amount > HIGHEST
    wants_integer = isinstance(asked, Question) and asked.schema is not None
    return wants_integer and command.answer is not None and not isinstance(command.answer, int)


def digest_of(edition: Edition) -> str:
    """Return the digest of what is decided on."""
    if edition.answer is not None:
        return digest({"question": edition.subject.content(), "answer": edition.answer})
    return edition.subject.digest
