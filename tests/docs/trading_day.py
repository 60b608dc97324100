"""A quarter to three in a trading day, as the pictures show it: three clients are in, one asks, three orders wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import cycle, islice

from cockpit.desk.risk import CHECKS
from cockpit.model.accounts import Balances, Position
from cockpit.model.checks import Applies, CheckResult
from cockpit.model.events import CallFinished, Outcome
from cockpit.model.identity import ClientName, Scope, Via
from cockpit.model.latches import Latch, LatchKind
from cockpit.model.orders import Order, OrderId, OrderState
from cockpit.model.quotes import DataType, Quote
from cockpit.model.refusals import Mender
from cockpit.model.text import safe
from cockpit.model.trading import TradingState, TradingSwitch
from cockpit.operator.act import Done
from cockpit.operator.view import (
    ClientView,
    Counters,
    HeldBalances,
    HeldPosition,
    OrderTicket,
    PendingClient,
    PendingOrder,
    PresenceView,
    Snapshot,
)
from tests.tui.fake_face import NOW, FakeFace, client, client_ticket, connection, limit, order

CODE = "KWMRTB"
_READS = (Scope.READ_MARKET, Scope.READ_ACCOUNT, Scope.READ_ORDERS)
_QUOTES = {"ALFA": ("412.28", "412.31"), "LIMA": ("168.19", "168.21"), "BRVO": ("24.60", "24.61")}
_OWN_ID = "01M3VBQ2{:04}TWY2VNSV6XB7A3"


def trading_day() -> FakeFace:
    """Return the face of a cockpit in the middle of its day."""
    waiting = (
        _waiting(61, "codex-cli", "sell 50 LIMA", "8662.82", left=14, waited=106),
        _waiting(62, "claude", "buy 20 ALFA 412.30", "8246.00", left=94, waited=26),
        _waiting(63, "claude", "buy 40 BRVO 24.55", "982.00", left=117, waited=3),
    )
    newcomer = PendingClient(
        "r-1", safe("ChatGPT"), safe("chatgpt.com"), safe("203.0.113.7"), (*_READS, Scope.WRITE_ORDERS),
        NOW - timedelta(seconds=39), NOW + timedelta(seconds=261),
    )  # fmt: skip
    face = FakeFace(
        Snapshot(
            1, NOW, "http://127.0.0.1:8722/mcp",
            TradingSwitch(TradingState.RUNNING, NOW - timedelta(hours=2), safe("")),
            (connection(),), (newcomer,), waiting, _clients(), _orders(waiting), _positions(), (_balances(),),
            Counters(1214, 9, 2, 1.1, 3.8), _calls(), presence=PresenceView(True, 1, "queue", True), limits=_LIMITS,
        )
    )  # fmt: skip
    face.client_tickets[CODE] = replace(client_ticket(newcomer), alike=0)
    for one in waiting:
        face.order_tickets[one.order.order_id] = _ticket(one)
    face.answers["audit.search"] = Done("12 records.", list(_records()))
    return face


def killed_day() -> FakeFace:
    """Return the face after the kill: nobody is in, nothing waits, what rested is cancelled."""
    face = trading_day()
    void = tuple(
        replace(one, state=OrderState.CANCELLED, reason=safe("The operator stopped everything."), changed_at=NOW)
        if one.state in {OrderState.PENDING, OrderState.WORKING}
        else one
        for one in face.seen.orders
    )
    face.seen = replace(
        face.seen,
        switch=TradingSwitch(TradingState.KILLED, NOW, safe("operator")),
        pending_clients=(),
        pending_orders=(),
        clients=tuple(replace(view, suspended=True) for view in face.seen.clients if view.via is Via.KEY),
        orders=void,
    )
    return face


def latched_day() -> FakeFace:
    """Return the face after a client's orders were rejected over and over: it is held until the operator releases."""
    face = trading_day()
    held = Latch(LatchKind.REJECT_RATE, "codex-cli", NOW - timedelta(minutes=2), safe("the broker rejected 5 orders"))
    face.seen = replace(face.seen, latches=(held,))
    return face


def _order(number: int, who: str, words: str, ago: float, **changes: object) -> Order:
    at = NOW - timedelta(seconds=ago)
    known = {"order_id": OrderId(f"o-{_OWN_ID.format(number)}"), "made_at": at, "changed_at": at, "version": 1}
    return order(number, who, words, **{**known, "decide_by": None, **changes})


def _waiting(number: int, who: str, words: str, worth: str, *, left: float, waited: float) -> PendingOrder:
    by = NOW + timedelta(seconds=left)
    bid, ask = _QUOTES[words.split()[2]]
    asked_at = (Decimal(ask if words.startswith("buy") else bid) * Decimal("0.9998")).quantize(Decimal("0.01"))
    made = _order(number, who, words, waited, decide_by=by, asked_at_price=asked_at)
    return PendingOrder(made, safe("every order asks you"), Decimal(worth), by)


def _clients() -> tuple[ClientView, ...]:
    claude = client("claude", "claude.ai", (*_READS, Scope.PREVIEW_ORDERS, Scope.WRITE_ORDERS), 741, 0.4)
    codex = client("codex-cli", "localhost", (*_READS, Scope.WRITE_ORDERS), 362, 2)
    night = client("nightly", "key", _READS[:2], 111, 9, Via.KEY)
    return (
        replace(claude, last_address="203.0.113.40"),
        replace(codex, last_address="127.0.0.1", denied=3),
        replace(night, last_address="127.0.0.1", denied=6),
    )


def _orders(waiting: tuple[PendingOrder, ...]) -> tuple[Order, ...]:
    def filled(number: int, who: str, words: str, ago: float, at: str, fees: str) -> Order:
        made = _order(number, who, words, ago, state=OrderState.FILLED, average_price=Decimal(at), fees=Decimal(fees))
        return replace(made, filled=made.request.quantity)

    return (
        *(one.order for one in reversed(waiting)),
        _order(58, "claude", "buy 100 INDI 61.10", 340, state=OrderState.WORKING),
        _order(57, "codex-cli", "sell 30 CHRL 88.90", 905, state=OrderState.PARTLY_FILLED, filled=Decimal(12),
               average_price=Decimal("88.90"), fees=Decimal("0.42")),
        filled(60, "claude", "buy 10 GOLF", 151, "540.12", "1.00"),
        _order(59, "codex-cli", "buy 5 ECHO", 260, state=OrderState.REFUSED,
               reason=safe("The operator rejected the order: too large before the close.")),
        filled(56, "claude", "buy 60 LIMA 168.30", 2702, "168.24", "1.00"),
        filled(54, "claude", "buy 40 CHRL", 4100, "87.31", "1.00"),
        _order(52, "codex-cli", "buy 200 DLTA 5.18", 5400, state=OrderState.EXPIRED,
               reason=safe("Nobody approved the order in time; nothing was sent.")),
    )  # fmt: skip


def _positions() -> tuple[HeldPosition, ...]:
    held = (
        ("LIMA", "60", "168.24", "168.20", "10092.00", "-2.40"),
        ("CHRL", "28", "87.31", "88.87", "2488.36", "43.68"),
        ("GOLF", "10", "540.12", "540.55", "5405.50", "4.30"),
        ("JULI", "1.250", "1228.40", "1241.70", "1552.13", "16.63"),
    )
    return tuple(
        HeldPosition(
            "paper",
            Position(
                symbol, Decimal(quantity), Decimal(average), Decimal(mark), Decimal(value), Decimal(profit), "USD",
                NOW - timedelta(seconds=1), "paper",
            ),
        )
        for symbol, quantity, average, mark, value, profit in held
    )  # fmt: skip


def _balances() -> HeldBalances:
    sums = ("80721.71", "100259.70", "146831.40", "201.91", "62.21", "4.42")
    cash, equity, power, realised, unrealised, fees = map(Decimal, sums)
    return HeldBalances(
        "paper", Balances("SIM000821", "USD", cash, equity, power, realised, unrealised, fees, NOW, "paper")
    )


_LIMITS = (
    limit("", "connection_daily_orders", "18", "60"),
    limit("", "connection_daily_notional", "41230", "100000"),
    limit("", "max_open_orders", "5", "20"),
    limit("", "max_daily_loss", "310.20", "5000"),
    limit("", "max_drawdown", "1420.50", "20052"),
    limit("", "max_position", "60", "500", "LIMA"),
    limit("claude", "max_daily_orders", "11", "40"),
    limit("claude", "max_daily_notional", "27870", "50000"),
    limit("codex-cli", "max_daily_orders", "7", "20"),
    limit("codex-cli", "max_daily_notional", "17360", "20000"),
)


def _ticket(waiting: PendingOrder) -> OrderTicket:
    asked = waiting.order.request
    bid, ask = map(Decimal, _QUOTES[asked.symbol])
    quote = Quote(
        asked.symbol, bid, ask, Decimal(582), Decimal(535), ask, NOW - timedelta(milliseconds=400), "paper",
        DataType.SIMULATED,
    )  # fmt: skip
    held = next((one.position.quantity for one in _positions() if one.position.symbol == asked.symbol), Decimal(0))
    after = held + (asked.quantity if asked.side == "buy" else -asked.quantity)
    touch = quote.touch(asked.side)
    seen_at = waiting.order.asked_at_price
    assert touch is not None
    assert seen_at is not None
    worse = (touch - seen_at) / seen_at * (1 if asked.side == "buy" else -1)
    gross = sum((one.position.market_value or Decimal(0) for one in _positions()), Decimal(0))
    return OrderTicket(
        waiting.order, quote, waiting.notional, held, after, worse, tuple(_checks(waiting, bid, after)),
        gross_before=gross, gross_after=gross + (after - held) * touch, bare=abs(after) > abs(held),
    )  # fmt: skip


def _checks(waiting: PendingOrder, bid: Decimal, after: Decimal) -> Iterator[CheckResult]:
    """Give every check in its order; those without a figure here don't apply."""
    asked, worth = waiting.order.request, waiting.notional or Decimal(0)
    quantity, equity = f"{asked.quantity}", Decimal(100_260)
    limited = asked.limit_price is not None
    figures = {
        "KILL_SWITCH": ("RUNNING", "RUNNING"),
        "MODE_MISMATCH": ("paper", "paper"),
        "BROKER_NOT_READY": ("ready", "ready"),
        "RECONCILING": ("0", "0"),
        "INSTRUMENT_UNRESOLVED": (asked.symbol, asked.symbol),
        "ASSET_CLASS_NOT_ALLOWED": ("crypto, etf, stock", "stock"),
        "TIF_NOT_ALLOWED": ("day, fok, gtc, ioc", "day"),
        "BAD_QUANTITY": ("multiple of 1", quantity),
        **({"BAD_TICK": ("multiple of 0.01", f"{asked.limit_price}")} if limited else {}),
        "MARKET_DATA_MISSING": ("a quote", f"{bid}"),
        "MARKET_DATA_STALE": ("5 s", "0.401 s"),
        "SPREAD_TOO_WIDE": ("2.00 %", "0.01 %"),
        "SESSION_CLOSED": ("open", "open"),
        "MAX_QUANTITY": ("1000", quantity),
        "MAX_NOTIONAL": ("10000.00", f"{worth}"),
        **({"PRICE_COLLAR": ("3.00 %", "0.00 %")} if limited else {}),
        "MAX_POSITION": ("500", f"{after}"),
        "MAX_GROSS": ("2.00 x", f"{(worth + 20_000) / equity:.2f} x"),
        "CONCENTRATION": ("0.50 x", f"{worth / equity:.2f} x"),
        "BUYING_POWER": ("146831.40", f"{worth}"),
        "DAILY_LOSS": ("5.00 %", "0.31 %"),
        "DRAWDOWN": ("20.00 %", "1.42 %"),
        "DAILY_NOTIONAL": ("50000.00", "36116.00"),
    }
    for check in CHECKS:
        limit, value = figures.get(check.code, ("", ""))
        applies = Applies.YES if check.code in figures else Applies.NOT_APPLICABLE
        yield CheckResult(check.code, True, limit, value, "", False, Mender.OPERATOR, applies)


_DOES = (
    ("claude", "get_quote", Outcome.OK, "", 0.8, "ALFA 412.28 / 412.31"),
    ("claude", "get_bars", Outcome.OK, "", 2.1, "ALFA 5m x60"),
    ("codex-cli", "get_positions", Outcome.OK, "", 0.6, "4 positions"),
    ("claude", "get_quote", Outcome.OK, "", 0.9, "BRVO 24.60 / 24.61"),
    ("nightly", "get_bars", Outcome.OK, "", 3.4, "GOLF 1d x250"),
    ("codex-cli", "get_quote", Outcome.OK, "", 0.7, "LIMA 168.19 / 168.21"),
    ("claude", "check_risk", Outcome.OK, "", 3.8, "BUY 40 BRVO LMT 24.55 DAY passes"),
    ("claude", "get_quote", Outcome.OK, "", 0.8, "INDI 61.27 / 61.29"),
    ("nightly", "get_bars", Outcome.OK, "", 3.1, "HTEL 1d x250"),
    ("codex-cli", "list_orders", Outcome.OK, "", 1.2, "5 orders"),
    ("claude", "get_portfolio", Outcome.OK, "", 1.6, "100,259.70 USD"),
    ("claude", "get_quote", Outcome.OK, "", 0.7, "ALFA 412.27 / 412.30"),
    ("nightly", "get_balances", Outcome.OK, "", 0.9, "100,259.70 USD"),
)
_SELDOM = {
    # how many calls back: what was called then
    9: ("claude", "place_order", Outcome.WAIT, "", 4.2, "BUY 40 BRVO LMT 24.55 DAY pending"),
    14: ("nightly", "place_order", Outcome.DENIED, "SCOPE_MISSING", 0.2, "write:orders"),
    23: ("codex-cli", "get_quote", Outcome.ERROR, "INSTRUMENT_UNRESOLVED", 0.5, "LIMMA"),
    33: ("claude", "place_order", Outcome.WAIT, "", 4.6, "BUY 20 ALFA LMT 412.30 DAY pending"),
    46: ("codex-cli", "cancel_order", Outcome.OK, "", 3.9, "o-…XB7A3 working"),
}
_GAPS = (0.21, 0.9, 1.4, 0.35, 0.6, 2.2, 0.18, 1.1, 0.8, 0.3, 1.7)
_NEWEST = 1862
"""Number of the newest record in the chain."""


def _calls() -> tuple[CallFinished, ...]:
    """Return the calls of the last two minutes."""
    made: list[CallFinished] = []
    at = NOW - timedelta(seconds=0.4)
    for back, (usual, gap) in enumerate(islice(zip(cycle(_DOES), cycle(_GAPS), strict=False), 130)):
        who, tool, outcome, code, ms, summary = _SELDOM.get(back, usual)
        number = _NEWEST - back
        made.append(CallFinished(at, number, ClientName(who), safe(tool), outcome, code, ms, safe(summary)))
        at -= timedelta(seconds=gap)
    return tuple(reversed(made))


def _record(number: int, ago: float, **changes: object) -> dict[str, object]:
    at: datetime = NOW - timedelta(seconds=ago)
    plain: dict[str, object] = {
        "number": number, "at": at.isoformat(timespec="milliseconds"), "kind": "call", "client": "claude",
        "tool": "get_quote", "outcome": "ok", "code": "", "symbol": "", "order_id": "", "duration_ms": None,
        "detail": {},
    }  # fmt: skip
    return {**plain, **changes}


def _records() -> Iterator[dict[str, object]]:
    """Give what a search of the audit answers, the newest last."""
    alfa = f"o-{_OWN_ID.format(62)}"
    golf = f"o-{_OWN_ID.format(60)}"
    ask = {"symbol": "ALFA", "side": "buy", "quantity": "20", "order_type": "limit", "limit_price": "412.30"}
    yield _record(
        12,
        7031,
        kind="client",
        tool="approved",
        outcome="done",
        client="claude",
        detail={"by": "screen", "host": "claude.ai", "scopes": "read:market read:account write:orders"},
    )
    yield _record(
        1790,
        155,
        tool="place_order",
        outcome="wait",
        symbol="GOLF",
        order_id=golf,
        duration_ms=4.4,
        detail={"says": "BUY 10 GOLF MKT DAY pending"},
    )
    yield _record(
        1794,
        152,
        kind="order",
        tool="order.approved",
        outcome="approved",
        symbol="GOLF",
        order_id=golf,
        detail={"order": "BUY 10 GOLF MKT DAY", "by": "screen"},
    )
    yield _record(
        1795,
        151.8,
        kind="order",
        tool="order.sent",
        outcome="sending",
        symbol="GOLF",
        order_id=golf,
        detail={"order": "BUY 10 GOLF MKT DAY"},
    )
    yield _record(
        1796,
        151,
        kind="order",
        tool="order.filled",
        outcome="filled",
        symbol="GOLF",
        order_id=golf,
        detail={"order": "BUY 10 GOLF MKT DAY", "reason": "10 at 540.12"},
    )
    yield _record(
        1801,
        140,
        kind="order",
        tool="order.rejected",
        outcome="refused",
        client="codex-cli",
        code="REJECTED_BY_OPERATOR",
        symbol="ECHO",
        detail={"order": "BUY 5 ECHO MKT DAY"},
    )
    yield _record(
        1829,
        34.1,
        tool="place_order",
        outcome="wait",
        symbol="ALFA",
        order_id=alfa,
        duration_ms=4.6,
        detail={"arguments": ask, "address": "203.0.113.40", "says": "BUY 20 ALFA LMT 412.30 DAY pending"},
    )
    yield _record(
        1839,
        21.4,
        tool="get_quote",
        client="codex-cli",
        outcome="error",
        code="INSTRUMENT_UNRESOLVED",
        duration_ms=0.5,
        detail={"says": "LIMMA"},
    )
    yield _record(
        1848,
        12.2,
        tool="place_order",
        client="nightly",
        outcome="denied",
        code="SCOPE_MISSING",
        symbol="BRVO",
        duration_ms=0.2,
        detail={"says": "write:orders"},
    )
    yield _record(
        1853,
        8.6,
        tool="place_order",
        outcome="wait",
        symbol="BRVO",
        duration_ms=4.2,
        detail={
            "arguments": {**ask, "symbol": "BRVO", "quantity": "40", "limit_price": "24.55"},
            "address": "203.0.113.40",
            "says": "BUY 40 BRVO LMT 24.55 DAY pending",
        },
    )
