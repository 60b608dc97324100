"""What the operator sees of an order before he decides, and his decisions: send, reject, cancel one or all."""

from __future__ import annotations

from decimal import Decimal

from cockpit.desk.groups import position_change
from cockpit.model.orders import DONE, Order, OrderId
from cockpit.model.refusals import Refusal
from cockpit.model.text import counted
from cockpit.operator import listing
from cockpit.operator.act import Answer, Done
from cockpit.operator.at_stop import profit_at_stop
from cockpit.operator.exposed import gross_exposure, is_bare
from cockpit.operator.holdings import Holdings
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.view import OrderTicket
from cockpit.operator.wire import decimal, number


class OrderActs:
    """The acts about orders that clients asked for."""

    def __init__(self, rooms: OperatorRooms, holdings: Holdings) -> None:
        self._rooms = rooms
        self._holdings = holdings

    async def ticket(self, order_id: OrderId) -> OrderTicket | Refusal:
        """Price and check an order for the operator's eyes."""
        look = await self._rooms.decisions.look(order_id)
        if isinstance(look, Refusal):
            return look
        seen = look.judged.seen
        held = seen.position - seen.brought
        asked = look.order.proposed or look.order.request
        average = next(
            (
                one.position.average_price
                for one in self._holdings.positions
                if one.connection == look.order.connection and one.position.symbol == asked.symbol
            ),
            None,
        )
        worth = None if seen.to_account is None else seen.instrument.multiplier * seen.to_account
        group = look.legs or await self._rooms.book.of_group(look.order)
        after = seen.position + position_change(look.legs or (look.order,), asked.symbol)
        alone = len({one.request.symbol for one in look.legs}) <= 1
        return OrderTicket(
            look.order,
            seen.quote,
            look.judged.notional,
            held,
            after,
            look.drift,
            look.judged.checks,
            tuple((one.at, one.quantity, one.price) for one in look.executions),
            look.legs,
            gross_exposure(held, asked, seen),
            gross_exposure(after, asked, seen) if alone else None,
            is_bare(look.order, asked, seen, group),
            seen.brought,
            seen.adds_risk(asked),
            profit_at_stop(look.order, group, seen.touch, worth, held, average),
        )

    async def approve(self, given: dict[str, str], by: str) -> Answer:
        """Send a waiting order as it is, or edited towards less risk."""
        version = given.get("version")
        result = await self._rooms.decisions.approve(
            OrderId(given["order_id"]),
            None if version is None else number(version),
            _maybe_decimal(given.get("quantity")),
            _maybe_decimal(given.get("limit")),
            by,
        )
        return _order_answer(result)

    async def deny(self, given: dict[str, str], by: str) -> Answer:
        """Reject a waiting order."""
        return _order_answer(await self._rooms.decisions.deny(OrderId(given["order_id"]), given.get("reason", ""), by))

    async def cancel(self, given: dict[str, str], by: str) -> Answer:
        """Cancel an order."""
        return _order_answer(await self._rooms.decisions.cancel(OrderId(given["order_id"]), by))

    async def cancel_all(self, given: dict[str, str], by: str) -> Answer:
        """Cancel every open order and reject every waiting one."""
        asked = await self._rooms.decisions.cancel_all(by)
        ended = [order.order_id for order in asked if order.state in DONE]
        still = [
            f"{order.order_id} ({order.request.words()}, {order.state})" for order in asked if order.state not in DONE
        ]
        left = f" Still open: {'; '.join(still)}." if still else ""
        return Done(
            f"{counted(len(ended), 'order')} ended.{left}",
            {"cancelled": ended, "open": [order.order_id for order in asked if order.state not in DONE]},
        )


def _maybe_decimal(text: str | None) -> Decimal | None:
    return None if text is None else decimal(text)


def _order_answer(result: Order | Refusal) -> Answer:
    if isinstance(result, Refusal):
        return result
    return Done(listing.order_says(result), listing.order_json(result))
