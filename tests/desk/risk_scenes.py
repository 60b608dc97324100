"""An order, what is seen around it, and a policy under which it passes: each test changes one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from cockpit.brokers.base import Capabilities
from cockpit.desk.risk import Activity, Linked, Seen, evaluate
from cockpit.model.accounts import Balances
from cockpit.model.checks import CheckResult
from cockpit.model.identity import ClientName, GrantId
from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.money import ZERO
from cockpit.model.orders import (
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
from cockpit.model.quotes import Borrow, Borrowable, DataType, MarketClock, Quote
from cockpit.model.text import Safe
from cockpit.model.trading import Link, Mode, TradingState
from cockpit.settings.policy import PolicySettings

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ALFA = Instrument("ALFA", Safe("Alfa"), InstrumentKind.STOCK, "SIM", "USD", Decimal("0.01"), Decimal(1))
QUOTE = Quote(
    "ALFA", Decimal("99.99"), Decimal(100), Decimal(5), Decimal(5), Decimal(100), NOON, "t", DataType.SIMULATED
)
RICH = Balances("A", "USD", Decimal(100_000), Decimal(100_000), Decimal(100_000), ZERO, ZERO, ZERO, NOON, "t")
CAN = Capabilities(frozenset(OrderType), frozenset(TimeInForce), frozenset(Linkage), True)
OPEN_MARKET = MarketClock(NOON, True, None, None, "t", "")
CLOSED_MARKET = MarketClock(NOON, False, None, None, "t", "")
SEEN = Seen(
    NOON,
    TradingState.RUNNING,
    Mode.PAPER,
    Mode.PAPER,
    Link.READY,
    True,
    CAN,
    ALFA,
    QUOTE,
    RICH,
    ZERO,
    ZERO,
    ZERO,
    ZERO,
    held=True,
    client="claude",
    session=OPEN_MARKET,
    to_account=Decimal(1),
    elsewhere=(),
    average_volume=ZERO,
    uncovers=(),
    day_start=Decimal(100_000),
    high_water=Decimal(100_000),
    activity=Activity(),
    open_orders=0,
    open_of_symbol=0,
)
LIVE = replace(
    SEEN,
    mode=Mode.LIVE,
    account_mode=Mode.LIVE,
    armed=True,
    quote=replace(QUOTE, data_type=DataType.LIVE),
    borrow=Borrow("ALFA", Borrowable.YES, Decimal(1000), NOON, "t", DataType.LIVE),
    broker_warning="",
)
POLICY = PolicySettings()


def of(**limits: object) -> PolicySettings:
    """Return the policy with other limits; numbers are written as text."""
    return PolicySettings.model_validate(limits)


def seen(**changes: object) -> Seen:
    return replace(SEEN, **changes)  # type: ignore[arg-type]


def order(
    quantity: str = "1",
    limit: str | None = None,
    side: Side = Side.BUY,
    *,
    stop: str | None = None,
    trail: str | None = None,
    percent: str | None = None,
    **more: object,
) -> OrderRequest:
    """Return an order whose type fits the prices that are given."""
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    if stop is not None:
        kind = OrderType.STOP if limit is None else OrderType.STOP_LIMIT
    if trail is not None or percent is not None:
        kind = OrderType.TRAILING_STOP
    request = OrderRequest(
        "ALFA", side, Decimal(quantity), kind, price(limit), TimeInForce.DAY, price(stop), price(trail), price(percent)
    )
    return replace(request, **more)  # type: ignore[arg-type]


def price(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def sell(quantity: str = "1", limit: str | None = None, **more: object) -> OrderRequest:
    return order(quantity, limit, Side.SELL, **more)  # type: ignore[arg-type]


def resting(request: OrderRequest) -> Order:
    """Return an order that works at the broker."""
    return Order(
        OrderId("o-1"), OrderRef("ck:1"), 1, ClientName("claude"), GrantId("g-1"), "paper", request,
        OrderState.WORKING, ZERO, None, ZERO, Safe(""), (), NOON, NOON,
    )  # fmt: skip


def in_bracket(role: Role, *others: tuple[Role, OrderRequest]) -> Linked:
    return Linked(Linkage.BRACKET, role, others)


def found(code: str, asked: OrderRequest, around: Seen = SEEN, policy: PolicySettings = POLICY) -> CheckResult:
    """Return what the check of that code found."""
    return next(one for one in evaluate(asked, around, policy) if one.code == code)


def failed(asked: OrderRequest, around: Seen = SEEN, policy: PolicySettings = POLICY) -> set[str]:
    """Return the codes that refuse."""
    return {one.code for one in evaluate(asked, around, policy) if not one.ok}
