"""Is what the store gave back what was written? Rows are projections: whoever acts on one has compared it with its log.

The log says what is so. A row that differs from the fold of its log is never acted on (I11).
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NoReturn, TypeVar

from interlock.domain.directory import STREAM, KeptDirectory, fold_directory
from interlock.domain.events import Restored
from interlock.domain.lifecycle import evolve, fold
from interlock.domain.request import Request, edition_digest
from interlock.domain.run import Run
from interlock.domain.run_lifecycle import fold_run
from interlock.engine.changes import Entry, RunRecord
from interlock.engine.codec import leaf_hash
from interlock.engine.ports.store import Loaded
from interlock.errors import RecordAltered

T = TypeVar("T", Request, Run, KeptDirectory)


def verified(loaded: Loaded) -> Loaded:
    """Return what was loaded, as the logs say; raise `RecordAltered` if a row says something else."""
    requests = {key: verified_request(request, loaded.logs[key]) for key, request in loaded.requests.items()}
    record = loaded.run
    if record is not None:
        logged = run_of_log(record.run.tenant, record.run.id, loaded.logs[record.run.id])
        if record.run != logged:
            _altered(f"The stored run {record.run.id} is not what its log says.", record.run.id)
        record = replace(record, run=logged)
    return replace(loaded, requests=requests, run=record)


def with_whole_requests(loaded: Loaded) -> Loaded:
    """Return what was loaded, without the requests that are not what their logs say."""
    requests = {}
    for key, request in loaded.requests.items():
        with contextlib.suppress(RecordAltered):
            requests[key] = verified_request(request, loaded.logs[key])
    return verified(replace(loaded, requests=requests))


def verified_request(request: Request, history: Sequence[Entry]) -> Request:
    """Return a request as its log says: Python takes 1 and True for the same, and the row may hold the other one.

    Raises:
        RecordAltered: if the row says something else, or the log is not what was written.
    """
    logged = request_of_log(request.tenant, request.id, history)
    if request != logged:
        _altered(f"The stored request {request.id} is not what its log says.", request.id)
    return logged


def request_of_log(tenant: str, stream: str, history: Sequence[Entry]) -> Request:
    """Return the request that its log makes; raise `RecordAltered` if the log is not what was written."""
    request = _folded(fold, "request", tenant, stream, history)
    if request.asked.digest != request.asked_digest or edition_digest(request.edition) != request.digest:
        _altered(f"The log of {stream} names other digests than those of what it holds.", stream)
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
    """Return the run that its log makes; raise `RecordAltered` if the log is not what was written."""
    return _folded(fold_run, "run", tenant, stream, history)


def directory_of_log(tenant: str, history: Sequence[Entry], before: KeptDirectory | None = None) -> KeptDirectory:
    """Return the directory that its log makes; raise `RecordAltered` if the log is not what was written.

    Args:
        before: what the entries before these have made; these are all of them if it is None.
    """
    known = before or KeptDirectory(tenant)
    fold_all = partial(fold_directory, directory=known)
    return _folded(fold_all, "directory", tenant, STREAM, history, known.version + 1)


def _folded(  # noqa: PLR0913, PLR0917 - what is folded, and of whom it must be
    fold_all: Callable[[Iterable[Any]], T],
    what: str,
    tenant: str,
    stream: str,
    history: Sequence[Entry],
    first: int = 1,
) -> T:
    """Fold entries, unless they are not numbered so, do not have their hash, belong elsewhere or are not whole."""
    for expected, entry in enumerate(history, start=first):
        told = entry.tenant, entry.stream, entry.seq, entry.leaf
        if told != (tenant, stream, expected, leaf_hash(entry.body)):
            _altered(f"Entry {expected} of {stream} in the log is not what was written.", stream)
    try:
        found = fold_all(entry.event for entry in history)  # an event of the other kind is refused as well
    except ValueError as error:
        _altered(f"The log of {stream} is not whole: {error}.", stream)
    if (found.tenant, found.id) != (tenant, stream):
        _altered(f"The log of {stream} is that of another {what}, {found.id}.", stream)
    return found


def digest_of_state(state: bytes) -> str:
    """Return the digest under which the log names a run's LangGraph state."""
    return "sha256:" + hashlib.sha256(state).hexdigest()


def check_state(record: RunRecord) -> None:
    """Raise `RecordAltered` if the stored LangGraph state of a run is missing, or not the one that its log names."""
    found = None if record.state is None else digest_of_state(record.state)
    if found != record.run.state_digest:
        _altered(f"The stored state of {record.run.id} is not what was written.", record.run.id)


def _altered(message: str, stream: str) -> NoReturn:
    raise RecordAltered(message, stream=stream)
