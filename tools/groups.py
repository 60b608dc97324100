"""Orders that the operator decides on together: pairs that cancel each other, baskets and splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from cockpit.desk import groups
from cockpit.desk.gate import Served
from cockpit.desk.groups import Leg, Wanted
from cockpit.model.events import Outcome
from cockpit.model.identity import Scope
from cockpit.model.orders import Linkage, Order, OrderRequest, OrderState, Role, TimeInForce
from cockpit.model.refusals import Refusal, Refused
from cockpit.model.text import safe
from tools.account import check_account
from tools.orders import simulated
from tools.registry import Arguments, Call, Result, Toolset, tool
from tools.terms import HOURS, LIMIT, PERCENT, PLACES, STOP, TRAIL, OrderArguments, Terms, fault
from tools.words import (
    AccountWord,
    Amount,
    IdempotencyKey,
    OrderResult,
    OrderTypeWord,
    Price,
    SideWord,
    StateWord,
    Symbol,
    TimeInForceWord,
    first_of_all,
    iso,
    says,
)

_NOBODY_KNOWS: Final = frozenset({OrderState.SENDING, OrderState.UNKNOWN})
"""States in which the broker may have filled more than it told."""


class GroupResult(Result):
    """Orders that are decided on together."""

    group_id: str | None
    """Null where it came to one order alone."""
    linkage: str | None
    state: StateWord
    """Of the first order."""
    says: str
    expires_at: str | None
    """Until when the operator may decide; null where nothing waits for him."""
    confirm_by: str | None
    """Until when you have to call confirm_order for one of them; only then is the operator asked."""
    orders: list[OrderResult]


def served_group(call: Call, orders: Sequence[Order]) -> Served[GroupResult]:
    """Return a group as the answer of a call."""
    head, client = orders[0], call.admitted.grant.client
    result = GroupResult(
        group_id=head.group_id,
        linkage=head.linkage,
        state=head.state,
        says=group_says(orders),
        expires_at=iso(head.decide_by),
        confirm_by=iso(head.confirm_by) if head.unconfirmed else None,
        orders=[OrderResult.of(one, client, simulated=simulated(call)) for one in orders],
    )
    outcome = Outcome.WAIT if head.waits else Outcome.OK
    words = f"{head.linkage or 'one order'} {head.request.words()}"
    more = f" and {len(orders) - 1} more" if len(orders) > 1 else ""
    symbol = head.request.symbol
    return Served(result, outcome, symbol=symbol, order_id=head.order_id, summary=safe(f"{words}{more} {head.state}"))


def group_says(orders: Sequence[Order]) -> str:
    """Say plainly what became of orders, and whether anything is filled."""
    return says(orders[0]) if len(orders) == 1 else first_of_all(orders[0], _became(orders))


def _became(orders: Sequence[Order]) -> str:
    if any(one.unconfirmed for one in orders):
        return "Call confirm_order for one of them; only then is the operator asked. Nothing was sent and nothing is filled."
    if all(one.state is OrderState.PENDING for one in orders):
        return f"{len(orders)} orders wait for one decision of the operator. Nothing was sent and nothing is filled."
    states = ", ".join(f"{count} {state}" for state, count in Counter(one.state.value for one in orders).items())
    filled = sum(1 for one in orders if one.filled)
    said = [f"{len(orders)} orders: {states}.", f"{filled} with fills." if filled else "Nothing is filled."]
    if not _NOBODY_KNOWS.isdisjoint(one.state for one in orders):
        said[1] = f"{filled} with fills as far as is known." if filled else "Nothing is known to be filled."
    if any(one.state is OrderState.UNKNOWN for one in orders):
        said.append("Don't send the unknown again; ask the operator.")
    if any(one.waits for one in orders):
        said.append("A change waits for the operator.")
    return " ".join(said)


class OcoLeg(Arguments):
    """One of two orders that cancel each other."""

    side: SideWord = Field(description="buy or sell")
    order_type: OrderTypeWord = Field(description="limit, stop, stop_limit or trailing_stop; both have to rest")
    limit_price: Price | None = Field(None, description=LIMIT)
    stop_price: Price | None = Field(None, description=STOP)
    trail_amount: Amount | None = Field(None, description=TRAIL)
    trail_percent: Amount | None = Field(None, description=PERCENT)

    @model_validator(mode="after")
    def _prices_fit_type(self) -> Self:
        mistake = fault(self.order_type, self.limit_price, self.stop_price, self.trail_amount, self.trail_percent)
        if mistake is not None:
            raise ValueError(mistake)
        return self


class OcoArguments(Arguments):
    """Two orders of one instrument and one quantity."""

    idempotency_key: IdempotencyKey
    symbol: Symbol
    quantity: Amount
    first: OcoLeg
    second: OcoLeg
    time_in_force: TimeInForceWord = Field(TimeInForce.GTC, description="day or gtc")
    outside_hours: bool = Field(False, description=HOURS)
    account: AccountWord = None

    def request(self, leg: OcoLeg) -> OrderRequest:
        """Return one of the two as the desk takes it."""
        return OrderRequest(
            self.symbol.upper(),
            leg.side,
            self.quantity,
            leg.order_type,
            leg.limit_price,
            self.time_in_force,
            leg.stop_price,
            leg.trail_amount,
            leg.trail_percent,
            self.outside_hours,
        )


@tool(
    "place_oco",
    scope=Scope.WRITE_ORDERS,
    title="Place pair (one cancels the other)",
    arguments=OcoArguments,
    result=GroupResult,
    hints=PLACES,
    is_order=True,
    writes=True,
    toolset=Toolset.ORDERS,
    needs=Linkage.OCO,
)
async def place_oco(call: Call, asked: OcoArguments) -> Served[GroupResult]:
    """Put two resting orders of one instrument and one quantity before the human operator for one decision; a fill of
    one cancels the other at the broker. Typical: a take-profit limit and a stop loss for what you hold.
    """
    check_account(call, asked.account)
    wanted = groups.oco(asked.request(asked.first), asked.request(asked.second))
    return await place_group(call, wanted, asked.idempotency_key)


class BasketArguments(Arguments):
    """Several independent orders."""

    idempotency_key: IdempotencyKey
    orders: Annotated[list[Terms], Field(min_length=2, max_length=groups.MOST_LEGS)]
    account: AccountWord = None


@tool(
    "place_basket",
    scope=Scope.WRITE_ORDERS,
    title="Place basket",
    arguments=BasketArguments,
    result=GroupResult,
    hints=PLACES,
    is_order=True,
    writes=True,
    toolset=Toolset.ORDERS,
)
async def place_basket(call: Call, asked: BasketArguments) -> Served[GroupResult]:
    """Put 2 to 10 independent orders before the human operator for one decision: all are approved or none. They are
    checked together, each on top of those before it; if one is refused, nothing is placed. Once approved they are sent
    one by one, and one may be rejected by the broker while others fill: read the state of each.
    """
    check_account(call, asked.account)
    wanted = groups.basket([Leg(one.request(), Role.LEG) for one in asked.orders])
    return await place_group(call, wanted, asked.idempotency_key)


class SplitArguments(OrderArguments):
    """One order and the size of its parts."""

    idempotency_key: IdempotencyKey
    part_quantity: Amount = Field(description="At most this much in one part; 2 to 20 parts")


@tool(
    "place_split",
    scope=Scope.WRITE_ORDERS,
    title="Place order in parts",
    arguments=SplitArguments,
    result=GroupResult,
    hints=PLACES,
    is_order=True,
    writes=True,
    toolset=Toolset.ORDERS,
)
async def place_split(call: Call, asked: SplitArguments) -> Served[GroupResult]:
    """Put one order in 2 to 20 parts before the human operator for one decision. The limits of one order hold for the
    whole of it. Once approved the parts are sent one after the other, at once.
    """
    check_account(call, asked.account)
    wanted = groups.split(asked.request(), asked.part_quantity)
    if isinstance(wanted, Refusal):
        raise Refused(wanted)
    return await place_group(call, wanted, asked.idempotency_key)


async def place_group(call: Call, wanted: Wanted, key: str) -> Served[GroupResult]:
    """Put a group before the operator and return it as the answer of a call."""
    return served_group(call, await call.orders.place_group(call.admitted, wanted, key))
