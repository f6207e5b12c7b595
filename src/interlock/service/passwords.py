"""Passwords as argon2 hashes: slow on purpose, so that few are judged at once, on threads."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from interlock.errors import TooBusy

if TYPE_CHECKING:
    from argon2 import PasswordHasher

HASHES_AT_ONCE = 2
WAITING = 16
"""How many wait for that at most. Whoever comes then is sent away at once: guesses by the hundred hold nobody up."""

RETRY_AFTER = 5
"""Seconds after which they may come again."""


class Passwords:
    """Makes hashes, and judges passwords by them; each takes some hundredths of a second and 64 MiB.

    Args:
        memory: KiB that a hash takes.
        times: how often it goes over them.
    """

    def __init__(self, memory: int = 65_536, times: int = 3) -> None:
        self._cost = memory, times
        self._at_once = asyncio.Semaphore(HASHES_AT_ONCE)
        self._under_way = 0

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher  # noqa: PLC0415 - the server's part has it

        memory, times = self._cost
        return PasswordHasher(time_cost=times, memory_cost=memory, parallelism=1)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe(32))

    def check_room(self) -> None:
        """Refuse one more, if too many wait already: also before an attempt is counted that would not be judged.

        Raises:
            TooBusy: if so.
        """
        if self._under_way >= HASHES_AT_ONCE + WAITING:
            said = f"Too many passwords are being checked at this moment: try again in {RETRY_AFTER} s."
            raise TooBusy(said, retry_after=RETRY_AFTER)

    async def hash(self, password: str) -> str:
        """Return the hash of a password.

        Raises:
            TooBusy: if too many wait for that already.
        """
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, _plain(password))

    async def fits(self, password: str, hashed: str) -> bool:
        """Say whether a hash is a password's. It takes as long if there is no hash.

        Raises:
            TooBusy: as `hash`.
        """
        async with self._turn():
            return await asyncio.to_thread(self._verify, password, hashed or self._nobodys) and bool(hashed)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        self.check_room()
        self._under_way += 1
        try:
            async with self._at_once:
                yield
        finally:
            self._under_way -= 1

    def _verify(self, password: str, hashed: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415 - see above

        try:
            return self._hasher.verify(hashed, _plain(password))
        except (VerificationError, InvalidHashError):
            return False


def _plain(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")
