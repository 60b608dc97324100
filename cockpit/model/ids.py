"""Identifiers that sort by time: ULIDs (Crockford base 32, 48 bits of milliseconds, 80 of randomness)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(at: datetime, randomness: bytes) -> str:
    """Return the 26 characters of the ULID made at ``at`` from ten bytes of ``randomness``."""
    if len(randomness) != 10:
        raise ValueError("a ULID takes ten bytes of randomness")
    value = (int(at.timestamp() * 1000) << 80) | int.from_bytes(randomness)
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -5, -5))
