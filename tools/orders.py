"""Orders: look, check, preview, place, change, cancel and wait. Each new risk waits for the operator."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from cockpit.desk.gate import Served
from cockpit.desk.groups import Wanted
from cockpit.desk.observer import Judged
from cockpit.model.events import Outcome
from cockpit.model.identity import Scope
from cockpit.model.money import cents
from cockpit.model.orders import Order, OrderId, OrderRequest, OrderState, Side, TimeInForce
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import safe
from tools.account import check_account
from tools.registry import Arguments, Call, Result, tool
from tools.terms import CANCELS, HAVE_DEFAULTS, HOURS, LIMIT, PERCENT, PLACES, STOP, TRAIL, TYPES, OrderArguments, fault
from tools.words import (
    AccountWord,
    Amount,
    CheckRow,
    IdempotencyKey,
    OrderIdWord,
    OrderResult,
    OrderTypeWord,
    PreviewIdWord,
    Price,
    SideWord,
    Symbol,
    TimeInForceWord,
    iso,
)


class RiskResult(Result):
    """Every check of an order that was not placed."""

    ok: bool
    symbol: str
    worst_case_value: str | None
    """At the worst price that it may trade at."""
    currency: str
    checks: list[CheckRow]
    says: str

    @classmethod
    def of(cls, judged: Judged) -> RiskResult:
        """Write what the checks found."""
        failed = [check.code for check in judged.checks if not check.ok]
        return cls(
            ok=not failed,
            symbol=judged.seen.instrument.symbol,
            worst_case_value=None if judged.notional is None else cents(judged.notional),
            currency=judged.currency,
            checks=[CheckRow.of(check) for check in judged.checks],
            says=f"Would be refused: {', '.join(failed)}." if failed else "Every check passes; nothing was placed.",
        )


@tool("check_risk", scope=Scope.PREVIEW_ORDERS, title="Check risk", arguments=OrderArguments, result=RiskResult)
async def check_risk(call: Call, asked: OrderArguments) -> Served[RiskResult]:
    """Run every risk check on an order as if it were placed now: code, limit, value and verdict of each. Nothing is
    placed and nothing changes.
    """
    check_account(call, asked.account)
    judged = await call.orders.judge(call.connection, asked.request(), call.admitted)
    result = RiskResult.of(judged)
    return Served(
        result, symbol=result.symbol, summary=safe(f"{asked.request().words()}: {'ok' if result.ok else 'no'}")
    )


class PreviewResult(Result):
    """An order that was judged but not placed."""

    preview_id: str
    expires_at: str
    """Until when place_order takes the preview_id."""
    ok: bool
    """Whether every check passes."""
    order: str
    worst_case_value: str | None
    """At the worst price that it may trade at."""
    estimated_fee: str | None
    estimated_margin: str | None
    """Besides what is held already; null where the broker can't tell."""
    currency: str
    position_now: str
    checks: list[CheckRow]
    says: str


@tool(
    "preview_order", scope=Scope.PREVIEW_ORDERS, title="Preview order", arguments=OrderArguments, result=PreviewResult
)
async def preview_order(call: Call, asked: OrderArguments) -> Served[PreviewResult]:
    """Costs, margin, worst-case value and every risk check of an order, with a preview_id that place_order takes for
    two minutes. Nothing is placed, and nothing is reserved.
    """
    check_account(call, asked.account)
    preview = await call.orders.preview(call.admitted, asked.request())
    estimate = await call.connection.ask(call.connection.broker.estimate(preview.request))
    risk = RiskResult.of(preview.judged)
    result = PreviewResult(
        preview_id=preview.preview_id,
        expires_at=iso(preview.expires_at) or "",
        ok=risk.ok,
        order=preview.request.words(),
        worst_case_value=risk.worst_case_value,
        estimated_fee=None if estimate is None else cents(estimate.fee),
        estimated_margin=None if estimate is None else cents(estimate.margin),
        currency=risk.currency,
        position_now=str(preview.judged.seen.position),
        checks=risk.checks,
        says=risk.says,
    )
    return Served(result, symbol=risk.symbol, summary=safe(result.order))


class PlaceArguments(Arguments):
    """A previewed order, or all the terms of one."""

    idempotency_key: IdempotencyKey
    preview_id: PreviewIdWord | None = Field(None, description="From preview_order; then leave out the terms")
    symbol: Symbol | None = None
    side: SideWord | None = Field(None, description="buy or sell")
    quantity: Amount | None = None
    order_type: OrderTypeWord | None = Field(None, description=TYPES)
    limit_price: Price | None = Field(None, description=LIMIT)
    stop_price: Price | None = Field(None, description=STOP)
    trail_amount: Amount | None = Field(None, description=TRAIL)
    trail_percent: Amount | None = Field(None, description=PERCENT)
    time_in_force: TimeInForceWord = Field(TimeInForce.DAY, description="day, gtc, ioc or fok")
    outside_hours: bool = Field(False, description=HOURS)
    account: AccountWord = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        terms = (self.symbol, self.side, self.quantity, self.order_type)
        prices = (self.limit_price, self.stop_price, self.trail_amount, self.trail_percent)
        if self.preview_id is not None:
            if any(term is not None for term in (*terms, *prices)) or self.model_fields_set & HAVE_DEFAULTS:
                raise ValueError("give preview_id or the terms, not both")
        elif any(term is None for term in terms):
            raise ValueError("give preview_id, or symbol, side, quantity and order_type")
        elif self.order_type is not None and (mistake := fault(self.order_type, *prices)) is not None:
            raise ValueError(mistake)
        return self


@tool(
    "place_order",
    scope=Scope.WRITE_ORDERS,
    title="Place order",
    arguments=PlaceArguments,
    result=OrderResult,
    hints=PLACES,
    is_order=True,
    writes=True,
)
async def place_order(call: Call, asked: PlaceArguments) -> Served[OrderResult]:
    """Put an order before the human operator, who approves, edits or rejects it. The answer comes at once, usually
    with state `pending`: nothing was sent and nothing is filled. Then call wait_for_order. Repeating a call with the
    same idempotency_key never makes a second order; a preview_id stands for terms alone, and with another key makes
    another order. A check that fails is an error with its code.
    """
    check_account(call, asked.account)
    preview_id = asked.preview_id
    if preview_id is None:
        return served(call, await call.orders.place(call.admitted, _terms(asked), asked.idempotency_key))

    async def previewed() -> Wanted:
        return call.orders.previewed(call.admitted, preview_id)

    orders = await call.orders.ask(call.admitted, f"preview:{preview_id}", asked.idempotency_key, previewed)
    return served(call, orders[0])


class ConfirmArguments(Arguments):
    """Which order."""

    order_id: OrderIdWord


@tool(
    "confirm_order",
    scope=Scope.WRITE_ORDERS,
    title="Confirm order",
    arguments=ConfirmArguments,
    result=OrderResult,
    hints=PLACES,
    writes=True,
)
async def confirm_order(call: Call, asked: ConfirmArguments) -> Served[OrderResult]:
    """Confirm your own order where the operator's policy asks its client for that; the order's `says` tells. It never
    replaces the operator's approval. Where nothing is asked of you, the order is answered as it is.
    """
    return served(call, await call.orders.confirm(call.admitted, OrderId(asked.order_id)))


class OrderIdArguments(Arguments):
    """Which order."""

    order_id: OrderIdWord


_TELL_SECONDS: Final = 5.0
"""A client that wants progress hears that often that nothing has happened."""


class WaitArguments(Arguments):
    """Which order, and how long."""

    order_id: OrderIdWord
    wait_seconds: float = Field(30, ge=0, le=45, description="Answer after this many seconds at the latest")
    seen_state: Annotated[OrderState | None, BeforeValidator(lambda v: v.lower() if isinstance(v, str) else v)] = Field(
        None, description="State that you know; answers at once when it is another by now"
    )
    seen_version: int | None = Field(
        None, ge=1, lt=2**63, description="Version that you know; answers at once when it is another by now"
    )


@tool("wait_for_order", scope=Scope.READ_ORDERS, title="Wait for order", arguments=WaitArguments, result=OrderResult)
async def wait_for_order(call: Call, asked: WaitArguments) -> Served[OrderResult]:
    """Answer when the order's state changes, when a change of it was asked for, decided or answered, when it has ended,
    or after wait_seconds (at most 45), whichever is first. Call it again while the state is `pending`, `approved`,
    `sending`, `working`, `partly_filled` or `unknown`: in the others it has ended.
    """
    order_id = OrderId(asked.order_id)
    waiting = asyncio.ensure_future(
        call.orders.wait(call.admitted, order_id, asked.wait_seconds, asked.seen_state, asked.seen_version)
    )
    try:
        waited = 0.0
        while not (await asyncio.wait({waiting}, timeout=_TELL_SECONDS))[0]:
            waited += _TELL_SECONDS
            await call.progress(waited, asked.wait_seconds, "No news of the order yet")
        return served(call, waiting.result())
    finally:
        waiting.cancel()


@tool("get_order", scope=Scope.READ_ORDERS, title="Order", arguments=OrderIdArguments, result=OrderResult)
async def get_order(call: Call, asked: OrderIdArguments) -> Served[OrderResult]:
    """One order of this connection as it is now, with its checks and a sentence that says what is filled."""
    return served(call, await call.orders.get(call.admitted, OrderId(asked.order_id)))


class ListArguments(Arguments):
    """Which orders."""

    only_open: bool = Field(False, description="Leave out the ended ones")
    only_mine: bool = Field(False, description="Leave out other clients' orders")
    before: OrderIdWord | None = Field(None, description="Only older ones: next_before of the last page")
    limit: int = Field(50, ge=1, le=200, description="How many at most")


class OrdersResult(Result):
    """Orders, newest first."""

    orders: list[OrderResult]
    next_before: str | None
    """Give it as `before` to get older ones; null where there are none."""


@tool("list_orders", scope=Scope.READ_ORDERS, title="Orders", arguments=ListArguments, result=OrdersResult)
async def list_orders(call: Call, asked: ListArguments) -> Served[OrdersResult]:
    """The orders of this connection, newest first, your own marked with `yours`, in pages: repeat with `before` =
    `next_before` until that is null. get_order has the checks.
    """
    client, paper = call.admitted.grant.client, simulated(call)
    found = await call.orders.list(
        call.admitted,
        asked.limit + 1,
        only_open=asked.only_open,
        only_mine=asked.only_mine,
        before=None if asked.before is None else OrderId(asked.before),
    )
    rows = [OrderResult.of(order, client, simulated=paper, checks=False) for order in found[: asked.limit]]
    result = OrdersResult(orders=rows, next_before=rows[-1].order_id if len(found) > len(rows) else None)
    return Served(result, summary=safe(f"{len(rows)} orders"))


class ModifyArguments(Arguments):
    """What to change."""

    order_id: OrderIdWord
    quantity: Amount | None = None
    limit_price: Price | None = None
    stop_price: Price | None = None
    trail_amount: Amount | None = None
    trail_percent: Amount | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        terms = (self.quantity, self.limit_price, self.stop_price, self.trail_amount, self.trail_percent)
        if all(term is None for term in terms):
            raise ValueError("give at least one of quantity, limit_price, stop_price, trail_amount, trail_percent")
        return self


@tool(
    "modify_order",
    scope=Scope.WRITE_ORDERS,
    title="Change order",
    arguments=ModifyArguments,
    result=OrderResult,
    hints=PLACES,
    is_order=True,
    writes=True,
)
async def modify_order(call: Call, asked: ModifyArguments) -> Served[OrderResult]:
    """Change quantity (the new total), limit price, stop price or trail of your own order. What lowers the risk is
    done at once; what raises it waits for the operator while the order works as it was. A group that still waits
    can't be changed: withdraw it with cancel_order and ask anew.
    """
    order = await call.orders.modify(
        call.admitted,
        OrderId(asked.order_id),
        asked.quantity,
        asked.limit_price,
        stop_price=asked.stop_price,
        trail_amount=asked.trail_amount,
        trail_percent=asked.trail_percent,
    )
    return served(call, order)


@tool(
    "cancel_order",
    scope=Scope.WRITE_ORDERS,
    title="Cancel order",
    arguments=OrderIdArguments,
    result=OrderResult,
    hints=CANCELS,
    writes=True,
)
async def cancel_order(call: Call, asked: OrderIdArguments) -> Served[OrderResult]:
    """Cancel your own order, or withdraw it while it waits for the operator, with all of its group. Needs no
    approval. Read `filled` in the answer: an order may fill before its cancel arrives.
    """
    return served(call, await call.orders.cancel(call.admitted, OrderId(asked.order_id)))


def _terms(asked: PlaceArguments) -> OrderRequest:
    if asked.symbol is None or asked.side is None or asked.quantity is None or asked.order_type is None:
        raise Refused(refuse("BAD_ARGUMENTS", "Give preview_id, or symbol, side, quantity and order_type."))
    side: Side = asked.side
    return OrderRequest(
        asked.symbol.upper(),
        side,
        asked.quantity,
        asked.order_type,
        asked.limit_price,
        asked.time_in_force,
        asked.stop_price,
        asked.trail_amount,
        asked.trail_percent,
        asked.outside_hours,
    )


def simulated(call: Call) -> bool:
    """Whether the caller's connection is the paper broker."""
    return call.connection.broker.status().simulated


def served(call: Call, order: Order) -> Served[OrderResult]:
    """Return an order as the answer of a call."""
    place = call.orders.queue_place(order)
    result = OrderResult.of(order, call.admitted.grant.client, simulated=simulated(call), queue_place=place)
    outcome = Outcome.WAIT if order.waits else Outcome.OK
    summary = safe(f"{order.request.words()} {order.state}")
    return Served(result, outcome, symbol=order.request.symbol, order_id=order.order_id, summary=summary)
