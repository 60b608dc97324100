"""Orders for options: one that is found first, and named strategies of several legs for one decision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from cockpit.brokers.base import Feature
from cockpit.desk.gate import Served
from cockpit.desk.groups import Leg, Wanted, basket
from cockpit.desk.option_choice import Wish, board, pick_strike, resolve
from cockpit.model.identity import Scope
from cockpit.model.instruments import Instrument
from cockpit.model.money import cents, plain
from cockpit.model.options import read_option
from cockpit.model.orders import Order, OrderRequest, OrderType, Role, Side, TimeInForce
from cockpit.model.refusals import Refused, refuse
from cockpit.model.strategies import PLANS, Holding, Outcome, Strategy, outcome
from tools.account import check_account
from tools.groups import GroupResult, served_group
from tools.instruments import lower
from tools.option_words import MoneynessWord
from tools.options import OptionArguments, SeriesArguments
from tools.orders import served
from tools.registry import Call, Result, Toolset, tool
from tools.terms import LIMIT, PLACES, fault
from tools.words import (
    AccountWord,
    Amount,
    IdempotencyKey,
    OrderResult,
    Price,
    SideWord,
    TimeInForceWord,
)

CONTRACTS: Final = "How many contracts; one is the multiplier's number of units, mostly 100"
_STRIKES_OF: Final = ", ".join(f"{name} {plan.strikes}" for name, plan in PLANS.items())
_CENT: Final = Decimal("0.01")


def said(asked: SeriesArguments) -> str:
    """Return one canonical text of what was asked: what a repeated key is compared with, however it is spelt."""
    parts = asked.model_dump(exclude={"idempotency_key", "account"}) | {"underlying": asked.underlying.upper()}
    return json.dumps(parts, default=_spelt)


def _spelt(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)


class OptionOrderArguments(OptionArguments):
    """Which option, and the terms of its order."""

    idempotency_key: IdempotencyKey
    side: SideWord = Field(description="buy or sell; what is sold must be held or covered")
    quantity: Amount = Field(description=CONTRACTS)
    order_type: Literal["market", "limit"] = Field("limit", description="market or limit")
    limit_price: Price | None = Field(None, description=LIMIT)
    time_in_force: TimeInForceWord = Field(TimeInForce.DAY, description="day, gtc, ioc or fok")
    account: AccountWord = None

    @model_validator(mode="after")
    def _price_fits_type(self) -> Self:
        mistake = fault(OrderType(self.order_type), self.limit_price, None)
        if mistake is not None:
            raise ValueError(mistake)
        return self

    def request(self, option: Instrument) -> OrderRequest:
        """Return the order as the desk takes it."""
        kind = OrderType(self.order_type)
        return OrderRequest(option.symbol, self.side, self.quantity, kind, self.limit_price, self.time_in_force)


@tool(
    "place_option_order",
    scope=Scope.WRITE_ORDERS,
    title="Place option order",
    arguments=OptionOrderArguments,
    result=OrderResult,
    hints=PLACES,
    is_order=True,
    writes=True,
    toolset=Toolset.OPTIONS,
    needs=Feature.OPTIONS,
)
async def place_option_order(call: Call, asked: OptionOrderArguments) -> Served[OrderResult]:
    """Find the one option that underlying, expiry, call or put, and strike or moneyness mean, as resolve_option does,
    and put an order for it before the human operator. The answer comes at once, usually `pending`: nothing was sent
    and nothing is filled; its symbol says which option was meant. Prices are for one unit: a contract costs multiplier
    times as much. A repeated idempotency_key is the same order, whatever the money has become since.
    """
    check_account(call, asked.account)

    async def make() -> Wanted:
        found = await board(call.market, call.offers, asked.underlying, asked.expiry, asked.expiry_offset)
        return Wanted.alone(asked.request(await resolve(call.market, found, asked.wish())))

    return served(call, (await call.orders.ask(call.admitted, said(asked), asked.idempotency_key, make))[0])


class StrategyArguments(SeriesArguments):
    """Which strategy, and how much of it."""

    idempotency_key: IdempotencyKey
    strategy: Annotated[Strategy, BeforeValidator(lower)] = Field(
        description=f"Name, and how many strikes it takes: {_STRIKES_OF}"
    )
    strikes: Annotated[list[Price | MoneynessWord], Field(min_length=1, max_length=4)] = Field(
        description="Listed strikes in rising order; instead of a number atm, or itm or otm with a number of strikes,"
        " such as otm2, counted for a call where the strategy has a call of it, else for a put"
    )
    quantity: Amount = Field(description="How many times the strategy, in whole contracts")
    order_type: Literal["market", "limit"] = Field(
        "market", description="market, or limit: each leg at the touch of this moment"
    )
    time_in_force: TimeInForceWord = Field(TimeInForce.DAY, description="day, gtc, ioc or fok")
    with_shares: bool = Field(
        True,
        description="Of covered_call, protective_put and collar: also buy the underlying; false where you hold it",
    )
    account: AccountWord = None

    @model_validator(mode="after")
    def _strikes_fit(self) -> Self:
        plan = PLANS[self.strategy]
        if len(self.strikes) != plan.strikes:
            raise ValueError(f"{self.strategy} takes {plan.strikes} strikes in rising order")
        if not plan.shares and "with_shares" in self.model_fields_set:
            raise ValueError(f"{self.strategy} has no shares: leave with_shares out")
        return self

    def wish(self, place: int) -> Wish:
        """Return which strike is meant."""
        given, right = self.strikes[place], PLANS[self.strategy].right_of(place)
        return Wish(right, moneyness=given) if isinstance(given, str) else Wish(right, strike=given)


class OutcomeRow(Result):
    """What a strategy comes to when it expires, at the prices of its orders, fees left out."""

    paid: str
    """Money that it costs at first; below zero where it brings money in."""
    most_lost: str | None
    """Null: without bound."""
    most_won: str | None
    """Null: without bound."""
    breakevens: list[str]
    """Prices of the underlying at which nothing is gained or lost."""

    @classmethod
    def of(cls, found: Outcome) -> OutcomeRow:
        """Write an outcome."""
        return cls(
            paid=cents(found.paid),
            most_lost=None if found.most_lost is None else cents(found.most_lost),
            most_won=None if found.most_won is None else cents(found.most_won),
            breakevens=[plain(one.quantize(_CENT)) for one in found.breakevens],
        )


class StrategyResult(Result):
    """The orders of a strategy, decided on together."""

    strategy: str
    underlying: str
    group: GroupResult
    outcome: OutcomeRow | None
    """Null where the price of a leg was not known."""
    says: str


@tool(
    "place_option_strategy",
    scope=Scope.WRITE_ORDERS,
    title="Place option strategy",
    arguments=StrategyArguments,
    result=StrategyResult,
    hints=PLACES,
    is_order=True,
    writes=True,
    toolset=Toolset.OPTIONS,
    needs=Feature.OPTIONS,
)
async def place_option_strategy(call: Call, asked: StrategyArguments) -> Served[StrategyResult]:
    """Put the legs of a named option strategy (a vertical spread, straddle, strangle, iron condor, butterfly, covered
    call and others) before the human operator for one decision, with what it can gain and lose at the expiry. Nothing
    was sent and nothing is filled then. Once approved the legs are sent one by one, the bought ones first, and one may
    fill while another doesn't: read the state of each. Calls are only sold where shares or calls cover them.
    """
    check_account(call, asked.account)

    async def make() -> Wanted:
        return basket_or_alone(await _legs(call, asked))

    orders = await call.orders.ask(call.admitted, said(asked), asked.idempotency_key, make)
    shown = served_group(call, orders)
    underlying = asked.underlying.strip().upper()
    found = await _outcome(call, asked, orders)
    body = StrategyResult(
        strategy=asked.strategy,
        underlying=underlying,
        group=shown.body,
        outcome=None if found is None else OutcomeRow.of(found),
        says=shown.body.says,
    )
    return Served(body, shown.outcome, symbol=underlying, order_id=shown.order_id, summary=shown.summary)


def basket_or_alone(legs: Sequence[Leg]) -> Wanted:
    """Return one order alone, or several for one decision."""
    return Wanted.alone(legs[0].request) if len(legs) == 1 else basket(legs)


async def _legs(call: Call, asked: StrategyArguments) -> list[Leg]:
    plan = PLANS[asked.strategy]
    found = await board(call.market, call.offers, asked.underlying, asked.expiry, asked.expiry_offset)
    strikes = [pick_strike(found.chain, asked.wish(place)) for place in range(plan.strikes)]
    if strikes != sorted(set(strikes)):
        told = ", ".join(plain(strike) for strike in strikes)
        raise Refused(refuse("BAD_ARGUMENTS", "The strikes must rise.", strikes=told))
    legs: list[Leg] = []
    if plan.shares and asked.with_shares:
        shares = asked.quantity * found.series.multiplier
        legs.append(await _leg(call, asked, found.underlying, Side.BUY, shares))
    for slot in plan.slots:
        option = await resolve(call.market, found, Wish(slot.right, strike=strikes[slot.place]))
        legs.append(await _leg(call, asked, option, slot.side, asked.quantity * slot.ratio))
    return legs


async def _leg(call: Call, asked: StrategyArguments, of: Instrument, side: Side, quantity: Decimal) -> Leg:
    kind, limit = OrderType(asked.order_type), None
    if kind is OrderType.LIMIT:
        limit = (await call.market.quote(of)).touch(side)
        if limit is None:
            raise Refused(refuse("MARKET_DATA_MISSING", "A leg has no price on its side.", symbol=of.symbol))
    return Leg(OrderRequest(of.symbol, side, quantity, kind, limit, asked.time_in_force), Role.LEG)


async def _outcome(call: Call, asked: StrategyArguments, orders: Sequence[Order]) -> Outcome | None:
    """Return what orders come to at their own prices, or at those at which they were asked for.

    Shares that are held already count from their price now.
    """
    holdings: list[Holding] = []
    for order in orders:
        request = order.request
        price = order.average_price or request.limit_price or order.asked_at_price
        option = read_option(request.symbol)
        if price is None:
            return None
        multiplier = Decimal(1)
        if option is not None:
            try:
                multiplier = (await call.market.resolve(request.symbol)).multiplier
            except Refused:
                return None
        holdings.append(Holding(option, request.quantity * request.side.sign * multiplier, price))
    if PLANS[asked.strategy].shares and not asked.with_shares:
        held = await _held(call, asked, holdings)
        if held is None:
            return None
        holdings.append(held)
    return outcome(holdings)


async def _held(call: Call, asked: StrategyArguments, options: Sequence[Holding]) -> Holding | None:
    """Return the shares that go with options, at the middle of their quote; None where they have none."""
    try:
        middle = (await call.market.quote(await call.market.resolve(asked.underlying))).mid()
    except Refused:
        return None
    return None if middle is None else Holding(None, max(abs(one.units) for one in options), middle)
