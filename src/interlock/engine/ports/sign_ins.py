"""Who is at an identity provider at the moment, as a store keeps it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from interlock.domain.oidc import SignInAttempt


class SignIns(Protocol):
    """Attempts to sign in. May be called from any thread's event loop."""

    async def keep_sign_in(self, attempt: SignInAttempt, now: datetime) -> None:
        """Keep a new attempt, and forget those that have ended by now.

        Raises:
            Conflict: if there is one with this state.
        """

    async def take_sign_in(self, state: str) -> SignInAttempt | None:
        """Return the attempt with this state, and forget it: of several who take it, one gets it."""
