"""Under which rules a paper account trades: instruments and their terms, fees, and how far orders slip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from cockpit.brokers.paper.fees import Fees
from cockpit.brokers.paper.instruments import LISTINGS
from cockpit.brokers.paper.margin import Terms
from cockpit.brokers.paper.option_listing import LOT, MULTIPLIER, TICK, contract


@dataclass(frozen=True, slots=True)
class Rules:
    """What is traded, and how."""

    terms: Mapping[str, Terms]
    """By symbol; nothing else is traded."""
    fees: Fees = field(default_factory=Fees)
    slip_ticks: int = 1
    """How far beyond the touch the rest of a market order is filled."""
    max_open: int = 1000
    """Orders that may be open at a time."""


_PAID_IN_FULL: Final = Decimal(1)


class InventedTerms(Mapping[str, Terms]):
    """Terms of the invented market: its instruments, and every option that its rule lists at some time.

    An option's are known by its symbol alone, for what has expired must still be read from a journal. Going through
    them gives the instruments.
    """

    def __init__(self, instruments: Mapping[str, Terms]) -> None:
        self._instruments = instruments

    def __getitem__(self, symbol: str) -> Terms:
        known = self._instruments.get(symbol)
        option = contract(symbol) if known is None else None
        if option is not None:
            return Terms(TICK, LOT, MULTIPLIER, shortable=True, margin=_PAID_IN_FULL, option=option)
        if known is None:
            raise KeyError(symbol)
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._instruments)

    def __len__(self) -> int:
        return len(self._instruments)


def paper_rules() -> Rules:
    """Return the rules for the invented market's instruments."""
    terms = {
        symbol: Terms(
            tick=listing.instrument.tick,
            lot=listing.instrument.lot,
            multiplier=listing.instrument.multiplier,
            shortable=listing.shortable,
            margin=listing.margin,
        )
        for symbol, listing in LISTINGS.items()
    }
    return Rules(InventedTerms(terms))
