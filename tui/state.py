"""Everything that the screen remembers between two keys; what it draws is a function of this and the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from cockpit.model.events import CallFinished, Notice
from cockpit.model.identity import GrantId
from cockpit.model.latches import Latch
from cockpit.model.orders import Order, OrderId, OrderState
from cockpit.model.trading import Mode, TradingState
from cockpit.operator.act import Command
from cockpit.operator.view import ClientView, HeldPosition, OrderTicket, PendingClient, PendingOrder, Snapshot
from tui.asking import Entry, Message, Question
from tui.calls import CallHistory
from tui.client_form import ClientForm
from tui.order_rows import OrderRows
from tui.policy import Policy
from tui.records import Record
from tui.scope_form import ScopeForm
from tui.stable_rows import StableRows
from tui.waiting import WaitingRows


class Place(StrEnum):
    """What fills the screen between the status and the keys."""

    MAIN = "main"
    ORDER = "order"
    CLIENT = "client"
    CLIENTS = "clients"
    ORDERS = "orders"
    HOLDINGS = "positions"
    LIMITS = "limits"
    NOTICES = "notices"
    RESULT = "result"
    RECORDS = "records"
    RECORD = "record"
    CONNECTIONS = "connections"
    SESSIONS = "sessions"
    SCOPES = "scopes"
    HELP = "help"


class Pane(StrEnum):
    """Which half of the main place the movement keys act on."""

    QUEUE = "queue"
    STREAM = "stream"


Target = PendingClient | PendingOrder | Order | ClientView | ClientForm | Latch | HeldPosition
"""What a key acts on."""


def named(target: Target | None) -> str:
    """Return the key of what keys act on: of a request or an order its id."""
    match target:
        case PendingClient():
            return target.request_id
        case ClientForm():
            return target.ticket.request.request_id
        case PendingOrder():
            return target.order.order_id
        case Order():
            return target.order_id
        case ClientView():
            return target.grant_id
        case Latch():
            return target.latch_id
        case HeldPosition():
            return f"{target.connection} {target.position.symbol}"
    return ""


def waiting_order(target: Target | None) -> Order | None:
    """Return the order that keys act on and that waits for the operator, on its row or on its ticket."""
    order = target.order if isinstance(target, PendingOrder) else target
    return order if isinstance(order, Order) and order.waits else None


def _latch_key(latch: Latch) -> str:
    return latch.latch_id


def _record_key(record: Record) -> str:
    return str(record.number)


def _client_key(view: ClientView) -> GrantId:
    return view.grant_id


def grouped(clients: Sequence[ClientView]) -> list[ClientView]:
    """Put authorities of one name under each other, where the first of them stands."""
    first = {view.client: place for place, view in reversed([*enumerate(clients)])}
    return sorted(clients, key=lambda view: first[view.client])


@dataclass(slots=True)
class ScreenState:
    """The screen's memory. It holds snapshots and ids, never anything that it may change."""

    snapshot: Snapshot
    calls: CallHistory
    waiting: WaitingRows = field(default_factory=WaitingRows)
    clients: StableRows[ClientView] = field(default_factory=lambda: StableRows(_client_key))
    orders: OrderRows = field(default_factory=OrderRows)
    latches: StableRows[Latch] = field(default_factory=lambda: StableRows(_latch_key))
    positions: StableRows[HeldPosition] = field(default_factory=lambda: StableRows(named))
    records: StableRows[Record] = field(default_factory=lambda: StableRows(_record_key))
    """What the last search of the audit found, the newest first."""
    records_wanted: str = ""
    records_complaint: str = ""
    record: Record | None = None
    """The record that is shown in full."""
    call: CallFinished | None = None
    """The call whose record is wanted."""
    record_complaint: str = ""
    place: Place = Place.MAIN
    back: Place = Place.MAIN
    """Where escape leads from a ticket."""
    pane: Pane = Pane.QUEUE
    order_id: OrderId | None = None
    """The order whose ticket is wanted."""
    ticket: OrderTicket | None = None
    ticket_complaint: str = ""
    code_sought: str = ""
    """The code that is being looked up; emptied when the operator turns away meanwhile."""
    close_sought: Command | None = None
    """The close whose position is being looked at; emptied when the operator turns away meanwhile."""
    form: ClientForm | None = None
    scopes: ScopeForm | None = None
    """The change of a client's scopes that is being chosen."""
    question: Question | None = None
    entry: Entry | None = None
    message: Message | None = None
    """The answer to the operator's last key."""
    notice: Message | None = None
    """What the host said last; shown where there is no answer."""
    kills: int = 0
    """How often the operator has killed from here: what was sent before asks for nothing after it."""
    policy: Policy | None = None
    """The limits and rules in force, as they were asked for last."""
    result: tuple[str, ...] = ()
    """What a command answered in more than a line: its words as a title, then rows of text."""
    block: str = ""
    """The part of that page which is meant to be pasted elsewhere."""
    offset: int = 0
    """First row of a text that is longer than its place."""
    read_only: bool = False
    """Whether this screen only looks: nothing that changes anything is offered or sent."""
    attached: bool = False
    """Whether the cockpit is another process, which goes on when this screen is left."""
    themes: tuple[str, ...] = ()
    """Names of the themes that may be chosen, ours first."""
    slowed_to: int = 0
    """How often the stream is drawn a second while that is less than wanted; 0 at full pace."""
    notices_read_at: datetime | None = None
    """When the newest notice that the operator has had before him was published."""

    @property
    def stopped(self) -> bool:
        """Whether the switch stands anywhere but free."""
        return self.snapshot.switch.state is not TradingState.RUNNING

    def turn_away(self) -> None:
        """Let go of what is being looked up: its answer would open something that isn't wanted any more."""
        self.code_sought, self.close_sought = "", None

    @property
    def target(self) -> Target | None:
        """Return what a key acts on here."""
        match self.place:
            case Place.MAIN:
                return self.waiting.chosen if self.pane is Pane.QUEUE else None
            case Place.ORDER:
                return self.shown_order
            case Place.CLIENT:
                return self.form
            case Place.CLIENTS:
                return self.clients.chosen
            case Place.SCOPES if self.scopes is not None:
                return self.scopes.view
            case Place.ORDERS:
                return self.orders.chosen
            case Place.LIMITS:
                return self.latches.chosen
            case Place.HOLDINGS:
                return self.positions.chosen
        return None

    @property
    def shown_order(self) -> Order | None:
        """Return the order whose ticket is open, exactly as the ticket shows it."""
        return self.ticket.order if self.ticket is not None and self.ticket.order.order_id == self.order_id else None

    @property
    def unread(self) -> tuple[Notice, ...]:
        """Return the bad notices that the operator has not looked at yet."""
        since = self.notices_read_at
        return tuple(one for one in self.snapshot.notices if one.bad and (since is None or one.at > since))

    def have_read_notices(self) -> None:
        """Note that the operator has the notices before him."""
        if self.snapshot.notices:
            self.notices_read_at = self.snapshot.notices[-1].at

    @property
    def is_away(self) -> bool:
        """Whether the operator counts as away and anything hangs on that: rules that approve, or a halt."""
        presence = self.snapshot.presence
        return presence is not None and presence.matters and not presence.present

    @property
    def unknown_orders(self) -> int:
        """Return how many orders nobody can say the fate of."""
        return sum(order.state is OrderState.UNKNOWN for order in self.snapshot.orders)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the symbols of what is held and ordered, in alphabetical order."""
        seen = self.snapshot
        held = {one.position.symbol for one in seen.positions}
        return tuple(sorted(held | {order.request.symbol for order in seen.orders}))

    def order(self, order_id: OrderId) -> Order | None:
        """Return an order as it is now, if it is among those that are shown."""
        return next((order for order in self.snapshot.orders if order.order_id == order_id), None)

    def legs_of(self, order_id: OrderId) -> tuple[Order, ...]:
        """Return everything that is decided on together with an order; nothing where it stands alone."""
        if (pending := self.pending_order(order_id)) is not None:
            return pending.legs
        ticket = self.ticket
        return ticket.legs if ticket is not None and ticket.order.order_id == order_id else ()

    def alike(self, view: ClientView) -> tuple[ClientView, ...]:
        """Return every authority of a client's name, itself among them: hosted clients come anew at each connect."""
        return tuple(one for one in self.snapshot.clients if one.client == view.client)

    def pending_order(self, order_id: str) -> PendingOrder | None:
        """Return what waits under that id now."""
        return next((item for item in self.snapshot.pending_orders if item.order.order_id == order_id), None)

    def is_live(self, connection: str) -> bool:
        """Whether orders of that connection move real money; an unknown connection counts as real."""
        modes = [seen.mode for seen in self.snapshot.connections if seen.name == connection]
        return not modes or Mode.LIVE in modes

    def take(self, snapshot: Snapshot) -> frozenset[str]:
        """Take a new snapshot into every list and return the keys of what newly waits."""
        self.snapshot = snapshot
        self.clients.take(grouped(snapshot.clients))
        self.orders.take((*snapshot.orders, *snapshot.others))
        self.latches.take(snapshot.latches)
        self.positions.take(snapshot.positions)
        self._age_ticket()
        return self.waiting.arrive(snapshot)

    def _age_ticket(self) -> None:
        """Show at once that an order no longer waits. One that waits with other terms is looked at anew instead."""
        ticket = self.ticket
        newer = None if ticket is None else self.order(ticket.order.order_id)
        if ticket is None or newer is None or newer.version <= ticket.order.version or newer.waits:
            return
        legs = tuple(self.order(leg.order_id) or leg for leg in ticket.legs)
        self.ticket = replace(ticket, order=newer, legs=legs)
