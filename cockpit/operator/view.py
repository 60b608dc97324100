"""What the operator sees: one frozen snapshot of everything, and tickets for the two things to decide on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.model.accounts import Balances, Position
from cockpit.model.checks import CheckResult
from cockpit.model.events import CallFinished, Notice
from cockpit.model.identity import ClientName, GrantId, Scope, Via
from cockpit.model.latches import Latch
from cockpit.model.orders import Order
from cockpit.model.quotes import DataType, Quote
from cockpit.model.text import Safe
from cockpit.model.trading import Link, Mode, TradingSwitch

NOT_FROM_HERE: Final = ClientName("not from here")
"""Stands where a client's name would, of an order that no client of this cockpit sent."""


def is_from_here(order: Order) -> bool:
    """Whether an order was sent, or is to be sent, by this cockpit: only then anything here acts on it."""
    return bool(order.grant_id)


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """One broker account: who, how it is, and whether its money is real."""

    name: str
    broker: str
    mode: Mode
    account: str
    link: Link
    latency_ms: float | None
    trade: bool
    note: Safe
    reconciled_at: datetime | None = None
    """When our orders were last brought to what the broker's books say; None since the start."""
    data_type: DataType | None = None
    """Of the newest price that anybody asked for; None where nobody did."""
    data_source: str = ""
    data_at: datetime | None = None
    armed_until: datetime | None = None
    """Until when orders may open positions with real money; None where they may not, and where no money is real."""
    unready: Safe = Safe("")
    """Why no order leaves there now, as its line and its account are; empty where one may."""

    @property
    def opens(self) -> bool:
        """Whether orders may open positions there, as far as its line, its account, its settings and its arming go."""
        return self.trade and not self.unready and (self.mode is Mode.PAPER or self.armed_until is not None)


@dataclass(frozen=True, slots=True)
class PendingClient:
    """A browser that shows a code. The code is not here: it is only in that browser."""

    request_id: str
    claimed_name: Safe
    """What the client calls itself: never proof of anything."""
    host: Safe
    """Host that gets the authorization code: the identity that counts."""
    address: Safe
    asked: tuple[Scope, ...]
    asked_at: datetime
    decide_by: datetime
    unfetched: bool = False
    """Its client_id is the address of its description, which nobody has fetched: it has not said its name yet."""
    flagged: bool = False
    """Its name claims a product that has other hosts."""


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """An order, or a change of one, that waits for the operator."""

    order: Order
    why: Safe
    """Why it needs a human."""
    notional: Decimal | None
    decide_by: datetime
    legs: tuple[Order, ...] = ()
    """All orders of its group in their order, this one first; empty for an order alone."""


@dataclass(frozen=True, slots=True)
class ClientView:
    """A client that was let in, with one of its authorities."""

    client: ClientName
    client_id: str
    grant_id: GrantId
    via: Via
    host: Safe
    scopes: tuple[Scope, ...]
    connection: str
    made_at: datetime
    expires_at: datetime | None
    last_used: datetime | None
    calls: int
    denied: int
    suspended: bool
    shadow: str = ""
    """The paper connection that gets its orders, where it isn't its own."""
    made_by: str = ""
    """Through which of the operator's doors it was made: ``screen`` or ``socket``."""
    last_address: str = ""
    """From where it was used last."""
    timed: tuple[tuple[Scope, datetime], ...] = ()
    """Those of its scopes that fall away by themselves, each with when."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The day in numbers, since the process started or midnight UTC, whichever is later."""

    calls: int
    denied: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    turned_away: int = 0
    """Requests without authority that came too fast."""


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """A position and the connection that holds it."""

    connection: str
    position: Position
    last_said: datetime | None = None
    """When its broker said so last, where it doesn't answer now."""


@dataclass(frozen=True, slots=True)
class HeldBalances:
    """Balances and their connection."""

    connection: str
    balances: Balances
    last_said: datetime | None = None
    """When its broker said so last, where it doesn't answer now."""


@dataclass(frozen=True, slots=True)
class PresenceView:
    """Whether the operator counts as present, and what follows from it."""

    present: bool
    screens: int
    """Screens that are attached."""
    on_lost: str
    """What happens once he isn't present: ``queue``, ``halt`` or ``keep``."""
    rules_approve: bool
    """Whether rules may approve by themselves now."""
    matters: bool = True
    """Whether anything hangs on it: a rule that approves, or a halt once he is lost."""


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How far one limit is used up now."""

    connection: str
    client: ClientName
    """Empty for a limit that all clients of the connection share."""
    name: str
    """As in the settings: ``max_daily_orders``."""
    limit: Decimal
    used: Decimal
    symbol: str = ""
    """For a limit of each symbol, the one that comes closest to it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that the main screen shows, at one instant."""

    version: int
    """Grows with every change; equal versions mean equal snapshots, apart from ``at``."""
    at: datetime
    url: str
    switch: TradingSwitch
    connections: tuple[ConnectionView, ...]
    pending_clients: tuple[PendingClient, ...]
    """In order of arrival."""
    pending_orders: tuple[PendingOrder, ...]
    """In order of arrival."""
    clients: tuple[ClientView, ...]
    orders: tuple[Order, ...]
    """Open orders, then those that ended today; newest first, at most 200."""
    positions: tuple[HeldPosition, ...]
    balances: tuple[HeldBalances, ...]
    counters: Counters
    recent: tuple[CallFinished, ...] = ()
    """The newest calls, oldest first, at most 200: what a screen that opens late begins with."""
    hint: Safe | None = None
    """A line for the operator; the demo shows the code that its client's page shows."""
    notices: tuple[Notice, ...] = ()
    """The newest notices, oldest first, at most 100."""
    presence: PresenceView | None = None
    limits: tuple[LimitUse, ...] = ()
    """How far limits are used up, of each connection and each of its clients; at most a second old."""
    latches: tuple[Latch, ...] = ()
    """What limits have latched by themselves and only the operator releases, oldest first."""
    unheard: tuple[str, ...] = ()
    """Connections of which no broker has said yet what they hold: nobody knows."""
    others: tuple[Order, ...] = ()
    """Open orders in the accounts that nobody sent from here, as the brokers' books showed them last, at most 200.

    Their client is NOT_FROM_HERE, their id the broker's reference, and no act is for them.
    """
    silent_seconds: int | None = None
    """How long the cockpit has not answered the screen that shows this over its socket; None where it answers."""


@dataclass(frozen=True, slots=True)
class OrderTicket:
    """What the operator decides on, with prices and checks made for this look."""

    order: Order
    quote: Quote | None
    notional: Decimal | None
    """Worst-case value in the account's currency."""
    position_before: Decimal
    position_after: Decimal
    drift: Decimal | None
    """Move of the touch since it was asked, as a share; positive is worse for the order."""
    checks: tuple[CheckResult, ...]
    executions: tuple[tuple[datetime, Decimal, Decimal], ...] = ()
    """Fills: when, quantity, price."""
    legs: tuple[Order, ...] = ()
    """All orders that this decision is about, in their order; empty for an order alone."""
    gross_before: Decimal | None = None
    """Value of all positions without sign, in the account's currency; None where a price isn't known."""
    gross_after: Decimal | None = None
    """The same once this order, or the entry of its group, has filled."""
    bare: bool = False
    """Whether it waits, opens or grows a position, and no stop of its group bounds that."""
    to_come: Decimal = Decimal(0)
    """What the entry of this exit still has to bring, below zero for a sale; it is in ``position_after`` alone."""
    adds_risk: bool = True
    """Whether any part of it may open or grow a position, or uncovers a sold option; so too where nobody says."""
    at_stop: Decimal | None = None
    """Profit once everything is filled and the stop is hit, in the account's currency; None where there is none."""


@dataclass(frozen=True, slots=True)
class ClientTicket:
    """The one request whose code was typed, with what may be chosen for it."""

    request: PendingClient
    redirect_uri: Safe
    suggested_name: str
    """A free name, or the known name whose host and claimed name fit."""
    known: bool
    """Whether the suggested name is an existing client's."""
    scopes_by_connection: tuple[tuple[str, tuple[Scope, ...]], ...]
    """For each connection, the scopes that settings allow."""
    preselected: tuple[Scope, ...]
    """The asked scopes that only read; writes are never among them."""
    warnings: tuple[Safe, ...]
    alike: int = 0
    """How many other registrations claim its name for the same hosts: hosted clients register anew at every connect."""
