"""The rules of approval as pure functions: what lowers risk, how far a price has drifted, who may still ask."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from cockpit.model.identity import ClientName
from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.orders import Order, OrderRequest, OrderType, Side
from cockpit.model.refusals import Refusal, refuse
from cockpit.settings.approval import ApprovalSettings
from cockpit.settings.policy import PolicySettings

_STOPS: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})


def lowers_risk(before: OrderRequest, after: OrderRequest, *, protects: bool = False) -> bool:
    """Whether ``after`` differs from ``before`` only towards less risk.

    Quantity down and limit away from the market. A stop or a trail keeps its terms, because nearer and farther each
    have a risk of their own; but where it ``protects`` what is held, tightening it lowers the risk, and less of it or a
    limit that is harder to reach would raise it.
    """
    if _nature(before) != _nature(after):
        return False
    if protects and before.order_type in _STOPS:
        same = (before.quantity, before.limit_price) == (after.quantity, after.limit_price)
        return same and _tightens(before, after)
    if (before.stop_price, before.trail_amount, before.trail_percent) != (
        after.stop_price,
        after.trail_amount,
        after.trail_percent,
    ):
        return False
    if after.quantity > before.quantity:
        return False
    if before.limit_price is None or after.limit_price is None:
        return before.limit_price == after.limit_price
    return (after.limit_price - before.limit_price) * before.side.sign <= 0


def _nature(request: OrderRequest) -> tuple[object, ...]:
    """Return what no edit may touch."""
    return request.symbol, request.side, request.order_type, request.time_in_force, request.outside_hours


def _tightens(before: OrderRequest, after: OrderRequest) -> bool:
    stop = _no_worse(before.stop_price, after.stop_price, before.side.sign)
    amount = _no_worse(before.trail_amount, after.trail_amount, 1)
    return stop and amount and _no_worse(before.trail_percent, after.trail_percent, 1)


def _no_worse(before: Decimal | None, after: Decimal | None, sign: int) -> bool:
    """Whether a term stayed or went down (up, for a sell's stop, whose ``sign`` is -1)."""
    if before is None or after is None:
        return before is after
    return (after - before) * sign <= 0


def drift(side: Side, asked_at: Decimal | None, touch: Decimal | None) -> Decimal | None:
    """Return how far the touch moved against the order since it was asked, as a share; None where unknown."""
    if asked_at is None or touch is None or asked_at == 0:
        return None
    return (touch - asked_at) / asked_at * side.sign


def drift_limit(instrument: Instrument, policy: PolicySettings) -> Decimal:
    """Return how far the touch may move before it is sent, as a share."""
    return policy.max_drift_options if instrument.kind is InstrumentKind.OPTION else policy.max_drift


def room_to_ask(client: ClientName, waiting: Sequence[Order], settings: ApprovalSettings) -> Refusal | None:
    """Refuse where too many orders wait already, of this client or in all."""
    of_client = sum(1 for order in waiting if order.client == client)
    if of_client >= settings.max_pending_per_client:
        return refuse("PENDING_LIMIT", waiting=of_client, limit=settings.max_pending_per_client, of="this client")
    if len(waiting) >= settings.max_pending:
        return refuse("PENDING_LIMIT", waiting=len(waiting), limit=settings.max_pending, of="all clients")
    return None
