"""What went wrong, in the words of whoever wrote the code, without what is a programmer's: types, files and lines."""

from __future__ import annotations

import re

UNSAID = "Its code failed, and did not say why."

_PLACE = re.compile(r" \((?:[/<]|\w:\\)[^\n]*?, line \d+\)| \((?:(?! \()[^\n])*, line \d+\)")
_TYPE = re.compile(
    r"(?:^|(?<=[:;] ))(?:\w+\.)*(?:[A-Z]\w*(?:Error|Exception|Group|Exit|Interrupt|Warning)|NotDone)(?:: |$)"
)
_WORDS = re.compile(r"[^\W\d_]{2}.*[\s:].*\w", re.DOTALL)


def in_plain_words(note: str) -> str:
    """Return what a note of the log says happened, such as `ValueError: no flight goes there (trip.py, line 64)`."""
    return _TYPE.sub("", _PLACE.sub("", note)).strip()


def what_happened(note: str) -> str:
    """Return the same; or that nothing is said, where only the type of an error, or a value of it, is left."""
    said = in_plain_words(note)
    if said == note.strip():
        return said
    return said[:1].upper() + said[1:] if _WORDS.search(said) else UNSAID
