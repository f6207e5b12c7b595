"""Draw docs/reference-socket.md from what is said on a WebSocket."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from api_page import kind, properties, told
from interlock.web.socket_messages import DONE, TAKEN_BACK, TOLD, VOTED, Answer, Message
from markdown_table import table

INTRODUCTION = """\
# The WebSocket

`GET /api/v1/socket` tells the log as it grows, and takes votes: for agents, programs and pages in any language. This
page is drawn from its code by `python docs/generate.py`; [the API](reference-api.md) has the other calls.

- **Who** is said by the header `Authorization: Bearer TOKEN`, or by the cookie of a session, which is taken from this
  server's own pages alone (`Origin`). Each is told what they may see: an agent, what it asks itself. Who is not let in
  is answered by a problem, as by any other call.
- **From where**: `?after=POSITION` goes on from a position of the log, and nothing is lost between two sockets; without
  it, what comes from now on is told.
- **Messages** are text frames, a JSON object in each. What the server says has a `type`. It may get more keys and more
  types: pass over those that you do not know.
- **An answer** to what a client says has its `id`, and may come after entries of the log. The same `id` said again, on
  this socket or another one, does nothing anew.
"""


class Example(NamedTuple):
    """Something that a client says.

    Args:
        says: its keys beside `request_id` and `id`.
        answered: what the server says to it.
    """

    what: str
    says: Mapping[str, Any]
    answered: Message


DIGEST = "sha256:9f86…"
EXAMPLES = (
    Example("approve what this socket has shown last", {"approved": True}, VOTED),
    Example("vote on what was shown", {"verdict": "reject", "digest": DIGEST, "comment": "too much"}, VOTED),
    Example("approve with changes", {"verdict": "edit", "digest": DIGEST, "value": {"to": "bob"}}, VOTED),
    Example("answer a question", {"verdict": "respond", "digest": DIGEST, "value": "KLM"}, VOTED),
    Example("send a draft back", {"verdict": "revise", "digest": DIGEST, "comment": "shorter"}, VOTED),
    Example("take the vote back", {"take_back": True}, TAKEN_BACK),
    Example("say that one is on it", {"reserve": "15m"}, DONE),
    Example("ask the agent something", {"ask_back": "Whose budget is it?"}, DONE),
    Example("answer what was asked back", {"clarify": "The fair is on Monday", "number": 1}, DONE),
)
"""Everything that can be said; a test says each."""


def socket() -> Iterator[str]:
    yield INTRODUCTION.rstrip()
    yield from ("", "## What a client says", "")
    yield "One thing about one request:"
    yield ""
    rows = [(one.what, f"`{written(said(one))}`", f"`{one.answered.types[0]}`") for one in EXAMPLES]
    yield from table(("to", "says", "is answered by"), rows)
    yield from ("", "`problem` answers what is refused. The keys:", "")
    yield from table(("key", "value", "default", "what it is"), map(linked, properties(Answer.model_json_schema())))
    yield from ("", "## What the server says")
    for message in TOLD:
        yield from ("", f"### {heading(message)}", "")
        yield f"{message.when[:1].upper()}{message.when[1:]}."
        yield from ("", "```json", written(placeholders(message)), "```")
        if message.fields:
            yield ""
            yield from table(("key", "value", "what it is"), fields(message))


def said(example: Example) -> dict[str, Any]:
    """Return all that a client says, as an example."""
    return {"request_id": "req_…", **example.says, "id": "1"}


def written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def linked(row: tuple[str, ...]) -> tuple[str, ...]:
    """Return a row whose links lead to the page of the API, which has the shapes."""
    return tuple(cell.replace("](#", "](reference-api.md#") for cell in row)


def heading(message: Message) -> str:
    return f"`{message.types[0]}`" if len(message.types) == 1 else "Other entries of the log"


def placeholders(message: Message) -> dict[str, Any]:
    """Return a message with `…` in the place of each text, and of what is in each object."""
    kept = {name: placeholder(one) for name, one in message.fields.items()}
    return {"type": message.types[0] if len(message.types) == 1 else "vote_cast", **kept}


def placeholder(schema: Mapping[str, Any]) -> Any:
    match schema:
        case {"const": value}:
            return value
        case {"type": "string"}:
            return "…"
        case {"properties": inner}:
            return {name: placeholder(one) for name, one in inner.items()}
        case _:
            return {"…": "…"}


def fields(message: Message) -> Iterator[tuple[str, str, str]]:
    for name, one in message.fields.items():
        yield linked((f"`{name}`", kind(one), f"{told(one)}{', or not there' if name in message.optional else ''}"))
    if len(message.types) > 1:
        yield "`type`", ", ".join(f"`{one}`" for one in message.types), "of the entry's event"
