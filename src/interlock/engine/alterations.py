"""What an audit finds, what to do about it, and what `repair` can do by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from interlock.engine.missing_entries import Key

__all__ = [
    "ANEW",
    "BACKUP",
    "FOREIGN",
    "LOST",
    "NOT_ANEW",
    "OF_REQUEST",
    "OF_RUN",
    "REPAIR",
    "SHORTEN",
    "STATE",
    "TAKEN",
    "WITHDRAW",
    "WORKER",
    "Alteration",
    "Mend",
]

REPAIR = "`interlock doctor --repair` writes it anew from the log"
BACKUP = "compare it with a backup and find out who can write to the database; nothing is executed by it"
WORKER = "a worker takes it away; start one with `interlock work`"

STATE = "put the state back from a backup; nothing begins with it"

SHORTEN = "`interlock doctor --repair` lets it end soon, unless its worker is alive"

OF_REQUEST = (
    "put a backup back, or cancel its run: it executes nothing, and `interlock doctor --repair` leaves it alone"
)
OF_RUN = "put a backup back: nobody carries it on, and `interlock doctor --repair` leaves it alone"
LOST = "put a backup back: until then, `interlock doctor --repair` makes no row that is gone or cannot be read anew"
TAKEN = "`interlock doctor --repair` takes it away"
WITHDRAW = "`interlock doctor --repair` takes it back"
NOT_ANEW = "put a backup back: it cannot be written anew from a log of which entries are missing"

FOREIGN = "take it away with the database's own tools; nothing is decided by it"

Mend = Literal["guard", "stray request", "stray run", "stray job", "request", "run", "left open", "lease", "clock"]
ANEW = frozenset({"stray request", "stray run", "request", "run"})
"""What writes rows anew, or takes them away, because of what the log says."""


@dataclass(frozen=True, slots=True)
class Alteration:
    """Something that is not what was written, or cannot be.

    Args:
        stream: tenant and id of the request or run that it is about; None for what belongs to none.
        advice: what to do.
        mend: what `repair` can do about it; None if nothing.
        severity: whether anything is wrong by it, or may become so.
    """

    message: str
    advice: str
    stream: Key | None = None
    mend: Mend | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.message} {self.advice[0].upper()}{self.advice[1:]}."
