"""Hostile text made harmless: whatever an agent, a model or a person wrote is shown so that it can only be read.

A character that a terminal would obey, hide or reorder by is written as its name between `⟨` and `⟩`, which themselves
are written so, too: an inserted name is never taken for a part of the text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

OPEN, CLOSE = "⟨", "⟩"

NAMES = {"\x1b": "ESC", "\r": "CR", "\t": "TAB", "\x00": "NUL", "\x07": "BEL", "\x08": "BS", "\x7f": "DEL"}
"""What some control characters are called; the others are written as U+XXXX."""

BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5")
"""Characters that are letters, marks or symbols by category, and show nothing."""

STACKED = 2  # how many combining marks may stand on one character; Vietnamese and Hebrew need two
PADDING = 12  # longest run of spaces that is shown as it stands
EMPTY_LINES = 2  # longest run of empty lines that is shown as it stands

LONGEST_MARK = len("⟨U+10FFFF⟩")

TURNING = frozenset("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
"""Characters that change the direction in which what follows is read."""

_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")
_PLAIN = re.compile(r"[ -~]*")
_SPACES = re.compile(f" {{{PADDING + 1},}}")
_LINES = re.compile(rf"\n(?:[ ]*\n){{{EMPTY_LINES + 1},}}")
_WORD = re.compile(r"[^\W\d_]+(?:[^\W_]+)*")

SCRIPTS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "GEORGIAN", "LISU"})
"""Scripts with letters that look like those of another of them."""


def harmless(text: str, *, lines: bool = False) -> str:
    """Return text that can only be read; with `lines`, line feeds are kept, so that the caller can split at them."""
    if _PLAIN.fullmatch(text):
        return text
    characters = set(text) - ({"\n"} if lines else set())
    shown_as = {one: one if _readable(one, "", 0) else named(one) for one in characters if not _is_mark(one)}
    if len(shown_as) == len(characters):
        return text.translate({ord(one): shown for one, shown in shown_as.items() if one != shown})
    shown: list[str] = []
    before, marks = "", 0
    for character in text:
        known = shown_as.get(character, "" if character != "\n" else character)
        marks = 0 if known else min(marks + 1, STACKED + 1)
        shown.append(known or _mark_shown(character, before, marks))
        before = character
    return "".join(shown)


@lru_cache(maxsize=4_096)
def _mark_shown(character: str, before: str, marks: int) -> str:
    return character if _readable(character, before, marks) else named(character)


def _is_mark(character: str) -> bool:
    """Say whether it depends on what stands before a character, how that shows."""
    return bool(unicodedata.combining(character)) or unicodedata.category(character) == "Mn"


def named(character: str) -> str:
    """Return a character's name between angle brackets."""
    return f"{OPEN}{NAMES.get(character) or f'U+{ord(character):04X}'}{CLOSE}"


def _readable(character: str, before: str, marks: int) -> bool:
    if " " <= character <= "~":
        return True
    category = unicodedata.category(character)
    if character in {OPEN, CLOSE} or character in BLANK or category[0] in "CZ":
        return False
    if "\ufe00" <= character <= "\ufe0f":  # an emoji may choose its style; anywhere else it only hides something
        return bool(before) and unicodedata.category(before) == "So"
    if "\U000e0100" <= character <= "\U000e01ef" or "\u180b" <= character <= "\u180f":
        return False
    return marks <= STACKED and not (marks and not before)


def quoted(text: str) -> str:
    """Return text in quotes, in one line, harmless."""
    return fold_padding(harmless(in_quotes(text)))


def in_quotes(text: str) -> str:
    """Return text in quotes, in one line, for whoever makes it harmless as a part of something else."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def fold_padding(text: str) -> str:
    """Replace long runs of spaces and of empty lines by their count, in text that is harmless already."""
    text = _SPACES.sub(lambda found: f"{OPEN}{len(found.group()):,} spaces{CLOSE}", text)
    return _LINES.sub(lambda found: f"\n{OPEN}{found.group().count(chr(10)) - 1:,} empty lines{CLOSE}\n", text)


def plain(text: str) -> str:
    """Return a name or a sentence in one line, harmless, its padding folded."""
    return fold_padding(harmless(text))


def cells(text: str) -> int:
    """Return how many columns a terminal gives to harmless text."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrapped(text: str, width: int) -> list[str]:
    """Split harmless text into pieces of at most so many columns, after a space where there is one near the end.

    Nothing is added or left out: the pieces together are the text.
    """
    width = max(width, 2)
    pieces: list[str] = []
    start, full = 0, _full(text, 0, width)
    while full < len(text):
        cut = _cut(text, start, full, width)
        pieces.append(text[start:cut])
        start, full = cut, _full(text, cut, width)
    return [*pieces, text[start:]]


def _full(text: str, start: int, width: int) -> int:
    """Return the index of the first character that finds no room in a line that begins at `start`."""
    if text.isascii():
        return min(start + width, len(text))
    used = 0
    for index in range(start, len(text)):
        used += _width(text[index])
        if used > width:
            return index
    return len(text)


def _cut(text: str, start: int, full: int, width: int) -> int:
    """Return where a line ends; each line looks at most half of its width back, so that all take linear time."""
    mark = text.rfind(OPEN, max(start + 1, full - LONGEST_MARK + 1), full)
    if mark > 0 and full <= text.find(CLOSE, mark, mark + LONGEST_MARK):
        return mark  # a character's name stays in one piece
    space = text.rfind(" ", max(start + 1, full - width // 2), full)
    return space + 1 if space > 0 else max(full, start + 1)


def shortened(text: str, most: int) -> str:
    """Return text that is cut after so many characters, and says then how many it has."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def warnings_about(text: str, what: str, *, whole: bool = False) -> list[str]:
    """Say what in a text is there to deceive: characters that do not show, and words of several scripts.

    Args:
        whole: whether it is a name, which is of one script as a whole.
    """
    if _PLAIN.fullmatch(text):
        return []
    found: list[str] = []
    characters = set(text)
    hidden = _hidden(text, {one for one in characters - set("\n\r\t⟨⟩") if not _readable(one, "", 0)})
    if hidden:
        which = "character" if hidden == 1 else "characters"
        found.append(f"{what} holds {hidden:,} invisible or control {which}, shown as {OPEN}U+…{CLOSE}")
    if not characters.isdisjoint(TURNING):
        found.append(_turned(text, what))
    if len(scripts_of(characters)) > 1:
        for word in [text] if whole else _WORD.findall(text):
            scripts = scripts_of(set(word))
            if len(scripts) > 1:
                found.append(f"{what} mixes {' and '.join(scripts)} letters in {quoted(word[:40])}")
                break
    return found


def _turned(text: str, what: str) -> str:
    """Say what a text really ends in of which a part would be shown turned round: a program seems to be a document."""
    ending = _ENDING.search("".join(one for one in text if one not in TURNING))
    ends = f": it really ends in {quoted(ending[0])}" if ending else ""
    return f"{what} holds a character that turns round what follows, so that it looks like something else{ends}"


def _hidden(text: str, suspicious: set[str]) -> int:
    """Return how many characters show nothing, of those that may."""
    styles = {one for one in suspicious if "\ufe00" <= one <= "\ufe0f"}
    found = sum(text.count(one) for one in suspicious - styles)
    if styles:
        pairs = zip(" " + text, text, strict=False)
        found += sum(this in styles and _mark_shown(this, before, 0) != this for before, this in pairs)
    return found


def scripts_of(characters: set[str]) -> list[str]:
    """Return the scripts of some characters, of those that have letters which look alike."""
    names = {unicodedata.name(character, "").partition(" ")[0] for character in characters if character.isalpha()}
    return [script.title() for script in sorted(names & SCRIPTS)]
