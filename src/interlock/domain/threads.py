"""The status of a thread, by its runs: which one is at work, and with whose state the next one begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from interlock.domain.run import ENDED, Run, RunStatus

__all__ = ["LONGEST_NAME", "ThreadStatus", "decides", "is_name", "status_of"]

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class ThreadStatus:
    """A thread before one of its turns.

    Args:
        turn: the turn that comes next.
        busy: the last run before it, if that has not ended.
        decisive: the last run before it that had its turn; None if there is none.
        source: the id of the run in whose last state the next one begins; None if it begins with nothing.
    """

    turn: int
    busy: Run | None = None
    decisive: Run | None = None
    source: str | None = None


def is_name(name: str) -> bool:
    """Say whether a thread may be called that: some printable text that neither begins nor ends with a space."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()


def decides(run: Run) -> bool:
    """Say whether earlier runs matter no more: not if this one ended before its turn came."""
    return run.status not in ENDED or not run.waits


def status_of(runs: Sequence[Run]) -> ThreadStatus:
    """Return the status of a thread after these runs.

    Args:
        runs: newest first, down to the first one that decides; or all.
    """
    turn = 1 + (runs[0].turn or 0) if runs else 1
    decisive = next(filter(decides, runs), None)
    if decisive is None:
        return ThreadStatus(turn)
    if decisive.status not in ENDED:
        return ThreadStatus(turn, busy=decisive, decisive=decisive)
    return ThreadStatus(turn, decisive=decisive, source=_source(decisive))


def _source(run: Run) -> str | None:
    """Return in whose last state the thread stands after a run: its own, if it ended well; else that it began with."""
    if run.forgotten:
        return None
    if run.status is RunStatus.done:
        return run.id
    return run.origin.run_id if run.origin is not None else None
