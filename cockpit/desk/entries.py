"""What the audit records of an order."""

from __future__ import annotations

from cockpit.model.orders import Order
from cockpit.store.audit import AuditEntry


def order_entry(order: Order, event: str, code: str, **detail: object) -> AuditEntry:
    """Return the audit's record of what became of an order."""
    return AuditEntry(
        order.changed_at,
        "order",
        client=order.client,
        tool=event,
        outcome=order.state,
        code=code,
        symbol=order.request.symbol,
        order_id=order.order_id,
        grant_id=order.grant_id,
        detail={
            "order": order.request.words(),
            "version": order.version,
            "fingerprint": order.request.fingerprint(),
            "reference": order.reference,
            "filled": str(order.filled),
            "reason": order.reason,
            **detail,
        },
    )
