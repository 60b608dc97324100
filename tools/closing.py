"""Orders that are made from what is held: close it, bring it to a target, and take every open order back."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from cockpit.desk.closing import How
from cockpit.desk.gate import Served
from cockpit.desk.groups import Wanted
from cockpit.model.identity import Scope
from cockpit.model.money import plain
from cockpit.model.orders import DONE, OrderType, TimeInForce
from cockpit.model.text import safe
from tools.account import check_account
from tools.groups import GroupResult, served_group
from tools.orders import served, simulated
from tools.registry import Arguments, Call, Result, Toolset, tool
from tools.terms import CANCELS, PLACES
from tools.words import (
    AccountWord,
    Amount,
    IdempotencyKey,
    OrderResult,
    Price,
    SignedAmount,
    Symbol,
    TimeInForceWord,
)


class _Trades(Arguments):
    """How an order that is made from a position is to trade."""

    order_type: Literal["market", "limit"] = Field("market", description="market or limit")
    limit_price: Price | None = Field(None, description="Needed by limit, forbidden for market")
    time_in_force: TimeInForceWord = Field(TimeInForce.DAY, description="day, gtc, ioc or fok")
    account: AccountWord = None

    @model_validator(mode="after")
    def _price_fits_type(self) -> Self:
        if (self.order_type == "limit") != (self.limit_price is not None):
            raise ValueError("a limit order needs limit_price; a market order must not have one")
        return self

    def how(self) -> How:
        """Return it as the desk takes it."""
        return How(OrderType(self.order_type), self.limit_price, self.time_in_force)

    def said(self, *what: str | Decimal | None) -> str:
        """Return one canonical text of what was asked: what a repeated key is compared with."""
        parts = (*what, self.order_type, self.limit_price, self.time_in_force)
        return "\x1f".join("" if one is None else plain(one) if isinstance(one, Decimal) else one for one in parts)


class TargetArguments(_Trades):
    """Which position is wished for."""

    idempotency_key: IdempotencyKey
    symbol: Symbol
    target_quantity: SignedAmount


@tool(
    "place_target_position",
    scope=Scope.WRITE_ORDERS,
    title="Bring position to target",
    arguments=TargetArguments,
    result=OrderResult,
    hints=PLACES,
    is_order=True,
    writes=True,
    toolset=Toolset.ORDERS,
)
async def place_target_position(call: Call, asked: TargetArguments) -> Served[OrderResult]:
    """Put one order before the human operator that brings a position to a signed quantity (below zero is short, 0 is
    flat). Its quantity is the difference to what is held now; if the position changes before the operator approves, it
    is refused then (POSITION_CHANGED). Open orders of the symbol must end first (ORDERS_IN_THE_WAY).
    """
    check_account(call, asked.account)
    symbol = asked.symbol.upper()

    async def make() -> Wanted:
        return await call.orders.closing.to_target(call.connection, symbol, asked.target_quantity, asked.how())

    body = asked.said("target", symbol, asked.target_quantity)
    return served(call, (await call.orders.ask(call.admitted, body, asked.idempotency_key, make))[0])


class CloseArguments(_Trades):
    """What to close."""

    idempotency_key: IdempotencyKey
    symbol: Symbol
    quantity: Amount | None = Field(None, description="How much of it; all that open orders don't close already")


@tool(
    "close_position",
    scope=Scope.WRITE_ORDERS,
    title="Close position",
    arguments=CloseArguments,
    result=OrderResult,
    hints=PLACES,
    is_order=True,
    writes=True,
)
async def close_position(call: Call, asked: CloseArguments) -> Served[OrderResult]:
    """Put an order before the human operator that closes a position, or a part of it, and never more than is held:
    what open orders would close already is taken off. If the position changes before the operator approves, it is
    refused then (POSITION_CHANGED). NOTHING_HELD where there is no position.
    """
    check_account(call, asked.account)
    symbol = asked.symbol.upper()

    async def make() -> Wanted:
        return await call.orders.closing.of_position(call.connection, symbol, asked.quantity, asked.how())

    body = asked.said("close", symbol, asked.quantity)
    return served(call, (await call.orders.ask(call.admitted, body, asked.idempotency_key, make))[0])


class CloseAllArguments(Arguments):
    """How to close everything."""

    idempotency_key: IdempotencyKey
    order_type: Literal["market", "limit"] = Field("market", description="market, or limit at the touch of this moment")
    account: AccountWord = None


@tool(
    "close_all_positions",
    scope=Scope.WRITE_ORDERS,
    title="Close all positions",
    arguments=CloseAllArguments,
    result=GroupResult,
    hints=PLACES,
    is_order=True,
    writes=True,
    toolset=Toolset.ORDERS,
)
async def close_all_positions(call: Call, asked: CloseAllArguments) -> Served[GroupResult]:
    """Put one order for each position of the account before the human operator for one decision; each only closes, and
    what open orders would close already is taken off. NOTHING_HELD where there is nothing to close.
    """
    check_account(call, asked.account)

    async def make() -> Wanted:
        return await call.orders.closing.of_all(call.connection, OrderType(asked.order_type))

    body = f"close all\x1f{asked.order_type}"
    return served_group(call, await call.orders.ask(call.admitted, body, asked.idempotency_key, make))


class CancelAllArguments(Arguments):
    """Nothing to choose."""

    account: AccountWord = None


class CancelAllResult(Result):
    """What became of the caller's open orders."""

    orders: list[OrderResult]
    says: str


@tool(
    "cancel_all_orders",
    scope=Scope.WRITE_ORDERS,
    title="Cancel all own orders",
    arguments=CancelAllArguments,
    result=CancelAllResult,
    hints=CANCELS,
    writes=True,
)
async def cancel_all_orders(call: Call, asked: CancelAllArguments) -> Served[CancelAllResult]:
    """Cancel every open order of your own on this connection and withdraw those that wait for the operator. Needs no
    approval. Other clients' orders stay. Read `state` and `filled` of each: one may fill before its cancel arrives.
    """
    check_account(call, asked.account)
    orders = await call.orders.cancel_all(call.admitted)
    client = call.admitted.grant.client
    ended = sum(1 for one in orders if one.state in DONE)
    says = f"{ended} of {len(orders)} open orders have ended." if orders else "You had no open orders."
    rows = [OrderResult.of(one, client, simulated=simulated(call), checks=False) for one in orders]
    return Served(CancelAllResult(orders=rows, says=says), summary=safe(says))
