"""The findings of an audit so far, and what its parts share."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeVar

from interlock.domain.canonical import canonical_bytes
from interlock.engine.changes import Entry
from interlock.engine.missing_entries import Evidence, Key
from interlock.engine.ports.store import Audit, Store
from interlock.errors import RecordAltered, StoreTooNew

T = TypeVar("T")

UNREADABLE = (RecordAltered, StoreTooNew)

MOST = 1_000_000_000

BACKUP = "compare it with a backup and find out who can write to the database; nothing is executed by it"
WORKER = "a worker takes it away; start one with `interlock work`"
OF_REQUEST = (
    "put a backup back, or cancel its run: it executes nothing, and `interlock doctor --repair` leaves it alone"
)
OF_RUN = "put a backup back: nobody carries it on, and `interlock doctor --repair` leaves it alone"
FOREIGN = "take it away with the database's own tools; nothing is decided by it"

Mend = Literal[
    "guard", "directory", "stray request", "stray run", "stray job", "request", "run", "left open", "lease", "clock"
]
Severity = Literal["error", "warning"]

MENDS: Mapping[Mend, str] = {
    "guard": "find out who has changed it; `interlock doctor --repair` makes it anew",
    "directory": "`interlock doctor --repair` writes it anew from the log",
    "stray request": "`interlock doctor --repair` takes it away",
    "stray run": "`interlock doctor --repair` takes it away",
    "stray job": "`interlock doctor --repair` takes it away",
    "request": "`interlock doctor --repair` writes it anew from the log",
    "run": "`interlock doctor --repair` writes it anew from the log",
    "left open": "`interlock doctor --repair` takes it back",
    "lease": "`interlock doctor --repair` lets it end soon, unless its worker is alive",
    "clock": "`interlock doctor --repair` lets it begin now",
}
"""What `repair` can mend, with the advice for each."""

ANEW = frozenset({"directory", "stray request", "stray run", "request", "run"})
"""The repairs that write rows anew, or delete them, by the log."""


@dataclass(frozen=True, slots=True)
class Alteration:
    """Something in the record that was altered, or cannot be true.

    Args:
        stream: tenant and id of the request or run that it is about; None if it is about none.
        advice: what to do.
        mend: the repair that mends it; None if there is none.
        severity: whether it does harm, or may do harm later.
    """

    message: str
    advice: str
    stream: Key | None = None
    mend: Mend | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.message} {self.advice[0].upper()}{self.advice[1:]}."


@dataclass(slots=True)
class Findings:
    """What an audit knows so far.

    Args:
        found: what the store has found in its tables.

    Attributes:
        alterations: the findings.
        strays: rows that no log knows.
        readable: requests and runs with a row that can be read.
        evidence: the logs from which entries are missing.
        policies: whether the store has a policy, by its hash.
    """

    store: Store
    now: datetime
    found: Audit
    alterations: list[Alteration] = field(default_factory=list)
    strays: set[Key] = field(default_factory=set)
    readable: set[Key] = field(default_factory=set)
    evidence: Evidence = field(init=False)
    policies: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.evidence = Evidence(self.found.versions, self.found.own_versions if self.found.lost == 0 else {})

    def add(self, message: str, stream: Key | None, mend: Mend) -> None:
        """Add a finding that `repair` can mend."""
        self.alterations.append(Alteration(message, MENDS[mend], stream, mend))

    def tell(self, message: str, advice: str, stream: Key | None = None, severity: Severity = "error") -> None:
        """Add a finding that it cannot mend, with what to do."""
        self.alterations.append(Alteration(message, advice, stream, None, severity))

    async def surely(self, look: Awaitable[None], again: Callable[[], Awaitable[None]]) -> None:
        """Check; if something is found, check again and keep only the second result: others write meanwhile."""
        earlier, missing = self.alterations, set(self.evidence.missing)
        self.alterations = []
        await look
        if self.alterations:
            self.alterations, self.evidence.missing = [], missing
            await again()
        self.alterations = earlier + self.alterations

    async def history(self, key: Key) -> Sequence[Entry] | None:
        """Return the log of a request or run; if it cannot be read, note why and return None."""
        try:
            return await self.store.history(*key)
        except UNREADABLE as altered:
            self.tell(altered.message, BACKUP, key)
            return None

    def logged(self, key: Key, read: Callable[[], T]) -> T | None:
        """Return what is read; if it was altered, note why and return None."""
        try:
            return read()
        except UNREADABLE as altered:
            self.tell(altered.message, BACKUP, key)
            return None

    def is_short(self, key: Key, said: str | None, advice: str) -> bool:
        """Note that entries of a log are missing, if a reason is given; return whether one is."""
        if said is not None:
            self.tell(said, advice, key)
        return said is not None


async def or_none(read: Awaitable[T]) -> T | None:
    """Return what is read; None if it cannot be read."""
    try:
        return await read
    except UNREADABLE:
        return None


def same(one: bytes, other: bytes) -> bool:
    """Compare as canonical bytes, because 1 equals True in Python."""
    return canonical_bytes(json.loads(one), max_bytes=MOST) == canonical_bytes(json.loads(other), max_bytes=MOST)


def iso(moment: datetime | None) -> str:
    """Return a time as text."""
    return "no time" if moment is None else moment.isoformat(timespec="seconds")
