"""What one currency comes to in the account's, for limits and sums: the broker's own fresh rates, never a guess."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from typing import Final

from cockpit.brokers.base import Feature, HasFx
from cockpit.desk.connections import Connection
from cockpit.desk.risk.data import SKEW_SECONDS
from cockpit.model.clock import Clock
from cockpit.model.money import ZERO
from cockpit.model.quotes import DataType, FxRate
from cockpit.model.refusals import Refused
from cockpit.model.trading import Mode

_DIGITS: Final = Context(prec=8)


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit of a currency is in another: what it brings at least, and costs at most."""

    least: Decimal
    most: Decimal

    def lowest(self, value: Decimal) -> Decimal:
        """Return a value, which may be below zero, as little as it may be."""
        return value * (self.least if value > ZERO else self.most)

    def highest(self, value: Decimal) -> Decimal:
        """Return a value, which may be below zero, as much as it may be."""
        return value * (self.most if value > ZERO else self.least)


SAME: Final = Rate(Decimal(1), Decimal(1))


def middle(value: Decimal | None, rate: Rate | None) -> Decimal | None:
    """Return a value in another currency as sums tell it, in the middle; None where it or its rate isn't known."""
    return None if value is None or rate is None else value * _DIGITS.divide(rate.least + rate.most, 2)


class Rates:
    """The rates of one look at an account; each counts only while it is young, and is asked for anew afterwards."""

    def __init__(self, connection: Connection, clock: Clock, oldest_seconds: int) -> None:
        self._connection = connection
        self._clock = clock
        self._oldest = oldest_seconds
        self._known: dict[tuple[str, str], tuple[Rate | None, datetime]] = {}

    async def rate(self, of: str, into: str | None) -> Rate | None:
        """Return what one unit of a currency is in another; None where no broker says so, or not freshly."""
        if into is None:
            return None
        if of == into:
            return SAME
        kept = self._known.get((of, into))
        if kept is None or not self._is_young(kept[1]):
            kept = self._known[of, into] = await self._asked(of, into)
        return kept[0]

    async def all(self, currencies: Iterable[str], into: str | None) -> Mapping[str, Rate]:
        """Return those that are known of several, asked for side by side."""
        wanted = set(currencies)
        found = await asyncio.gather(*(self.rate(one, into) for one in wanted))
        return {one: rate for one, rate in zip(wanted, found, strict=True) if rate is not None}

    async def _asked(self, of: str, into: str) -> tuple[Rate | None, datetime]:
        """Return a rate, and of when it is; that there is none is known from now on."""
        broker, none = self._connection.broker, (None, self._clock.now())
        if Feature.FX not in broker.can.features or not isinstance(broker, HasFx):
            return none
        try:
            direct = self._trusted(await self._connection.ask(broker.fx_rate(of, into)))
            if direct is not None:
                return Rate(direct.bid, direct.ask), direct.as_of
            turned = self._trusted(await self._connection.ask(broker.fx_rate(into, of)))
        except Refused:
            return none
        return none if turned is None else (Rate(1 / turned.ask, 1 / turned.bid), turned.as_of)

    def _trusted(self, rate: FxRate | None) -> FxRate | None:
        """Return a rate that money may be judged by, or None."""
        if rate is None or not ZERO < rate.bid <= rate.ask:
            return None
        if self._connection.settings.mode is Mode.LIVE and rate.data_type is not DataType.LIVE:
            return None
        return rate if self._is_young(rate.as_of) else None

    def _is_young(self, as_of: datetime) -> bool:
        return -SKEW_SECONDS <= (self._clock.now() - as_of).total_seconds() <= self._oldest
