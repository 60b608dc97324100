"""Scans of the invented market: its instruments ranked by what they did in the last 24 finished hours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from cockpit.model.instruments import Instrument
from cockpit.model.money import ZERO
from cockpit.model.quotes import Bar, DataType
from cockpit.model.research import Scan, ScanRequest, ScanResult, ScanRow
from cockpit.model.text import safe

HOURS: Final = 24
_HUNDRED: Final = Decimal(100)
_STEP: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Seen:
    """One instrument with its last hours, oldest first, at least one."""

    instrument: Instrument
    last: Decimal
    bars: Sequence[Bar]

    @property
    def volume(self) -> Decimal:
        """Quantity that changed hands."""
        return sum((bar.volume or ZERO for bar in self.bars), ZERO)

    @property
    def change(self) -> Decimal:
        """Percent that the price has moved since the first hour opened."""
        return (self.last / self.bars[0].open - 1) * _HUNDRED

    @property
    def spread(self) -> Decimal:
        """Percent between the lowest and the highest price."""
        low = min(bar.low for bar in self.bars)
        return (max(bar.high for bar in self.bars) / low - 1) * _HUNDRED

    @property
    def turnover(self) -> Decimal:
        """Money that changed hands, at the close of each hour."""
        return sum(((bar.volume or ZERO) * bar.close for bar in self.bars), ZERO)


@dataclass(frozen=True, slots=True)
class _Kind:
    scan: Scan
    value: Callable[[Seen], Decimal]
    falling: bool = True
    """Whether the largest value comes first."""


def _kind(
    code: str, name: str, unit: str, value: Callable[[Seen], Decimal], *, falling: bool = True
) -> tuple[str, _Kind]:
    return code, _Kind(Scan(code, safe(name), safe(unit)), value, falling)


_KINDS: Final = MappingProxyType(
    dict(
        (
            _kind("top_gainers", "Largest rise in 24 hours", "%", lambda seen: seen.change),
            _kind("top_losers", "Largest fall in 24 hours", "%", lambda seen: seen.change, falling=False),
            _kind("most_active", "Most money traded in 24 hours", "USD", lambda seen: seen.turnover),
            _kind("widest_range", "Farthest between low and high in 24 hours", "%", lambda seen: seen.spread),
        )
    )
)
SCANS: Final = tuple(kind.scan for kind in _KINDS.values())


def ranked(asked: ScanRequest, market: Sequence[Seen], now: datetime, source: str) -> ScanResult:
    """Return what the scan of one of `SCANS` finds, best first."""
    kind = _KINDS[asked.code]
    found = [(kind.value(seen), seen) for seen in market if _fits(asked, seen)]
    found.sort(key=lambda pair: (-pair[0] if kind.falling else pair[0], pair[1].instrument.symbol))
    rows = (
        ScanRow(rank, seen.instrument, value.quantize(_STEP), seen.last, seen.volume)
        for rank, (value, seen) in enumerate(found[: asked.limit], 1)
    )
    return ScanResult(kind.scan, tuple(rows), now, source, DataType.SIMULATED)


def _fits(asked: ScanRequest, seen: Seen) -> bool:
    return (
        (asked.kind is None or seen.instrument.kind is asked.kind)
        and (asked.above_price is None or seen.last > asked.above_price)
        and (asked.below_price is None or seen.last < asked.below_price)
        and (asked.above_volume is None or seen.volume > asked.above_volume)
    )
