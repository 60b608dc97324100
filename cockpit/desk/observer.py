"""What is known about an order's market and account at this instant: gathered once, judged by pure checks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from cockpit.desk.book import Book
from cockpit.desk.connections import Connection
from cockpit.desk.grouped import linked_now, on_entry, on_top, with_group
from cockpit.desk.groups import ALONE, EXITS, Beside, may_still_fill
from cockpit.desk.market import Market
from cockpit.desk.oversight import LimitsLeft, Oversight
from cockpit.desk.risk import Exposure, Linked, Seen, evaluate, worst_notional
from cockpit.desk.switch import Switch
from cockpit.model.accounts import Balances, Position
from cockpit.model.checks import CheckResult
from cockpit.model.clock import Clock
from cockpit.model.identity import Scope
from cockpit.model.instruments import Instrument
from cockpit.model.money import ZERO
from cockpit.model.orders import AT_BROKER, OPEN, Order, OrderId, OrderRequest, OrderState, Side
from cockpit.model.quotes import Interval
from cockpit.model.refusals import Refused
from cockpit.settings.policy import PolicySettings

_NOT_YET_COUNTED = frozenset({OrderState.SENDING, OrderState.UNKNOWN})
"""States in which a broker's buying power may not know the order. It may not know a change under way either."""
_VOLUME_DAYS: Final = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """An order with what was seen and found."""

    request: OrderRequest
    seen: Seen
    checks: tuple[CheckResult, ...]
    notional: Decimal | None
    policy: PolicySettings
    """The limits that it was judged by."""


class Observer:
    """Looks at market, account and our own orders, and runs the checks on what it saw."""

    def __init__(self, book: Book, switch: Switch, clock: Clock, oversight: Oversight) -> None:
        self._book = book
        self._switch = switch
        self._clock = clock
        self._oversight = oversight
        self._turns: dict[str, asyncio.Lock] = {}
        self._volumes: dict[tuple[str, str], tuple[date, Decimal | None]] = {}
        self._multipliers: dict[tuple[str, str], Decimal] = {}

    async def judge(
        self,
        connection: Connection,
        request: OrderRequest,
        *,
        but: OrderId | None = None,
        beside: Beside = ALONE,
        client: str = "",
        scopes: frozenset[Scope] | None = None,
        linked: Linked | None = None,
        previewed_at: Decimal | None = None,
    ) -> Judged:
        """Gather fresh facts and run every check. ``but`` is an order that must not count against itself.

        ``beside`` are orders that would be sent with it and count as if they had been; ``linked`` says what the order
        is within its group. ``client`` is who asks, where the order isn't known yet. ``previewed_at`` is the touch
        at the preview that is placed.

        What the broker doesn't answer is missing to the checks, which refuse for it.
        """
        market = Market(connection)
        instrument = await market.resolve(request.symbol)
        request = replace(request, symbol=instrument.symbol)
        order = None if but is None else self._book.get(but)
        group = () if order is None else self._book.known_of_group(order.group_id) or (order,)
        client = client if order is None else order.client
        policy = self._oversight.limits.policy(connection, client)
        # A group that is decided on has one order's id for all of them; what changes is looked at by the decision.
        before = order.request if order is not None and linked is None else None
        seen = await self._see(connection, market, instrument, order, group, policy)
        if order is not None and linked is None and order.linkage is not None:
            linked = linked_now(order, group)
            beside = on_entry(order, group) if beside is ALONE else beside
        seen = on_top(await self._remember(connection, market, request, seen, order, group, client), beside)
        others = [one for _, one in linked.others] if linked is not None and order is None else []
        seen = replace(
            seen,
            client=client,
            scopes=scopes,
            linked=linked,
            before=before,
            previewed_at=previewed_at,
            activity=seen.activity and with_group(seen.activity, len(others), beside.value()),
            open_orders=(seen.open_orders or 0) + len(others),
            open_of_symbol=(seen.open_of_symbol or 0) + sum(1 for one in others if one.symbol == request.symbol),
        )
        return Judged(request, seen, evaluate(request, seen, policy), worst_notional(request, seen, policy), policy)

    def turn(self, connection: Connection) -> asyncio.Lock:
        """Return the turn of a connection: who holds it acts on what was judged before anybody else judges there.

        Whoever holds an order too takes that first.
        """
        return self._turns.setdefault(connection.name, asyncio.Lock())

    def policy(self, connection: Connection, client: str) -> PolicySettings:
        """Return the limits that hold for a client on a connection now."""
        return self._oversight.limits.policy(connection, client)

    def left(self, connection: Connection, client: str) -> LimitsLeft:
        """Return what is left of a client's limits, from memory."""
        return self._oversight.left(connection, client, len(self._open_of(connection)))

    async def _see(
        self,
        connection: Connection,
        market: Market,
        instrument: Instrument,
        judged: Order | None,
        group: Sequence[Order],
        policy: PolicySettings,
    ) -> Seen:
        symbol = instrument.symbol
        try:
            quote = await market.quote(instrument)
        except Refused:
            quote = None
        try:
            balances = await connection.ask(connection.broker.balances())
            positions = await connection.ask(connection.broker.positions())
        except Refused:
            balances, positions = None, None
        try:
            session = await market.clock()
        except Refused:
            session = None
        status = connection.broker.status()
        held = sum((one.quantity for one in positions or () if one.symbol == symbol), ZERO)
        but = None if judged is None else judged.order_id
        ours = {one.order_id for one in group}
        buys = sells = in_flight = ZERO
        resting: list[Order] = []
        for order in self._open_of(connection):
            if order.state not in AT_BROKER:
                continue
            if order.order_id == but:
                # The broker's buying power is already without this order, which is about to be other than it is.
                if order.state not in _NOT_YET_COUNTED:
                    in_flight -= _opens(order, held) * _price(order) * instrument.multiplier
                continue
            is_counted = order.state not in _NOT_YET_COUNTED and len(order.terms) == 1
            if not is_counted and order.role not in EXITS:
                in_flight += _value(order, policy.market_margin) * await self._multiplier(connection, market, order)
            if order.order_id not in ours:
                resting.append(order)
            if order.request.symbol == symbol:
                still = may_still_fill(order, self._book.known_of_group(order.group_id))
                if order.request.side is Side.BUY:
                    buys += still
                else:
                    sells += still
        return Seen(
            self._clock.now(),
            self._switch.state,
            connection.settings.mode,
            status.mode,
            status.link,
            connection.settings.trade,
            connection.broker.can,
            instrument,
            quote,
            balances,
            held,
            buys,
            sells,
            in_flight,
            held=positions is not None,
            account=status.account,
            account_named=connection.settings.account,
            session=session,
            resting=tuple(resting),
            to_account=Decimal(1) if balances is not None and balances.currency == instrument.currency else None,
            elsewhere=await self._elsewhere(connection, market, symbol, balances, positions, policy),
        )

    async def _remember(
        self,
        connection: Connection,
        market: Market,
        request: OrderRequest,
        seen: Seen,
        order: Order | None,
        group: Sequence[Order],
        client: str,
    ) -> Seen:
        """Add what is known of the past, and of what is open."""
        marks = None
        if seen.balances is not None:
            marks = self._oversight.take_equity(connection, seen.balances)
        ours = {one.order_id for one in group}
        others = [one for one in self._open_of(connection) if one.order_id not in ours]
        return replace(
            seen,
            is_new=order is None,
            unknown_orders=sum(1 for one in others if one.state is OrderState.UNKNOWN),
            average_volume=await self._average_volume(connection, market, seen.instrument),
            day_start=None if marks is None else marks.day_start,
            high_water=None if marks is None else marks.high_water,
            activity=self._oversight.activity(connection.name, client, request, ours),
            open_orders=len(others),
            open_of_symbol=sum(1 for one in others if one.request.symbol == request.symbol),
            latches=self._oversight.latches.holding(connection.name, client),
        )

    def _open_of(self, connection: Connection) -> list[Order]:
        return [one for one in self._book.open() if one.connection == connection.name and one.state in OPEN]

    async def _elsewhere(
        self,
        connection: Connection,
        market: Market,
        symbol: str,
        balances: Balances | None,
        positions: Sequence[Position] | None,
        policy: PolicySettings,
    ) -> tuple[Exposure, ...] | None:
        if balances is None or positions is None:
            return None
        found = {
            one.symbol: Exposure(one.symbol, one.market_value if one.currency == balances.currency else None)
            for one in positions
            if one.symbol != symbol and one.quantity
        }
        for order in self._open_of(connection):
            name = order.request.symbol
            if name == symbol or order.state not in AT_BROKER:
                continue
            still = may_still_fill(order, self._book.known_of_group(order.group_id))
            worth = (
                still * _price(order) * (1 + policy.market_margin) * await self._multiplier(connection, market, order)
            )
            known = found.get(name, Exposure(name, ZERO))
            is_buy = order.request.side is Side.BUY
            found[name] = (
                replace(known, buys=known.buys + worth) if is_buy else replace(known, sells=known.sells + worth)
            )
        return tuple(found.values())

    async def _multiplier(self, connection: Connection, market: Market, order: Order) -> Decimal:
        key = (connection.name, order.request.symbol)
        found = self._multipliers.get(key)
        if found is None:
            found = self._multipliers[key] = (await market.resolve(order.request.symbol)).multiplier
        return found

    async def _average_volume(self, connection: Connection, market: Market, instrument: Instrument) -> Decimal | None:
        """Return the average of the last days' volumes, asked for once a day."""
        key, today = (connection.name, instrument.symbol), self._clock.now().date()
        kept = self._volumes.get(key)
        if kept is not None and kept[0] == today:
            return kept[1]
        try:
            bars = (await market.bars(instrument, Interval.DAY_1, _VOLUME_DAYS, None)).bars
        except Refused:
            bars = ()
        volumes = [bar.volume for bar in bars if bar.volume > ZERO]
        average = sum(volumes, ZERO) / len(volumes) if volumes else None
        self._volumes[key] = today, average
        return average


def _price(order: Order) -> Decimal:
    prices = (one.limit_price or one.stop_price for one in order.terms)
    return max(price or order.asked_at_price or ZERO for price in prices)


def _opens(order: Order, held: Decimal) -> Decimal:
    """Return what of an order would open or grow a position of ``held``: the part that a broker keeps money for."""
    closable = max(ZERO, -held * order.request.side.sign)
    return max(ZERO, order.left - closable)


def _value(order: Order, margin: Decimal) -> Decimal:
    return order.may_fill * _price(order) * (1 + margin)
