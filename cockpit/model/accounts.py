"""What an account holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Balances:
    """Money of one account, in its base currency."""

    account: str
    currency: str
    cash: Decimal
    equity: Decimal
    """Cash plus the market value of all positions."""
    buying_power: Decimal
    """Notional that may still be opened."""
    realised: Decimal
    """Profit and loss that is settled; before fees, where ``fees`` is told."""
    unrealised: Decimal
    fees: Decimal | None
    """What was paid to the broker; None where it tells its profit and loss after fees alone."""
    as_of: datetime
    source: str
    available: Decimal | None = None
    """Equity that no margin ties up yet: what initial margin may still take; None where the broker doesn't tell it."""
    orders_taken_off: bool = True
    """Whether what working orders may still open is taken off ``buying_power`` already."""


@dataclass(frozen=True, slots=True)
class Position:
    """What is held of one instrument: long above zero, short below."""

    symbol: str
    quantity: Decimal
    average_price: Decimal
    mark: Decimal | None
    """Price at which it is valued now; None where no price is known."""
    market_value: Decimal | None
    unrealised: Decimal | None
    currency: str
    as_of: datetime
    source: str
