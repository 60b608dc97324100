"""What waits for the operator, in order of arrival, and which of it is chosen."""

from __future__ import annotations

from datetime import datetime

from cockpit.operator.view import PendingClient, PendingOrder, Snapshot
from tui.stable_rows import StableRows

Waiting = PendingClient | PendingOrder

SETTLING_SECONDS = 0.4
"""How long a key waits after something came under it, or was asked, without the operator's doing."""


def key_of(item: Waiting) -> str:
    """Return what names a waiting thing for as long as it waits."""
    return item.request_id if isinstance(item, PendingClient) else str(item.order.order_id)


def asked_at(item: Waiting) -> datetime:
    """Return when it came: for an order, when it last changed, because that is when it began to wait."""
    return item.asked_at if isinstance(item, PendingClient) else item.order.changed_at


class WaitingRows(StableRows[Waiting]):
    """The queue. What comes into an empty queue is chosen."""

    def __init__(self) -> None:
        super().__init__(key_of)

    def arrive(self, snapshot: Snapshot) -> frozenset[str]:
        """Show what waits now and return the keys of what is new."""
        was_empty = not self.items
        waiting = (*snapshot.pending_clients, *snapshot.pending_orders)
        new = self.take(sorted(waiting, key=asked_at))
        if was_empty and self.items:
            self.chosen_key = key_of(self.items[0])
        return new
