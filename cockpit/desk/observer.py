"""What is known about an order's market and account at this instant: gathered once, judged by pure checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from cockpit.desk.approvals import lowers_risk
from cockpit.desk.book import Book
from cockpit.desk.connections import Connection, answer_or_none
from cockpit.desk.covering import Sale, sale
from cockpit.desk.equity import Marks
from cockpit.desk.groups import may_still_fill
from cockpit.desk.market import Market
from cockpit.desk.oversight import LimitsLeft, Oversight
from cockpit.desk.rates import Rates
from cockpit.desk.risk import Linked, Meanings, Seen, evaluate, evaluate_entry, worst_notional
from cockpit.desk.slow_facts import SlowFacts
from cockpit.desk.surroundings import (
    Neighbour,
    Place,
    Surroundings,
    entry_again,
    given_back,
    linked_now,
    of_others,
    own_price,
    with_group,
)
from cockpit.desk.switch import Switch
from cockpit.model.accounts import Balances, Position
from cockpit.model.checks import CheckResult
from cockpit.model.clock import Clock
from cockpit.model.identity import Scope
from cockpit.model.instruments import Instrument
from cockpit.model.money import ZERO
from cockpit.model.orders import AT_BROKER, OPEN, BrokerOrder, Order, OrderId, OrderRequest, OrderState, Side
from cockpit.model.refusals import Refused
from cockpit.settings.policy import PolicySettings

_LOOKS: Final = 3
"""How often an account is looked at again because own orders moved meanwhile."""
_TOLD_WITHIN: Final = 3.0
"""Seconds that the operator who closes by hand waits for what others have open: without it he closes all the same."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An order with what was seen and found."""

    request: OrderRequest
    seen: Seen
    checks: tuple[CheckResult, ...]
    notional: Decimal | None
    """Worst-case value in the account's currency; None where that isn't known."""
    policy: PolicySettings
    """The limits that it was judged by."""
    lowers: bool = False
    """Whether it is a change of an order, and goes only towards less risk."""

    @property
    def currency(self) -> str:
        """Currency of its values: the account's, or the instrument's where nobody says which the account's is."""
        return self.seen.instrument.currency if self.seen.balances is None else self.seen.balances.currency

    @property
    def unit_worth(self) -> Decimal | None:
        """Return the worst-case value of one, in the account's currency; None where that isn't known."""
        if self.notional is None or not self.request.quantity:
            return None
        return self.notional / self.request.quantity


@dataclass(frozen=True, slots=True)
class _Account:
    """What the broker and our book say of an account; None where the broker didn't answer."""

    open: list[Order]
    """Own orders that have not ended, waiting ones too."""
    neighbours: tuple[Neighbour, ...]
    """What may still fill, own and others', the judged order among it, and fills that ``positions`` may not show."""
    balances: Balances | None
    positions: Sequence[Position] | None
    told: bool = True
    """Whether the broker said just now what others have open."""


class Observer:
    """Looks at market, account and our own orders, and runs the checks on what it saw."""

    def __init__(self, book: Book, switch: Switch, clock: Clock, oversight: Oversight) -> None:
        self._book = book
        self._switch = switch
        self._clock = clock
        self._oversight = oversight
        self._turns: dict[tuple[str, str], asyncio.Lock] = {}
        self._slow = SlowFacts(clock)
        self._instruments: dict[tuple[str, str], Instrument] = {}
        self.foreign: Callable[[str], Sequence[BrokerOrder]] = lambda connection: ()
        """Returns the open orders in a connection's account that this cockpit doesn't know."""
        self.look_at_open: Callable[[Connection], Awaitable[None]] = _nobody_else
        """Has these told anew, where money is real. Raises Refused."""
        self.armed: Callable[[str], bool] = lambda connection: False
        """Returns whether the operator has armed a connection."""

    async def judge(
        self,
        connection: Connection,
        request: OrderRequest,
        *,
        but: OrderId | None = None,
        earlier: Sequence[Order] = (),
        client: str = "",
        scopes: frozenset[Scope] | None = None,
        linked: Linked | None = None,
        previewed_at: Decimal | None = None,
        by_operator: bool = False,
        told: bool | None = None,
    ) -> Judged:
        """Gather fresh facts and run every check. ``but`` is an order that must not count against itself.

        ``earlier`` are orders of its group that would be sent before it: they count as if they were being sent.
        ``linked`` says what the order is within a group that is decided on. ``client`` is who asks, where the order
        isn't known yet. ``previewed_at`` is the touch at the preview that is placed. ``by_operator``: he asks himself.
        ``told``: what `tells_open` has just answered, where it is judged either way; None where it is asked here.

        What the broker doesn't answer is missing to the checks, which refuse for it.
        """
        market = Market(connection)
        instrument = await market.resolve(request.symbol)
        request = replace(request, symbol=instrument.symbol)
        order = None if but is None else self._book.get(but)
        client = client if order is None else order.client
        policy = self._oversight.limits.policy(connection, client)
        decided = {} if order is None else {one.order_id: one for one in self._book.together(order)}
        before, filled = None, ZERO
        if linked is not None:
            place = Place(linked.linkage, linked.role, frozenset(one.order_id for one in earlier))
        elif order is not None:
            # A change, or an order alone: a group that is decided on says what each order in it is.
            before, filled, group = order.request, order.filled, self._book.known_of_group(order.group_id)
            place = Place(order.linkage, order.role, frozenset(one.order_id for one in group) - {order.order_id})
            linked = linked_now(order, group)
        else:
            place = Place()
        rates = Rates(connection, self._clock, policy.max_quote_age_seconds)
        account = await self._account(connection, market, policy, rates, told)
        session = await answer_or_none(market.clock(instrument))
        sent_before = tuple(Neighbour(one, may_still_fill(one, earlier), one.unit_worth) for one in earlier)
        others = tuple(one for one in account.neighbours if one.order.order_id not in decided)
        held = {one.symbol: one.quantity for one in account.positions or ()}
        around = Surroundings(held, (*others, *sent_before), place)
        waiting = [one for one in account.open if one.order_id not in decided]
        status, balances = connection.broker.status(), account.balances
        marks = None if balances is None else self._oversight.take_equity(connection, balances)
        positions, symbol = account.positions, instrument.symbol
        brought = around.position(symbol) - held.get(symbol, ZERO)
        sold = None
        if positions is not None and request.side is Side.SELL:
            sold = sale(
                instrument,
                request.quantity - filled - brought,
                held,
                around.rivals(),
                {one.order_id for one in earlier},
                connection.settings.mode,
            )
        seen = Seen(
            self._clock.now(),
            self._switch.state,
            connection.settings.mode,
            status.mode,
            status.link,
            connection.settings.trade,
            connection.broker.can,
            instrument,
            None,
            balances,
            around.position(symbol),
            around.committed(symbol, Side.BUY),
            around.committed(symbol, Side.SELL),
            None,
            held=positions is not None,
            others_told=account.told,
            client=client,
            scopes=scopes,
            account=status.account,
            account_named=connection.settings.account,
            armed=self.armed(connection.name),
            unknown_orders=sum(1 for one in waiting if one.state is OrderState.UNKNOWN),
            unsure_positions=status.unsure_positions,
            no_orders=status.no_orders,
            before=before,
            filled=filled,
            is_new=order is None,
            previewed_at=previewed_at,
            linked=linked,
            session=session,
            day_start=None if marks is None else marks.day_start,
            high_water=None if marks is None else marks.high_water,
            activity=with_group(
                self._oversight.activity(connection.name, client, request, decided), client, request, earlier
            ),
            resting=around.resting(),
            open_orders=len(waiting) + len(earlier),
            open_of_symbol=sum(1 for one in (*waiting, *earlier) if one.request.symbol == symbol),
            latches=self._oversight.latches.holding(connection.name, client),
            kept=None if sold is None else sold.kept(),
            uncovers=None if sold is None else await self._uncovers(connection, market, sold),
            brought=brought,
            # No name in limits holds him who closes by hand: what it stands for need not be told.
            meanings=Meanings() if by_operator else await self._oversight.meanings(connection),
            by_operator=by_operator,
        )
        lowers = False
        if before is not None and before != request:
            lowers = lowers_risk(before, request, protects=not seen.adds_risk(request))
        if lowers and order is not None and order.state in AT_BROKER:
            seen = replace(seen, lowers=True)
        if not seen.escapes_limits(request):
            seen = await self._slow.added(connection, request, seen)
        into = None if balances is None else balances.currency
        counted = balances is None or balances.orders_taken_off
        rate, in_flight = await rates.rate(instrument.currency, into), around.in_flight(counted=counted)
        if counted and in_flight is not None and order is not None and rate is not None:
            in_flight -= given_back(order, around.held.get(symbol, ZERO), instrument, rate.least)
        seen = replace(
            seen,
            in_flight=in_flight,
            to_account=None if rate is None else rate.most,
            to_account_least=None if rate is None else rate.least,
            elsewhere=None
            if balances is None or positions is None
            else around.elsewhere(symbol, positions, await rates.all((one.currency for one in positions), into)),
        )
        judged = await self.priced(connection, Judged(request, seen, (), None, policy, lowers))
        checks, entry, seen = judged.checks, around.entry(), judged.seen
        if before is not None and not lowers and entry is not None:
            there = around.held.get(symbol, ZERO)
            again = evaluate_entry(entry.request, entry_again(entry, there, place.role, request, seen), policy)
            checks += tuple(
                replace(one, message=f"{entry.request.words()}: {one.message}") for one in again if not one.ok
            )
        return replace(judged, checks=checks)

    async def priced(self, connection: Connection, judged: Judged) -> Judged:
        """Run every check on the price of this moment, and on all else as it was seen.

        The price is asked for last, and nothing is asked for behind it: whatever took its time before, none is judged
        as if it were younger than it is.
        """
        request, policy = judged.request, judged.policy
        quote = await answer_or_none(Market(connection).quote(judged.seen.instrument))
        halted = None if quote is None else quote.halted
        seen = replace(judged.seen, quote=quote, halted=halted, now=self._clock.now())
        worth = worst_notional(request, seen, policy)
        if worth is not None:
            worth = None if seen.to_account is None else worth * seen.to_account
        return replace(judged, seen=seen, checks=evaluate(request, seen, policy), notional=worth)

    @asynccontextmanager
    async def turn(self, connection: Connection, client: str) -> AsyncGenerator[None]:
        """Take the turn of a client and of a connection: nobody else judges for either until what was judged is acted on.

        Always the client's first, so that no two wait for each other. Whoever holds an order too takes that after it.
        """
        async with (
            self._turns.setdefault(("client", client.casefold()), asyncio.Lock()),
            self._turns.setdefault(("connection", connection.name), asyncio.Lock()),
        ):
            yield

    def policy(self, connection: Connection, client: str) -> PolicySettings:
        """Return the limits that hold for a client on a connection now."""
        return self._oversight.limits.policy(connection, client)

    def marks(self, connection: Connection, balances: Balances) -> Marks:
        """Return what a connection's losses of the day are measured from."""
        return self._oversight.take_equity(connection, balances)

    def left(self, connection: Connection, client: str) -> LimitsLeft:
        """Return what is left of a client's limits, from memory."""
        return self._oversight.left(connection, client, len(self._open_of(connection)))

    async def tells_open(self, connection: Connection) -> bool:
        """Look at what others have open, for the operator; False where the broker doesn't tell: the last comparison holds."""
        try:
            async with asyncio.timeout(_TOLD_WITHIN):
                await self.look_at_open(connection)
        except (Refused, TimeoutError):
            return False
        return True

    async def _account(
        self, connection: Connection, market: Market, policy: PolicySettings, rates: Rates, told: bool | None
    ) -> _Account:
        """Look at our own orders and at what the broker holds, and look again where orders moved meanwhile."""
        found = await self._look(connection, market, policy, rates, told)
        for _ in range(_LOOKS - 1):
            if self._open_of(connection) == found.open:
                break
            found = await self._look(connection, market, policy, rates, told)
        return found

    async def _look(
        self, connection: Connection, market: Market, policy: PolicySettings, rates: Rates, told: bool | None
    ) -> _Account:
        """Look at our own orders first: what fills before the broker answers counts twice then, never not at all.

        Where nobody tells what others have open, nothing of the account counts as known, unless ``told`` says whether.
        """
        anyway = told is not None
        if told is None:
            told = await _answers(self.look_at_open(connection))
        orders = self._open_of(connection)
        still = self._may_fill(connection, orders)
        balances, positions, unsettled = None, None, ()
        if told or anyway:
            # Each by itself: who closes what is held needs no money to be told.
            balances = await answer_or_none(connection.ask(connection.broker.balances()))
            positions, unsettled = await answer_or_none(connection.positions()) or (None, ())
        still += ((one, one.may_fill) for one in unsettled)
        into = None if balances is None else balances.currency
        neighbours = [
            Neighbour(one, most, await self._unit(connection, market, one, policy, rates, into)) for one, most in still
        ]
        return _Account(orders, tuple(neighbours), balances, positions, told)

    def _may_fill(self, connection: Connection, orders: Sequence[Order]) -> list[tuple[Order, Decimal]]:
        """Return what may still fill of our own orders, and of those in the account that no cockpit sent."""
        ours = [
            (one, may_still_fill(one, self._book.known_of_group(one.group_id)))
            for one in orders
            if one.state in AT_BROKER
        ]
        now = self._clock.now()
        theirs = [of_others(connection.name, one, now) for one in self.foreign(connection.name)]
        return [*ours, *((one, one.may_fill) for one in theirs)]

    def _open_of(self, connection: Connection) -> list[Order]:
        return [one for one in self._book.open() if one.connection == connection.name and one.state in OPEN]

    async def _unit(
        self,
        connection: Connection,
        market: Market,
        order: Order,
        policy: PolicySettings,
        rates: Rates,
        into: str | None,
    ) -> Decimal | None:
        """Return the worst-case value of one, in the account's currency: as it was judged, or by the order's own price."""
        price = own_price(order)
        if order.unit_worth is not None or price is None:
            return order.unit_worth
        instrument = await self._instrument(connection, market, order.request.symbol)
        rate = None if instrument is None else await rates.rate(instrument.currency, into)
        if instrument is None or rate is None:
            return None
        return price * (1 + policy.market_margin) * instrument.multiplier * rate.most

    async def _uncovers(self, connection: Connection, market: Market, sold: Sale) -> tuple[str, ...] | None:
        """Return the sold calls that a sale leaves naked; None where nobody says how much a call is of its underlying."""
        calls = sold.calls()
        if not calls:
            return ()
        call = await self._instrument(connection, market, calls[0])
        return None if call is None else sold.uncovers(call.multiplier)

    async def _instrument(self, connection: Connection, market: Market, symbol: str) -> Instrument | None:
        """Return what a symbol of the account is, asked for once; None where the broker doesn't answer."""
        key = (connection.name, symbol)
        found = self._instruments.get(key) or await answer_or_none(market.resolve(symbol))
        if found is not None:
            self._instruments[key] = found
        return found


async def _nobody_else(connection: Connection) -> None:
    """Look at nothing: nobody else uses the account."""


async def _answers(asked: Awaitable[None]) -> bool:
    """Return whether a broker answers."""
    try:
        await asked
    except Refused:
        return False
    return True
