"""Tickets as a face gives them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from cockpit.model.checks import CheckResult
from cockpit.model.identity import ClientName, GrantId, Scope
from cockpit.model.orders import Order, OrderId, OrderRef, OrderRequest, OrderState, OrderType, Side, TimeInForce
from cockpit.model.quotes import DataType, Quote
from cockpit.model.refusals import Mender
from cockpit.model.text import Safe
from cockpit.operator.view import ClientTicket, OrderTicket, PendingClient

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
REQUEST = OrderRequest("ALFA", Side.BUY, Decimal(100), OrderType.LIMIT, Decimal("412.3"), TimeInForce.DAY)
ORDER = Order(
    order_id=OrderId("o-1"),
    reference=OrderRef("ck:1"),
    version=3,
    client=ClientName("claude"),
    grant_id=GrantId("g-1"),
    connection="paper",
    request=REQUEST,
    state=OrderState.PENDING,
    filled=Decimal(0),
    average_price=None,
    fees=Decimal(0),
    reason=Safe(""),
    checks=(),
    made_at=NOON,
    changed_at=NOON,
)


def check(code: str, *, ok: bool) -> CheckResult:
    """A check of an order."""
    return CheckResult(code, ok, "10,000", "41,230", f"{code} speaks.", False, Mender.OPERATOR)


ORDER_TICKET = OrderTicket(
    order=ORDER,
    quote=Quote("ALFA", Decimal("412.1"), Decimal("412.3"), None, None, None, NOON, "paper", DataType.SIMULATED),
    notional=Decimal(41230),
    position_before=Decimal(0),
    position_after=Decimal(100),
    drift=Decimal("0.0012"),
    checks=(check("BAD_TICK", ok=True), check("MAX_NOTIONAL", ok=False)),
)
CLIENT_TICKET = ClientTicket(
    request=PendingClient(
        "w-1",
        Safe("Claude"),
        Safe("evil.example"),
        Safe("192.0.2.7"),
        (Scope.READ_MARKET, Scope.WRITE_ORDERS),
        NOON,
        NOON,
    ),
    redirect_uri=Safe("https://evil.example/callback"),
    suggested_name="claude-2",
    known=False,
    scopes_by_connection=(("paper", tuple(Scope)),),
    preselected=(Scope.READ_MARKET,),
    warnings=(Safe("It calls itself Claude, but its host is evil.example."),),
)
