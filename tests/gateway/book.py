"""Orders behind the gateway, from their transmission to their end, and what tests may do to them by hand."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from tests.gateway import matching, telling
from tests.gateway.holdings import Holdings, fee
from tests.gateway.orders import AT_CLOSE, STOPS, TRAILING, ZERO, Execution, Order, number
from tests.gateway.wire import Out, placed_order
from tests.gateway.world import Listing, Price

if TYPE_CHECKING:
    from tests.gateway.server import FakeGateway
    from tests.gateway.session import Session

Hours = Literal["regular", "extended", "closed"]
_FIRST_PERM_ID: Final = 900_001
_BLANK: Final = dict.fromkeys(
    [
        "action",
        "totalQuantity",
        "orderType",
        "lmtPrice",
        "auxPrice",
        "tif",
        "ocaGroup",
        "ocaType",
        "account",
        "orderRef",
        "outsideRth",
    ],
    "",
)


class Book:
    """Every order of every client, what was filled, and what the accounts hold."""

    def __init__(self, gateway: FakeGateway) -> None:
        self._gateway = gateway
        self.orders: dict[int, Order] = {}
        """By permanent id, oldest first."""
        self.executions: list[Execution] = []
        self.holdings = Holdings(gateway.world, gateway.accounts)
        self.matching = True
        """False: nothing is filled but by hand."""
        self.hours: Hours = "regular"
        self.changed: Callable[[str, Listing], None] = lambda account, listing: None
        """Called after an account's holding has changed."""
        self._by_id: dict[tuple[int, int], Order] = {}
        self._working: dict[int, dict[int, Order]] = defaultdict(dict)
        self._left: dict[tuple[int, bool], Decimal] = {}
        self._next: dict[int, int] = defaultdict(lambda: 1)
        self._perm_ids = itertools.count(_FIRST_PERM_ID)
        self._exec_ids = itertools.count(1)
        self._untold: list[Callable[[], None]] = []
        self._unheard: list[Callable[[], None]] = []
        gateway.world.on_price(self._moved)

    # --- what there is

    def live(self) -> list[Order]:
        """Return the orders that are transmitted and not done."""
        return [order for order in self.orders.values() if not order.done and not order.staged]

    def done(self) -> list[Order]:
        """Return the orders that ended, today's as TWS has them."""
        return [order for order in self.orders.values() if order.done]

    def order(self, reference: str) -> Order:
        """Return the newest order with that reference; raises KeyError where there is none."""
        for order in reversed(self.orders.values()):
            if order.reference == reference:
                return order
        raise KeyError(reference)

    def find(self, client_id: int, order_id: int) -> Order | None:
        """Return a client's order by its id, or another client's that is live under that id."""
        own = self._by_id.get((client_id, order_id))
        if own is not None:
            return own
        return next((one for one in self.live() if one.order_id == order_id and order_id), None)

    def own(self, client_id: int, order_id: int) -> Order | None:
        """Return a client's own order."""
        return self._by_id.get((client_id, order_id))

    def next_id(self, client_id: int) -> int:
        """Return the id that the client may give to its next order."""
        return self._next[client_id]

    def kind_of(self, session: Session, fields: list[str]) -> str:
        """Return newOrder, modifyOrder or whatIfOrder: what faults call a placeOrder."""
        try:
            terms = placed_order(fields)
            known = self.own(session.client_id or 0, int(terms["orderId"]))
        except (ValueError, LookupError, ArithmeticError):
            return "newOrder"
        if terms["whatIf"] == "1":
            return "whatIfOrder"
        return "newOrder" if known is None or known.done else "modifyOrder"

    # --- what clients do, once placing.py has found it right

    def add(
        self, client_id: int, order_id: int, listing: Listing, terms: dict[str, str], parent: Order | None
    ) -> Order:
        """Take an order in, staged."""
        order = Order(next(self._perm_ids), order_id, client_id, listing, terms, parent)
        order.stop = self._first_stop(order)
        self.orders[order.perm_id] = order
        if order_id:
            self._by_id[client_id, order_id] = order
            self._next[client_id] = max(self._next[client_id], order_id + 1)
        return order

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
            order.stop = self._first_stop(order)
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
            self.send(order, lambda: telling.order_status(order))
        self.error(order, 202, "Order Canceled - reason:")
        self._parent_ended(order)

    def cancel_all(self) -> None:
        """Cancel whatever lives, of every client and by hand."""
        for order in self.live():
            self.cancel(order)

    # --- what tests do by hand

    def foreign(
        self,
        name: str | int,
        side: Literal["BUY", "SELL"],
        quantity: Decimal | int | str,
        kind: str = "LMT",
        limit: Decimal | str = "",
        *,
        aux: Decimal | str = "",
        reference: str = "",
        client_id: int = 0,
        order_id: int = 0,
        account: str = "",
        tif: str = "GTC",
    ) -> Order:
        """Place an order that no session sent: by hand in TWS, or of another client that has gone again."""
        listing = self._gateway.world.one(name)
        terms = _BLANK | {
            "action": side,
            "totalQuantity": str(quantity),
            "orderType": kind,
            "lmtPrice": str(limit),
            "auxPrice": str(aux),
            "tif": tif,
            "orderRef": reference,
            "account": account or self._gateway.accounts[0],
        }
        order = self.add(client_id, order_id, listing, terms, None)
        self.transmit(order)
        return order

    def fill(
        self, order: Order, quantity: Decimal | int | str | None = None, price: Decimal | str | None = None
    ) -> Execution:
        """Fill an order that lives, wholly or in part, at a price or at its limit or the market."""
        if order.done:
            raise ValueError(f"order {order.perm_id} is {order.status}")
        at = Decimal(price) if price is not None else order.limit or self.holdings.mark(order.listing)
        return self._execute(order, order.remaining if quantity is None else Decimal(quantity), at)

    def reject(self, order: Order, code: int = 201, text: str = "Order rejected - reason:Not allowed") -> None:
        """Let the exchange refuse an order that was acknowledged: error, then status Inactive."""
        self._end(order, "Inactive", text)
        self.error(order, code, text)
        self.tell(order)
        self._parent_ended(order)

    def set_status(self, order: Order, status: str, why_held: str = "") -> None:
        """Tell a status, such as Inactive with ``locate``, as it is."""
        order.status, order.why_held = status, why_held
        self.tell(order)

    def end(self, order: Order, status: str = "Cancelled", by: str = "Expired") -> None:
        """End an order without any error message, as an expiry does."""
        self._end(order, status, by)
        self.tell(order)
        self._parent_ended(order)

    def close_day(self) -> None:
        """Close the day: orders at the close are filled, those of the day end, and only GTC ones live on."""
        for order in self.live():
            if not order.done and order.kind in AT_CLOSE and not order.held:
                mark = self.holdings.mark(order.listing)
                limit = order.limit
                if limit is None or (mark <= limit if order.buys else mark >= limit):
                    self._execute(order, order.remaining, mark)
            if not order.done and order.time_in_force not in ("GTC", "GTD"):
                self.end(order, by="Expired at the close")
        self.hours = "closed"

    def forget_done(self) -> None:
        """Forget orders that ended and all executions, as the next day does."""
        self.orders = {one: order for one, order in self.orders.items() if not order.done}
        self.executions.clear()

    def roll_back(self, ids: int) -> None:
        """Give the last ids out once more; who had them keeps them, and clients can't tell the two apart by id."""
        for client_id in self._next:
            self._next[client_id] = max(1, self._next[client_id] - ids)
        self._by_id = {key: order for key, order in self._by_id.items() if key[1] < self._next[key[0]]}

    # --- what is told, and to whom

    def tell(self, order: Order) -> None:
        """Tell openOrder and orderStatus as they are now."""
        self.send(order, lambda: telling.open_order(order))
        self.send(order, lambda: telling.order_status(order))

    def error(self, order: Order, code: int, text: str) -> None:
        """Tell the order's client an error about it."""
        if order.order_id:
            self.send(order, lambda: (Out.error, 2, order.order_id, code, text, ""))

    def send(self, order: Order, make: Callable[[], telling.Message]) -> None:
        """Send the order's client one message, or keep it until the line to the exchange is back."""
        message = make()
        if self._gateway.linked:
            self._pass_on(order.client_id, message)
        else:
            self._untold.append(lambda: self._pass_on(order.client_id, message))

    def unless_lost(self, work: Callable[[], None]) -> None:
        """Do what needs the exchange, now or once the line to it is back."""
        if self._gateway.linked:
            work()
        else:
            self._unheard.append(work)

    def catch_up(self) -> None:
        """Tell what happened while the line was lost, then do what clients asked for meanwhile."""
        for waiting in (self._untold, self._unheard):
            works = waiting.copy()
            waiting.clear()
            for work in works:
                work()

    def _pass_on(self, client_id: int, message: telling.Message) -> None:
        for session in self._gateway.ready_sessions():
            if session.client_id in (client_id, self._gateway.master_client):
                session.send(*message)

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

    def _first_stop(self, order: Order) -> Decimal | None:
        if order.kind in TRAILING:
            return number(order.terms.get("trailStopPrice", ""))
        return order.aux if order.kind in STOPS else None

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
        self.send(order, lambda: telling.exec_details(-1, execution))
        self.tell(order)
        self.send(order, lambda: telling.commission_report(execution))
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
