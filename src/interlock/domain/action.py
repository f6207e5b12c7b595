"""What people are asked about: an action to approve, a question to answer, a draft to review."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from interlock.domain.canonical import Json, canonical_bytes, digest, normalize
from interlock.errors import InvalidValue

__all__ = ["Action", "Draft", "Kind", "Question", "Subject", "Verdict"]

MAX_NAME = 200


class Kind(StrEnum):
    """What sort of thing a request asks for."""

    approval = "approval"
    input = "input"
    review = "review"


class Verdict(StrEnum):
    """What one person can say."""

    approve = "approve"
    edit = "edit"
    reject = "reject"
    respond = "respond"
    revise = "revise"


class _Subject:
    """What the three have in common: canonical bytes and a digest of their content."""

    __slots__ = ()

    def content(self) -> dict[str, Json]:
        """Return what is decided on, as JSON: the digest covers this and nothing else."""
        raise NotImplementedError

    @property
    def canonical(self) -> bytes:
        """The canonical bytes (RFC 8785) of the content."""
        return canonical_bytes(self.content(), max_bytes=_ROOM)

    @property
    def digest(self) -> str:
        """The digest of the canonical bytes."""
        return digest(self.content(), max_bytes=_ROOM)


@dataclass(frozen=True, slots=True)
class Action(_Subject):
    """Something an agent wants to do: a name and its arguments.

    Args:
        name: what is to be done, such as `send_email`.
        args: its arguments, a JSON object.
        schema: a JSON Schema for the arguments; a reviewer's edit must fit it.

    Raises:
        InvalidValue: if the arguments are not JSON, with the path of what is not.
    """

    name: str
    args: dict[str, Any] = field(default_factory=dict)
    schema: dict[str, Any] | None = None
    kind: Literal["approval"] = "approval"

    def __post_init__(self) -> None:
        _check_name(self.name, "action.name")
        if not isinstance(self.args, dict):
            raise InvalidValue("action.args", f"is {type(self.args).__name__}, not an object of arguments")
        object.__setattr__(self, "args", normalize(self.args, path="action.args"))
        _normalize_schema(self, "action.schema")

    def content(self) -> dict[str, Json]:
        """Return name and arguments."""
        return {"kind": "approval", "name": self.name, "args": self.args}


@dataclass(frozen=True, slots=True)
class Question(_Subject):
    """Something an agent needs to know.

    Args:
        text: the question.
        schema: a JSON Schema that the answer must fit; without one any JSON value does.
        options: the answers to choose from, instead of a schema.
    """

    text: str
    schema: dict[str, Any] | None = None
    options: list[str] | None = None
    kind: Literal["input"] = "input"

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _text(self.text, "question.text"))
        if self.options is not None:
            if self.schema is not None:
                raise InvalidValue("question", "has options and a schema; give one of them")
            if not self.options or not all(isinstance(option, str) for option in self.options):
                raise InvalidValue("question.options", "must be a list of at least one string")
            object.__setattr__(self, "options", normalize(self.options, path="question.options"))
        _normalize_schema(self, "question.schema")

    def content(self) -> dict[str, Json]:
        """Return what is asked, as JSON."""
        return {"kind": "input", "text": self.text, "schema": self.answer_schema}

    @property
    def answer_schema(self) -> dict[str, Any] | None:
        """The JSON Schema of an answer."""
        return {"enum": self.options} if self.options is not None else self.schema


@dataclass(frozen=True, slots=True)
class Draft(_Subject):
    """Something an agent has made, for people to comment on.

    Args:
        body: the draft, any JSON value.
        title: what it is.
    """

    body: Json
    title: str = "draft"
    kind: Literal["review"] = "review"

    def __post_init__(self) -> None:
        _check_name(self.title, "draft.title")
        object.__setattr__(self, "body", normalize(self.body, path="draft.body"))

    def content(self) -> dict[str, Json]:
        """Return what is reviewed, as JSON."""
        return {"kind": "review", "title": self.title, "body": self.body}


Subject = Action | Question | Draft
_ROOM = 600_000  # a normalised value of the largest size, with the names around it


def _check_name(name: object, path: str) -> None:
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
        raise InvalidValue(path, f"must be a string of 1 to {MAX_NAME} characters")
    normalize(name, path=path)


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidValue(path, "must be a string with something in it")
    return str(normalize(value, path=path))


def _normalize_schema(owner: Action | Question, path: str) -> None:
    if owner.schema is None:
        return
    if not isinstance(owner.schema, dict):
        raise InvalidValue(path, "must be a JSON Schema: an object")
    object.__setattr__(owner, "schema", normalize(owner.schema, path=path))
