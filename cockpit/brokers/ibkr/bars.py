"""Finished bars of a contract from IB's history, and why there are none: nothing there, asked too fast, no answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from ib_async import BarData, BarDataList

from cockpit.brokers.ibkr.answers import is_nothing, is_too_fast, refused, too_fast
from cockpit.brokers.ibkr.floats import exact, on_step, size
from cockpit.brokers.ibkr.hours import Sessions, sessions
from cockpit.brokers.ibkr.kept import Kept
from cockpit.brokers.ibkr.line import CockpitIB, Lane, Line, Told
from cockpit.brokers.ibkr.listing import Listed
from cockpit.brokers.ibkr.pacing import Pacing
from cockpit.brokers.ibkr.ticks import SOURCE
from cockpit.model.clock import Clock
from cockpit.model.quotes import Bar, Bars, DataType, Interval
from cockpit.model.refusals import Refused

MOST_BARS: Final = 1000
_SIZES: Final = {
    Interval.MIN_1: "1 min",
    Interval.MIN_5: "5 mins",
    Interval.MIN_15: "15 mins",
    Interval.MIN_30: "30 mins",
    Interval.HOUR_1: "1 hour",
    Interval.DAY_1: "1 day",
}
_KINDS: Final = {"CASH": "MIDPOINT", "CRYPTO": "AGGTRADES"}
_REGULAR: Final = frozenset({"STK", "OPT"})
"""What has regular hours that its bars keep to; the rest trades nearly around the clock."""
_DAY: Final = timedelta(days=1)
_YEAR_DAYS: Final = 250
_MOST_DAYS: Final = 365
_REGULAR_SECONDS, _WHOLE_SECONDS = 6 * 3600 + 1800, 23 * 3600
_WITHIN: Final = 20.0
_MOST_WAIT: Final = 4.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for history, as TWS takes it (OUT message 20)."""

    con_id: int
    exchange: str
    kind: str
    size: str
    duration: str
    end: str
    """Empty for now."""
    regular: bool


def duration(interval: Interval, count: int, day_seconds: int) -> str:
    """Return a stretch that holds so many bars: IB counts its days as trading days, and takes years above 365."""
    if interval is Interval.DAY_1:
        days = count + 3
    else:
        days = math.ceil(count / max(1, day_seconds // interval.seconds)) + 1
    return f"{days} D" if days <= _MOST_DAYS else f"{math.ceil(days / _YEAR_DAYS)} Y"


def ask_for(
    listed: Listed, found: Sessions | None, interval: Interval, count: int, end: datetime | None, now: datetime
) -> Ask:
    """Return the request that brings these bars: the last one must be whole, so its end is asked for, not ``end``."""
    regular = listed.sec_type in _REGULAR
    usual = _REGULAR_SECONDS if regular else _WHOLE_SECONDS
    until = "" if end is None else _until(end, interval, now)
    return Ask(
        listed.con_id,
        listed.exchange,
        _KINDS.get(listed.sec_type, "TRADES"),
        _SIZES[interval],
        duration(interval, count, (found.seconds() if found else None) or usual),
        until,
        regular,
    )


def finished(
    raw: Sequence[BarData], listed: Listed, found: Sessions | None, interval: Interval, before: datetime, now: datetime
) -> tuple[Bar, ...]:
    """Return the bars that opened before an instant and are over, oldest first, each once and in UTC."""
    opened = [(opens_at, one) for one in raw if (opens_at := _opens_at(one.date, found)) is not None]
    newest = max((opens_at for opens_at, _ in opened), default=now)
    told: dict[datetime, Bar] = {}
    for opens_at, one in opened:
        # Whatever another bar follows is over, too: the first of a session may be shorter than its interval.
        if opens_at < before and (opens_at < newest or _is_over(one.date, opens_at, found, interval, now)):
            bar = _bar(one, opens_at, listed)
            if bar is not None:
                told[opens_at] = bar
    return tuple(told[opens_at] for opens_at in sorted(told))


class History:
    """Asks for bars, no faster than IB allows."""

    def __init__(self, line: Line, clock: Clock, type_of: Callable[[int], DataType]) -> None:
        self._line = line
        self._clock = clock
        self._type_of = type_of
        self._pacing = Pacing()
        self._kept: Kept[tuple[Ask, int], tuple[Bar, ...]] = Kept(clock, 200, 3600)

    async def bars(self, listed: Listed, interval: Interval, count: int, end: datetime | None) -> Bars:
        """Return up to ``count`` finished bars that opened before ``end`` (now); none where IB has none.

        Raises Refused with RATE_LIMITED where IB would take it for too often, BrokerUnavailable without an answer.
        """
        now = self._clock.now()
        before = now if end is None else min(end.astimezone(UTC), now)
        count = max(1, min(count, MOST_BARS))
        found = sessions(listed.liquid_hours if _regular(listed) else listed.trading_hours, listed.zone)
        ask = ask_for(listed, found, interval, count, None if before == now else before, now)
        # Up to now, the same bars are the newest until the next one can be over; what lies behind stays as it is.
        key = ask, 0 if ask.end else int(now.timestamp()) // min(interval.seconds, 3600)
        kept = self._kept.get(key)
        if kept is None:
            raw, asked_at = await self._ask(ask, listed)
            kept = finished(raw, listed, found, interval, asked_at, asked_at)
            self._kept.put(key, kept, 60.0)
        fitting = tuple(bar for bar in kept if bar.opens_at < before)[-count:]
        return Bars(listed.instrument.symbol, interval, fitting, SOURCE, self._type_of(listed.con_id))

    async def _ask(self, ask: Ask, listed: Listed) -> tuple[Sequence[BarData], datetime]:
        """Return what came, and when it was asked for: what ended only after that may have been told unfinished."""
        await self._take_turn(ask, listed)
        self._pacing.open += 1
        asked: list[int] = []
        asked_at = self._clock.now()

        async def history(ib: CockpitIB) -> Sequence[BarData]:
            nonlocal asked_at
            asked_at = self._clock.now()
            return await _history(ib, ask, listed, asked)

        try:
            return await self._line.read("", history, within=_WITHIN), asked_at
        except Told as told:
            if is_too_fast(told):
                raise too_fast(symbol=listed.instrument.symbol, broker=told.text) from told
            if is_nothing(told):
                return (), asked_at
            raise refused(told) from told
        except (Exception, asyncio.CancelledError):
            await self._give_up(asked)
            raise
        finally:
            self._pacing.open -= 1

    async def _take_turn(self, ask: Ask, listed: Listed) -> None:
        """Wait for the end of a burst; Refused with RATE_LIMITED for what would take longer."""
        group = ask.con_id, ask.exchange, ask.kind
        until = self._clock.monotonic() + _MOST_WAIT
        while (wait := self._pacing.wait(ask, group, self._clock.monotonic())) > 0:
            if self._clock.monotonic() + wait > until:
                raise too_fast(wait, symbol=listed.instrument.symbol)
            await asyncio.sleep(wait)
        self._pacing.take(ask, group, self._clock.monotonic())

    async def _give_up(self, asked: Sequence[int]) -> None:
        """Cancel a request that was not answered: it would count as open."""
        try:
            for request_id in asked:
                await self._line.send(Lane.READ, lambda ib, number=request_id: ib.client.cancelHistoricalData(number))
        except Refused:
            return


async def _history(ib: CockpitIB, ask: Ask, listed: Listed, asked: list[int]) -> Sequence[BarData]:
    request_id = ib.client.getReqId()
    contract = listed.contract()
    answer = ib.wrapper.startReq(request_id, contract, container=BarDataList())
    ib.client.reqHistoricalData(
        request_id, contract, ask.end, ask.duration, ask.size, ask.kind, ask.regular, 2, False, []
    )
    asked.append(request_id)
    return await answer


def _regular(listed: Listed) -> bool:
    return listed.sec_type in _REGULAR


def _until(end: datetime, interval: Interval, now: datetime) -> str:
    """Return the end of the bar that ``end`` lies in, as TWS writes instants in UTC; empty for now."""
    seconds = min(interval.seconds, Interval.DAY_1.seconds)
    whole = -(-math.ceil(end.timestamp()) // seconds) * seconds
    until = datetime.fromtimestamp(whole, UTC) + (_DAY if interval is Interval.DAY_1 else timedelta(0))
    return "" if until >= now else f"{until:%Y%m%d-%H:%M:%S}"


def _opens_at(told: object, found: Sessions | None) -> datetime | None:
    """Return when a bar opens: days are named by their date, and open with their session."""
    if isinstance(told, datetime):
        return told.astimezone(UTC) if told.tzinfo is not None else None
    if isinstance(told, date):
        return datetime(told.year, told.month, told.day, tzinfo=UTC) if found is None else found.opens(told)
    return None


def _is_over(told: object, opens_at: datetime, found: Sessions | None, interval: Interval, now: datetime) -> bool:
    """Whether a bar is over: a day with its session, or where that isn't told any more, with the day it is named by."""
    if isinstance(told, datetime) or not isinstance(told, date):
        return opens_at + timedelta(seconds=interval.seconds) <= now
    closes_at = None if found is None else found.closes(told)
    if closes_at is not None:
        return closes_at <= now
    return told < now.astimezone(UTC if found is None else found.zone).date()


def _bar(one: BarData, opens_at: datetime, listed: Listed) -> Bar | None:
    prices = [exact(value) for value in (one.open, one.high, one.low, one.close)]
    if any(value is None for value in prices):
        return None
    first, high, low, close = (on_step(value, listed.finest) for value in prices if value is not None)
    return Bar(opens_at, first, high, low, close, size(one.volume))
