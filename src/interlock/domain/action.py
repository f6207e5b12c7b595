"""What people are asked about: an action to approve, a question to answer, a draft to review; and what they may say."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from interlock.domain.canonical import Json, canonical_bytes, digest, normalize
from interlock.errors import InvalidValue

MAX_NAME = 200
LONGEST_REFERENCE = 200
"""How many characters a business reference has at most: an index holds it."""


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
        text: object = self.text
        if not isinstance(text, str) or not text.strip():
            raise InvalidValue("question.text", "must be a string with something in it")
        object.__setattr__(self, "text", normalize(text, path="question.text"))
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


def _normalize_schema(owner: Action | Question, path: str) -> None:
    if owner.schema is None:
        return
    if not isinstance(owner.schema, dict):
        raise InvalidValue(path, "must be a JSON Schema: an object")
    object.__setattr__(owner, "schema", normalize(owner.schema, path=path))


Outcome = Literal["approved", "rejected", "answered", "revised"]
"""What people, or a rule, can bring a request to."""


@dataclass(frozen=True, slots=True)
class VerdictRule:
    """What a verdict is.

    Args:
        supports: it counts for what a step needs to pass; else it counts against.
        outcome: what a request comes to, if this verdict decides it.
        kinds: what it is offered for, unless the graph's author chooses.
        did: what somebody has done by it, such as `sent back`.
        question: asks whether it is meant.
        does: what happens by it, after "you".
    """

    supports: bool
    outcome: Outcome
    kinds: frozenset[Kind]
    did: str
    question: str
    does: str


_TO_APPROVE = frozenset({Kind.approval, Kind.review})

VERDICTS: dict[Verdict, VerdictRule] = {
    Verdict.approve: VerdictRule(
        True, "approved", _TO_APPROVE, "approved", "Approve?", "approve it: what is shown is done"
    ),
    Verdict.edit: VerdictRule(
        True,
        "approved",
        _TO_APPROVE,
        "approved with changes",
        "Approve with these changes?",
        "approve it with the changes that are shown",
    ),
    Verdict.respond: VerdictRule(
        True, "answered", frozenset({Kind.input}), "answered", "Answer so?", "give this answer"
    ),
    Verdict.revise: VerdictRule(
        False, "revised", frozenset({Kind.review}), "sent back", "Send back?", "send the draft back with what you said"
    ),
    Verdict.reject: VerdictRule(False, "rejected", frozenset(Kind), "rejected", "Reject?", "reject it"),
}
"""In the order in which they are offered."""

NEGATIVE_OUTCOMES: frozenset[str] = frozenset(rule.outcome for rule in VERDICTS.values() if not rule.supports)
"""The outcomes that are a no: nobody counts as approving, and the votes of the last step alone decide."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of people, and where.

    Args:
        interrupt_id: the LangGraph interrupt that waits for the answer, with `/position` where it asks several things.
        task: the LangGraph task that asks; empty where the graph asks by itself, without `interlock.ask`.
        subject: what is to be decided, as the agent asked it.
        verdicts: what people may say.
        description: what it is about, in the agent's words.
        context: JSON that helps to decide.
        policy: the policy that the graph's author names; None for the first that applies.
        reference: what it is about in the business, such as an order's number or a ticket, to find it by.
    """

    interrupt_id: str
    task: str
    subject: Subject
    verdicts: tuple[Verdict, ...]
    description: str = ""
    context: Json = None
    policy: str | None = None
    reference: str | None = None

    def __post_init__(self) -> None:
        if self.reference is not None:
            check_reference(self.reference)


def check_reference(reference: object) -> None:
    """Refuse what is no business reference; raise `InvalidValue`."""
    fits = isinstance(reference, str) and reference.isprintable() and 0 < len(reference) <= LONGEST_REFERENCE
    if not fits or reference != str(reference).strip():
        raise InvalidValue(
            "reference",
            f"must be text that can be shown, of 1 to {LONGEST_REFERENCE} characters, with no space around it",
        )


def default_verdicts(subject: Subject) -> tuple[Verdict, ...]:
    """Return what people may say of a subject if the graph's author does not choose."""
    return tuple(verdict for verdict, rule in VERDICTS.items() if subject.kind in rule.kinds)
