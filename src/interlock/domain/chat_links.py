"""What leads somebody from a chat to where they confirm that an account there is theirs: once, and for a short time."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from interlock.domain.directory import ChatUser
from interlock.domain.signed_text import signed_text, values_of_signed

LASTS = timedelta(minutes=15)
PURPOSE = "chat link"
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class ChatLink:
    """For which account a code was made.

    Args:
        name: what the chat calls it.
        until: when it ends, in seconds since 1970.
        nonce: that no two codes are the same.
    """

    tenant: str
    chat: str
    workspace: str
    user: str
    name: str
    until: int
    nonce: str

    @property
    def account(self) -> ChatUser:
        """The account."""
        return ChatUser(self.chat, self.workspace, self.user)


def link_code(key: bytes, link: ChatLink) -> str:
    """Return the code of a link."""
    return signed_text(key, PURPOSE, asdict(link))


def read_link_code(key: bytes, code: str, now: datetime) -> ChatLink | None:
    """Return for which account a code was made; None if it was not made with this key, was changed, or has ended."""
    given = values_of_signed(key, PURPOSE, code)
    link = None if given is None else ChatLink(**given)
    return None if link is None or now >= datetime.fromtimestamp(link.until, UTC) else link


def key_of_code(code: str) -> str:
    """Return the idempotency key of whoever confirms by a code: it is good once."""
    return f"chat-{hashlib.sha256(code.encode(errors='replace')).hexdigest()[:32]}"
