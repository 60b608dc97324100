"""What came over the wire, as frozen records: the only thing that order states are made of.

ib_async's own order states lie in both directions, so each message is published before ib_async interprets it. Numbers
become Decimal and "unset" becomes None here; text becomes Safe.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from cockpit.model.text import Safe
from cockpit.model.trading import Link

_UNSET: Final = 1e300
"""Doubles beyond that mean "unset": the wire has 1.7976931348623157E308."""


@dataclass(frozen=True, slots=True)
class WireContract:
    """What is traded, as far as the message told it."""

    con_id: int
    kind: Safe
    """STK, OPT, FUT, CASH …"""
    symbol: Safe
    expiry: Safe
    strike: Decimal | None
    right: Safe
    multiplier: Safe
    exchange: Safe
    primary_exchange: Safe
    currency: Safe
    local_symbol: Safe
    trading_class: Safe


@dataclass(frozen=True, slots=True)
class WireTerms:
    """What an order says. Prices are None where unset; 0 stands for unset too where the type has no such price."""

    account: Safe
    action: Safe
    """BUY, SELL or SSHORT."""
    quantity: Decimal | None
    order_type: Safe
    limit: Decimal | None
    aux: Decimal | None
    """The stop's price, or the amount that a trailing stop trails by."""
    trail_stop: Decimal | None
    trailing_percent: Decimal | None
    time_in_force: Safe
    good_till: Safe
    good_after: Safe
    outside_hours: bool
    oca_group: Safe
    parent_id: int
    display_size: int | None
    all_or_none: bool
    oca_type: int = 0
    """What a fill of one does to the others of the group: 1 cancels them, 2 and 3 reduce them."""


@dataclass(frozen=True, slots=True)
class WireOpen:
    """openOrder (5): an order that the books show."""

    at: datetime
    order_ref: Safe
    perm_id: int
    order_id: int
    client_id: int
    contract: WireContract
    terms: WireTerms
    status: Safe
    warning: Safe


@dataclass(frozen=True, slots=True)
class WireStatus:
    """orderStatus (3). It bears no orderRef: ``order_ref`` is that of the order of this connection, where known."""

    at: datetime
    order_ref: Safe
    perm_id: int
    order_id: int
    client_id: int
    parent_id: int
    status: Safe
    filled: Decimal | None
    remaining: Decimal | None
    average: Decimal | None
    why_held: Safe


@dataclass(frozen=True, slots=True)
class WireExecution:
    """execDetails (11): one fill, which may come more than once."""

    at: datetime
    """When it was executed, in UTC."""
    exec_id: Safe
    order_ref: Safe
    perm_id: int
    order_id: int
    client_id: int
    account: Safe
    contract: WireContract
    side: Safe
    """BOT or SLD."""
    quantity: Decimal | None
    price: Decimal | None
    cumulative: Decimal | None
    average: Decimal | None
    exchange: Safe
    live: bool
    """Whether it came by itself, not as the answer to reqExecutions."""


@dataclass(frozen=True, slots=True)
class WireCommission:
    """commissionReport (59), which may come more than once."""

    at: datetime
    exec_id: Safe
    fee: Decimal | None
    currency: Safe
    realized: Decimal | None


@dataclass(frozen=True, slots=True)
class WireCompleted:
    """completedOrder (101). It bears neither order nor client number."""

    at: datetime
    order_ref: Safe
    perm_id: int
    contract: WireContract
    terms: WireTerms
    filled: Decimal | None
    status: Safe
    completed_time: Safe
    completed_status: Safe


@dataclass(frozen=True, slots=True)
class WireHeld:
    """position (61) or updatePortfolio (7): how much is held, by one of the two ways in which that is told."""

    at: datetime
    account: Safe
    contract: WireContract
    quantity: Decimal | None
    valued: bool
    """Whether it is a line of the portfolio."""


@dataclass(frozen=True, slots=True)
class WireError:
    """errMsg (4): about a request, an order, or the line (-1). An error alone never ends an order."""

    at: datetime
    about: int
    order_ref: Safe
    """That of the order of this connection whose number it is about, where there is one."""
    code: int
    text: Safe
    reject: Safe
    """advancedOrderRejectJson, cut."""


@dataclass(frozen=True, slots=True)
class WireUnread:
    """A message that could not be read: what it said is unknown."""

    at: datetime
    message: int


@dataclass(frozen=True, slots=True)
class WireLink:
    """The line changed. With another epoch, all that was known by order or request number is void."""

    at: datetime
    link: Link
    note: Safe
    epoch: int
    streams: int


WireRecord = (
    WireOpen
    | WireStatus
    | WireExecution
    | WireCommission
    | WireCompleted
    | WireHeld
    | WireError
    | WireUnread
    | WireLink
)


@dataclass(frozen=True, slots=True)
class WireDataType:
    """marketDataType (58): 1 live, 2 frozen, 3 delayed, 4 delayed and frozen, from now on for this request."""

    at: datetime
    request_id: int
    data_type: int


LAST_AT: Final = frozenset({45, 88})
"""Ticks that say when the last trade was, in seconds since 1970; 88 of delayed data."""


@dataclass(frozen=True, slots=True)
class WireTick:
    """tickPrice, tickSize, tickGeneric or one of ``LAST_AT``; ``price`` is None where the wire says that there is none."""

    at: datetime
    request_id: int
    tick: int
    price: Decimal | None
    size: Decimal | None


WireMarket = WireDataType | WireTick


def number(value: object) -> Decimal | None:
    """Return a number of the wire, or None for one that is unset, not finite, or no number at all."""
    if value is None or value == "":
        return None
    try:
        found = Decimal(repr(value) if isinstance(value, float) else str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < _UNSET else None


def count(value: object) -> int | None:
    """Return a whole number of the wire, or None for one that is unset (2147483647)."""
    return value if isinstance(value, int) and value != 2_147_483_647 else None


def tick_price(price: float, size: float) -> Decimal | None:
    """Return a price of a tick. -1 with nothing behind it says that there is no price."""
    if math.isnan(price) or (price == -1 and size <= 0):
        return None
    return number(price)
