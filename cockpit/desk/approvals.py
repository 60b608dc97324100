"""The rules of approval as pure functions: what lowers risk, how far a price has drifted, who may still ask."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from cockpit.model.identity import ClientName
from cockpit.model.orders import Order, OrderRequest, Side
from cockpit.model.refusals import Refusal, refuse
from cockpit.settings.model import ApprovalSettings


def lowers_risk(before: OrderRequest, after: OrderRequest) -> bool:
    """Whether ``after`` differs from ``before`` only towards less risk: quantity down, limit away from the market."""
    same = (before.symbol, before.side, before.order_type, before.time_in_force)
    if same != (after.symbol, after.side, after.order_type, after.time_in_force):
        return False
    if after.quantity > before.quantity:
        return False
    if before.limit_price is None or after.limit_price is None:
        return before.limit_price == after.limit_price
    if before.side is Side.BUY:
        return after.limit_price <= before.limit_price
    return after.limit_price >= before.limit_price


def drift(side: Side, asked_at: Decimal | None, touch: Decimal | None) -> Decimal | None:
    """Return how far the touch moved against the order since it was asked, as a share; None where unknown."""
    if asked_at is None or touch is None or asked_at == 0:
        return None
    return (touch - asked_at) / asked_at * side.sign


def room_to_ask(client: ClientName, waiting: Sequence[Order], settings: ApprovalSettings) -> Refusal | None:
    """Refuse where too many orders wait already, of this client or in all."""
    of_client = sum(1 for order in waiting if order.client == client)
    if of_client >= settings.max_pending_per_client:
        return refuse("PENDING_LIMIT", waiting=of_client, limit=settings.max_pending_per_client, of="this client")
    if len(waiting) >= settings.max_pending:
        return refuse("PENDING_LIMIT", waiting=len(waiting), limit=settings.max_pending, of="all clients")
    return None
