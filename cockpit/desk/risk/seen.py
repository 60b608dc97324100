"""Everything that the checks may look at, gathered at one instant. What nobody could tell is None, never a guess."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.brokers.base import Capabilities
from cockpit.desk.risk.meanings import Meanings
from cockpit.model.accounts import Balances
from cockpit.model.identity import Scope
from cockpit.model.instruments import Instrument
from cockpit.model.latches import Latch
from cockpit.model.money import ZERO
from cockpit.model.orders import Linkage, Order, OrderRequest, Role, Side
from cockpit.model.quotes import Borrow, MarketClock, Quote
from cockpit.model.trading import Link, Mode, TradingState

EXITS: Final = frozenset({Role.TARGET, Role.STOP})
"""Roles of orders that close what the entry of their bracket opens."""


@dataclass(frozen=True, slots=True)
class Linked:
    """What an order is within its group, and the others of the group that may still fill."""

    linkage: Linkage
    role: Role
    others: tuple[tuple[Role, OrderRequest], ...]
    """With the quantity that is left of each."""

    def of(self, role: Role) -> OrderRequest | None:
        """Return the other order of that role, or None."""
        return next((request for found, request in self.others if found is role), None)


@dataclass(frozen=True, slots=True)
class Exposure:
    """What is held of another symbol and what its open orders may still do to it, in the account's currency."""

    symbol: str
    value: Decimal | None
    """Market value, below zero for a short position; None where it has no price, or its currency no rate."""
    buys: Decimal = ZERO
    sells: Decimal = ZERO
    least: Decimal | None = None
    """The same at the other side of the exchange rate, where it is lower; None where there is but one value."""

    @property
    def lowest(self) -> Decimal | None:
        """The market value as low as it may be."""
        return self.value if self.least is None else self.least

    def worst(self) -> Decimal | None:
        """Return the largest value without sign that it may come to."""
        if self.value is None or self.lowest is None:
            return None
        return max(abs(self.value + self.buys), abs(self.lowest - self.sells))


@dataclass(frozen=True, slots=True)
class Activity:
    """What has happened today (UTC) and lately, the order that is judged not counted."""

    client_orders: int = 0
    client_notional: Decimal = ZERO
    connection_orders: int = 0
    connection_notional: Decimal = ZERO
    identical: int = 0
    """Orders of this client alike in symbol, side, quantity and prices within 30 seconds."""
    repeated_fills: int = 0
    """Orders of this client in this symbol and side that filled within 10 minutes."""
    rejects: int = 0
    """Orders of this client that the broker rejected within 60 seconds."""
    client_cancels: int = 0
    client_fills: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that the checks may look at, gathered at one instant."""

    now: datetime
    state: TradingState
    mode: Mode
    """What the settings say."""
    account_mode: Mode
    """What the account says."""
    link: Link
    trade: bool
    can: Capabilities
    instrument: Instrument
    quote: Quote | None
    balances: Balances | None
    position: Decimal
    """Signed quantity held, as far as the broker said; nothing is known of it where ``held`` is False."""
    committed_buy: Decimal
    """Quantity of our buys of the instrument that may still fill, in-flight intents included."""
    committed_sell: Decimal
    in_flight: Decimal | None
    """Worst-case value of intents that the broker's buying power doesn't count yet."""
    held: bool = False
    """Whether the broker said what is held."""
    others_told: bool = True
    """Whether the broker said just now what others have open in the account; else it counts as it was compared last."""
    client: str = ""
    """Who asks; empty where nobody's order is meant."""
    scopes: frozenset[Scope] | None = None
    """What the client may do now; None where the gate or the sender looks at it."""
    account: str = ""
    """What the broker says."""
    account_named: str = ""
    """What the settings name; empty where they take the only one."""
    armed: bool = False
    """Whether the operator has armed the connection, so that orders may open positions with real money."""
    unknown_orders: int = 0
    """Orders of the account of which nobody can say what became of them."""
    unsure_positions: int = 0
    """Instruments in the account of which nobody can say how much is held."""
    before: OrderRequest | None = None
    """What the order is now, where a change of it is judged."""
    filled: Decimal = ZERO
    """What of the order has filled already: that is held, and no longer to come."""
    lowers: bool = False
    """Whether a change of an order at the broker goes only towards less risk: it opens nothing that may not fill anyway."""
    is_new: bool = True
    """Whether the order is asked for now; a change, and a decision on one that waits, are not."""
    previewed_at: Decimal | None = None
    """The touch at the preview that is placed now."""
    no_orders: str = ""
    """Why the broker takes none though its line is up; empty where it does."""
    linked: Linked | None = None
    session: MarketClock | None = None
    halted: bool | None = None
    """Whether the venue has halted the instrument; None where the broker doesn't tell."""
    average_volume: Decimal | None = None
    """Average of the last twenty days' volumes; zero where the broker has none, None where it didn't answer."""
    to_account: Decimal | None = None
    """What one unit of the instrument's currency is in the account's, at the side of the rate at which it is more."""
    to_account_least: Decimal | None = None
    """The same at the other side; None where there is but one."""
    elsewhere: tuple[Exposure, ...] | None = None
    """The account's other symbols."""
    day_start: Decimal | None = None
    """Equity with which the day (UTC) began, or from which the operator let it be counted anew."""
    high_water: Decimal | None = None
    """Highest equity so far, or since the operator let it be counted anew."""
    activity: Activity | None = None
    resting: tuple[Order, ...] = ()
    """Orders of the connection that may fill, without this one and its group."""
    open_orders: int | None = None
    """Orders of the connection that work or wait, the rest of this one's group included."""
    open_of_symbol: int | None = None
    latches: tuple[Latch, ...] = ()
    """What holds this connection or this client until the operator releases it."""
    kept: Decimal | None = None
    """Money that must be kept for a sale of options, beyond what is kept already; None where a call would be sold that
    nothing covers, and where nobody knows what is held."""
    uncovers: tuple[str, ...] | None = None
    """Sold calls which a sale would leave naked; None where nobody knows what is held or what covers them, and for a buy."""
    brought: Decimal = ZERO
    """What of ``position`` is not held yet: the entry of the judged exit still has to bring it, below zero for a sale."""
    borrow: Borrow | None = None
    """What can be borrowed for a short sale; None where nobody says."""
    broker_warning: str | None = None
    """What the broker's own preview warns of; empty where of nothing."""
    meanings: Meanings = Meanings()
    """What the names in lists of symbols stand for."""
    by_operator: bool = False
    """Whether the operator asks himself: what holds clients back doesn't hold him from closing."""

    def touch(self, side: Side) -> Decimal | None:
        """Return the price at which that side trades now, or None."""
        return None if self.quote is None else self.quote.touch(side)

    def left(self, order: OrderRequest) -> Decimal:
        """Return the quantity that is still to fill."""
        return order.quantity - self.filled

    def closes_by_hand(self, order: OrderRequest) -> bool:
        """Whether the operator himself asks, and no part of it can open or grow a position."""
        return self.by_operator and self.opening(order) == ZERO

    def uncovers_sold(self) -> bool:
        """Whether it sells a bought option from under sold ones, so that more has to be kept for these."""
        return not self.lowers and self.kept is not None and self.kept > ZERO

    def adds_risk(self, order: OrderRequest) -> bool:
        """Whether any part of it may open or grow a position, or leaves sold options with less to cover them."""
        return self.opening(order) > ZERO or self.uncovers_sold()

    def escapes_limits(self, order: OrderRequest) -> bool:
        """Whether limits of size, exposure and loss leave it alone: it adds no risk, or the operator closes by hand."""
        return self.closes_by_hand(order) or not self.adds_risk(order)

    def opening(self, order: OrderRequest) -> Decimal:
        """Return the part of what is left that could open or grow a position, whatever else fills.

        Where nobody knows what is held, all of it opens. A change that only lowers risk opens nothing.
        """
        if self.lowers:
            return ZERO
        covered = ZERO
        if self.held:
            if order.side is Side.BUY:
                covered = max(ZERO, -self.position - self.committed_buy)
            else:
                covered = max(ZERO, self.position - self.committed_sell)
        return max(ZERO, self.left(order) - covered)
