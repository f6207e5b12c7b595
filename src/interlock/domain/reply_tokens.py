"""What proves a reply that comes on a queue: for one person, one verdict, on what was shown, until it is due.

Whoever can write to a queue could claim to be anybody. So a reply carries a token that only this installation can have
made: it is bound to request, digest, verdict and person, and it is its own idempotency key, so it is used once.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from interlock.domain.action import Verdict
from interlock.domain.signed_text import LONGEST, signed_text, values_of_signed

PREFIX = "irt_"
PURPOSE = "reply"
LONGEST_TOKEN = LONGEST
SHORTEST_KEY = 32


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
    return f"{PREFIX}{signed_text(key, PURPOSE, asdict(grant))}"


def read_reply_token(key: bytes, token: str, now: datetime) -> ReplyGrant | None:
    """Return what a token allows now; None if it was not made with this key, was changed, or has ended."""
    given = values_of_signed(key, PURPOSE, token.removeprefix(PREFIX)) if token.startswith(PREFIX) else None
    if given is None:
        return None
    grant = ReplyGrant(**given | {"verdict": Verdict(given["verdict"])})
    return grant if now < datetime.fromtimestamp(grant.until, UTC) else None


def key_of_token(token: str) -> str:
    """Return the idempotency key of whoever replies with a token: it counts once, however often it comes."""
    return f"reply-{hashlib.sha256(token.encode(errors='replace')).hexdigest()[:32]}"
