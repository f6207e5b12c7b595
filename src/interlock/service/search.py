"""Which requests somebody finds by words: those in which each of them stands somewhere, in small letters or large."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from interlock.domain.action import Action, Draft, Question
from interlock.domain.canonical import Json
from interlock.domain.request import Request

MOST_WORDS = 10
MOST_LETTERS = 20_000
"""How much of a request is searched: an action may have a quarter of a million letters."""


def words_of(text: str) -> tuple[str, ...]:
    """Return the words that somebody has typed, as they are compared; words beyond the tenth do not count."""
    return tuple(_alike(text).split()[:MOST_WORDS])


def is_found(request: Request, words: tuple[str, ...]) -> bool:
    """Say whether each word stands in what is asked, as it stands now, in what it is about, or among who asks."""
    if not words:
        return True
    text = _text(request)
    return all(word in text for word in words)


def _text(request: Request) -> str:
    size, found = 0, []
    for part in _parts(request):
        found.append(part)
        size += len(part)
        if size > MOST_LETTERS:
            break
    return _alike("\n".join(found)[:MOST_LETTERS])


def _parts(request: Request) -> Iterator[str]:
    yield from (request.id, request.reference or "", request.agent, request.requester, request.initiator)
    match request.edition.subject:
        case Action(name=name, args=args):
            yield name
            yield from _texts(args)
        case Question(text=text, options=options):
            yield text
            yield from options or ()
        case Draft(title=title, body=body):
            yield title
            yield from _texts(body)
    yield request.ask.description


def _texts(value: Json) -> Iterator[str]:
    """Yield what somebody would read of a value: names and values, from the outside in."""
    left = [value]
    for one in left:
        match one:
            case dict():
                for key, inner in one.items():
                    yield key
                    left.append(inner)
            case list():
                left += one
            case str():
                yield one
            case None | bool():
                pass
            case number:
                yield str(number)


def _alike(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
