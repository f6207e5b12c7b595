"""What people with an account prove themselves by: passwords, codes; and how often they may guess."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from interlock.domain.authority import canonical_id
from interlock.errors import InvalidValue

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200

FREE_ATTEMPTS = 5
"""How many attempts in a row may fail before one has to wait."""

LONGEST_WAIT = timedelta(minutes=1)
"""For how long at most: a stranger who goes on guessing keeps nobody out for longer."""


@dataclass(frozen=True, slots=True)
class AccountSecrets:
    """What an account proves itself by. None of it is in any log.

    Args:
        password: its argon2 hash; the empty string if none was set.
        authenticator: the key of a second factor, in base32; the empty string if there is none.
        recovery: SHA-256 of each recovery code that was not used.
        used_step: the time step of the last code that was accepted.
    """

    account: str
    password: str = field(default="", repr=False)
    authenticator: str = field(default="", repr=False)
    recovery: frozenset[str] = field(default=frozenset(), repr=False)
    used_step: int = 0


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often in a row somebody has failed to sign in, and when they last tried."""

    number: int = 0
    last: datetime | None = None

    def wait(self, now: datetime) -> timedelta:
        """Return how long nobody may try again: it doubles with each failure, up to a minute."""
        if self.last is None or self.number < FREE_ATTEMPTS:
            return timedelta()
        pause = min(LONGEST_WAIT, timedelta(seconds=2.0 ** min(self.number - FREE_ATTEMPTS, 10)))
        return max(timedelta(), self.last + pause - now)


def check_password(password: str, name: str) -> None:
    """Refuse a password that is easily guessed; there are no rules of what it is composed of.

    Raises:
        InvalidValue: if it is too short, too long or made of the name.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidValue("password", f"must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    plain, person = canonical_id(password), canonical_id(name)
    parts = [part for part in (person, person.partition("@")[0]) if part]
    if any(not plain.replace(part, "").strip("0123456789!?.-_ ") for part in parts):
        raise InvalidValue("password", "must not be made of your name")
