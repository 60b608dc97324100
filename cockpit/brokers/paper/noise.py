"""Randomness that anyone can compute again: draws as a pure function of a seed and a name, in integers alone."""

from __future__ import annotations

import hashlib
import struct
from typing import Final

FRACTION: Final = 16
"""Bits behind the point of draws and of prices."""

_TERMS: Final = 12
_MEAN: Final = _TERMS * 65535 // 2


class Noise:
    """Draws of one seed. Equal seeds and names give equal draws on every platform and in every version."""

    def __init__(self, seed: str) -> None:
        written = seed.encode("utf-8", "backslashreplace")
        self._root = hashlib.shake_256(b"cockpit/paper/1|%d|%b|" % (len(written), written))

    def octets(self, name: str, count: int) -> bytes:
        """Return ``count`` even bytes."""
        stream = self._root.copy()
        stream.update(name.encode())
        return stream.digest(count)

    def normals(self, name: str, count: int) -> list[int]:
        """Return ``count`` draws of mean 0 and deviation 1, in 16.16 fixed point.

        Sum of twelve even draws (Irwin and Hall), whose variance is exactly one; none lies beyond six deviations.
        """
        even = struct.unpack(f"<{count * _TERMS}H", self.octets(name, count * _TERMS * 2))
        return [sum(even[start : start + _TERMS]) - _MEAN for start in range(0, count * _TERMS, _TERMS)]


def exponential(value: int) -> int:
    """Return e to the power of ``value``, both in 32.32 fixed point, by its series on a 256th and eight squarings."""
    small = value >> 8
    term = total = 1 << 32
    for order in range(1, 7):
        term = (term * small >> 32) // order
        total += term
    for _ in range(8):
        total = total * total >> 32
    return total
