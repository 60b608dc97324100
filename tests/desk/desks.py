"""A desk over a real store and the real paper broker, with a clock that stands still until told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from cockpit.brokers.base import Broker
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.desk.arming import Arming
from cockpit.desk.automatic import Automatic
from cockpit.desk.book import Book
from cockpit.desk.budgets import Budgets
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.decisions import Decisions
from cockpit.desk.gate import Admitted, Gate
from cockpit.desk.idempotency import Keys
from cockpit.desk.observer import Observer
from cockpit.desk.orders import OrderDesk
from cockpit.desk.oversight import Oversight
from cockpit.desk.presence import Presence
from cockpit.desk.restarting import mark_waiting
from cockpit.desk.rulebook import Rulebook
from cockpit.desk.sending import Sender
from cockpit.desk.shadow import OrderGrants, Shadows
from cockpit.desk.switch import Switch
from cockpit.desk.undisturbed import Undisturbed
from cockpit.model.events import Event
from cockpit.model.identity import Caller, ClientName, Grant, GrantId, Scope, Via
from cockpit.model.orders import Order, OrderRequest, OrderType, Side, TimeInForce
from cockpit.model.text import Safe
from cockpit.model.trading import TradingState
from cockpit.settings.model import ApprovalSettings, BudgetSettings, ConnectionSettings
from cockpit.settings.policy import ClientPolicySettings
from cockpit.store.database import Store

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class HandClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = NOON
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def pass_time(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.seconds += seconds


class GrantBook:
    """Authorities as the desk sees them; a test takes them away."""

    def __init__(self) -> None:
        self.grants: dict[GrantId, Grant] = {}

    def live(self, grant_id: GrantId) -> Grant | None:
        return self.grants.get(grant_id)

    def give(self, client: str, scopes: frozenset[Scope] = frozenset(Scope), connection: str = "paper") -> Caller:
        grant = Grant(
            GrantId(f"g-{client}-{len(self.grants)}"),
            ClientName(client),
            f"c-{client}",
            scopes,
            connection,
            Via.OAUTH,
            NOON,
            None,
            Safe("127.0.0.1"),
        )
        self.grants[grant.grant_id] = grant
        return Caller(grant, None, "127.0.0.1")


@dataclass
class Desk:
    store: Store
    clock: HandClock
    grants: GrantBook
    connections: Connections
    switch: Switch
    book: Book
    sender: Sender
    orders: OrderDesk
    decisions: Decisions
    gate: Gate
    budgets: Budgets
    observer: Observer
    rulebook: Rulebook
    presence: Presence
    shadows: Shadows
    oversight: Oversight
    arming: Arming
    events: list[Event] = field(default_factory=list)

    def admitted(self, caller: Caller) -> Admitted:
        grant = self.grants.grants[caller.grant.grant_id]
        shadow = self.shadows.of(grant.client)
        connection = self.connections.need(shadow or grant.connection)
        return Admitted(caller, grant, grant.scopes, connection, grant.connection if shadow else "")

    async def touch(self, symbol: str, side: Side) -> Decimal:
        connection = self.connections.need("paper")
        (instrument,) = await connection.broker.find(symbol)
        quote = await connection.broker.quote(instrument)
        assert quote is not None
        price = quote.touch(side)
        assert price is not None
        return price


def market(symbol: str = "ALFA", quantity: str = "1", side: Side = Side.BUY) -> OrderRequest:
    return OrderRequest(symbol, side, Decimal(quantity), OrderType.MARKET, None, TimeInForce.DAY)


def limit(price: Decimal, symbol: str = "ALFA", quantity: str = "1", side: Side = Side.BUY) -> OrderRequest:
    return OrderRequest(symbol, side, Decimal(quantity), OrderType.LIMIT, price, TimeInForce.GTC)


async def place(desk: Desk, caller: Caller, request: OrderRequest, key: str = "key-00000001") -> Order:
    return await desk.orders.place(desk.admitted(caller), request, key)


@asynccontextmanager
async def open_desk(
    folder: Path,
    *,
    clock: HandClock | None = None,
    grants: GrantBook | None = None,
    settings: ConnectionSettings | None = None,
    approval: ApprovalSettings | None = None,
    budget: BudgetSettings | None = None,
    broker: Broker | None = None,
    make: Callable[..., Broker] = PaperBroker,
    more: Mapping[str, ConnectionSettings] | None = None,
    shadow: Mapping[str, str] | None = None,
    clients: Mapping[str, ClientPolicySettings] | None = None,
) -> AsyncIterator[Desk]:
    """Start everything up to the gate; a second call on the same folder is a restart. ``make`` builds the brokers."""
    clock, grants, settings = clock or HandClock(), grants or GrantBook(), settings or ConnectionSettings()
    events: list[Event] = []
    overseen: list[Oversight] = []

    def publish(event: Event) -> None:
        events.append(event)
        for one in overseen:
            one.happened(event)

    async with Store(folder, clock, probe_seconds=0.01) as store:
        switch = Switch(store, folder, clock, events.append)
        await switch.load()
        book = Book(store, publish)
        await book.load()
        async with AsyncExitStack() as stack:
            brokers: dict[str, Broker] = {}
            for name, section in {"paper": settings, **(more or {})}.items():
                made = make(name, section, store, clock, tick_seconds=3600)
                brokers[name] = await stack.enter_async_context(broker if broker and name == "paper" else made)
            connections = Connections(
                {
                    name: Connection(name, section, brokers[name])
                    for name, section in {"paper": settings, **(more or {})}.items()
                }
            )
            shadows = Shadows(shadow or {}, store, clock)
            await shadows.load()
            sender = Sender(OrderGrants(grants, shadows), connections, switch, book, clock, events.append)
            facts = asyncio.create_task(sender.facts.run())
            for name, opened in brokers.items():
                opened.listen(sender.facts.sink(name))
            oversight = Oversight(store, clock, events.append, clients)
            await oversight.load(connections)
            overseen.append(oversight)
            sender.last_look.latched = oversight.latches.holding
            observer, undisturbed = Observer(book, switch, clock, oversight), Undisturbed()
            arming = Arming(book, connections, switch, store, clock, publish)
            sender.last_look.unarmed, observer.armed = arming.refusal, lambda name: arming.armed(name) is not None
            arming.enrolled = lambda: True
            approval = approval or ApprovalSettings()
            rulebook = Rulebook(approval.rules, store, clock)
            await rulebook.load()
            oversight.in_rules = rulebook.symbols
            presence = Presence(approval, clock, switch.halt, events.append)
            budgets = Budgets(budget or BudgetSettings(order_burst=1000), clock)
            orders = OrderDesk(
                book, observer, sender, Keys(store), undisturbed, approval, clock, rulebook=rulebook, budgets=budgets
            )
            decisions = Decisions(book, observer, sender, orders, connections, undisturbed, clock, events.append)
            orders.release = Automatic(book, decisions, rulebook, presence, connections, clock).release
            await mark_waiting(book, clock)
            if switch.state is TradingState.KILLED:
                await decisions.void_waiting("KILL_SWITCH", "start")
            await decisions.reconcile()
            gate = Gate(grants, connections, switch, budgets, store, clock, events.append, shadows.of)
            yield Desk(
                store, clock, grants, connections, switch, book, sender, orders, decisions, gate, budgets, observer,
                rulebook, presence, shadows, oversight, arming, events,
            )  # fmt: skip
            await undisturbed.drain()
            facts.cancel()
