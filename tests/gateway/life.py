"""What becomes of an order: transmitted, changed, matched, filled, ended, with those that hang from it or stand beside it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from tests.gateway import matching, telling
from tests.gateway.holdings import fee
from tests.gateway.orders import AT_CLOSE, STOPS, TRAILING, ZERO, Execution, Order, first_stop
from tests.gateway.registry import Registry
from tests.gateway.world import Listing, Price

if TYPE_CHECKING:
    from tests.gateway.server import FakeGateway

Hours = Literal["regular", "extended", "closed"]


class Life(Registry):
    """Lets orders meet the market, and tells each step."""

    def __init__(self, gateway: FakeGateway) -> None:
        super().__init__(gateway)
        self.matching = True
        """False: nothing is filled but by hand."""
        self.hours: Hours = "regular"
        self.changed: Callable[[str, Listing], None] = lambda account, listing: None
        """Called after an account's holding has changed."""
        self._working: dict[int, dict[int, Order]] = defaultdict(dict)
        self._left: dict[tuple[int, bool], Decimal] = {}
        self._exec_ids = itertools.count(1)
        gateway.world.on_price(self._moved)

    # --- what clients do, once placing.py has found it right

    def transmit(self, order: Order) -> None:
        """Let an order and everything staged of its bracket out; all are told before any meets the market."""
        root = order.root()
        family = [one for one in self.orders.values() if one.staged and one.root() is root]
        for one in family:
            one.staged = False
            one.status = self._resting_status(one)
            self._working[one.listing.con_id][one.perm_id] = one
            self.tell(one)
            if not one.held and not self._may_trade(one):
                self.error(
                    one, 399, "Order Message:\nWarning: your order will not be placed at the exchange until it opens."
                )
        for one in family:
            self._arrive(one)

    def modify(self, order: Order, terms: dict[str, str]) -> None:
        """Replace the terms of an order that lives."""
        trails_as_before = all(
            order.terms.get(one) == terms.get(one)
            for one in ("auxPrice", "trailingPercent", "trailStopPrice", "orderType")
        )
        order.terms |= terms
        if not (order.kind in TRAILING and trails_as_before):
            order.stop = first_stop(order)
        if order.staged:
            return
        order.status = self._resting_status(order)
        self.tell(order)
        self._arrive(order)

    def cancel(self, order: Order, *, by: str = "Cancelled by Trader") -> None:
        """End an order and those that hang from it: status Cancelled, then error 202."""
        if order.done:
            return
        was_staged = order.staged
        self._end(order, "Cancelled", by)
        if not was_staged:
            self.send(order, telling.order_status(order))
        self.error(order, 202, "Order Canceled - reason:")
        self._parent_ended(order)

    def cancel_all(self) -> None:
        """Cancel whatever lives, of every client and by hand."""
        for order in self.live():
            self.cancel(order)

    def set_status(self, order: Order, status: str, why_held: str = "") -> None:
        """Tell a status, such as Inactive with ``locate``, as it is."""
        order.status, order.why_held = status, why_held
        self.tell(order)

    def end(self, order: Order, status: str = "Cancelled", by: str = "Expired") -> None:
        """End an order without any error message, as an expiry does."""
        self._end(order, status, by)
        self.tell(order)
        self._parent_ended(order)

    # --- the market

    def _moved(self, listing: Listing) -> None:
        self._left.pop((listing.con_id, True), None)
        self._left.pop((listing.con_id, False), None)
        for order in tuple(self._working.get(listing.con_id, {}).values()):
            if self.matching and not order.done:
                self._meet(order, arriving=False)

    def _arrive(self, order: Order) -> None:
        """Let an order meet the market for the first time, or once more under new terms."""
        if order.done or order.staged or not self.matching or order.held or not self._may_trade(order):
            return
        if order.time_in_force == "FOK" and not order.waits_for_trigger:
            price, left, step = self._market(order)
            if matching.available(order, price, left, step) < order.remaining:
                self.end(order, "Inactive", "Could not be filled at once")
                return
        self._meet(order, arriving=True)
        if order.done or order.waits_for_trigger:
            return
        if order.time_in_force in ("IOC", "FOK"):
            self.set_status(order, "PendingCancel")
            self.end(order, by="Not filled at once")
        elif order.status == "PreSubmitted":
            self.set_status(order, "Submitted")

    def _meet(self, order: Order, *, arriving: bool) -> None:
        if order.held or order.kind in AT_CLOSE or not self._may_trade(order) or order.why_held == "locate":
            return
        price, left, step = self._market(order)
        if order.waits_for_trigger:
            if matching.trail(order, price, step):
                self.tell(order)
            if not matching.touched(order, price):
                return
            order.triggered, order.why_held, arriving = True, "", True
            self.set_status(order, "Submitted")
        for quantity, at in tuple(matching.fills(order, price, left, step, arriving=arriving)):
            key = order.listing.con_id, order.buys
            self._left[key] = max(ZERO, self._left[key] - quantity)
            self._execute(order, quantity, at)
            if order.done:
                return

    def _market(self, order: Order) -> tuple[Price, Decimal, Decimal]:
        world, listing = self._gateway.world, order.listing
        price = world.price(listing.con_id)
        shown = price.ask_size if order.buys else price.bid_size
        left = self._left.setdefault((listing.con_id, order.buys), shown)
        return price, left, world.step(listing, price.middle or ZERO)

    def _may_trade(self, order: Order) -> bool:
        return self.hours == "regular" or (self.hours == "extended" and order.outside_hours)

    def _resting_status(self, order: Order) -> str:
        order.why_held = "trigger" if order.kind in STOPS and not order.triggered and not order.held else ""
        waits = order.held or order.waits_for_trigger or order.kind in AT_CLOSE or not self._may_trade(order)
        return "PreSubmitted" if waits or order.kind == "MKT" else "Submitted"

    def _execute(self, order: Order, quantity: Decimal, price: Decimal) -> Execution:
        order.filled += quantity
        order.value += quantity * price
        order.last = price
        due = fee(order.listing, order.filled, order.average) - order.fees
        order.fees += due
        realized = self.holdings.trade(order.account, order.listing, quantity * order.sign, price, due)
        execution = Execution(
            f"0000e0d5.{next(self._exec_ids):08x}.01.01",
            order,
            self._gateway.world.now(),
            quantity,
            price,
            order.filled,
            order.average,
            due,
            realized,
            (order.order_id, order.client_id),
        )
        self.executions.append(execution)
        if order.remaining <= ZERO:
            self._end(order, "Filled", f"Filled Size: {order.filled:f}")
        elif order.status == "PreSubmitted":
            order.status, order.why_held = "Submitted", ""
        self.send(order, telling.exec_details(-1, execution))
        self.tell(order)
        self.send(order, telling.commission_report(execution))
        self.changed(order.account, order.listing)
        self._settle_group(order, quantity)
        if order.done:
            self._parent_ended(order)
        return execution

    def _settle_group(self, order: Order, quantity: Decimal) -> None:
        """Cancel the others of an OCA group, or reduce them by what was filled (types 2 and 3)."""
        if not order.group:
            return
        for other in self.live():
            if other is order or other.group != order.group or other.account != order.account:
                continue
            rest = other.remaining - quantity
            if order.done or order.terms.get("ocaType") not in ("2", "3") or rest <= ZERO:
                self.cancel(other, by="Cancelled by its group")
            else:
                other.terms["totalQuantity"] = f"{other.filled + rest:f}"
                self.tell(other)

    def _parent_ended(self, parent: Order) -> None:
        """Let attached orders go for what their parent has filled, or cancel them where that is nothing."""
        children = [one for one in self.orders.values() if one.parent is parent and not one.done]
        for child in children:
            if parent.filled <= ZERO:
                self.cancel(child, by="Cancelled with its parent")
                continue
            if not child.group:
                child.terms["ocaGroup"], child.terms["ocaType"] = str(parent.perm_id), "3"
            if child.quantity > parent.filled:
                child.terms["totalQuantity"] = f"{parent.filled:f}"
            if child.staged:
                continue
            self.set_status(child, self._resting_status(child), child.why_held)
        for child in children:
            self._arrive(child)

    def _end(self, order: Order, status: str, by: str) -> None:
        order.status, order.why_held, order.staged = status, "", False
        order.ended_at, order.ended_by = self._gateway.world.now(), by
        self._working[order.listing.con_id].pop(order.perm_id, None)
