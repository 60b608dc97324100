"""The gateway's book as tests use it: what they may do to orders, positions and prices by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from tests.gateway.life import Life
from tests.gateway.orders import AT_CLOSE, Execution, Order

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


class Book(Life):
    """Every order of every client, what was filled, and what the accounts hold."""

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
