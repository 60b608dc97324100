"""One paper account at work: what time and requests do to it, made durable first, then remembered, then told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, Self

from cockpit.brokers.base import BrokerUnavailable, FactSink
from cockpit.brokers.paper.book import Shown, State, Touch
from cockpit.brokers.paper.engine import apply, outlived
from cockpit.brokers.paper.events import DayEnded, PaperEvent, Quoted, Settled
from cockpit.brokers.paper.fees import Fees
from cockpit.brokers.paper.hours import Hours, Moment, hours
from cockpit.brokers.paper.journal import Applied, Journal, Point, opened
from cockpit.brokers.paper.margin import equity
from cockpit.brokers.paper.prices import Prices, SeededPrices
from cockpit.brokers.paper.recording import BadRecording, Recording, read_recording
from cockpit.brokers.paper.replay import ReplayPrices
from cockpit.brokers.paper.rules import Rules
from cockpit.model.clock import Clock
from cockpit.model.orders import Executed
from cockpit.model.refusals import Refused, refuse
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from cockpit.store.writes import StoreBusy, StoreUnavailable, WriteConflict

_LOG: Final = logging.getLogger(__name__)


class Account:
    """The account of one connection. Its changes are for one caller after the other."""

    def __init__(
        self,
        state: State,
        journal: Journal,
        prices: Prices,
        rules: Rules,
        trading: Hours,
        clock: Clock,
        sink: FactSink,
        hour: datetime,
    ) -> None:
        self.prices: Final = prices
        self.rules: Final = rules
        self.hours: Final = trading
        self.journal: Final = journal
        self.state = state
        self._sink: Final = sink
        self._clock = clock
        self._recorded = hour
        """The hour whose worth is recorded."""

    @classmethod
    async def opened(cls, name: str, settings: ConnectionSettings, store: Store, clock: Clock, sink: FactSink) -> Self:
        """Find the prices, and the account that belongs to them: each recording has one of its own."""
        recording = await _recording(name, settings.replay)
        key = name if recording is None else f"{name}@{recording.digest[:12]}"
        opened_at = await opened(store, key, settings.cash, clock.now())
        prices: Prices = SeededPrices(settings.seed) if recording is None else ReplayPrices(recording, opened_at)
        fees = Fees(settings.fees.per_share, settings.fees.minimum, settings.fees.cap)
        rules = Rules(prices.terms, fees, settings.slippage_ticks)
        journal = Journal(store, key, rules)
        state, hour = await journal.load(), _hour_of(await journal.last_point())
        return cls(state, journal, prices, rules, hours(settings.session), clock, sink, hour)

    @property
    def has_to_look(self) -> bool:
        """Whether something rests in the book, or an hour has not been recorded; what ends does so with an hour."""
        return bool(self.state.open) or _hour_of(self._clock.now()) != self._recorded

    def valued(self, *further: str) -> State:
        """Return the account with the prices of this moment, also of further symbols, and nothing matched."""
        return self._valued(self._clock.now(), self.state, *further)

    async def look(self) -> None:
        now = self._clock.now()
        hour, moment = _hour_of(now), self.hours.at(now)
        symbols = {order.request.symbol for order in self.state.open.values()}
        applied = _that_matter(self._meanwhile(now, moment, symbols))
        state = applied[-1].step.state if applied else self.state
        points = () if hour == self._recorded else self._worth(self._valued(now, state), now)
        await self._commit(applied, points)
        self._recorded = hour

    async def act(self, ask: Callable[[datetime], PaperEvent], symbols: set[str] | None) -> None:
        """Apply one request to the account as of now; a request without symbols needs no quotes.

        It is refused while nobody knows whether the market is open.
        """
        now = self._clock.now()
        moment = self.hours.at(now)
        if moment.unknown is not None and symbols is not None:
            raise Refused(moment.unknown)
        applied = self._meanwhile(now, moment, set() if symbols is None else self._concerned() | symbols)
        event = replace(ask(now), session=moment.open)
        step = apply(self.rules, applied[-1].step.state if applied else self.state, event)
        if step.facts or step.changed:
            applied.append(Applied(event, step))
        else:
            applied = _that_matter(applied)
        try:
            await self._commit(applied)
        except WriteConflict as error:
            raise Refused(refuse("IDEMPOTENCY_CONFLICT", "An older order has that reference.")) from error
        if step.refusal is not None:
            raise Refused(step.refusal)

    def _meanwhile(self, now: datetime, moment: Moment, symbols: Iterable[str]) -> list[Applied]:
        """Return what time has brought since the state was made: the end of options and of a day, and new quotes.

        What ends comes first, so that no quote of today fills an order of yesterday.
        """
        state, applied = self.state, list[Applied]()
        if moment.day_ended_at is not None and outlived(state, moment.day_ended_at):
            ended = DayEnded(now, moment.day_ended_at)
            applied.append(Applied(ended, apply(self.rules, state, ended)))
            state = applied[-1].step.state
        for symbol, price in self._ended(state, now):
            settled = Settled(now, symbol, price)
            applied.append(Applied(settled, apply(self.rules, state, settled)))
            state = applied[-1].step.state
        quoted = Quoted(now, *self._news(state, now, symbols), session=moment.open)
        if quoted.touches or quoted.gone:
            applied.append(Applied(quoted, apply(self.rules, state, quoted)))
        return applied

    async def _commit(self, applied: Sequence[Applied], points: Sequence[Point] = ()) -> None:
        """Make it durable, then move, then tell; where it can't be made durable, nothing has happened."""
        worth = [point for each in applied if _fills(each) for point in self._worth(each.step.state, each.event.at)]
        if not applied and not points:
            return
        try:
            self.state = await self.journal.write(self.state, applied, [*worth, *points])
        except (StoreUnavailable, StoreBusy) as error:
            raise BrokerUnavailable(f"the paper account's journal can't be written: {error}") from error
        for each in applied:
            if isinstance(each.event, Settled):
                _LOG.info("%s has ended and was settled at %s", each.event.symbol, each.event.price)
            for fact in each.step.facts:
                self._sink(fact)

    def _worth(self, state: State, at: datetime) -> tuple[Point, ...]:
        """Return what the account is worth; nothing where a position has no price now."""
        if any(state.shown[symbol].gone for symbol in state.holdings):
            return ()
        return (Point(at, equity(state, self.rules.terms)),)

    def _concerned(self) -> set[str]:
        """Return the symbols whose prices decide what the account can carry."""
        return {*self.state.holdings, *(order.request.symbol for order in self.state.open.values())}

    def _ended(self, state: State, now: datetime) -> list[tuple[str, Decimal]]:
        """Return the instruments of the book that have ended, each with what one unit came to."""
        known = {*state.holdings, *state.shown, *(order.request.symbol for order in state.open.values())}
        ends = ((symbol, self.prices.settled(symbol, now)) for symbol in sorted(known))
        return [(symbol, price) for symbol, price in ends if price is not None]

    def _news(self, state: State, now: datetime, symbols: Iterable[str]) -> tuple[tuple[Touch, ...], tuple[str, ...]]:
        """Return the prices of this moment that the state has not seen, and the symbols that have none any more."""
        touches: list[Touch] = []
        gone: list[str] = []
        for symbol in sorted(symbols):
            touch, seen = self.prices.touch(symbol, now), state.shown.get(symbol)
            if touch is None:
                if seen is not None and not seen.gone:
                    gone.append(symbol)
            elif seen is None or seen.gone or seen.touch != touch:
                touches.append(touch)
        return tuple(touches), tuple(gone)

    def _valued(self, now: datetime, state: State, *further: str) -> State:
        """Return an account with the prices of this moment, and nothing matched against them."""
        touches, gone = self._news(state, now, self._concerned().union(further))
        fresh = {touch.symbol: Shown(touch) for touch in touches}
        last = {symbol: replace(state.shown[symbol], gone=True) for symbol in gone}
        return replace(state, shown={**state.shown, **fresh, **last})


async def _recording(name: str, file: str) -> Recording | None:
    if not file:
        return None
    try:
        return await asyncio.to_thread(read_recording, Path(file))
    except BadRecording as error:
        raise BrokerUnavailable(f"the recording of the connection {name} is no use: {error}") from error


def _hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _that_matter(applied: Sequence[Applied]) -> list[Applied]:
    """Return the events that changed an order or a position: a quote that met nothing needs no record."""
    return [each for each in applied if each.step.facts or each.step.changed or isinstance(each.event, Settled)]


def _fills(applied: Applied) -> bool:
    return any(isinstance(fact, Executed) for fact in applied.step.facts)
