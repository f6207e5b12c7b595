"""Text that only who has a key can have made: values, signed for one purpose."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

LONGEST = 4_000


def signed_text(key: bytes, purpose: str, values: Mapping[str, Any]) -> str:
    """Return values as a signed text: whoever has it can read them, and cannot change them."""
    body = json.dumps(values, separators=(",", ":"), sort_keys=True).encode()
    return f"{_text(body)}.{_text(_signature(key, purpose, body))}"


def values_of_signed(key: bytes, purpose: str, text: str) -> dict[str, Any] | None:
    """Return the values of a signed text; None if it was not made with this key for this purpose, or was changed.

    One text alone stands for what was signed: whoever counts how often it is used can count by its letters.
    """
    if len(text) > LONGEST:
        return None
    try:
        body, signature = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in text.split("."))
    except (binascii.Error, ValueError):
        return None
    if (
        not hmac.compare_digest(signature, _signature(key, purpose, body))
        or text != f"{_text(body)}.{_text(signature)}"
    ):
        return None  # base64 is read leniently: padding, letters that it does not know and bits left over do not matter
    found: dict[str, Any] = json.loads(body)  # we have written it
    return found


def _signature(key: bytes, purpose: str, body: bytes) -> bytes:
    return hmac.digest(key, f"interlock {purpose}\0".encode() + body, hashlib.sha256)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
