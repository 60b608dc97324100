"""A book beyond the touch for the invented market: the touch as orders meet it, and behind it prices that are made up."""

from __future__ import annotations

from typing import Final

from cockpit.brokers.paper.instruments import Listing
from cockpit.model.instruments import Instrument
from cockpit.model.money import ZERO
from cockpit.model.orders import Side
from cockpit.model.quotes import Depth, DepthLevel, Quote

MOST_LEVELS: Final = 20
OCTETS: Final = MOST_LEVELS * 4
"""Random bytes that one book takes: a gap and a size for each level and side."""
NOTE: Final = (
    "Simulated. Orders trade with the first level up to its size; the rest of a market order is filled a few ticks"
    " beyond it, whatever stands behind."
)


def book(quote: Quote, listing: Listing, drawn: bytes, levels: int) -> Depth:
    """Return up to ``levels`` prices a side; ``drawn`` are `OCTETS` random bytes."""
    half, count = OCTETS // 2, min(levels, MOST_LEVELS)
    return Depth(
        symbol=quote.symbol,
        bids=_side(quote, listing, Side.SELL, drawn[:half], count),
        asks=_side(quote, listing, Side.BUY, drawn[half:], count),
        as_of=quote.as_of,
        source=quote.source,
        data_type=quote.data_type,
        note=NOTE,
    )


def _side(quote: Quote, listing: Listing, taker: Side, drawn: bytes, count: int) -> tuple[DepthLevel, ...]:
    """Return the levels that an order of that side meets: behind the touch each one to four ticks further."""
    price, size = quote.touch(taker), quote.ask_size if taker is Side.BUY else quote.bid_size
    if price is None or size is None:
        return ()
    instrument: Instrument = listing.instrument
    found = [DepthLevel(price, size)]
    for place in range(1, count):
        gap, much = drawn[place * 2] % 4 + 1, drawn[place * 2 + 1]
        price += taker.sign * gap * instrument.tick
        if price <= ZERO:
            break
        found.append(DepthLevel(price, (1 + much * listing.quoted_lots * (place + 1) // 128) * instrument.lot))
    return tuple(found)
