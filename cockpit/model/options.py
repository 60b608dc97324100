"""Options: what one contract says, and how its symbol is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from cockpit.model.money import ZERO

STRIKE_STEP: Final = Decimal("0.001")
"""Finest strike that a symbol can say."""
MOST_STRIKE: Final = Decimal(99_999_999) * STRIKE_STEP

_OSI: Final = re.compile(r"([A-Z0-9]{1,6}) *([0-9]{6})([CP])([0-9]{8})")
_CENTURY: Final = 2000


class Right(StrEnum):
    """What the holder may do: buy or sell the underlying at the strike."""

    CALL = "call"
    PUT = "put"

    @property
    def sign(self) -> int:
        """Return +1 for a call and -1 for a put."""
        return 1 if self is Right.CALL else -1


@dataclass(frozen=True, slots=True)
class OptionContract:
    """The terms of one option."""

    underlying: str
    expiry: date
    """Last trading day, by the exchange's own date."""
    right: Right
    strike: Decimal

    @property
    def symbol(self) -> str:
        """Symbol in the form of the Options Symbology Initiative (OSI, 2010) without padding: ``ALFA261218C00410000``.

        Root, date as YYMMDD, C or P, and the strike in thousandths with eight digits.
        """
        letter = "C" if self.right is Right.CALL else "P"
        return f"{self.underlying}{self.expiry:%y%m%d}{letter}{int(self.strike / STRIKE_STEP):08d}"

    def intrinsic(self, spot: Decimal) -> Decimal:
        """Return what exercising one unit would bring at that price of the underlying, never below zero."""
        return max(ZERO, (spot - self.strike) * self.right.sign)


def read_option(symbol: str) -> OptionContract | None:
    """Read a symbol in OSI form, padded to 21 characters or not; None for anything else."""
    found = _OSI.fullmatch(symbol)
    if found is None:
        return None
    root, day, letter, strike = found.groups()
    try:
        expiry = date(_CENTURY + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError:
        return None
    price = int(strike) * STRIKE_STEP
    if price <= ZERO:
        return None
    return OptionContract(root, expiry, Right.CALL if letter == "C" else Right.PUT, price)
