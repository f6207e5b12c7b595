"""What proves a reply that comes on a queue: for one person, one verdict, on what was shown, until it is due.

Whoever can write to a queue could claim to be anybody. So a reply carries a token that only this installation can have
made: it is bound to request, digest, verdict and person, and it is its own idempotency key, so it is used once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from interlock.domain.action import Verdict

PREFIX = "irt_"
SHORTEST_KEY = 32
LONGEST_TOKEN = 4_000


@dataclass(frozen=True, slots=True)
class ReplyGrant:
    """What a token allows.

    Args:
        digest: of what was shown.
        until: when it ends, in seconds since 1970.
    """

    tenant: str
    request_id: str
    digest: str
    person: str
    verdict: Verdict
    until: int


def reply_token(key: bytes, grant: ReplyGrant) -> str:
    """Return the token of a grant."""
    body = json.dumps(asdict(grant), separators=(",", ":"), sort_keys=True).encode()
    return f"{PREFIX}{_text(body)}.{_text(_seal(key, body))}"


def read_reply_token(key: bytes, token: str, now: datetime) -> ReplyGrant | None:
    """Return what a token allows now; None if it was not made with this key, was changed, or has ended."""
    if len(token) > LONGEST_TOKEN or not token.startswith(PREFIX):
        return None
    parts = token.removeprefix(PREFIX).split(".")
    try:
        body, seal = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
    except (binascii.Error, ValueError):
        return None
    if not hmac.compare_digest(seal, _seal(key, body)):
        return None
    given = json.loads(body)  # we have written it
    grant = ReplyGrant(**given | {"verdict": Verdict(given["verdict"])})
    return grant if now < datetime.fromtimestamp(grant.until, UTC) else None


def key_of_token(token: str) -> str:
    """Return the idempotency key of whoever replies with a token: it counts once, however often it comes."""
    return f"reply-{hashlib.sha256(token.encode(errors='replace')).hexdigest()[:32]}"


def _seal(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, b"interlock reply\0" + body, hashlib.sha256)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
