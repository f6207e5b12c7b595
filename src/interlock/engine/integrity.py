"""Is what the store gave back what was written? Rows are projections: whoever acts on one has compared it with its log.

The log says what is so. A row that differs from the fold of its log is never acted on (I11).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NoReturn

from interlock.domain.events import Restored
from interlock.domain.lifecycle import evolve, fold
from interlock.domain.request import Request, edition_digest
from interlock.domain.run import Run
from interlock.domain.run_lifecycle import fold_run
from interlock.engine.changes import Entry, RunRecord
from interlock.engine.codec import leaf_hash
from interlock.engine.ports.store import Loaded
from interlock.errors import RecordAltered

__all__ = [
    "check_state",
    "deadlines_of",
    "digest_of_state",
    "request_of_log",
    "run_of_log",
    "verified",
    "verified_request",
    "verified_run",
]


def verified(loaded: Loaded) -> Loaded:
    """Return what was loaded, with every request and the run as their logs say.

    Raises:
        RecordAltered: if one of the rows says something else.
    """
    requests = {key: verified_request(request, loaded.logs[key]) for key, request in loaded.requests.items()}
    record = loaded.run
    if record is not None:
        record = replace(record, run=verified_run(record.run, loaded.logs[record.run.id]))
    return replace(loaded, requests=requests, run=record)


def verified_request(request: Request, history: Sequence[Entry]) -> Request:
    """Return a request as its log says: Python takes 1 and True for the same, and the row may hold the other one.

    Raises:
        RecordAltered: if the row says something else, or the log is not what was written.
    """
    logged = request_of_log(request.tenant, request.id, history)
    if request != logged:
        _altered(f"The stored request {request.id} is not what its log says.", request.id)
    return logged


def verified_run(run: Run, history: Sequence[Entry]) -> Run:
    """Return a run as its log says. See `verified_request`."""
    logged = run_of_log(run.tenant, run.id, history)
    if run != logged:
        _altered(f"The stored run {run.id} is not what its log says.", run.id)
    return logged


def request_of_log(tenant: str, stream: str, history: Sequence[Entry]) -> Request:
    """Return the request that its log makes.

    Raises:
        RecordAltered: if the log is not what was written.
    """
    _check_entries(tenant, stream, history)
    try:
        request = fold(entry.event for entry in history)  # type: ignore[misc]  # a run's event is refused as well
    except ValueError as error:
        _altered(f"The log of {stream} is not whole: {error}.", stream)
    if request.asked.digest != request.asked_digest or edition_digest(request.edition) != request.digest:
        _altered(f"The log of {stream} names other digests than those of what it holds.", stream)
    if (request.tenant, request.id) != (tenant, stream):
        _altered(f"The log of {stream} is that of another request, {request.id}.", stream)
    return request


def deadlines_of(history: Sequence[Entry]) -> set[datetime | None]:
    """Return every deadline that a request has had, of which its row keeps one when it is closed.

    None is among them if it had none, or its row was written anew from its log.
    """
    had: set[datetime | None] = set()
    request: Request | None = None
    for entry in history:
        request = evolve(request, entry.event)  # type: ignore[arg-type]  # what folds holds no run's events
        if request.due_at is not None:
            had.add(request.due_at)
    restored = any(isinstance(entry.event, Restored) for entry in history)
    return had | {None} if restored or not had else had


def run_of_log(tenant: str, stream: str, history: Sequence[Entry]) -> Run:
    """Return the run that its log makes.

    Raises:
        RecordAltered: if the log is not what was written.
    """
    _check_entries(tenant, stream, history)
    try:
        run = fold_run(entry.event for entry in history)  # type: ignore[misc]  # a request's event is refused as well
    except ValueError as error:
        _altered(f"The log of {stream} is not whole: {error}.", stream)
    if (run.tenant, run.id) != (tenant, stream):
        _altered(f"The log of {stream} is that of another run, {run.id}.", stream)
    return run


def _check_entries(tenant: str, stream: str, history: Sequence[Entry]) -> None:
    """Refuse entries that are not numbered from 1, or do not have their hash, or belong elsewhere."""
    for expected, entry in enumerate(history, start=1):
        told = entry.tenant, entry.stream, entry.seq, entry.leaf
        if told != (tenant, stream, expected, leaf_hash(entry.body)):
            _altered(f"Entry {expected} of {stream} in the log is not what was written.", stream)


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
        _altered(f"The stored state of {record.run.id} is not what was written.", record.run.id)


def _altered(message: str, stream: str) -> NoReturn:
    raise RecordAltered(message, stream=stream)
