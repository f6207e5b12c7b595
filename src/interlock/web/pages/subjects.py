"""Shows all of what is decided on, and serves the pieces that are too long for one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import quote, urlencode

from fastapi import Depends, Query
from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.domain.canonical import Json, canonical_bytes
from interlock.domain.request import Request
from interlock.errors import NotFound
from interlock.web.pages.content import View, views_of
from interlock.web.pages.rendering import page
from interlock.web.pages.routing import Reader, pages
from interlock.web.pages.value_text import every_text, part_at, path_words, read, warnings_in
from interlock.web.pages.values import LARGEST, PIECE_ROOM, Node, Place, Room, tree
from interlock.web.visible import must_see

router = pages()

Part = Literal["subject", "asked", "answer", "context", "result"]

KINDS = {"approval": "Action", "input": "Question", "review": "Draft"}
NAMES = {"approval": "name", "input": "text", "review": "title"}
CONTENTS = {"approval": "args", "input": "schema", "review": "body"}
WORDS: dict[Part, str] = {
    "subject": "What will happen",
    "asked": "What the agent asked",
    "answer": "The answer",
    "context": "What the agent says besides",
    "result": "What came of it",
}
MANY_WARNINGS = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """What is decided on.

    Args:
        id: the id of its element, which changes with its content.
        kind: action, question or draft.
        name: the name of the action or the draft; or the question's text.
        content: the arguments, or the draft itself; None for a question.
        schema: the schema of an answer, if the agent gives one.
        answer: the present answer.
        views: views in its natural form, beside the canonical one, which counts.
        warnings: what could deceive anywhere in it, in words that are safe to show.
    """

    id: str
    kind: str
    name: Node
    content: Node | None
    schema: Node | None
    answer: Node | None
    views: tuple[View, ...]
    warnings: tuple[str, ...]


def shown_subject(request: Request, room: Room | None = None, *, asked: bool = False) -> Shown:
    """Return what is decided on, from its canonical bytes.

    Args:
        room: the space that the page has left, if it shows several.
        asked: show what the agent asked, without people's changes.
    """
    room = room or Room()
    part: Part = "asked" if asked else "subject"
    subject = request.asked if asked else request.edition.subject
    value = read(subject.canonical)
    source = address_of(request, part)

    def node(name: str) -> Node:
        place = str(list(value).index(name))
        return tree(value[name], source=source, room=room, place=Place((place,)), folds=name != CONTENTS["approval"])

    named, content = NAMES[subject.kind], CONTENTS[subject.kind]
    is_question = subject.kind == "input"
    return Shown(
        f"{part}-{request.id}-{(request.asked_digest if asked else request.digest)[-16:]}",
        KINDS[subject.kind],
        node(named),
        None if is_question else node(content),
        node("schema") if is_question and value["schema"] is not None else None,
        None if asked or request.edition.answer is None else shown_part(request, "answer", room),
        () if asked else views_of(subject),
        warnings_of(value),
    )


def shown_part(request: Request, part: Part, room: Room | None = None) -> Node:
    """Return another value of a request: its context, its result or its answer."""
    return tree(value_of(request, part), source=address_of(request, part), room=room)


def value_of(request: Request, part: Part) -> Json:
    """Return a value of a request, with numbers as its canonical bytes write them."""
    match part:
        case "subject":
            return read(request.edition.subject.canonical)
        case "asked":
            return read(request.asked.canonical)
        case "answer":
            found = request.edition.answer
        case "context":
            found = request.ask.context
        case "result":
            found = request.result
    return read(canonical_bytes(found, max_bytes=LARGEST))


def address_of(request: Request, part: Part) -> str:
    """Return the address of the pieces of a value; it is valid until the request changes."""
    return f"/requests/{quote(request.id)}/values/{part}?{urlencode({'digest': request.digest})}"


def warnings_of(value: Json) -> tuple[str, ...]:
    """Return the first warnings about deceptive text in a value, and how many more there are."""
    texts = ((text, "a name" if is_name else "a text", is_name) for text, is_name in every_text(value))
    found = dict.fromkeys(said for text, what, is_name in texts for said in warnings_in(text, what, is_name=is_name))
    some, left = tuple(found)[:MANY_WARNINGS], len(found) - MANY_WARNINGS
    return (*some, f"And {left:,} more of this kind.") if left > 0 else some


def place_of(at: str = "", start: Annotated[int, Query(alias="from", ge=0)] = 0) -> Place:
    """Return the place that an address names."""
    return Place(tuple(at.split(".")) if at else (), start)


@router.get("/requests/{request_id}/values/{part}")
async def piece(  # noqa: PLR0913 - what an address says
    call: Call, caller: Reader, request_id: str, part: Part, *, digest: str, place: Annotated[Place, Depends(place_of)]
) -> Response:
    """Show a piece of a value by itself, if the request has not changed since the address was made."""
    await must_see(caller, request_id)
    request = (await caller.client.request(request_id)).request
    if request.digest != digest:
        return await page(call, "changed_value.html", caller, request_id=request_id)
    try:
        value, names = part_at(value_of(request, part), place.at)
    except KeyError:
        raise NotFound("There is no such piece: go back to the request, and open it there.") from None
    node = tree(value, source=address_of(request, part), room=Room(PIECE_ROOM), place=place, folds=False)
    path, title = path_words(names), WORDS[part]
    return await page(call, "value_piece.html", caller, request_id=request_id, node=node, path=path, title=title)
