"""Recorded bars, played once from the moment the account was opened; after the last one there are no prices.

The bars follow each other without the gaps between them, nights and weekends left out, each for its own length. Within
a bar the price stands at its open, its nearer extreme, its other extreme and its close for a quarter of it each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from cockpit.brokers.paper.bars import POINTS, path
from cockpit.brokers.paper.book import Touch
from cockpit.brokers.paper.instruments import CURRENCY
from cockpit.brokers.paper.margin import Terms
from cockpit.brokers.paper.recording import Recording
from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.money import ZERO
from cockpit.model.quotes import Bar, DataType, Interval, Quote
from cockpit.model.text import safe

EXCHANGE: Final = "REPLAY"
_LOT: Final = Decimal(1)


class ReplayPrices:
    """One recording that began at ``starts_at``."""

    def __init__(self, recording: Recording, starts_at: datetime) -> None:
        self.source: Final = recording.label
        self.note: Final = "Simulated: recorded prices, invented fills; no order leaves this host."
        self.starts_at: Final = starts_at.replace(second=0, microsecond=0)
        self._interval = recording.interval
        self._length = timedelta(seconds=recording.interval.seconds)
        times = sorted({bar.opens_at for bars in recording.bars.values() for bar in bars})
        places = {at: place for place, at in enumerate(times)}
        self._count = len(times)
        self._bars: dict[str, dict[int, Bar]] = {
            symbol: {
                places[bar.opens_at]: replace(bar, opens_at=self.starts_at + self._length * places[bar.opens_at])
                for bar in bars
            }
            for symbol, bars in recording.bars.items()
        }
        self.terms: Final[Mapping[str, Terms]] = {
            symbol: Terms(tick=_tick(bars), lot=_LOT) for symbol, bars in recording.bars.items()
        }
        self._instruments = {
            symbol: Instrument(
                symbol,
                safe(f"{symbol} of {recording.name}"),
                InstrumentKind.STOCK,
                EXCHANGE,
                CURRENCY,
                terms.tick,
                terms.lot,
                simulated=True,
            )
            for symbol, terms in self.terms.items()
        }

    @property
    def ends_at(self) -> datetime:
        """When the last bar is over."""
        return self.starts_at + self._length * self._count

    def instrument(self, symbol: str) -> Instrument | None:
        return self._instruments.get(symbol)

    def search(self, text: str, limit: int) -> tuple[Instrument, ...]:
        wanted = text.strip().upper()
        found = sorted(symbol for symbol in self._instruments if wanted in symbol)
        found.sort(key=lambda symbol: (symbol != wanted, not symbol.startswith(wanted)))
        return tuple(self._instruments[symbol] for symbol in found)[: max(0, limit)]

    def quote(self, symbol: str, at: datetime) -> Quote | None:
        """Return the price as bid and ask: a recording of bars knows no spread."""
        touch = self.touch(symbol, at)
        if touch is None:
            return None
        return Quote(
            symbol=symbol,
            bid=touch.bid,
            ask=touch.ask,
            bid_size=touch.bid_size,
            ask_size=touch.ask_size,
            last=touch.bid,
            as_of=at.replace(microsecond=0),
            source=self.source,
            data_type=DataType.SIMULATED,
        )

    def touch(self, symbol: str, at: datetime) -> Touch | None:
        if at < self.starts_at:
            return None
        place, within = divmod(at - self.starts_at, self._length)
        bar = self._bars.get(symbol, {}).get(place)
        if bar is None:
            return None
        return path(symbol, bar, self._interval, self.terms[symbol])[within * POINTS // self._length]

    def settled(self, symbol: str, now: datetime) -> Decimal | None:
        return None

    async def bars(
        self, symbol: str, interval: Interval, count: int, end: datetime | None, now: datetime
    ) -> tuple[Bar, ...]:
        """Return finished bars, put together where longer ones are asked for; shorter ones were not recorded."""
        many, rest = divmod(interval.seconds, self._interval.seconds)
        recorded = self._bars.get(symbol)
        if recorded is None or rest or many < 1:
            return ()
        length = self._length * many
        beyond = max(0, (min(now, self.ends_at) - self.starts_at) // length)
        if end is not None:
            beyond = min(beyond, max(0, -((self.starts_at - end) // length)))
        found: list[Bar] = []
        for number in range(beyond - 1, -1, -1):
            if len(found) >= count:
                break
            parts = [recorded[place] for place in range(number * many, (number + 1) * many) if place in recorded]
            if parts:
                found.append(_together(parts, self.starts_at + length * number))
        return tuple(reversed(found))


def _together(parts: Sequence[Bar], opens_at: datetime) -> Bar:
    return Bar(
        opens_at,
        parts[0].open,
        max(part.high for part in parts),
        min(part.low for part in parts),
        parts[-1].close,
        sum((part.volume or ZERO for part in parts), ZERO),
    )


def _tick(bars: Sequence[Bar]) -> Decimal:
    """Return the finest step that the prices show: a cent, or finer."""
    places = 2
    for bar in bars:
        for price in (bar.open, bar.high, bar.low, bar.close):
            exponent = price.normalize().as_tuple().exponent
            places = max(places, -exponent if isinstance(exponent, int) else places)
    return Decimal(1).scaleb(-places)
