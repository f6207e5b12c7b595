"""Sign-ins under way at an identity provider, as a store keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from interlock.domain.oidc import SignInAttempt


class SignIns(Protocol):
    """Attempts to sign in. May be called from any thread's event loop."""

    async def keep_sign_in(self, attempt: SignInAttempt, now: datetime) -> None:
        """Keep a new attempt, and delete those that have expired.

        Raises:
            Conflict: if there is one with this state.
        """

    async def take_sign_in(self, state: str) -> SignInAttempt | None:
        """Return the attempt with this state, and delete it. Of several callers who take it, one gets it."""
