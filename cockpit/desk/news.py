"""What is news of an order to a client that waits for it, and what passes by itself."""

from __future__ import annotations

from typing import Final

from cockpit.model.orders import DONE, Order, OrderState

_PASSING: Final = frozenset({OrderState.APPROVED, OrderState.SENDING})
"""States that last only until the broker answers."""


def is_news(order: Order, before: Order, seen: OrderState | None, seen_version: int | None) -> bool:
    """Whether an order, which was ``before`` when the wait for it began, is to be told of.

    It is once it has ended, once its state differs from ``seen`` (from that of before where that is None), once a change
    of it was asked for, decided on or answered, and once it isn't ``seen_version`` any more where that is given. What
    lasts only until the broker answers is passed over.
    """
    if order.state in DONE or order.state not in {before.state if seen is None else seen, *_PASSING}:
        return True
    if order.state in _PASSING or (order.proposed is not None and not order.waits):
        return False
    told = (order.request, order.proposed, order.waits)
    return told != (before.request, before.proposed, before.waits) or seen_version not in {None, order.version}
