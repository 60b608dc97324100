"""Everything that the screen remembers between two keys; what it draws is a function of this and the time."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from cockpit.model.identity import GrantId
from cockpit.model.orders import Order, OrderId
from cockpit.model.trading import Mode, TradingState
from cockpit.operator.view import ClientView, OrderTicket, PendingClient, PendingOrder, Snapshot
from tui.asking import Entry, Message, Question
from tui.calls import CallHistory
from tui.client_form import ClientForm
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
    RESULT = "result"
    HELP = "help"


class Pane(StrEnum):
    """Which half of the main place the movement keys act on."""

    QUEUE = "queue"
    STREAM = "stream"


Target = PendingClient | PendingOrder | Order | ClientView | ClientForm
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
    return ""


def _client_key(view: ClientView) -> GrantId:
    return view.grant_id


def _order_key(order: Order) -> OrderId:
    return order.order_id


@dataclass(slots=True)
class ScreenState:
    """The screen's memory. It holds snapshots and ids, never anything that it may change."""

    snapshot: Snapshot
    calls: CallHistory
    waiting: WaitingRows = field(default_factory=WaitingRows)
    clients: StableRows[ClientView] = field(default_factory=lambda: StableRows(_client_key))
    orders: StableRows[Order] = field(default_factory=lambda: StableRows(_order_key))
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
    form: ClientForm | None = None
    question: Question | None = None
    entry: Entry | None = None
    message: Message | None = None
    result: tuple[str, ...] = ()
    """What a command answered in more than a line: its words as a title, then rows of text."""
    offset: int = 0
    """First row of a text that is longer than its place."""
    typed: list[str] = field(default_factory=list)
    """Lines that were run from the prompt, oldest first."""

    @property
    def stopped(self) -> bool:
        """Whether the switch stands anywhere but free."""
        return self.snapshot.switch.state is not TradingState.RUNNING

    @property
    def target(self) -> Target | None:
        """Return what a key acts on here."""
        match self.place:
            case Place.MAIN:
                return self.waiting.chosen
            case Place.ORDER:
                return self.shown_order
            case Place.CLIENT:
                return self.form
            case Place.CLIENTS:
                return self.clients.chosen
            case Place.ORDERS:
                return self.orders.chosen
        return None

    @property
    def shown_order(self) -> Order | None:
        """Return the order whose ticket is open, exactly as the ticket shows it."""
        return self.ticket.order if self.ticket is not None and self.ticket.order.order_id == self.order_id else None

    def pending_order(self, order_id: str) -> PendingOrder | None:
        """Return what waits under that id now."""
        return next((item for item in self.snapshot.pending_orders if item.order.order_id == order_id), None)

    def is_live(self, connection: str) -> bool:
        """Whether orders of that connection move real money; an unknown connection counts as real."""
        modes = [seen.mode for seen in self.snapshot.connections if seen.name == connection]
        return not modes or Mode.LIVE in modes

    def take(self, snapshot: Snapshot, monotonic: float) -> frozenset[str]:
        """Take a new snapshot into every list and return the keys of what newly waits."""
        self.snapshot = snapshot
        self.clients.take(snapshot.clients)
        self.orders.take(snapshot.orders)
        return self.waiting.arrive(snapshot, monotonic)
