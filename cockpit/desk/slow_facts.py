"""What a broker may take long to tell, and only orders under the limits need: volumes, its own warning, what it lends."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from cockpit.brokers.base import Feature, HasBorrow
from cockpit.desk.connections import Connection, answer_or_none
from cockpit.desk.risk import NOT_BORROWED, Seen
from cockpit.model.clock import Clock
from cockpit.model.instruments import Instrument
from cockpit.model.money import ZERO
from cockpit.model.orders import OrderRequest, Side
from cockpit.model.quotes import Borrow, Interval
from cockpit.model.refusals import Refused
from cockpit.model.text import safe
from cockpit.model.trading import Mode

_VOLUME_DAYS: Final = 20


class SlowFacts:
    """Asks a broker for them; volumes once a day."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._volumes: dict[tuple[str, str], tuple[date, Decimal]] = {}

    async def added(self, connection: Connection, request: OrderRequest, seen: Seen) -> Seen:
        """Return what was seen with these facts; what the broker doesn't tell is missing."""
        instrument = seen.instrument
        seen = replace(seen, average_volume=await self._average_volume(connection, instrument))
        if seen.mode is not Mode.LIVE:
            return seen
        seen = replace(seen, broker_warning=await _warning(connection, request))
        if request.side is Side.SELL and instrument.kind not in NOT_BORROWED:
            seen = replace(seen, borrow=await _borrow(connection, instrument))
        return seen

    async def _average_volume(self, connection: Connection, instrument: Instrument) -> Decimal | None:
        """Return the average of the last days' volumes, asked for once a day: zero where the broker has none.

        An account that may not read them has none, too. None, and asked for again the next time, for all other trouble.
        """
        key, today = (connection.name, instrument.symbol), self._clock.now().date()
        kept = self._volumes.get(key)
        if kept is not None and kept[0] == today:
            return kept[1]
        try:
            asked = connection.broker.bars(instrument, Interval.DAY_1, _VOLUME_DAYS, None)
            bars = (await connection.ask(asked)).bars
        except Refused as refused:
            if refused.refusal.code != "CAPABILITY_UNAVAILABLE":
                return None
            bars = ()
        volumes = [bar.volume for bar in bars if bar.volume]
        average = sum(volumes, ZERO) / len(volumes) if volumes else ZERO
        self._volumes[key] = today, average
        return average


async def _borrow(connection: Connection, instrument: Instrument) -> Borrow | None:
    """Return what can be borrowed, asked for just now; None where the broker doesn't tell."""
    broker = connection.broker
    if Feature.BORROW not in broker.can.features or not isinstance(broker, HasBorrow):
        return None
    return await answer_or_none(connection.ask(broker.borrow(instrument)))


async def _warning(connection: Connection, request: OrderRequest) -> str | None:
    """Return what the broker's own preview warns of, empty for nothing; None where it can't tell."""
    estimate = await answer_or_none(connection.ask(connection.broker.estimate(request)))
    return None if estimate is None else safe(estimate.warning)
