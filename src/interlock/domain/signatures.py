"""Signatures of Standard Webhooks: `v1`, an HMAC by SHA-256 over id, time and body.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from interlock.errors import InvalidValue

PREFIX = "whsec_"
SHORTEST_KEY, LONGEST_KEY = 24, 64
DIGITS, MOST_SIGNATURES = 12, 20
TOLERANCE = timedelta(minutes=5)
"""How far a signature's time may be from the receiver's clock, before it or behind it."""


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for: `whsec_` and 24 to 64 bytes in Base64.

    Raises:
        InvalidValue: if it is none.
    """
    try:
        key = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise InvalidValue("secret", f"is {PREFIX} and {SHORTEST_KEY} to {LONGEST_KEY} random bytes in Base64")
    return key


def signature_of(key: bytes, message_id: str, at: int, body: bytes) -> str:
    """Return the signature of a message: `at` is in seconds since 1970."""
    signed = b".".join((message_id.encode(errors="replace"), str(at).encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


@dataclass(frozen=True, slots=True)
class Signed:
    """What came with a body: the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`."""

    id: str
    timestamp: str
    signature: str


def is_signed(by: Iterable[bytes], signed: Signed, body: bytes, now: datetime) -> bool:
    """Say whether a body was signed by one of these keys, and that about now."""
    at = signed.timestamp
    if not (at.isascii() and at.isdigit() and len(at) <= DIGITS):
        return False
    if abs(int(at) - now.timestamp()) > TOLERANCE.total_seconds():
        return False
    given = [one.encode(errors="replace") for one in signed.signature.split(" ")[:MOST_SIGNATURES]]
    wanted = [signature_of(key, signed.id, int(at), body).encode() for key in by]
    return any(hmac.compare_digest(one, other) for one in given for other in wanted)
