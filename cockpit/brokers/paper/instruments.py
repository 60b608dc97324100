"""What the invented market lists: names that exist nowhere else, and how each behaves."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.text import safe

EXCHANGE: Final = "SIM"
CURRENCY: Final = "USD"


@dataclass(frozen=True, slots=True)
class Listing:
    """One invented instrument, and the character of its price."""

    instrument: Instrument
    level: int
    """The price, in ticks, to which it always returns."""
    daily_volatility: int
    """Standard deviation of a day's return, in basis points."""
    quoted_lots: int
    """About how many lots are shown on each side."""
    daily_lots: int
    """About how many lots change hands in a day."""
    shortable: bool
    margin: Decimal
    """Equity that a position takes at its opening, as a share of its value."""


def _listing(
    symbol: str,
    name: str,
    kind: InstrumentKind,
    price: str,
    *,
    tick: str = "0.01",
    lot: str = "1",
    volatility: int,
    quoted: int,
    daily: int,
    shortable: bool = True,
    margin: str = "0.5",
    holds: tuple[str, ...] = (),
) -> Listing:
    step = Decimal(tick)
    instrument = Instrument(
        symbol, safe(name), kind, EXCHANGE, CURRENCY, step, Decimal(lot), simulated=True, members=holds
    )
    return Listing(instrument, int(Decimal(price) / step), volatility, quoted, daily, shortable, Decimal(margin))


_STOCK, _ETF, _CRYPTO = InstrumentKind.STOCK, InstrumentKind.ETF, InstrumentKind.CRYPTO

_ALL: Final = (
    _listing("ALFA", "Alfa Simulated Motors", _STOCK, "412.00", volatility=150, quoted=300, daily=9_000_000),
    _listing("BRVO", "Bravo Simulated Foods", _STOCK, "24.60", volatility=110, quoted=1200, daily=14_000_000),
    _listing("CHRL", "Charlie Simulated Airways", _STOCK, "88.40", volatility=220, quoted=500, daily=6_000_000),
    _listing("DLTA", "Delta Simulated Shipping", _STOCK, "5.20", lot="10", volatility=300, quoted=400, daily=3_000_000),
    _listing(
        "ECHO", "Echo Simulated Instruments", _STOCK, "1980.00", tick="0.05", volatility=140, quoted=60, daily=400_000
    ),
    _listing(
        "FXTR",
        "Foxtrot Simulated Pharma",
        _STOCK,
        "36.75",
        tick="0.05",
        volatility=260,
        quoted=250,
        daily=900_000,
        shortable=False,
    ),
    _listing(
        "GOLF",
        "Golf Simulated 500 Index Fund",
        _ETF,
        "540.00",
        volatility=90,
        quoted=900,
        daily=40_000_000,
        holds=("ALFA", "BRVO", "CHRL", "DLTA", "ECHO", "FXTR", "LIMA"),
    ),
    _listing("HTEL", "Hotel Simulated Bond Fund", _ETF, "102.50", volatility=35, quoted=2000, daily=20_000_000),
    _listing("INDI", "India Simulated Energy Fund", _ETF, "61.30", volatility=170, quoted=700, daily=5_000_000),
    _listing(
        "JULI",
        "Juliett Simulated Coin",
        _CRYPTO,
        "1240.00",
        tick="0.10",
        lot="0.001",
        volatility=330,
        quoted=4000,
        daily=90_000_000,
        shortable=False,
        margin="1",
    ),
    _listing(
        "KILO",
        "Kilo Simulated Coin",
        _CRYPTO,
        "7.80",
        tick="0.001",
        lot="0.1",
        volatility=420,
        quoted=9000,
        daily=200_000_000,
        shortable=False,
        margin="1",
    ),
    _listing("LIMA", "Lima Simulated Software", _STOCK, "168.20", volatility=190, quoted=400, daily=11_000_000),
)

LISTINGS: Final = MappingProxyType({listing.instrument.symbol: listing for listing in _ALL})
"""Every instrument of the invented market, by symbol."""


def search(text: str, limit: int) -> tuple[Instrument, ...]:
    """Return instruments whose symbol or name contains the text: exact symbols first, then beginnings, then names."""
    wanted = text.strip().upper()
    ranked = sorted((_distance(wanted, symbol, listing), symbol) for symbol, listing in LISTINGS.items())
    return tuple(LISTINGS[symbol].instrument for distance, symbol in ranked if distance < _FAR)[: max(0, limit)]


_FAR: Final = 4


def _distance(wanted: str, symbol: str, listing: Listing) -> int:
    if symbol == wanted:
        return 0
    if symbol.startswith(wanted):
        return 1
    if wanted in symbol:
        return 2
    return 3 if wanted in listing.instrument.name.upper() else _FAR
