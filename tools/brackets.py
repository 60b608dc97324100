"""Brackets: an entry with its take-profit and its stop loss, previewed and placed as one."""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from cockpit.desk import groups
from cockpit.desk.gate import Served
from cockpit.desk.groups import Wanted
from cockpit.model.identity import Scope
from cockpit.model.money import cents
from cockpit.model.orders import Linkage, OrderRequest, OrderType, TimeInForce
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import safe
from tools.account import check_account
from tools.groups import GroupResult, place_group, served_group
from tools.registry import Arguments, Call, Result, tool
from tools.terms import HAVE_DEFAULTS, HOURS, PLACES, fault
from tools.words import (
    AccountWord,
    Amount,
    CheckRow,
    IdempotencyKey,
    OrderTypeWord,
    PreviewIdWord,
    Price,
    SideWord,
    Symbol,
    TimeInForceWord,
    iso,
)


class BracketTerms(Arguments):
    """An entry and its two exits."""

    symbol: Symbol | None = None
    side: SideWord | None = Field(None, description="Of the entry: buy or sell; the exits are on the other side")
    quantity: Amount | None = None
    order_type: OrderTypeWord | None = Field(None, description="Of the entry: market, limit or stop")
    limit_price: Price | None = Field(None, description="Of a limit entry")
    stop_price: Price | None = Field(None, description="Trigger of a stop entry")
    take_profit_price: Price | None = Field(None, description="Limit of the exit with profit")
    stop_loss_price: Price | None = Field(None, description="Trigger of the exit with loss")
    stop_loss_limit_price: Price | None = Field(None, description="Makes the exit with loss a stop_limit order")
    time_in_force: TimeInForceWord = Field(TimeInForce.DAY, description="Of the entry; the exits are gtc")
    outside_hours: bool = Field(False, description=HOURS)
    account: AccountWord = None

    def terms(self) -> tuple[object, ...]:
        """Return what a bracket needs, None where it isn't given."""
        prices = (self.take_profit_price, self.stop_loss_price)
        return (self.symbol, self.side, self.quantity, self.order_type, *prices)

    def need_all(self) -> None:
        """Raise ValueError where something is missing or doesn't fit."""
        if any(term is None for term in self.terms()):
            raise ValueError("give symbol, side, quantity, order_type, take_profit_price and stop_loss_price")
        if self.order_type is not None:
            if self.order_type not in {OrderType.MARKET, OrderType.LIMIT, OrderType.STOP}:
                raise ValueError("the entry of a bracket is a market, limit or stop order")
            mistake = fault(self.order_type, self.limit_price, self.stop_price)
            if mistake is not None:
                raise ValueError(mistake)

    def wanted(self) -> Wanted:
        """Return the bracket as the desk takes it."""
        if (
            self.symbol is None
            or self.side is None
            or self.quantity is None
            or self.order_type is None
            or self.take_profit_price is None
            or self.stop_loss_price is None
        ):
            raise Refused(refuse("BAD_ARGUMENTS"))
        entry = OrderRequest(
            self.symbol.upper(),
            self.side,
            self.quantity,
            self.order_type,
            self.limit_price,
            self.time_in_force,
            self.stop_price,
            outside_hours=self.outside_hours,
        )
        return groups.bracket(entry, self.take_profit_price, self.stop_loss_price, self.stop_loss_limit_price)


class PreviewBracketArguments(BracketTerms):
    """All the terms of a bracket."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self.need_all()
        return self


class PlaceBracketArguments(BracketTerms):
    """A previewed bracket, or all the terms of one."""

    idempotency_key: IdempotencyKey
    preview_id: PreviewIdWord | None = Field(None, description="From preview_bracket; then leave out the terms")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        more = (self.limit_price, self.stop_price, self.stop_loss_limit_price)
        if self.preview_id is None:
            self.need_all()
        elif any(term is not None for term in (*self.terms(), *more)) or self.model_fields_set & HAVE_DEFAULTS:
            raise ValueError("give preview_id or the terms, not both")
        return self


class BracketPreview(Result):
    """A bracket that was judged but not placed."""

    preview_id: str
    expires_at: str
    ok: bool
    orders: list[str]
    worst_case_value: str | None
    """Of the entry: the exits only close what it opens."""
    loss_at_stop: str | None
    """About, if the entry fills at its price now and the stop at its trigger; a stop can fill worse."""
    profit_at_target: str | None
    estimated_fee: str | None
    estimated_margin: str | None
    currency: str
    checks: list[CheckRow]
    says: str


@tool(
    "preview_bracket",
    scope=Scope.PREVIEW_ORDERS,
    title="Preview bracket",
    arguments=PreviewBracketArguments,
    result=BracketPreview,
    needs=Linkage.BRACKET,
)
async def preview_bracket(call: Call, asked: PreviewBracketArguments) -> Served[BracketPreview]:
    """Every risk check, costs, and loss and profit at the exits of a bracket (an entry, a take-profit limit and a
    stop loss that cancel each other), with a preview_id that place_bracket takes for two minutes. Nothing is placed.
    """
    check_account(call, asked.account)
    preview = await call.orders.preview_group(call.admitted, asked.wanted())
    estimate = await call.connection.ask(call.connection.broker.estimate(preview.request))
    refusal = preview.together.refusal()
    instrument = preview.judged.seen.instrument
    entry, target, stop = (leg.request for leg in preview.wanted.legs)
    at = entry.stop_price or entry.limit_price or preview.judged.seen.touch(entry.side)
    rate = preview.judged.seen.to_account
    size = None if rate is None else entry.quantity * instrument.multiplier * entry.side.sign * rate
    value = preview.together.notional()
    result = BracketPreview(
        preview_id=preview.preview_id,
        expires_at=iso(preview.expires_at) or "",
        ok=refusal is None,
        orders=[leg.request.words() for leg in preview.wanted.legs],
        worst_case_value=None if value is None else cents(value),
        loss_at_stop=_apart(at, stop.stop_price, None if size is None else -size),
        profit_at_target=_apart(at, target.limit_price, size),
        estimated_fee=None if estimate is None else cents(estimate.fee),
        estimated_margin=None if estimate is None else cents(estimate.margin),
        currency=preview.judged.currency,
        checks=[CheckRow.of(check) for check in preview.together.checks()],
        says="Every check passes; nothing was placed." if refusal is None else f"Would be refused: {refusal.message}",
    )
    return Served(result, symbol=instrument.symbol, summary=safe(preview.wanted.words()))


@tool(
    "place_bracket",
    scope=Scope.WRITE_ORDERS,
    title="Place bracket",
    arguments=PlaceBracketArguments,
    result=GroupResult,
    hints=PLACES,
    is_order=True,
    writes=True,
    needs=Linkage.BRACKET,
)
async def place_bracket(call: Call, asked: PlaceBracketArguments) -> Served[GroupResult]:
    """Put an entry with its take-profit limit and stop loss before the human operator, who approves or rejects all
    three with one decision. The exits wait at the broker for the entry's fills, are good till cancelled, and cancel
    each other. For a buy: stop loss < entry < take profit. The answer comes at once, with state `pending`. A preview_id
    stands for terms alone: with another idempotency_key it makes another bracket.
    """
    check_account(call, asked.account)
    preview_id = asked.preview_id
    if preview_id is None:
        return await place_group(call, asked.wanted(), asked.idempotency_key)

    async def previewed() -> Wanted:
        return call.orders.previewed(call.admitted, preview_id, Linkage.BRACKET)

    body = f"preview:{preview_id}"
    return served_group(call, await call.orders.ask(call.admitted, body, asked.idempotency_key, previewed))


def _apart(entry: Decimal | None, end: Decimal | None, size: Decimal | None) -> str | None:
    return None if entry is None or end is None or size is None else cents((end - entry) * size)
