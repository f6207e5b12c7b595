"""Passwords as argon2 hashes: slow on purpose, so that few are judged at once, on threads."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

AT_ONCE = 2


class Passwords:
    """Makes hashes, and judges passwords by them; each takes some hundredths of a second and 64 MiB.

    Args:
        memory: KiB that a hash takes.
        times: how often it goes over them.
    """

    def __init__(self, memory: int = 65_536, times: int = 3) -> None:
        self._cost = memory, times
        self._at_once = asyncio.Semaphore(AT_ONCE)

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher  # noqa: PLC0415 - the server's part has it

        memory, times = self._cost
        return PasswordHasher(time_cost=times, memory_cost=memory, parallelism=1)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe(32))

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""
        async with self._at_once:
            return await asyncio.to_thread(self._hasher.hash, _plain(password))

    async def fits(self, password: str, hashed: str) -> bool:
        """Say whether a hash is a password's. It takes as long if there is no hash."""
        async with self._at_once:
            return await asyncio.to_thread(self._verify, password, hashed or self._nobodys) and bool(hashed)

    def _verify(self, password: str, hashed: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415 - see above

        try:
            return self._hasher.verify(hashed, _plain(password))
        except (VerificationError, InvalidHashError):
            return False


def _plain(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")
