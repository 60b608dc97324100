"""Which orders the gateway knows, under which ids, and who is told of them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tests.gateway import telling
from tests.gateway.holdings import Holdings
from tests.gateway.orders import Execution, Order, first_stop
from tests.gateway.wire import Out, placed_order
from tests.gateway.world import Listing

if TYPE_CHECKING:
    from tests.gateway.server import FakeGateway
    from tests.gateway.session import Session

_FIRST_PERM_ID: Final = 900_001


class Registry:
    """Every order of every client by its ids, and the way of messages about them to sessions."""

    def __init__(self, gateway: FakeGateway) -> None:
        self._gateway = gateway
        self.orders: dict[int, Order] = {}
        """By permanent id, oldest first."""
        self.executions: list[Execution] = []
        self.holdings = Holdings(gateway.world, gateway.accounts)
        self._by_id: dict[tuple[int, int], Order] = {}
        self._next: dict[int, int] = defaultdict(lambda: 1)
        self._perm_ids = itertools.count(_FIRST_PERM_ID)
        self._untold: list[Callable[[], None]] = []
        self._unheard: list[Callable[[], None]] = []

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

    def add(
        self, client_id: int, order_id: int, listing: Listing, terms: dict[str, str], parent: Order | None
    ) -> Order:
        """Take an order in, staged."""
        order = Order(next(self._perm_ids), order_id, client_id, listing, terms, parent)
        order.stop = first_stop(order)
        self.orders[order.perm_id] = order
        if order_id:
            self._by_id[client_id, order_id] = order
            self._next[client_id] = max(self._next[client_id], order_id + 1)
        return order

    def roll_back(self, ids: int) -> None:
        """Give the last ids out once more; who had them keeps them, and clients can't tell the two apart by id."""
        for client_id in self._next:
            self._next[client_id] = max(1, self._next[client_id] - ids)
        self._by_id = {key: order for key, order in self._by_id.items() if key[1] < self._next[key[0]]}

    # --- what is told, and to whom

    def tell(self, order: Order) -> None:
        """Tell openOrder and orderStatus as they are now."""
        self.send(order, telling.open_order(order))
        self.send(order, telling.order_status(order))

    def error(self, order: Order, code: int, text: str) -> None:
        """Tell the order's client an error about it."""
        if order.order_id:
            self.send(order, (Out.error, 2, order.order_id, code, text, ""))

    def send(self, order: Order, message: telling.Message) -> None:
        """Send the order's client one message, or keep it until the line to the exchange is back."""
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
