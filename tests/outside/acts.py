"""What a desk that is about to die does: each act up to the step at which it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final

from cockpit.desk.groups import Leg, Wanted, basket, bracket, oco
from cockpit.desk.withdrawing import Withdrawing
from cockpit.model.identity import Caller
from cockpit.model.orders import Order, OrderRequest, OrderState, OrderType, Role, Side, TimeInForce
from cockpit.model.refusals import Refusal
from cockpit.model.trading import TradingState
from tests.desk.desks import Desk, limit, place
from tests.outside.desks import CAREFUL, FILLS, RESTS, TRUSTED, becomes, send, state

KEY: Final = "key-of-the-case"
REQUESTS: Final = {
    "approve": "submit",
    "rule": "submit",
    "confirm": "submit",
    "basket": "submit",
    "bracket": "submit_linked",
    "oco": "submit_linked",
    "modify": "replace",
    "modify_leg": "replace",
    "cancel": "cancel",
    "kill": "cancel",
}
"""What each act asks of the broker."""

Arm = Callable[[], Awaitable[None]]
"""Called right before what a case is about."""
Act = Callable[[Desk, Arm, bool], Awaitable[None]]
"""Takes whether the order finds somebody to trade with at once."""


async def _place(desk: Desk, arm: Arm, fills: bool) -> None:
    await arm()
    await place(desk, desk.grants.give("claude"), order_of(fills), KEY)


async def _approve(desk: Desk, arm: Arm, fills: bool) -> None:
    order = await place(desk, desk.grants.give("claude"), order_of(fills), KEY)
    await arm()
    await _approved(desk, order)


async def _rule(desk: Desk, arm: Arm, fills: bool) -> None:
    await arm()
    await place(desk, desk.grants.give(TRUSTED), order_of(fills), KEY)


async def _confirm(desk: Desk, arm: Arm, fills: bool) -> None:
    careful = desk.grants.give(CAREFUL)
    order = await place(desk, careful, order_of(fills), KEY)
    await arm()
    order = await desk.orders.confirm(desk.admitted(careful), order.order_id)
    await _approved(desk, order)


async def _bracket(desk: Desk, arm: Arm, fills: bool) -> None:
    await _asked_and_approved(desk, arm, bracket_of(fills))


async def _oco(desk: Desk, arm: Arm, fills: bool) -> None:
    claude = desk.grants.give("claude")
    held = await send(desk, claude, limit(FILLS, quantity="5"), "key-of-what-is-held")
    await becomes(desk, held, state(OrderState.FILLED))
    await _asked_and_approved(desk, arm, oco(_sell(Decimal("99.9") if fills else Decimal(102)), _stop(Decimal(95))))


async def _basket(desk: Desk, arm: Arm, fills: bool) -> None:
    legs = [order_of(fills), limit(Decimal(49), "BRVO", "3")]
    await _asked_and_approved(desk, arm, basket([Leg(one, Role.LEG) for one in legs]))


async def _modify(desk: Desk, arm: Arm, fills: bool) -> None:
    claude = desk.grants.give("claude")
    order = await send(desk, claude, limit(RESTS, quantity="5"), KEY)
    await becomes(desk, order, state(OrderState.WORKING))
    await arm()
    await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(3), None)


async def _modify_leg(desk: Desk, arm: Arm, fills: bool) -> None:
    """Tighten the stop of a bracket whose entry has filled, or whose entry rests."""
    claude = desk.grants.give("claude")
    orders = await desk.orders.place_group(desk.admitted(claude), bracket_of(fills), KEY)
    await _approved(desk, orders[0])
    entry, _, stop = orders
    await becomes(desk, entry, state(OrderState.FILLED if fills else OrderState.WORKING))
    await becomes(desk, stop, state(OrderState.WORKING))
    await arm()
    await desk.orders.modify(desk.admitted(claude), stop.order_id, None, None, stop_price=Decimal(96))


async def _cancel(desk: Desk, arm: Arm, fills: bool) -> None:
    claude = desk.grants.give("claude")
    order = await send(desk, claude, limit(RESTS, quantity="5"), KEY)
    await becomes(desk, order, state(OrderState.WORKING))
    await arm()
    await desk.orders.cancel(desk.admitted(claude), order.order_id)


async def _kill(desk: Desk, arm: Arm, fills: bool) -> None:
    claude = desk.grants.give("claude")
    await place(desk, claude, limit(RESTS, quantity="1"), "key-that-waits")
    for number in range(2):
        order = await send(desk, claude, limit(RESTS, quantity="5"), f"{KEY}-{number}")
        await becomes(desk, order, state(OrderState.WORKING))
    await arm()
    desk.switch.lower(TradingState.KILLED, "test")
    withdrawing = Withdrawing(desk.book, desk.sender, desk.connections, desk.clock)
    leaving = asyncio.create_task(withdrawing.withdraw("test", 0.5))
    await desk.switch.save("kill", "test")
    await desk.decisions.void_waiting("KILL_SWITCH", "test")
    await leaving


ACTS: Final[dict[str, Act]] = {
    "place": _place,
    "approve": _approve,
    "rule": _rule,
    "confirm": _confirm,
    "bracket": _bracket,
    "oco": _oco,
    "basket": _basket,
    "modify": _modify,
    "modify_leg": _modify_leg,
    "cancel": _cancel,
    "kill": _kill,
}


def order_of(fills: bool) -> OrderRequest:
    """Return the order that a case is about."""
    return limit(FILLS if fills else RESTS, quantity="5")


def bracket_of(fills: bool) -> Wanted:
    return bracket(order_of(fills), Decimal(103), Decimal(95), None)


def asks(act: str) -> str:
    """Return the name of the client that asks."""
    return {"rule": TRUSTED, "confirm": CAREFUL}.get(act, "claude")


async def _asked_and_approved(desk: Desk, arm: Arm, wanted: Wanted) -> None:
    claude: Caller = desk.grants.give("claude")
    orders = await desk.orders.place_group(desk.admitted(claude), wanted, KEY)
    await arm()
    await _approved(desk, orders[0])


async def _approved(desk: Desk, order: Order) -> None:
    answer = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert not isinstance(answer, Refusal), answer


def _sell(price: Decimal) -> OrderRequest:
    return limit(price, quantity="5", side=Side.SELL)


def _stop(price: Decimal) -> OrderRequest:
    return OrderRequest("ALFA", Side.SELL, Decimal(5), OrderType.STOP, None, TimeInForce.GTC, stop_price=price)
