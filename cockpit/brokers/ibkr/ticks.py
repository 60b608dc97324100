"""What the ticks of one request have told so far, and what kind of prices they are. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from cockpit.brokers.ibkr.floats import on_step
from cockpit.brokers.ibkr.listing import Listed
from cockpit.brokers.ibkr.wire import LAST_AT, WireDataType, WireMarket, WireTick
from cockpit.model.money import ZERO
from cockpit.model.quotes import Borrow, Borrowable, DataType, Quote

SOURCE: Final = "ibkr"
_BID, _ASK, _LAST = frozenset({1, 66}), frozenset({2, 67}), frozenset({4, 68})
_BID_SIZE, _ASK_SIZE = frozenset({0, 69}), frozenset({3, 70})
_VOLUME, _HALTED = frozenset({8, 74}), frozenset({49, 90})
_BORROWABLE, _SHARES = 46, 89
"""What generic tick 236 brings: how hard it is to borrow, and how many shares there are."""
_DELAYED: Final = frozenset({*range(66, 77), *range(80, 84), 88, 90})
"""Ticks that only delayed data has."""
_TYPES: Final = {
    1: DataType.LIVE,
    2: DataType.FROZEN,
    3: DataType.DELAYED,
    4: DataType.DELAYED_FROZEN,
}
_FILLERS: Final = frozenset({ZERO, Decimal(-1)})
"""What TWS writes where there was no trade."""
_NEAR_STEPS: Final = 100
_THERE, _SOMEWHERE = Decimal("2.5"), Decimal("1.5")
_AT_LEAST: Final = Decimal(1000)
_LATEST: Final = 2**33


@dataclass(slots=True)
class Board:
    """Everything that one request has told: nothing of an earlier one is in it."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    volume: Decimal | None = None
    halted: bool | None = None
    """Whether the venue has halted it; None until it says so."""
    bid_told: bool = False
    """Whether anything was said of the bid, be it that there is none."""
    ask_told: bool = False
    type_told: int | None = None
    delayed: bool = False
    """Whether a tick came that only delayed data has."""
    borrowable: Decimal | None = None
    """Above 2.5 at least 1000 shares can be borrowed, above 1.5 they have to be looked for, else there are none."""
    borrowable_at: datetime | None = None
    """When that came."""
    shares: Decimal | None = None
    """How many can be borrowed."""
    at: datetime | None = None
    """When a price came last."""
    last_at: datetime | None = None
    """When the last trade was, as the source says: TWS tells it anew to whoever asks, days later, too."""

    @property
    def complete(self) -> bool:
        """Whether both sides were told, and one of them has a price."""
        return self.bid_told and self.ask_told and (self.bid is not None or self.ask is not None)

    @property
    def data_type(self) -> DataType:
        """Return how fresh the prices are: unknown until the source says so, and never fresher than their ticks."""
        told = DataType.UNKNOWN if self.type_told is None else _TYPES.get(self.type_told, DataType.UNKNOWN)
        if self.delayed and told is not DataType.DELAYED_FROZEN:
            return DataType.DELAYED
        return told

    def take(self, record: WireMarket) -> None:
        """Take what came."""
        if isinstance(record, WireDataType):
            self.type_told = record.data_type
            return
        self.delayed = self.delayed or record.tick in _DELAYED
        tick = record.tick
        if tick in _BID:
            self.bid, self.bid_size = _side(record)
            self.bid_told = True
        elif tick in _ASK:
            self.ask, self.ask_size = _side(record)
            self.ask_told = True
        elif tick in _BID_SIZE:
            self.bid_size = record.size
            self.bid = self.bid if record.size else None
        elif tick in _ASK_SIZE:
            self.ask_size = record.size
            self.ask = self.ask if record.size else None
        elif tick in _LAST:
            if record.price is None or (not record.size and record.price in _FILLERS):
                return
            self.last = record.price
        elif tick in LAST_AT:
            self.last_at = _instant(record.price)
            return
        elif tick in _VOLUME:
            self.volume = record.size
            return
        elif tick == _BORROWABLE:
            self.borrowable, self.borrowable_at = record.price, record.at
            return
        elif tick == _SHARES:
            self.shares = record.size
            return
        elif tick in _HALTED:
            self.halted = None if record.price is None or record.price < ZERO else record.price > ZERO
            return
        else:
            return
        self.at = record.at

    def quote(self, listed: Listed) -> Quote | None:
        """Return it as a quote on the contract's steps, or None while there is no price."""
        bid, ask, last = _prices((self.bid, self.ask, self.last), listed)
        if self.at is None or (bid is None and ask is None and last is None):
            return None
        as_of, data_type = self.at, self.data_type
        if bid is None and ask is None:
            # Of a trade alone it is known how old it is only where that was told.
            as_of = self.at if self.last_at is None else min(self.at, self.last_at)
            data_type = DataType.UNKNOWN if self.last_at is None and data_type is DataType.LIVE else data_type
        return Quote(
            symbol=listed.instrument.symbol,
            bid=bid,
            ask=ask,
            bid_size=None if bid is None else self.bid_size,
            ask_size=None if ask is None else self.ask_size,
            last=last,
            as_of=as_of,
            source=SOURCE,
            data_type=data_type,
            halted=self.halted,
        )

    def borrow(self, listed: Listed) -> Borrow | None:
        """Return what can be borrowed, or None until that was told; the smaller where its two figures disagree."""
        if self.borrowable is None or self.borrowable_at is None:
            return None
        state, least = Borrowable.NO, ZERO
        if self.borrowable > _THERE:
            state, least = Borrowable.YES, _AT_LEAST
        elif self.borrowable > _SOMEWHERE:
            state = Borrowable.LOCATE
        shares = least if self.shares is None or state is not Borrowable.YES else self.shares
        symbol = listed.instrument.symbol
        return Borrow(symbol, state, shares, self.borrowable_at, SOURCE, self.data_type)


def _side(record: WireTick) -> tuple[Decimal | None, Decimal | None]:
    """Return price and size of a side: without a size nobody quotes it."""
    return (record.price, record.size) if record.size else (None, None)


def _prices(told: tuple[Decimal | None, ...], listed: Listed) -> tuple[Decimal | None, ...]:
    """Return prices on the grid. One that isn't above zero is one only of a future, and near another price of it."""
    step = listed.finest
    found: list[Decimal | None] = []
    for place, value in enumerate(told):
        others = (one for other, one in enumerate(told) if other != place and one is not None)
        meant = value is not None and (
            value > ZERO or (listed.sec_type == "FUT" and any(_near(value, other, step) for other in others))
        )
        found.append(on_step(value, step) if value is not None and meant else None)
    return tuple(found)


def _near(one: Decimal, other: Decimal, step: Decimal) -> bool:
    return abs(one - other) <= max(_NEAR_STEPS * step, max(abs(one), abs(other)) / 2)


def _instant(seconds: Decimal | None) -> datetime | None:
    if seconds is None or not ZERO < seconds < _LATEST:
        return None
    return datetime.fromtimestamp(float(seconds), UTC)
