"""Stored requests, read once for all who look at them at the same time: hundreds of inboxes show the same ones."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from interlock.domain.request import Request
from interlock.engine.codec import WaitingRequest, decode_request, decode_waiting
from interlock.errors import RecordAltered

T = TypeVar("T")
_log = logging.getLogger("interlock.record")

LARGEST_CACHED = 8_000
"""How many bytes a request has at most that is kept: what is larger is read each time."""


def request_of(body: bytes) -> Request:
    """Return a request as it is stored, for who only reads it. See `decode_request`."""
    return _request(body) if len(body) <= LARGEST_CACHED else decode_request(body)


def waiting_of(body: bytes) -> WaitingRequest:
    """Return as much of it as says for whom it waits. See `decode_waiting`."""
    return _waiting(body) if len(body) <= LARGEST_CACHED else decode_waiting(body)


@lru_cache(maxsize=500)
def _request(body: bytes) -> Request:
    return decode_request(body)


@lru_cache(maxsize=2_000)
def _waiting(body: bytes) -> WaitingRequest:
    return decode_waiting(body)


def if_readable(read: Callable[[bytes], T], body: bytes) -> T | None:
    """Return what a stored request says; None if it cannot be read, so that a list has the others."""
    try:
        return read(body)
    except RecordAltered:
        _say(body)
        return None


@lru_cache(maxsize=500)
def _say(body: bytes) -> None:  # noqa: ARG001 - said once of each
    _log.warning("A stored request cannot be read, and lists leave it out: `interlock doctor --fold` names it.")
