"""What trading costs: so much a share, with a least amount an order, never above a share of its value."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cockpit.model.money import CENT, ZERO


@dataclass(frozen=True, slots=True)
class Fees:
    """A schedule of commissions, in the account's currency."""

    per_unit: Decimal = Decimal("0.005")
    least: Decimal = Decimal("1.00")
    """An order costs at least this."""
    most: Decimal = Decimal("0.01")
    """And never more than this share of its value, which wins over ``least``."""

    def due(self, quantity: Decimal, value: Decimal) -> Decimal:
        """Return the whole fee of an order of which so much was filled, for so much money; in cents."""
        return min(max(quantity * self.per_unit, self.least), value * self.most).quantize(CENT)

    def next(self, charged: Decimal, quantity: Decimal, value: Decimal) -> Decimal:
        """Return what the newest fill adds to what was charged before; the totals include that fill."""
        return max(ZERO, self.due(quantity, value) - charged)
