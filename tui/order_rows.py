"""The rows of the orders view: what nobody can say the fate of stands on top, and a group stands together."""

from __future__ import annotations

from collections.abc import Iterable

from cockpit.model.orders import GroupId, Order, OrderId, OrderState, Role
from tui.stable_rows import StableRows


def arranged(orders: Iterable[Order]) -> tuple[Order, ...]:
    """Put the orders of a group behind its first, and before everything else what holds an unknown order."""
    groups: dict[GroupId | OrderId, list[Order]] = {}
    for order in orders:
        groups.setdefault(order.group_id or order.order_id, []).append(order)
    together = sorted(groups.values(), key=lambda group: not any(one.state is OrderState.UNKNOWN for one in group))
    return tuple(one for group in together for one in sorted(group, key=_place))


def is_under_head(rows: tuple[Order, ...], place: int) -> bool:
    """Whether a row belongs to the group of the row above it."""
    return place > 0 and rows[place].group_id is not None and rows[place].group_id == rows[place - 1].group_id


def _place(order: Order) -> tuple[int, OrderId]:
    """Entry, target, stop; others in the order in which they were made, with which ids grow."""
    return tuple(Role).index(order.role), order.order_id


def _key(order: Order) -> OrderId:
    return order.order_id


class OrderRows(StableRows[Order]):
    """Orders. A row keeps its place but for one thing: an order that becomes unknown goes up, its cursor with it."""

    def __init__(self) -> None:
        super().__init__(_key)

    def take(self, now: Iterable[Order]) -> frozenset[str]:
        """Show what there is now and return the keys of what is new."""
        new = super().take(now)
        self.items = arranged(self.items)
        return new
