"""Passwords as argon2id digests: one is computed at a time, few wait for it, and nobody holds up the rest of the host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MOST_WAITING: Final = 2
"""How many may wait while one is computed; a digest takes 64 MiB and most of a tenth of a second (RFC 9106, 4)."""
SHORTEST: Final = 12
LONGEST: Final = 128

_Value = TypeVar("_Value")


class TooManyAtOnce(Exception):
    """Others are waiting already."""


class Hashing:
    """Makes and checks digests with the library's own parameters."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._one = asyncio.Semaphore(1)
        self._here = 0

    async def digest(self, password: str) -> str:
        """Return what is stored of a password."""
        return await self._alone(self._hasher.hash, password)

    async def fits(self, digest: str, password: str) -> bool:
        """Whether a password is the one of a digest."""
        return await self._alone(self._verify, digest, password)

    async def _alone(self, work: Callable[..., _Value], *given: str) -> _Value:
        if self._here > MOST_WAITING:
            raise TooManyAtOnce
        self._here += 1
        try:
            async with self._one:
                return await asyncio.to_thread(work, *given)
        finally:
            self._here -= 1

    def _verify(self, digest: str, password: str) -> bool:
        try:
            return self._hasher.verify(digest, password)
        except (VerificationError, InvalidHashError):
            return False
