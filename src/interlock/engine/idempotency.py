"""Calls that are made again with the same idempotency key: they find what the first one did, and do nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from interlock.domain.authority import Principal
from interlock.domain.commands import CastVote
from interlock.domain.effect import check_repeated
from interlock.domain.events import EffectClaimed, RefusalNoted
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.errors import BadInput, InvalidValue

LONGEST_KEY = 200


def check_key(key: str) -> None:
    """Refuse what is no idempotency key; raise `InvalidValue`."""
    if not key.strip() or not key.isprintable() or len(key) > LONGEST_KEY:
        raise InvalidValue("key", f"must be text that can be shown, of 1 to {LONGEST_KEY} characters")


def key_of(key: str | None, asked: object) -> str | None:
    """Return how the log names a call: its key, and a digest of what it asks for."""
    if key is None:
        return None
    if isinstance(asked, CastVote) and asked.unseen:  # the digest is that of whatever stood there
        asked = replace(asked, digest="")
    return f"{key} {hashlib.sha256(repr(asked).encode(errors='surrogatepass')).hexdigest()[:16]}"


def was_done(history: Sequence[Entry], principal: Principal, key: str | None) -> bool:
    """Say whether a principal's call with this key has changed something already.

    Raises:
        BadInput: if it asked for something else.
    """
    if key is None:
        return False
    for entry in history:
        if entry.by != principal.id or entry.key is None or isinstance(entry.event, RefusalNoted):
            continue
        if entry.key == key:
            return True
        if entry.key.rpartition(" ")[0] == key.rpartition(" ")[0]:
            raise BadInput("This idempotency key was used before, for something else: take a new one for each call.")
    return False


def check_claimed(request: Request, history: Sequence[Entry], key: str | None) -> None:
    """Refuse a claim that is made again, unless no second effect can come of it.

    Raises:
        EffectRefused: if the attempt that was claimed with this key is over, or may have done what it was claimed for.
    """
    mine = [one.event.claim for one in history if one.key == key and isinstance(one.event, EffectClaimed)]
    if mine:
        check_repeated(request, mine[-1])
