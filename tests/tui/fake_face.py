"""A face whose snapshot a test sets, and which remembers every command that it was given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cockpit.model.accounts import Balances, Position
from cockpit.model.checks import Applies, CheckResult
from cockpit.model.events import CallFinished, ClientAsked, Event, Notice, OrderChanged, Outcome
from cockpit.model.identity import READ_SCOPES, ClientName, GrantId, Scope, Via
from cockpit.model.latches import Latch, LatchKind
from cockpit.model.orders import (
    GroupId,
    Linkage,
    Order,
    OrderId,
    OrderRef,
    OrderRequest,
    OrderState,
    OrderType,
    Role,
    Side,
    TimeInForce,
)
from cockpit.model.quotes import DataType, Quote
from cockpit.model.refusals import Mender, Refusal, refuse
from cockpit.model.text import safe
from cockpit.model.trading import Link, Mode, TradingState, TradingSwitch
from cockpit.operator.act import Answer, Command, Done
from cockpit.operator.view import (
    ClientTicket,
    ClientView,
    ConnectionView,
    Counters,
    HeldBalances,
    HeldPosition,
    LimitUse,
    OrderTicket,
    PendingClient,
    PendingOrder,
    PresenceView,
    Snapshot,
)

NOW = datetime(2026, 3, 2, 14, 2, 31, tzinfo=UTC)


@dataclass
class FakeClock:
    """A clock that stands still until told."""

    at: datetime = NOW
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass
class FakeSubscription:
    events: deque[Event]
    wake: Callable[[Event], None] | None
    missed: int = 0
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeFace:
    seen: Snapshot
    commands: list[Command] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    client_tickets: dict[str, ClientTicket] = field(default_factory=dict)
    order_tickets: dict[str, OrderTicket] = field(default_factory=dict)
    subscriptions: list[FakeSubscription] = field(default_factory=list)
    screens: int = 0
    touches: int = 0

    def snapshot(self) -> Snapshot:
        return self.seen

    def subscribe(self, size: int = 50_000, wake: Callable[[Event], None] | None = None) -> FakeSubscription:
        self.subscriptions.append(FakeSubscription(deque(maxlen=size), wake))
        return self.subscriptions[-1]

    def attached(self) -> None:
        self.screens += 1

    def detached(self) -> None:
        self.screens -= 1

    def touched(self) -> None:
        self.touches += 1

    async def run(self, command: Command) -> Answer:
        self.commands.append(command)
        return self.answers.get(command.act, Done(f"done: {command.act}"))

    async def order_ticket(self, order_id: OrderId) -> OrderTicket | Refusal:
        return self.order_tickets.get(order_id) or refuse("ORDER_UNKNOWN")

    async def client_ticket(self, code: str) -> ClientTicket | Refusal:
        return self.client_tickets.get(code.upper()) or refuse("CODE_UNKNOWN")

    def publish(self, event: Event) -> None:
        for subscription in self.subscriptions:
            if not subscription.closed:
                subscription.events.append(event)
                if subscription.wake is not None:
                    subscription.wake(event)

    def show(self, **changes: object) -> None:
        """Change the snapshot as an event would: the screen is told."""
        self.seen = replace(self.seen, version=self.seen.version + 1, **changes)
        self.publish(ClientAsked(self.seen.at, "something"))


def request(words: str = "buy 100 ALFA 412.30", *, life: TimeInForce = TimeInForce.DAY) -> OrderRequest:
    """Make an order from ``side quantity symbol [limit]``."""
    side, quantity, symbol, *limit = words.split()
    price = Decimal(limit[0]) if limit else None
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    return OrderRequest(symbol, Side(side), Decimal(quantity), kind, price, life)


def order(number: int, client: str, words: str, **changes: object) -> Order:
    made = Order(
        OrderId(f"o-01JQ0000000000000000000{number:03}"),
        OrderRef(f"ck:{number}"),
        2,
        ClientName(client),
        GrantId(f"g-{client}"),
        "paper",
        request(words),
        OrderState.PENDING,
        Decimal(0),
        None,
        Decimal(0),
        safe(""),
        (),
        NOW - timedelta(seconds=26),
        NOW - timedelta(seconds=26),
        decide_by=NOW + timedelta(seconds=94),
        asked_at_price=Decimal("412.22"),
    )
    return replace(made, **changes)  # pyright: ignore[reportArgumentType]


def pending_order(
    number: int, client: str, words: str, notional: str | None, left: float, why: str, waited: float = 26
) -> PendingOrder:
    by = NOW + timedelta(seconds=left)
    since = NOW - timedelta(seconds=waited)
    made = order(number, client, words, decide_by=by, made_at=since, changed_at=since)
    return PendingOrder(made, safe(why), None if notional is None else Decimal(notional), by)


def pending_client(
    request_id: str = "r-1", name: str = "Cursor", host: str = "cursor.com", left: float = 261, waited: float = 39
) -> PendingClient:
    asked = (Scope.READ_MARKET, Scope.READ_ACCOUNT, Scope.READ_ORDERS, Scope.WRITE_ORDERS)
    return PendingClient(
        request_id,
        safe(name),
        safe(host),
        safe("203.0.113.7"),
        asked,
        NOW - timedelta(seconds=waited),
        NOW + timedelta(seconds=left),
    )


def client_ticket(pending: PendingClient, connections: tuple[str, ...] = ("paper",)) -> ClientTicket:
    allowed = tuple(Scope)
    return ClientTicket(
        pending,
        safe(f"https://{pending.host}/api/mcp/auth_callback"),
        str(pending.claimed_name).lower(),
        False,
        tuple((name, allowed) for name in connections),
        tuple(scope for scope in pending.asked if scope in READ_SCOPES),
        (),
    )


def client(
    name: str, host: str, scopes: tuple[Scope, ...], calls: int, used: float, via: Via = Via.OAUTH
) -> ClientView:
    return ClientView(
        ClientName(name),
        f"c-{name}",
        GrantId(f"g-{name}"),
        via,
        safe(host),
        scopes,
        "paper",
        NOW - timedelta(days=3),
        None,
        NOW - timedelta(seconds=used),
        calls,
        0,
        False,
    )


def connection(name: str = "paper", mode: Mode = Mode.PAPER, **changes: object) -> ConnectionView:
    seen = ConnectionView(name, "paper", mode, "SIM000821", Link.READY, 12.0, True, safe(""))
    return replace(seen, **changes)  # pyright: ignore[reportArgumentType]


def checks() -> tuple[CheckResult, ...]:
    def check(
        code: str, ok: bool, limit: str, value: str, message: str = "", applies: Applies = Applies.YES
    ) -> CheckResult:
        return CheckResult(code, ok, limit, value, message, False, Mender.OPERATOR, applies)

    return (
        check("BAD_QUANTITY", True, "lots of 1", "100"),
        check("BAD_TICK", True, "ticks of 0.01", "412.30"),
        check("MAX_QUANTITY", True, "1,000", "100"),
        check("MAX_NOTIONAL", False, "10,000", "41,230", "The order's worst-case value is above the limit."),
        check("PRICE_COLLAR", True, "3 % of the touch", "0.02 %"),
        check("BUYING_POWER", True, "94,210", "41,230"),
        check("MARKET_DATA_STALE", True, "5 s", "0.4 s"),
        check("REDUCE_ONLY", True, "", "", applies=Applies.NOT_APPLICABLE),
    )


def order_ticket(waiting: PendingOrder) -> OrderTicket:
    quote = Quote(
        waiting.order.request.symbol,
        Decimal("412.28"),
        Decimal("412.31"),
        Decimal(300),
        Decimal(200),
        Decimal("412.30"),
        NOW - timedelta(milliseconds=400),
        "paper",
        DataType.SIMULATED,
    )
    ticket = OrderTicket(waiting.order, quote, waiting.notional, Decimal(60), Decimal(160), Decimal("0.0002"), checks())
    return replace(ticket, gross_before=Decimal("24736.80"), gross_after=Decimal("65968.80"), bare=True)


CALLS = (
    ("claude", "get_quote", Outcome.OK, "", 12, "ALFA"),
    ("codex-cli", "list_positions", Outcome.OK, "", 31, "4 rows"),
    ("codex-cli", "place_order", Outcome.WAIT, "", 48, "SELL 20 NOVA MKT DAY"),
    ("cursor", "place_order", Outcome.DENIED, "SCOPE_MISSING", 0.4, "write:orders"),
    ("claude", "get_bars", Outcome.OK, "", 204, "NOVA 1m x390"),
    ("claude", "place_order", Outcome.WAIT, "", 52, "BUY 100 ALFA LMT 412.3 DAY"),
    ("codex-cli", "cancel_order", Outcome.OK, "", 44, "o-8123"),
    ("claude", "get_quote", Outcome.OK, "", 11, "NOVA"),
    ("cursor", "search_instruments", Outcome.ERROR, "INSTRUMENT_UNRESOLVED", 502, "XYZZY"),
    ("claude", "get_account", Outcome.OK, "", 1280, ""),
    ("codex-cli", "get_quote", Outcome.OK, "", 10, "NOVA"),
)


def call(number: int, at: datetime | None = None) -> CallFinished:
    who, tool, outcome, code, ms, summary = CALLS[number % len(CALLS)]
    when = at or NOW - timedelta(seconds=(200 - number) * 0.37)
    return CallFinished(when, number, ClientName(who), safe(tool), outcome, code, ms, safe(summary))


def calls(count: int, first: int = 0) -> tuple[CallFinished, ...]:
    return tuple(call(number) for number in range(first, first + count))


READS = (Scope.READ_MARKET, Scope.READ_ACCOUNT, Scope.READ_ORDERS)


def busy_snapshot() -> Snapshot:
    """Two orders and a client wait, three clients are in, one position is held."""
    orders = (
        pending_order(1, "codex-cli", "sell 20 NOVA", "3610", 14, "value above 2,500", waited=106),
        pending_order(2, "claude", "buy 100 ALFA 412.30", "41230", 94, "value above 10,000"),
    )
    done = order(
        9,
        "claude",
        "buy 5 BETA 88.00",
        state=OrderState.FILLED,
        filled=Decimal(5),
        average_price=Decimal("87.95"),
        fees=Decimal("1.25"),
        decide_by=None,
    )
    working = order(8, "codex-cli", "buy 10 NOVA 170.50", state=OrderState.WORKING, decide_by=None)
    return Snapshot(
        1,
        NOW,
        "http://127.0.0.1:8722/mcp",
        TradingSwitch(TradingState.RUNNING, NOW - timedelta(hours=2), safe("")),
        (connection(),),
        (pending_client(),),
        orders,
        (
            client("claude", "claude.ai", (*READS, Scope.WRITE_ORDERS), 141, 0.2),
            client("codex-cli", "localhost", (*READS, Scope.PREVIEW_ORDERS, Scope.WRITE_ORDERS), 62, 4),
            client("night batch", "key", READS, 11, 4000, Via.KEY),
        ),
        (orders[0].order, orders[1].order, working, done),
        (
            HeldPosition(
                "paper",
                Position(
                    "NOVA",
                    Decimal(60),
                    Decimal("171.20"),
                    Decimal("180.51"),
                    Decimal("10830.60"),
                    Decimal("558.60"),
                    "USD",
                    NOW,
                    "paper",
                ),
            ),
        ),
        (
            HeldBalances(
                "paper",
                Balances(
                    "SIM000821",
                    "USD",
                    Decimal("93420.10"),
                    Decimal("104250.70"),
                    Decimal("94210.00"),
                    Decimal("120.00"),
                    Decimal("558.60"),
                    Decimal("12.40"),
                    NOW,
                    "paper",
                ),
            ),
        ),
        Counters(214, 3, 1, 24.0, 182.0),
        calls(60),
    )


def busy_face() -> FakeFace:
    face = FakeFace(busy_snapshot())
    face.client_tickets["KWMRTB"] = client_ticket(face.seen.pending_clients[0])
    for waiting in face.seen.pending_orders:
        face.order_tickets[waiting.order.order_id] = order_ticket(waiting)
    return face


def changed(face: FakeFace, waiting: PendingOrder) -> None:
    """Put a new version of a waiting order into the snapshot."""
    newer = replace(waiting, order=replace(waiting.order, version=waiting.order.version + 1))
    others = [newer if item.order.order_id == newer.order.order_id else item for item in face.seen.pending_orders]
    face.seen = replace(face.seen, pending_orders=tuple(others))
    face.publish(OrderChanged(NOW, newer.order))


def exit_leg(number: int, words: str, role: Role, *, stop: str | None = None) -> Order:
    """Make the target or, with ``stop``, the stop of a bracket."""
    asked = request(words, life=TimeInForce.GTC)
    if stop is not None:
        asked = replace(asked, order_type=OrderType.STOP, stop_price=Decimal(stop))
    return order(number, "claude", "buy 1 ALFA", request=asked, role=role, decide_by=None)


def group(linkage: Linkage, *legs: Order) -> tuple[Order, ...]:
    """Bind orders together; the first waits for the operator, the others with it."""
    first, *others = (replace(leg, group_id=GroupId("g-1"), linkage=linkage) for leg in legs)
    return (first, *(replace(leg, decide_by=None) for leg in others))


def bracket() -> tuple[Order, ...]:
    """Buy 10 ALFA at market with a target at 480 and a stop at 440."""
    return group(
        Linkage.BRACKET,
        order(21, "claude", "buy 10 ALFA", role=Role.ENTRY, decide_by=NOW + timedelta(seconds=80)),
        exit_leg(22, "sell 10 ALFA 480", Role.TARGET),
        exit_leg(23, "sell 10 ALFA", Role.STOP, stop="440"),
    )


def pending_group(legs: tuple[Order, ...], notional: str = "4123") -> PendingOrder:
    return PendingOrder(legs[0], safe("every order asks you"), Decimal(notional), legs[0].decide_by or NOW, legs)


def group_ticket(waiting: PendingOrder) -> OrderTicket:
    """Return a ticket on which the stop is refused."""
    told = CheckResult(
        "STOP_COLLAR",
        False,
        "5 %",
        "6.7 %",
        f"{waiting.legs[-1].request.words()}: The stop lies too far from the market.",
        False,
        Mender.OPERATOR,
    )
    ticket = order_ticket(waiting)
    return replace(ticket, checks=(*ticket.checks, told), legs=waiting.legs, at_stop=Decimal("-276.90"))


LATCHES = (
    Latch(LatchKind.DAILY_LOSS, "paper", NOW - timedelta(minutes=20), safe("lost 5,312.40 of 104,250.70 in a day")),
    Latch(LatchKind.REJECT_RATE, "codex-cli", NOW - timedelta(minutes=2), safe("the broker rejected 5 orders")),
)

NOTICES = (
    Notice(NOW - timedelta(minutes=44), safe("The database can be written again."), False),
    Notice(
        NOW - timedelta(minutes=3),
        safe(
            "An order is unknown: BUY 10 NOVA LMT 170.50 DAY of codex-cli. "
            "Reconcile asks the broker's books; nothing is sent again."
        ),
        True,
    ),
)


def limit(client_name: str, name: str, used: str, most: str, symbol: str = "") -> LimitUse:
    return LimitUse("paper", ClientName(client_name), name, Decimal(most), Decimal(used), symbol)


LIMITS = (
    limit("", "connection_daily_orders", "7", "5000"),
    limit("", "connection_daily_notional", "61230", "5000000"),
    limit("", "max_open_orders", "42", "50"),
    limit("", "max_daily_loss", "5312.40", "5212.53"),
    limit("", "max_drawdown", "5312.40", "20850"),
    limit("", "max_position", "60", "10000", "NOVA"),
    limit("claude", "max_daily_orders", "5", "1000"),
    limit("claude", "max_daily_notional", "44840", "50000"),
    limit("codex-cli", "max_daily_orders", "2", "1000"),
    limit("codex-cli", "max_daily_notional", "16390", "1000000"),
)


def troubled_face() -> FakeFace:
    """Add to the busy face a bracket that waits, an order of unknown fate, latches, limits and notices."""
    face = busy_face()
    waiting = pending_group(bracket())
    lost = order(8, "codex-cli", "buy 10 NOVA 170.50", state=OrderState.UNKNOWN, decide_by=None)
    others = tuple(known for known in face.seen.orders if known.order_id != lost.order_id)
    face.seen = replace(
        face.seen,
        pending_orders=(waiting, *face.seen.pending_orders),
        orders=(*reversed(waiting.legs), *others, lost),
        latches=LATCHES,
        limits=LIMITS,
        notices=NOTICES,
    )
    face.order_tickets[waiting.order.order_id] = group_ticket(waiting)
    return face


def away(face: FakeFace, *, rules_approve: bool = False) -> FakeFace:
    """Let the operator of a face count as away."""
    face.seen = replace(face.seen, presence=PresenceView(False, 1, "queue", rules_approve))
    return face


def audit_rows() -> list[dict[str, object]]:
    """Return records as a search answers them, the newest last."""

    def row(number: int, seconds: float, **changes: object) -> dict[str, object]:
        made: dict[str, object] = {
            "number": number,
            "at": (NOW - timedelta(seconds=seconds)).isoformat(timespec="milliseconds"),
            "kind": "call",
            "client": "claude",
            "tool": "get_quote",
            "outcome": "ok",
            "code": "",
            "symbol": "ALFA",
            "order_id": "",
            "duration_ms": 12.345,
            "detail": {"arguments": {"symbol": "ALFA"}, "address": "203.0.113.7", "says": "ALFA"},
        }
        return {**made, **changes}

    placed = {
        "arguments": {"symbol": "NOVA", "side": "sell", "quantity": "20", "order_type": "market"},
        "address": "127.0.0.1",
        "says": "SELL 20 NOVA MKT DAY",
    }
    return [
        row(
            40,
            4000,
            kind="client",
            tool="client.approved",
            outcome="",
            client="codex-cli",
            symbol="",
            duration_ms=None,
            detail={"by": "screen", "scopes": "read:market write:orders"},
        ),
        row(57, 90),
        row(
            58,
            60,
            client="cursor",
            tool="place_order",
            outcome="denied",
            code="SCOPE_MISSING",
            detail={"arguments": {"symbol": "NOVA"}, "says": "write:orders"},
        ),
        row(
            59,
            52.17,
            client="claude",
            tool="get_account",
            order_id="o-01JQ0000000000000000000001",
            symbol="NOVA",
            detail=placed,
        ),
    ]


def audited_face() -> FakeFace:
    """Add an audit to the busy face."""
    face = busy_face()
    face.seen = replace(face.seen, limits=LIMITS)
    face.answers["audit.search"] = Done("4 records.", audit_rows())
    return face
