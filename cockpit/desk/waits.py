"""Which orders wait for the operator or for their client, until when, and how a wait ends with nothing sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from cockpit.desk.book import Book
from cockpit.desk.deadlines import Deadlines
from cockpit.desk.entries import order_entry
from cockpit.model.clock import Clock
from cockpit.model.orders import RESTING, Order, OrderId, OrderState
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.store.writes import StoreBusy, StoreUnavailable


@dataclass(frozen=True, slots=True)
class Ending:
    """How a wait ends."""

    state: OrderState
    """What becomes of a new order; one at the broker only loses the change that waits."""
    says: str
    event: str
    """What the audit calls it."""
    code: str

    @classmethod
    def of(cls, state: OrderState, event: str, code: str) -> Ending:
        """Return one that says what its code says."""
        return cls(state, refuse(code).message, event, code)


WITHDRAWN: Final = Ending(
    OrderState.CANCELLED, "Withdrawn before it was sent.", "order.withdrawn", "CANCELLED_BEFORE_SENT"
)
NOT_CONFIRMED: Final = Ending.of(OrderState.EXPIRED, "order.not_confirmed", "NOT_CONFIRMED")
NOT_DECIDED: Final = Ending.of(OrderState.EXPIRED, "order.wait_expired", "APPROVAL_EXPIRED")


class Waits:
    """The waits there are, over the orders of the book."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._deadlines = Deadlines(clock)

    def all(self) -> tuple[Order, ...]:
        """Return what waits for the operator, and what waits for its client."""
        return (*self._book.waiting(), *self._book.unconfirmed())

    def of(self, order_id: OrderId) -> tuple[Order, ...]:
        """Return what one decision on an order decides: it, and the group that waits with it."""
        order = self._book.get(order_id)
        return () if order is None else self._book.together(order)

    def undecided(self, orders: Sequence[Order], version: int | None) -> Refusal | None:
        """Refuse what the operator can't decide on now, or not as it was at that version."""
        if not orders:
            return refuse("ORDER_UNKNOWN")
        order = orders[0]
        if order.unconfirmed:
            return refuse("ALREADY_DECIDED", "Its client has to confirm it first.", state=order.state)
        if not order.waits:
            return refuse("ALREADY_DECIDED", state=order.state)
        if version is not None and version != order.version:
            return refuse("VERSION_CHANGED", looked_at=version, now=order.version)
        return None

    def unapprovable(self, orders: Sequence[Order], version: int | None) -> Refusal | None:
        """Refuse what the operator can't approve now; what he can't decide on at all, with it."""
        refusal = self.undecided(orders, version)
        if refusal is None and orders[0].proposed is not None and orders[0].state not in RESTING:
            state = orders[0].state
            return refuse("ORDER_BUSY", "What became of the order isn't known; its change waits.", state=state)
        return refusal

    def is_over(self, order: Order) -> bool:
        """Whether the time of an order's wait is over."""
        until = _until(order)
        return until is not None and self._deadlines.over(order.order_id, order.changed_at, until)

    def over(self) -> list[Order]:
        """Return what has waited for its time."""
        waiting = self.all()
        self._deadlines.keep({order.order_id for order in waiting})
        return [order for order in waiting if self.is_over(order)]

    async def expire(self, order: Order) -> Order | Refusal:
        """End the wait of an order whose time is over, unless it has got another since."""
        ending = NOT_CONFIRMED if order.unconfirmed else NOT_DECIDED
        return await self.end(order.order_id, ending, "time", due=_until(order))

    async def end(
        self, order_id: OrderId, ending: Ending, by: str, *, due: datetime | None = None, anyway: bool = False
    ) -> Order | Refusal:
        """End a wait, unless it lasts beyond ``due``; with ``anyway`` in memory even where the disk doesn't take it."""
        async with self._book.alone(order_id):
            orders = self.of(order_id)
            refusal = None if orders and orders[0].unconfirmed else self.undecided(orders, None)
            if refusal is not None:
                return refusal
            head = orders[0]
            until = _until(head)
            if due is not None and (until is None or until > due):
                return head
            moves = [
                (
                    one,
                    replace(
                        one,
                        version=one.version + 1,
                        state=ending.state if one.state is OrderState.PENDING else one.state,
                        proposed=None,
                        decide_by=None,
                        changed_at=self._clock.now(),
                        reason=safe(ending.says),
                    ),
                )
                for one in orders
            ]
            entries = [order_entry(after, ending.event, ending.code, by=by) for _, after in moves]
            try:
                return (await self._book.move_all(moves, entries, even_if_not_durable=anyway))[0]
            except (StoreUnavailable, StoreBusy):
                return moves[0][1] if anyway else refuse("AUDIT_UNAVAILABLE")


def _until(order: Order) -> datetime | None:
    return order.confirm_by if order.unconfirmed else order.decide_by
