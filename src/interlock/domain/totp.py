"""Codes of an authenticator: time-based one-time passwords (RFC 6238), six digits, each good for about a minute."""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime
from urllib.parse import quote

SECONDS = 30
DIGITS = 6
KEY_BYTES = 20


def step_at(now: datetime) -> int:
    """Return the number of the time step of a moment."""
    return int(now.timestamp()) // SECONDS


def code_of(key: bytes, step: int, digits: int = DIGITS) -> str:
    """Return the code of a time step (RFC 4226, section 5.3)."""
    mac = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}}"


def matching_step(key: str, code: str, now: datetime) -> int | None:
    """Return the step that a code is of, if that is the present one or a neighbour: clocks differ. None if none is."""
    try:
        raw = base64.b32decode(key)
    except (binascii.Error, ValueError):
        return None
    given, present, found = "".join(code.split()), step_at(now), None
    for step in (present - 1, present, present + 1):
        if hmac.compare_digest(code_of(raw, step).encode(), given.encode(errors="replace")):
            found = step
    return found


def address_of(key: str, account: str) -> str:
    """Return the address that authenticators read, as a picture or as text."""
    return f"otpauth://totp/{quote(f'Interlock:{account}')}?secret={key}&issuer=Interlock"
