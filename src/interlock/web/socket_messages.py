"""What is said on a WebSocket, in both directions; docs/reference-socket.md is drawn from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

from interlock.domain.action import Kind, Verdict
from interlock.domain.directory_events import DirectoryEvent
from interlock.domain.events import Event
from interlock.domain.run_events import RunEvent
from interlock.errors import BadInput
from interlock.service.shapes import schema as shapes
from interlock.web import bodies
from interlock.web.openapi_shapes import SERVER_SHAPES, STRING


class Answer(BaseModel):
    """What a client says of a request: a vote, or just `approved`; that it takes the vote back, is on it, asks back."""

    model_config = ConfigDict(extra="forbid")

    request_id: Annotated[StrictStr, Field(min_length=1, max_length=100, description="the request")]
    approved: StrictBool | None = Field(
        None, description="true approves and false rejects what this socket has shown last of the request"
    )
    verdict: Verdict | None = Field(None, description="the vote")
    digest: Annotated[StrictStr, Field(min_length=8, max_length=100)] | None = Field(
        None, description="of what was shown, with a vote; by default of what this socket has shown last"
    )
    comment: bodies.Text = Field("", description="with a vote")
    value: Any = Field(
        None, description="with `edit` all arguments, or the draft, as changed; with `respond` the answer"
    )
    take_back: StrictBool = Field(False, description="take back the vote of the present step")
    reserve: bodies.Name | None = Field(None, description="be on it for so long: a duration, such as `15m`")
    ask_back: bodies.Text | None = Field(None, description="a question to the agent, or who started it")
    clarify: bodies.Text | None = Field(None, description="the answer to what was asked back under `number`")
    number: int | None = Field(None, description="with `clarify` alone: from 1")
    id: Annotated[StrictStr, Field(max_length=200)] | None = Field(
        None, description="an idempotency key of the client's: the answer to this message has the same"
    )

    def check(self) -> None:
        """Refuse what says several things, or nothing."""
        said = (self.approved, self.verdict, self.take_back or None, self.reserve, self.ask_back, self.clarify)
        if sum(one is not None for one in said) != 1:
            raise BadInput(
                "Say one thing: either `approved`, true or false; or a `verdict`, `take_back`, `reserve`, `ask_back` "
                "or `clarify`."
            )
        if (self.number is None) is (self.clarify is not None):
            raise BadInput("`clarify` names the `number` of what was asked back, and nothing else does.")


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message that the server says.

    Args:
        types: the values of its `type`.
        when: when it is said.
        fields: the JSON Schema of each key beside `type`.
        optional: those keys that it may lack.
    """

    types: tuple[str, ...]
    when: str
    fields: Mapping[str, Any]
    optional: frozenset[str] = frozenset()

    def says(self, **fields: Any) -> dict[str, Any]:
        """Return a message of this kind, which has one type, with these keys."""
        (of_one,) = self.types
        return {"type": of_one, **fields}

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        types = {"const": self.types[0]} if len(self.types) == 1 else {"enum": [*self.types]}
        return {
            "type": "object",
            "description": self.when,
            "properties": {"type": types, **self.fields},
            "required": ["type", *(name for name in self.fields if name not in self.optional)],
            "additionalProperties": False,
        }


_DIGEST = {**STRING, "description": "of what is to be decided: a vote names it"}
_POSITION = {**STRING, "description": "a position of the log; `?after=` of a later socket"}
_REQUEST_ID = {**STRING, "description": "the request"}
_ENTRY = {
    "position": {**STRING, "description": "where it stands in the log"},
    "entry": {"$ref": "#/$defs/entry", "description": "as the log has it"},
}
_ID = {**STRING, "description": "as the client's message had it"}
_REQUEST = {"request": {"$ref": "#/$defs/request", "description": "as it stands afterwards"}, "id": _ID}
_ANSWERS = frozenset({"id"})


def _wanted(kind: Kind, what: str, **parts: Any) -> Message:
    asked = {
        "type": "object",
        "description": "what is asked: the digest covers this and nothing else",
        "properties": {"kind": {"const": str(kind)}, **parts},
        "required": ["kind", *parts],
        "additionalProperties": False,
    }
    plan = {**STRING, "description": "what the agent says of it; nobody has checked it"}
    fields = {**_ENTRY, "request_id": _REQUEST_ID, "plan": plan, "asked": asked, "digest": _DIGEST}
    return Message((f"{kind}_required",), f"an agent asks {what}: the entry `opened` of the log", fields)


WANTED = {
    Kind.approval: _wanted(Kind.approval, "whether it may do something", name=STRING, args={"type": "object"}),
    Kind.input: _wanted(Kind.input, "a question", text=STRING, schema={"type": ["object", "null"]}),
    Kind.review: _wanted(Kind.review, "what people think of a draft", title=STRING, body={}),
}

READY = Message(("ready",), "first: whatever comes after this position is told from now on", {"after": _POSITION})
VOTED = Message(("voted",), "a vote counts, or counted already", _REQUEST, _ANSWERS)
TAKEN_BACK = Message(("taken_back",), "a vote is taken back", _REQUEST, _ANSWERS)
DONE = Message(("done",), "what was said beside a vote is done", _REQUEST, _ANSWERS)
PROBLEM = Message(
    ("problem",),
    "what the client said is refused; the socket goes on",
    {"problem": {"$ref": "#/$defs/problem", "description": "what is wrong (RFC 9457)"}, "id": _ID},
    _ANSWERS,
)
ALIVE = Message(("alive",), "nothing was told for 15 seconds", {})
END = Message(
    ("end",),
    "last: the server stops, or the credential has ended",
    {"reason": {**STRING, "description": "why, in a sentence"}, "after": _POSITION},
)


def _types(union: Any) -> tuple[str, ...]:
    return tuple(one.__dataclass_fields__["type"].default for one in get_args(union))


ENTRY = Message(
    tuple(sorted({*_types(Event), *_types(RunEvent), *_types(DirectoryEvent)} - {"opened"})),
    "any other entry of the log that the caller may see; `type` is that of its event. An `edited` of a request that "
    "this socket has shown has `request_id` and the new `digest` beside it",
    {**_ENTRY, "request_id": _REQUEST_ID, "digest": _DIGEST},
    frozenset({"request_id", "digest"}),
)

TOLD = (READY, *WANTED.values(), ENTRY, VOTED, TAKEN_BACK, DONE, PROBLEM, ALIVE, END)
"""All that the server says."""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of all messages: `said` of `$defs` is a client's, `told` the server's."""
    said = Answer.model_json_schema(ref_template="#/$defs/{model}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What is said on a WebSocket of Interlock",
        "$defs": {
            **shapes()["$defs"],
            "problem": SERVER_SHAPES["Problem"],
            **said.pop("$defs", {}),
            "said": said,
            "told": {"oneOf": [message.schema() for message in TOLD]},
        },
    }
