"""Compares rows with their log before anybody acts on them, because rows are projections.

The log is the truth. Nobody acts on a row that differs from the fold of its log (I11).
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
    """Return what was loaded, as the logs say; raise `RecordAltered` if a row differs."""
    requests = {key: verified_request(request, loaded.logs[key]) for key, request in loaded.requests.items()}
    record = loaded.run
    if record is not None:
        logged = run_of_log(record.run.tenant, record.run.id, loaded.logs[record.run.id])
        if record.run != logged:
            _altered(f"The stored run {record.run.id} is not what its log says.", record.run.id)
        record = replace(record, run=logged)
    return replace(loaded, requests=requests, run=record)


def with_whole_requests(loaded: Loaded) -> Loaded:
    """Return what was loaded, without the requests that differ from their logs."""
    requests = {}
    for key, request in loaded.requests.items():
        with contextlib.suppress(RecordAltered):
            requests[key] = verified_request(request, loaded.logs[key])
    return verified(replace(loaded, requests=requests))


def each_verified(loaded: Loaded) -> dict[str, Loaded]:
    """Return each request that is what its log says as if it had been loaded alone."""
    found = {}
    for key, request in loaded.requests.items():
        with contextlib.suppress(RecordAltered):
            found[key] = verified(replace(loaded, requests={key: request}, logs={key: loaded.logs[key]}))
    return found


def verified_request(request: Request, history: Sequence[Entry]) -> Request:
    """Return a request as its log says. The row is not used: 1 equals True in Python, and it may hold the other.

    Raises:
        RecordAltered: if the row differs, or the log was altered.
    """
    logged = request_of_log(request.tenant, request.id, history)
    if request != logged:
        _altered(f"The stored request {request.id} is not what its log says.", request.id)
    return logged


def request_of_log(tenant: str, stream: str, history: Sequence[Entry]) -> Request:
    """Return the request that its log makes; raise `RecordAltered` if the log was altered."""
    request = _folded(fold, "request", tenant, stream, history)
    if request.asked.digest != request.asked_digest or edition_digest(request.edition) != request.digest:
        _altered(f"The log of {stream} names other digests than those of what it holds.", stream)
    return request


def deadlines_of(history: Sequence[Entry]) -> set[datetime | None]:
    """Return every deadline that a request has had. The row of a closed request keeps one of them.

    None is among them if the request had none, or its row was written anew from its log.
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
    """Return the run that its log makes; raise `RecordAltered` if the log was altered."""
    return _folded(fold_run, "run", tenant, stream, history)


def directory_of_log(tenant: str, history: Sequence[Entry], before: KeptDirectory | None = None) -> KeptDirectory:
    """Return the directory that its log makes; raise `RecordAltered` if the log was altered.

    Args:
        before: the directory before these entries; None if these are all.
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
    """Fold entries; refuse them if a number or a hash is wrong, or one belongs to another stream or is incomplete."""
    for expected, entry in enumerate(history, start=first):
        told = entry.tenant, entry.stream, entry.seq, entry.leaf
        if told != (tenant, stream, expected, leaf_hash(entry.body)):
            _altered(f"Entry {expected} of {stream} in the log is not what was written.", stream)
    try:
        found = fold_all(entry.event for entry in history)  # an event of another kind of stream is refused, too
    except ValueError as error:
        _altered(f"The log of {stream} is not whole: {error}.", stream)
    if (found.tenant, found.id) != (tenant, stream):
        _altered(f"The log of {stream} is that of another {what}, {found.id}.", stream)
    return found


def digest_of_state(state: bytes) -> str:
    """Return the digest by which the log names a run's LangGraph state."""
    return "sha256:" + hashlib.sha256(state).hexdigest()


def check_state(record: RunRecord) -> None:
    """Raise `RecordAltered` if the stored LangGraph state of a run is missing, or differs from its log's digest."""
    found = None if record.state is None else digest_of_state(record.state)
    if found != record.run.state_digest:
        _altered(f"The stored state of {record.run.id} is not what was written.", record.run.id)


def _altered(message: str, stream: str) -> NoReturn:
    raise RecordAltered(message, stream=stream)
