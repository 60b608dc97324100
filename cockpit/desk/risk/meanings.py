"""What the names in lists of symbols stand for: people write them as they know them, an order has its contract's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Meanings:
    """Of one connection's contracts, which each name stands for. A contract's own name stands for it alone."""

    found: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Own names of the contracts that a name stands for; none where the broker lists nothing of that name."""
    untold: frozenset[str] = frozenset()
    """Names of which the broker hasn't said yet what they stand for."""

    def one_of(self, names: Collection[str], symbol: str) -> bool | None:
        """Return whether a contract is one of those named; None where nobody knows.

        A name by which several contracts go names none of them.
        """
        if symbol in names or any(self.found.get(name) == {symbol} for name in names):
            return True
        return self._otherwise(names)

    def any_of(self, names: Collection[str], symbol: str) -> bool | None:
        """Return whether a contract goes by any of the names; None where nobody knows.

        A name without exchange, or without currency, is that of every such listing.
        """
        if symbol in names or any(symbol in self.found.get(name, ()) for name in names):
            return True
        if any(symbol.startswith((f"{name}:", f"{name}/")) for name in names):
            return True
        return self._otherwise(names)

    def _otherwise(self, names: Collection[str]) -> bool | None:
        return False if self.untold.isdisjoint(names) else None
