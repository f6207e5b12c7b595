"""Signatures of Slack: `v0`, an HMAC by SHA-256 over time and body. https://docs.slack.dev/authentication/verifying-requests-from-slack."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from interlock.domain.signatures import DIGITS, TOLERANCE


def slack_signature(secret: str, at: str, body: bytes) -> str:
    """Return the signature of a call: `at` is in seconds since 1970."""
    signed = b":".join((b"v0", at.encode(errors="replace"), body))
    return f"v0={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def is_from_slack(secret: str, at: str, signature: str, body: bytes, now: datetime) -> bool:
    """Say whether a body was signed with the secret of an app, and that about now."""
    if not (at.isascii() and at.isdigit() and len(at) <= DIGITS):
        return False
    if abs(int(at) - now.timestamp()) > TOLERANCE.total_seconds():
        return False
    return hmac.compare_digest(slack_signature(secret, at, body).encode(), signature.encode(errors="replace"))
