"""A configuration file that was not written just now.

A file that is younger than two seconds is read again at every look, since it may change within one tick of its clock:
a test would spend a tenth of its time on that. What a test writes into it later is found by its new time.
"""

import os
from pathlib import Path

WRITTEN = 1_700_000_000


def settled(file: Path, text: str | None = None) -> Path:
    """Return a file that was written long ago: with this text, or as it is."""
    if text is not None:
        file.write_text(text)
    os.utime(file, (WRITTEN, WRITTEN))
    return file
