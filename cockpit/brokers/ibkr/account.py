"""The account: its money and positions as TWS tells them, what an order would cost, and its worth over time.

TWS has no history of an account's worth: what is told of it was recorded here while this host was connected.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from ib_async import Contract
from ib_async.order import Order, OrderState

from cockpit.brokers.base import BrokerUnavailable, Estimate
from cockpit.brokers.ibkr.answers import refused
from cockpit.brokers.ibkr.books import one_by_few
from cockpit.brokers.ibkr.flights import Told
from cockpit.brokers.ibkr.floats import exact
from cockpit.brokers.ibkr.line import ACCOUNT_VALUES, POSITIONS, CockpitIB, Lane, Line
from cockpit.brokers.ibkr.listing import Listed
from cockpit.brokers.ibkr.names import numbered, option
from cockpit.brokers.ibkr.terms import tidy
from cockpit.brokers.ibkr.ticks import SOURCE
from cockpit.brokers.ibkr.wire import number
from cockpit.model.accounts import Balances, Position
from cockpit.model.clock import Clock
from cockpit.model.money import ZERO, plain
from cockpit.model.quotes import FxRate
from cockpit.model.text import safe
from cockpit.model.trading import Link
from cockpit.store.database import Store
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write

_LOG: Final = logging.getLogger(__name__)

NEW: Final = 0.5
"""Seconds for which the account that was told is as good as asked for anew."""
MOST_POINTS: Final = 10_000
_OLDEST: Final = (
    "SELECT at, equity FROM ibkr_equity WHERE connection = ? AND account = ? AND at >= ? ORDER BY at DESC LIMIT ?"
)
_WHOLE: Final = {"", "BASE"}


class Account:
    """One account over one line."""

    def __init__(
        self,
        line: Line,
        listed_of: Callable[[int], Awaitable[Listed | None]],
        clock: Clock,
        home: str,
    ) -> None:
        self._line = line
        self._home = home
        self._listed_of = listed_of
        self._clock = clock
        self._watched = 0
        self._fills = 0
        self.market_rate: Callable[[str, str], Awaitable[FxRate | None]] = _no_rate
        """Returns what one unit of a currency costs in another on the market."""
        self._told: tuple[int, float] | None = None
        """On which line the account was told last, and when."""

    async def watch(self) -> None:
        """Have profit and loss told as they change; once for each line, and anew when TWS has lost what it told."""
        if self._watched == self._line.streams:
            return
        account = self._line.account

        def ask(ib: CockpitIB) -> None:
            if ib.pnl(account):
                ib.cancelPnL(account)
            ib.reqPnL(account)

        await self._line.send(Lane.READ, ask, messages=2)
        self._watched = self._line.streams

    async def balances(self) -> Balances:
        """Return the account's money in its base currency.

        IB's profit and loss are after fees and since the beginning of the day; so no fees are told beside them. Its
        buying power is that of what is held: an order that rests takes nothing off it.
        """
        await self._refresh()
        base, values = self._values()
        equity, cash = values.get("NetLiquidation"), values.get("TotalCashValue")
        power = values.get("BuyingPower", values.get("AvailableFunds"))
        if equity is None or cash is None or power is None:
            raise BrokerUnavailable("TWS has not told the account's money")
        profit = next(iter(self._line.ib.pnl(self._line.account)), None)
        realised = None if profit is None else number(profit.realizedPnL)
        unrealised = None if profit is None else number(profit.unrealizedPnL)
        return Balances(
            account=self._line.account,
            currency=base,
            cash=cash,
            equity=equity,
            buying_power=power,
            realised=self._in_base("RealizedPnL", base) if realised is None else tidy(realised),
            unrealised=self._in_base("UnrealizedPnL", base) if unrealised is None else tidy(unrealised),
            fees=None,
            as_of=self._clock.now(),
            source=SOURCE,
            available=values.get("AvailableFunds"),
            orders_taken_off=False,
        )

    async def positions(self) -> Sequence[Position]:
        """Return what is held, by name, valued as TWS values it."""
        await self._refresh()
        account, ib = self._line.account, self._line.ib
        valued = {one.contract.conId: one for one in ib.portfolio(account)}
        held = ib.positions(account)
        await one_by_few(self._listed_of, {one.contract.conId for one in held})
        found: list[Position] = []
        for one in held:
            quantity, cost = number(one.position) or ZERO, number(one.avgCost) or ZERO
            if quantity == ZERO:
                continue
            listed = await self._listed_of(one.contract.conId)
            item = valued.get(one.contract.conId)
            found.append(
                Position(
                    symbol=_undescribed(one.contract, self._home) if listed is None else listed.instrument.symbol,
                    quantity=tidy(quantity),
                    average_price=cost / _multiplier(one.contract, listed),
                    mark=None if item is None else _told(item.marketPrice),
                    market_value=None if item is None else _told(item.marketValue),
                    unrealised=None if item is None else _told(item.unrealizedPNL),
                    currency=one.contract.currency,
                    as_of=self._clock.now(),
                    source=SOURCE,
                )
            )
        return sorted(found, key=lambda one: one.symbol)

    async def estimate(self, contract: Contract, order: Order) -> Estimate | None:
        """Return what TWS says that an order would cost; None where it doesn't say. Raises Refused where it refuses."""

        async def ask(ib: CockpitIB) -> OrderState:
            return await ib.whatIfOrderAsync(contract, order)

        try:
            state = await self._line.read("", ask)
        except Told as told:
            raise refused(told, "BROKER_REJECTED") from told
        margin = number(state.initMarginChange)
        fee = number(state.commission)
        if fee is None:
            fee = number(state.maxCommission)
        if margin is None or fee is None:
            return None
        base, _ = self._values()
        currency = state.commissionCurrency or base
        charged = self.converted(fee, currency, base)
        if charged is None:
            # An account has no rate of a currency in which nothing is held yet; the market has.
            rate = await self.market_rate(currency, base)
            if rate is None:
                return None
            charged = fee * rate.ask
        return Estimate(
            fee=charged,
            margin=max(ZERO, margin),
            currency=base,
            source=f"{SOURCE} what-if",
            warning=safe(state.warningText, 500),
        )

    def equity(self) -> Decimal | None:
        """Return the account's worth as TWS told it last, without asking."""
        try:
            return self._values()[1].get("NetLiquidation")
        except BrokerUnavailable:
            return None

    def converted(self, amount: Decimal, currency: str, into: str) -> Decimal | None:
        """Return an amount in another currency by TWS's own rates; None where a rate is missing."""
        if currency == into or amount == ZERO:
            return amount
        try:
            rates = self._rates()
        except BrokerUnavailable:
            return None
        here, there = rates.get(currency), rates.get(into)
        if here is None or there is None:
            _LOG.warning("TWS told no rate from %s to %s", currency, into)
            return None
        return amount * here / there

    async def _refresh(self) -> None:
        """Have TWS tell account, portfolio and positions anew; it tells changes by itself too, but some only every few minutes.

        What was told a moment ago, with no fill since, is not asked for again: who judges an order asks for several
        figures at once.
        """
        account, streams, fills = self._line.account, self._line.streams, self._fills
        now, told = self._clock.monotonic(), self._told
        if self._line.link is Link.READY and told is not None and told[0] == streams and now - told[1] < NEW:
            return
        await asyncio.gather(
            self._line.read(ACCOUNT_VALUES, lambda ib: ib.reqAccountUpdatesAsync(account)),
            self._line.read(POSITIONS, lambda ib: ib.reqPositionsAsync()),
        )
        self._told = (streams, now) if fills == self._fills else None

    def traded(self) -> None:
        """Take note of a fill: what was told of the account is old from now on."""
        self._fills += 1
        self._told = None

    def _values(self) -> tuple[str, dict[str, Decimal]]:
        """Return the base currency, and the figures of the account as a whole."""
        base, values = "", dict[str, Decimal]()
        for one in self._line.ib.accountValues(self._line.account):
            if one.tag == "NetLiquidation" and one.currency not in _WHOLE:
                base = one.currency
        for one in self._line.ib.accountValues(self._line.account):
            if one.modelCode == "" and one.currency in {*_WHOLE, base} and (worth := number(one.value)) is not None:
                values.setdefault(one.tag, worth)
        if not base:
            raise BrokerUnavailable("TWS has not told the account's base currency")
        return base, values

    def _rates(self) -> dict[str, Decimal]:
        """Return what one unit of each currency of the account is worth in its base currency."""
        told = self._line.ib.accountValues(self._line.account)
        rates = {one.currency: number(one.value) for one in told if one.tag == "ExchangeRate"}
        return {currency: rate for currency, rate in rates.items() if rate is not None and rate > ZERO}

    def _in_base(self, tag: str, base: str) -> Decimal:
        """Return a figure of the ledger for all currencies together."""
        told = [one for one in self._line.ib.accountValues(self._line.account) if one.tag == tag and not one.modelCode]
        whole = next((number(one.value) for one in told if one.currency == "BASE"), None)
        if whole is not None:
            return whole
        found = [self.converted(number(one.value) or ZERO, one.currency or base, base) for one in told]
        if None in found:
            raise BrokerUnavailable("TWS has not told the rates of all the account's currencies")
        return sum((one for one in found if one is not None), ZERO)


class Recording:
    """The account's worth as it was recorded here: durable, one point an hour and at each start."""

    def __init__(self, connection: str, store: Store) -> None:
        self._connection = connection
        self._store = store

    async def note(self, account: str, at: datetime, equity: Decimal) -> None:
        """Record a point; nothing happens where the database can't be written."""
        write = Write(
            "INSERT OR IGNORE INTO ibkr_equity (connection, account, at, equity) VALUES (?, ?, ?, ?)",
            (self._connection, account, to_micros(at), plain(equity)),
        )
        try:
            await self._store.commit([write])
        except (StoreUnavailable, StoreBusy):
            return

    async def since(self, account: str, since: datetime, count: int) -> Sequence[tuple[datetime, Decimal]]:
        """Return up to ``count`` points since then, the newest, oldest first."""
        args = (self._connection, account, to_micros(since), min(count, MOST_POINTS))
        try:
            rows = await self._store.rows(_OLDEST, args)
        except (StoreUnavailable, StoreBusy) as error:
            raise BrokerUnavailable(f"the account's recording can't be read: {error}") from error
        return [(from_micros(row["at"]), Decimal(row["equity"])) for row in reversed(rows)]


async def _no_rate(base: str, counter: str) -> FxRate | None:
    return None


def _told(value: float) -> Decimal | None:
    found = number(value)
    return None if found is None else tidy(found)


def _undescribed(contract: Contract, home: str) -> str:
    """Return the name of what IB doesn't describe now: an option at home has its own, for shares may cover it."""
    terms = None
    if contract.secType == "OPT" and contract.currency == home:
        root, strike = contract.tradingClass or contract.symbol, exact(contract.strike) or ZERO
        terms = option(root, contract.lastTradeDateOrContractMonth, contract.right, strike)
    return numbered(contract.conId) if terms is None else terms.symbol


def _multiplier(contract: Contract, listed: Listed | None) -> Decimal:
    if listed is not None:
        return listed.instrument.multiplier
    try:
        told = float(contract.multiplier or 1)
    except ValueError:
        return Decimal(1)
    return Decimal(repr(told)) if math.isfinite(told) and told > 0 else Decimal(1)
