"""What the gateway knows and received, against which a cockpit is held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from cockpit.model.orders import DONE, OrderState
from cockpit.model.orders import Order as Known
from tests.gateway import FakeGateway
from tests.gateway.orders import Order
from tests.gateway.wire import placed_order

STATES: Final = {
    "Filled": OrderState.FILLED,
    "Cancelled": OrderState.CANCELLED,
    "ApiCancelled": OrderState.CANCELLED,
    "Inactive": OrderState.REJECTED,
}


def of_reference(gateway: FakeGateway, reference: str) -> Order | None:
    """Return the order of that orderRef; there must be one at most."""
    found = [one for one in gateway.book.orders.values() if one.terms.get("orderRef") == reference]
    assert len(found) <= 1, f"two orders are {reference}"
    return found[0] if found else None


def state_of(order: Order) -> OrderState:
    """Return in which of our states an order is."""
    if order.status in STATES:
        return STATES[order.status]
    return OrderState.PARTLY_FILLED if order.filled else OrderState.WORKING


def sent(gateway: FakeGateway) -> Counter[tuple[str, str, str]]:
    """Count the messages that place or change an order, by orderRef, quantity and limit; previews left out."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for one in gateway.named("placeOrder"):
        terms = placed_order(one.fields)
        if terms["whatIf"] != "1":
            counted[terms["orderRef"], terms["totalQuantity"], terms["lmtPrice"]] += 1
    return counted


class Stranger:
    """An order that somebody placed by hand in TWS, and nobody here may touch."""

    def __init__(self, gateway: FakeGateway) -> None:
        self._gateway = gateway
        self.order = gateway.book.foreign("BRVO", "BUY", 7, limit=Decimal("20.00"))
        self._terms, self._status = dict(self.order.terms), self.order.status

    def is_untouched(self) -> bool:
        """Tell whether it is as it was, and no message was about it."""
        cancelled = [int(one.fields[2]) for one in self._gateway.named("cancelOrder")]
        return (
            (self.order.terms, self.order.status, self.order.filled) == (self._terms, self._status, 0)
            and self.order.order_id not in cancelled
            and not self._gateway.named("reqGlobalCancel")
        )


def agrees(gateway: FakeGateway, ours: Mapping[str, Known], told: str) -> None:
    """Check each order against the gateway: it says the same, or nobody knows and the operator was told."""
    references = {one.terms.get("orderRef", "") for one in gateway.book.orders.values()}
    lost = {one for one in references if one.startswith("ck:")} - ours.keys()
    assert not lost, f"lost {lost}"
    for reference, one in ours.items():
        theirs = of_reference(gateway, reference)
        if one.state is OrderState.UNKNOWN:
            assert one.order_id in told, f"unknown and nobody was told: {one}"
        elif theirs is None:
            assert one.state in {*DONE, OrderState.PENDING}, f"{one.state}, and the gateway has nothing"
            assert one.filled == 0, f"filled {one.filled}, and the gateway has nothing"
        else:
            said = one.state, one.filled, one.request.quantity, one.request.limit_price
            wanted = state_of(theirs), theirs.filled, theirs.quantity, theirs.limit
            assert said == wanted, f"{said}, and the gateway says {wanted}"
            assert one.fees == theirs.fees, f"fees of {one.fees}, and the gateway says {theirs.fees}"
