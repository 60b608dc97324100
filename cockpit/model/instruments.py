"""What can be traded."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from cockpit.model.options import OptionContract
from cockpit.model.text import Safe

SYMBOL_PATTERN: Final = r"[A-Z0-9][A-Z0-9.\-_:/ ]{0,31}"
"""What a symbol may look like after it was put in upper case; anything else is refused at the edge."""


class InstrumentKind(StrEnum):
    """The asset classes of the field."""

    STOCK = "stock"
    ETF = "etf"
    OPTION = "option"
    FUTURE = "future"
    FX = "fx"
    CRYPTO = "crypto"


@dataclass(frozen=True, slots=True)
class Instrument:
    """Exactly one tradable thing on one connection."""

    symbol: str
    name: Safe
    kind: InstrumentKind
    exchange: str
    currency: str
    tick: Decimal
    """Smallest price step, in currency."""
    lot: Decimal
    """Smallest quantity step."""
    multiplier: Decimal = Decimal(1)
    """Units of the underlying in one contract."""
    simulated: bool = False
    """Invented, or priced by the paper broker: nothing of it exists at a venue."""
    option: OptionContract | None = None
    """The contract's terms, where it is an option."""
    members: tuple[str, ...] = ()
    """Symbols of what an index or a fund holds, where that is known."""
