"""Text that only who has a key can have made: values, sealed for one purpose."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

LONGEST = 4_000


def sealed(key: bytes, purpose: str, values: Mapping[str, Any]) -> str:
    """Return values as a text that is sealed: whoever has it can read them, and cannot change them."""
    body = json.dumps(values, separators=(",", ":"), sort_keys=True).encode()
    return f"{_text(body)}.{_text(_seal(key, purpose, body))}"


def unsealed(key: bytes, purpose: str, text: str) -> dict[str, Any] | None:
    """Return the values of a sealed text; None if it was not made with this key for this purpose, or was changed.

    One text alone stands for what was sealed: whoever counts how often it is used can count by its letters.
    """
    if len(text) > LONGEST:
        return None
    try:
        body, seal = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in text.split("."))
    except (binascii.Error, ValueError):
        return None
    if not hmac.compare_digest(seal, _seal(key, purpose, body)) or text != f"{_text(body)}.{_text(seal)}":
        return None  # base64 is read leniently: padding, letters that it does not know and bits left over do not matter
    found: dict[str, Any] = json.loads(body)  # we have written it
    return found


def _seal(key: bytes, purpose: str, body: bytes) -> bytes:
    return hmac.digest(key, f"interlock {purpose}\0".encode() + body, hashlib.sha256)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
