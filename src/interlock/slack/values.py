"""What is decided on, for a card: every value from its canonical bytes, or it is said that not all of it is shown."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.domain.action import Action, Draft, Question
from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.service.fields import wanted
from interlock.service.inline import counted, name_shown, one_line
from interlock.slack.text import Block, badges, element, line, readable, rich

LONGEST_BLOCK = 3_000
MOST_BLOCKS = 30
MOST_CHARACTERS = 9_000
"""How much of an action is shown on a card: Slack takes 50 blocks, and 3,000 characters in most of them."""


BEGINNING = 500
"""How much is shown of what finds no room."""


class Room:
    """How much more finds room; that something did not is remembered."""

    def __init__(self) -> None:
        self.blocks, self.characters, self.whole = MOST_BLOCKS, MOST_CHARACTERS, True

    def take(self, title: str, shown: str) -> str | None:
        """Return what is shown, for which room is taken; its beginning, or None, where there is not enough."""
        for part in (shown, f"{shown[:BEGINNING]}…"):
            size = len(title) + len(part)
            if self.blocks > 0 and size <= min(LONGEST_BLOCK, self.characters):
                self.blocks, self.characters = self.blocks - 1, self.characters - size
                return part
            self.whole = False
        return None


def subject_blocks(request: Request, room: Room) -> Iterator[Block]:
    """Yield what is decided on, as far as there is room."""
    edition = request.edition
    match edition.subject:
        case Action(name=name, args=args):
            yield from _said("", name_shown(name), room)
            for key, value in args.items():
                yield from value_blocks(key, value, room)
            if not args:
                yield rich(line(element("(no arguments)", italic=True)))
        case Question() as question:
            yield from text_blocks("The agent asks", question.text, room)
            if question.options is not None:
                yield from value_blocks("Answers", question.options, room)
            elif question.schema is not None:
                yield from _said("The answer:", "\n".join(wanted(question.schema)), room)
        case Draft(title=title, body=body):
            yield from value_blocks(title, body, room)
    if edition.answer is not None:
        yield from value_blocks("answer", edition.answer, room)


def value_blocks(name: str, value: Json, room: Room) -> Iterator[Block]:
    """Yield a named value as far as there is room: text with several lines as it stands, all else as it is typed."""
    if isinstance(value, str) and "\n" in value:
        lines = counted(value.count("\n") + 1, "line", "lines")
        yield from text_blocks(f"{name_shown(name)} (text, {lines}, {len(value):,} characters)", value, room)
    elif isinstance(value, dict | list) and value:
        title = f"{name_shown(name)}:"
        shown = room.take(title, _as_far_as(_lines(value, "")))
        if shown is not None:
            text = {"type": "rich_text_preformatted", "elements": [element(shown)]}
            yield rich(line(*badges(title, bold=True)), text)
    else:
        yield from _said(f"{name_shown(name)}:", one_line(value), room)


def text_blocks(title: str, text: str, room: Room) -> Iterator[Block]:
    """Yield a text with its line breaks, marked as one.

    All of it is read and its padding folded before it is measured: what stands after the padding counts as well.
    """
    shown = room.take(title, readable(text))
    if shown is not None:
        quote = {"type": "rich_text_quote", "elements": badges(shown)}
        yield rich(line(*badges(f"{title}:", bold=True)), quote)


def _said(title: str, shown: str, room: Room) -> Iterator[Block]:
    part = room.take(title, shown)
    if part is not None:
        head = [*badges(title, bold=True), element(" ")] if title else []
        yield rich(line(*head, *badges(part, **({} if title else {"bold": True}))))


def _as_far_as(lines: Iterator[str]) -> str:
    """Return lines joined; no more of them than tell that there is no room for all."""
    found, size = [], 0
    for one in lines:
        found.append(one)
        size += len(one) + 1
        if size > LONGEST_BLOCK:
            break
    return "\n".join(found)


def _lines(value: Json, indent: str) -> Iterator[str]:
    entries = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else [], 1)
    for key, one in entries:
        name = f"{name_shown(key)}:" if isinstance(key, str) else f"{key}."
        if isinstance(one, dict | list) and one:
            yield f"{indent}{name}"
            yield from _lines(one, indent + "  ")
        else:
            yield f"{indent}{name} {one_line(one)}"


def words_of_agent(text: str, most: int) -> list[Block]:
    """Return what the agent says besides, marked as its own: as much of it as finds room, and how long it is."""
    shown = readable(text[:most])
    is_cut = len(text) > most or len(shown) > most
    head = f"In the agent's own words{f', cut: {len(text):,} characters' if is_cut else ''}:"
    said = {"type": "rich_text_quote", "elements": badges(shown[:most])}
    return [rich(line(element(head, italic=True)), said)]
