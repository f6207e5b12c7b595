"""Stored requests, read once for all who look at them at the same time: hundreds of inboxes show the same ones."""

from __future__ import annotations

from functools import lru_cache

from interlock.domain.request import Request
from interlock.engine.codec import WaitingRequest, decode_request, decode_waiting

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
