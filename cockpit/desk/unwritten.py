"""Changes of orders that are true but not in the database yet, because it could not be written when they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cockpit.desk import records
from cockpit.model.orders import Execution, Order, OrderId
from cockpit.store.audit import AuditEntry
from cockpit.store.writes import Write


@dataclass(slots=True)
class _Late:
    version: int
    """The order's version in the database."""
    order: Order
    executions: dict[str, Execution] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    """What goes beside the order, such as that the broker has acknowledged it."""
    audit: list[AuditEntry] = field(default_factory=list)


class Unwritten:
    """What the next write of each order has to catch up with, in the order in which it happened."""

    def __init__(self) -> None:
        self._late: dict[OrderId, _Late] = {}

    def __len__(self) -> int:
        return len(self._late)

    def orders(self) -> tuple[OrderId, ...]:
        """Return the orders that are ahead of the database, the longest waiting first."""
        return tuple(self._late)

    def writes(
        self, before: Order, after: Order, executions: Mapping[str, Execution], audit: Sequence[AuditEntry]
    ) -> tuple[list[Write], list[AuditEntry]]:
        """Return what brings the database from where it is to ``after``, with everything that it missed."""
        late = self._late.get(before.order_id)
        if late is None:
            late = _Late(before.version, before)
        writes = [records.update_order(after, late.version)] if after.version != late.version else []
        fills = {**late.executions, **executions}
        writes.extend(records.insert_execution(after.connection, one) for one in fills.values())
        return [*writes, *late.writes], [*late.audit, *audit]

    def keep(
        self,
        before: Order,
        after: Order,
        executions: Mapping[str, Execution],
        writes: Sequence[Write],
        audit: Sequence[AuditEntry],
    ) -> None:
        """Remember a change that could not be written."""
        late = self._late.setdefault(before.order_id, _Late(before.version, before))
        late.order = after
        late.executions.update(executions)
        late.writes.extend(writes)
        late.audit.extend(audit)

    def newest(self, order_id: OrderId) -> Order | None:
        """Return an order as it should stand in the database; None where it does."""
        late = self._late.get(order_id)
        return None if late is None else late.order

    def stands_at(self, order_id: OrderId, version: int) -> bool:
        """Correct what the database was believed to hold; False where it was right, or nothing is late.

        A write that seemed to fail may have reached the disk after all. One that did was whole.
        """
        late = self._late.get(order_id)
        if late is None or late.version == version:
            return False
        late.version = version
        if late.order.version == version:
            late.executions.clear()
            late.writes.clear()
            late.audit.clear()
        return True

    def written(self, order_id: OrderId) -> None:
        """Forget an order: the database has caught up."""
        self._late.pop(order_id, None)
