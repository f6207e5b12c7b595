"""Finds logs from which entries are missing. A cut log can still be folded, so others must name its entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from interlock.domain.events import EffectClaimed
from interlock.domain.request import Request
from interlock.domain.run_events import AdvanceBegan, AttentionNeeded, RunCancelled, RunDone, RunFailed, RunPaused
from interlock.engine.changes import Entry

Key = tuple[str, str]
"""Tenant and id of a request or run."""

ENDINGS = (RunDone, RunFailed, RunCancelled)


@dataclass(frozen=True, slots=True)
class _RunLog:
    """The facts in the log of a run: how many entries it has, which requests it names, and which are decided."""

    entries: int = 0
    ended: bool = False
    named: frozenset[str] = frozenset()
    decided: frozenset[str] = frozenset()


@dataclass(slots=True)
class Evidence:
    """Collects what names entries, run by run and request by request, and says which logs lack some.

    Args:
        versions: the highest version of each request and run that a row names. A whole log has as many entries.
        proven: the version in the body of each row, if the positions of the log show that no entry is missing. If it is
            the length of the log, a row that names a higher version was altered.
    """

    versions: Mapping[Key, int]
    proven: Mapping[Key, int] = field(default_factory=dict)
    missing: set[Key] = field(default_factory=set)
    """The logs from which entries are missing."""
    _runs: dict[Key, _RunLog] = field(default_factory=dict)
    _asked_by: dict[Key, str] = field(default_factory=dict)

    def take_run(self, key: Key, history: Sequence[Entry]) -> None:
        """Read the log of a run. A run must come before its requests."""
        said = self._runs[key] = _read(history)
        self._asked_by |= {(key[0], request_id): key[1] for request_id in said.named}

    def of_stream(self, key: Key, history: Sequence[Entry]) -> str | None:
        """Return a sentence if a log has fewer entries than its row or its own last number says; else None."""
        expected = max([self.versions.get(key, 0), *(entry.seq for entry in history)])
        if len(history) >= expected or _is_proven(history, self.proven.get(key)):
            return None
        there = f"only {len(history)} are there" if history else "none is there"
        return self._note(key, f"{key[1]} has had {expected}, and {there}.")

    def of_request(self, key: Key, request: Request) -> str | None:
        """Return a sentence if the log of its run says more of a request than its own log does; else None."""
        run_id = self._asked_by.get(key, "")
        if not request.is_open or key[1] not in self._runs.get((key[0], run_id), _RunLog()).decided:
            return None
        return self._note(key, f"{run_id} has gone on after {key[1]} was decided, and its log does not say so.")

    def is_left_open(self, request: Request) -> bool:
        """Say whether a request is open, though its run has ended."""
        return request.is_open and self._runs.get((request.tenant, request.run_id), _RunLog()).ended

    def of_its_run(self, request: Request, history: Iterable[Entry]) -> bool:
        """Say whether the log of a request names entries of its run that are missing."""
        claims = [entry.event.claim.run_version for entry in history if isinstance(entry.event, EffectClaimed)]
        of_run = self._runs.get((request.tenant, request.run_id), _RunLog())
        return request.id not in of_run.named or of_run.entries < max(claims, default=1)

    def note_run(self, request: Request) -> str:
        """Note that entries of a request's run are missing; return a sentence about it."""
        said = f"{request.id} was asked by {request.run_id}, whose log does not say so, or was longer then."
        return self._note((request.tenant, request.run_id), said)

    def unheard_of(self, known: Iterable[Key]) -> list[Key]:
        """Return the requests that runs have asked, without these."""
        return sorted(self._asked_by.keys() - set(known))

    def note_gone(self, key: Key) -> str:
        """Note that all entries of a request are missing; return a sentence about it."""
        return self._note(key, f"{self._asked_by[key]} has asked {key[1]}, of which there is none.")

    def _note(self, key: Key, said: str) -> str:
        self.missing.add(key)
        return f"Entries of the log are missing: {said}"


def _is_proven(history: Sequence[Entry], version: int | None) -> bool:
    return bool(history) and version == len(history) == max(entry.seq for entry in history)


def _read(history: Sequence[Entry]) -> _RunLog:
    """Read which requests the log of a run names.

    A run goes on only when all requests for which its pause waits are decided. The only exception is an advance that
    finds the row of one of them gone, and ends.
    """
    named: set[str] = set()
    decided: set[str] = set()
    waits: set[str] = set()
    for event, following in pairwise([*(entry.event for entry in history), None]):
        match event, following:
            case RunPaused(pause=pause), _:
                waits = {pending.request_id for pending in pause}
                named |= waits
            case AdvanceBegan(), AttentionNeeded(code="record_altered"):
                pass
            case AdvanceBegan(), _:
                decided |= waits
    ended = any(isinstance(entry.event, ENDINGS) for entry in history)
    return _RunLog(len(history), ended, frozenset(named), frozenset(decided))
