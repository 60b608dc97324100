"""Under which rules a paper account trades: instruments and their terms, fees, and how far orders slip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cockpit.brokers.paper.fees import Fees
from cockpit.brokers.paper.instruments import LISTINGS
from cockpit.brokers.paper.margin import Terms


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


def paper_rules() -> Rules:
    """Return the rules for the invented market's instruments."""
    return Rules(
        {
            symbol: Terms(
                tick=listing.instrument.tick,
                lot=listing.instrument.lot,
                multiplier=listing.instrument.multiplier,
                shortable=listing.shortable,
                margin=listing.margin,
            )
            for symbol, listing in LISTINGS.items()
        }
    )
