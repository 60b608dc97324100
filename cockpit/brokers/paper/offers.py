"""What the paper broker offers besides orders where its market is invented: books, options, rates, lists and scans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from cockpit.brokers.base import Feature
from cockpit.brokers.paper.depth import MOST_LEVELS
from cockpit.brokers.paper.prices import SeededPrices
from cockpit.brokers.paper.scans import SCANS
from cockpit.model.chains import Greeks, OptionChain, OptionSeries
from cockpit.model.clock import Clock
from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.quotes import Depth, FxRate
from cockpit.model.refusals import Refused, refuse
from cockpit.model.research import Scan, ScanRequest, ScanResult

OFFERED: Final = frozenset(
    {Feature.DEPTH, Feature.OPTIONS, Feature.OPTION_RATE, Feature.FX, Feature.LISTING, Feature.SCANNER}
)
MOST_STRIKES: Final = 100


class InventedOffers:
    """Answers from the invented market of this second; over a recording all of it is CAPABILITY_UNAVAILABLE."""

    _clock: Clock

    @property
    def _source(self) -> object:
        """The account's prices."""
        raise NotImplementedError

    @property
    def _invented(self) -> SeededPrices:
        source = self._source
        if not isinstance(source, SeededPrices):
            raise Refused(refuse("CAPABILITY_UNAVAILABLE", "A recording has bars alone."))
        return source

    async def depth(self, instrument: Instrument, levels: int) -> Depth | None:
        """Return up to ``levels`` (at most 20) prices a side; None for options."""
        return self._invented.depth(instrument.symbol, min(levels, MOST_LEVELS), self._clock.now())

    async def option_series(self, underlying: Instrument) -> Sequence[OptionSeries]:
        """Return the series that have not expired, soonest first; none on coins and options."""
        return self._invented.options.series(underlying.symbol, self._clock.now())

    async def option_chain(self, underlying: Instrument, expiry: date, strikes: int) -> OptionChain | None:
        """Return the strikes (at most 100) of a series nearest to the money."""
        options, now = self._invented.options, self._clock.now()
        of = next((one for one in options.series(underlying.symbol, now) if one.expiry == expiry), None)
        return None if of is None else options.chain(of, min(strikes, MOST_STRIKES), now)

    async def greeks(self, option: Instrument) -> Greeks | None:
        """Return the values that the option is priced by."""
        return self._invented.options.greeks(option.symbol, self._clock.now())

    async def fx_rate(self, base: str, counter: str) -> FxRate | None:
        """Return an invented exchange rate."""
        return self._invented.rate(base, counter, self._clock.now())

    async def listed(self, kind: InstrumentKind | None, member_of: str) -> Sequence[Instrument]:
        """Return the invented instruments by symbol."""
        return self._invented.listed(kind, member_of)

    async def scans(self) -> Sequence[Scan]:
        """Return the scans that there are."""
        return SCANS

    async def scan(self, asked: ScanRequest) -> ScanResult:
        """Return what a scan over all invented instruments finds."""
        return await self._invented.scan(asked, self._clock.now())
