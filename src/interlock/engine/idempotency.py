"""Calls that are repeated with the same idempotency key: they find what the first one did, and do nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from interlock.domain.authority import Principal
from interlock.domain.canonical import Json
from interlock.domain.commands import CastVote
from interlock.domain.effect import check_repeated
from interlock.domain.events import EffectClaimed, RefusalNoted
from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.domain.run_events import RunStarted
from interlock.engine.changes import Entry
from interlock.errors import BadInput, InvalidValue

LONGEST_KEY = 200


def check_key(key: str) -> None:
    """Raise `InvalidValue` if this is no idempotency key."""
    if not key.strip() or not key.isprintable() or len(key) > LONGEST_KEY:
        raise InvalidValue("key", f"must be text that can be shown, of 1 to {LONGEST_KEY} characters")


def key_of(key: str | None, asked: object) -> str | None:
    """Return the name of a call in the log: its key, and a digest of what it asks for."""
    if key is None:
        return None
    if isinstance(asked, CastVote) and asked.unseen:  # such a vote names no digest of its own
        asked = replace(asked, digest="")
    return f"{key} {hashlib.sha256(repr(asked).encode(errors='surrogatepass')).hexdigest()[:16]}"


def was_done(history: Sequence[Entry], principal: Principal, key: str | None) -> bool:
    """Say whether an earlier call of a principal with this key has changed something. See `entries_of`."""
    return key is not None and bool(entries_of(history, principal.id, key))


def entries_of(history: Sequence[Entry], by: str, key: str) -> list[Entry]:
    """Return the entries that an earlier call with this key has made.

    Raises:
        BadInput: if the earlier call asked for something else.
    """
    found = []
    for entry in history:
        if entry.by != by or entry.key is None or isinstance(entry.event, RefusalNoted):
            continue
        if entry.key == key:
            found.append(entry)
        elif entry.key.rpartition(" ")[0] == key.rpartition(" ")[0]:
            raise _used_for_another("call")
    return found


def started_before(run: Run, asked: RunStarted, thread: str | None) -> Run:
    """Return the run that was started with a key; raise `BadInput` if it was started differently, or forked."""
    forked = run.origin is not None and run.origin.is_fork
    found = run.agent, run.reference, run.input, run.context, run.configurable, run.thread
    if forked or found != (asked.agent, asked.reference, asked.input, asked.context, asked.configurable, thread):
        raise _used_for_another("run")
    return run


def forked_before(run: Run, source: str, pause: int | None, changes: Mapping[str, Json]) -> Run:
    """Return the run that was forked with a key; raise `BadInput` if it was started, or forked differently.

    Args:
        pause: None for the last one at that time.
    """
    origin = run.origin
    same = origin is not None and origin.is_fork and (origin.run_id, origin.changes or {}) == (source, changes)
    if origin is None or not same or pause not in {None, origin.pause}:
        raise _used_for_another("run")
    return run


def _used_for_another(what: str) -> BadInput:
    return BadInput(f"This idempotency key was used before, for another {what}: take a new one for each call.")


def check_claimed(request: Request, history: Sequence[Entry], key: str | None) -> None:
    """Refuse a repeated claim, unless it cannot cause a second effect.

    Raises:
        EffectRefused: if the attempt that was claimed with this key is over, or may have had its effect.
    """
    mine = [one.event.claim for one in history if one.key == key and isinstance(one.event, EffectClaimed)]
    if mine:
        check_repeated(request, mine[-1])
