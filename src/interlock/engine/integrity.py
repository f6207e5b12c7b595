"""Is what the store gave back what was written? Checked before anything is decided or executed by it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from interlock.domain.lifecycle import fold
from interlock.domain.request import Request, edition_digest
from interlock.engine.changes import Entry, RunRecord
from interlock.engine.codec import leaf_hash
from interlock.errors import RecordAltered

__all__ = ["check_against_log", "check_request", "check_state", "digest_of_state"]


def check_request(request: Request) -> None:
    """Refuse a request whose content does not have its digests.

    Raises:
        RecordAltered: if it has been altered.
    """
    if request.asked.digest != request.asked_digest or edition_digest(request.edition) != request.digest:
        raise RecordAltered(f"The stored request {request.id} is not what was written.", request_id=request.id)


def check_against_log(request: Request, history: Sequence[Entry]) -> None:
    """Refuse a request that is not the fold of its log, or whose log is not what was written.

    Raises:
        RecordAltered: if either has been altered.
    """
    for expected, entry in enumerate(history, start=1):
        if entry.seq != expected or entry.leaf != leaf_hash(entry.body) or entry.stream != request.id:
            raise RecordAltered(
                f"Entry {expected} of {request.id} in the log is not what was written.", request_id=request.id
            )
    try:
        folded = fold(entry.event for entry in history)  # type: ignore[misc]
    except ValueError as error:
        raise RecordAltered(f"The log of {request.id} is not whole: {error}.", request_id=request.id) from None
    if folded != request:
        raise RecordAltered(f"The stored request {request.id} is not what its log says.", request_id=request.id)


def digest_of_state(state: bytes) -> str:
    """Return the digest under which the log names a run's LangGraph state."""
    return "sha256:" + hashlib.sha256(state).hexdigest()


def check_state(record: RunRecord) -> None:
    """Refuse a run whose stored LangGraph state is not the one that its log names.

    Raises:
        RecordAltered: if it has been altered or is missing.
    """
    found = None if record.state is None else digest_of_state(record.state)
    if found != record.run.state_digest:
        raise RecordAltered(f"The stored state of {record.run.id} is not what was written.", run_id=record.run.id)
