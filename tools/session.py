"""Who the caller is, what it may do now, and how much of it is left."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from cockpit.desk.gate import Admitted, Served
from cockpit.model.identity import Scope
from cockpit.model.money import plain
from cockpit.model.refusals import Refusal
from cockpit.model.text import safe
from cockpit.model.trading import Mode, TradingState
from cockpit.store.times import from_micros
from tools.registry import Arguments, Call, Result, tool
from tools.words import iso

_OWN_CALLS: Final = (
    "SELECT number, at, tool, outcome, code, symbol, order_id, duration_us FROM audit "
    "WHERE kind = 'call' AND client = ? ORDER BY number DESC LIMIT ?"
)


class NoArguments(Arguments):
    """Nothing to say."""


class Limits(Result):
    """What one order may be on this connection."""

    max_quantity: str
    max_notional: str
    price_collar_percent: str
    """Farthest that a limit price may lie from the market, options aside."""
    max_quote_age_seconds: int
    approval_seconds: int
    max_waiting_orders: int
    market_margin_percent: str
    """How far beyond the market an order without a limit price is valued."""
    order_types: list[str]
    asset_classes: list[str]
    """Kinds of instruments that may be traded."""
    allowed_symbols: list[str] | None
    """Null: all but the denied."""
    denied_symbols: list[str]
    allow_short: bool


class LimitUsed(Result):
    """A limit that is used up over the day or by open orders."""

    name: str
    limit: str
    used: str
    left: str


class BudgetLeft(Result):
    """Calls and orders left now; both fill up with time."""

    calls: int
    calls_per_second: float
    orders: int
    orders_per_minute: float


class SessionResult(Result):
    """The caller's session."""

    client: str
    scopes: list[str]
    connection: str
    broker: str
    account: str
    mode: str
    simulated: bool
    may_trade: bool
    may_open: bool
    """Whether an order of yours may open a position now; what only reduces one may pass where this is false."""
    state: str
    state_reason: str
    link: str
    expires_at: str | None
    limits: Limits
    today: list[LimitUsed]
    held_by: list[str]
    """What holds you or the connection until the operator releases it."""
    budget: BudgetLeft
    now: str
    orders_go_to: str
    """The connection that gets your orders; another than `connection` is a paper one that shadows it."""
    says: str


def _says(admitted: Admitted, state: TradingState, may_trade: bool, closed: Refusal | None) -> str:
    if not may_trade:
        return "You may not place orders."
    said = f"Trading is {state}; orders wait for the operator, unless a rule of his decides."
    if closed is not None and closed.code != "LIVE_DISABLED":
        said = f"No order passes now. {closed.message} {said}"
    if admitted.shadow:
        return f"{said} Your orders are a shadow: they go to the paper connection {admitted.shadow}, nothing is real."
    if admitted.connection.settings.mode is Mode.PAPER:
        return said
    if closed is None or closed.code != "LIVE_DISABLED":
        return f"{said} The money is REAL."
    return f"{said} The money is REAL, and the operator has not armed it: only what reduces a position passes."


@tool("get_session", scope=None, title="Session", arguments=NoArguments, result=SessionResult)
async def get_session(call: Call, asked: NoArguments) -> Served[SessionResult]:
    """Who you are here: client name, scopes, connection, paper or live, whether trading is running and may open
    positions, the limits of one order, what is left of the limits of the day, and the calls and orders that you have left. Every order waits for the human operator, who may
    approve, edit or reject it; approval can't be asked for in any other way.
    """
    admitted, rooms = call.admitted, call.rooms
    connection = call.connection
    status = connection.broker.status()
    policy, limits_left = call.orders.limits_of(admitted)
    left = rooms.budgets.left(admitted.grant.client)
    stands = rooms.switch.stands
    may_trade = connection.settings.trade and Scope.WRITE_ORDERS in admitted.scopes
    closed = rooms.closed(admitted.shadow or connection.name)
    result = SessionResult(
        client=admitted.grant.client,
        scopes=sorted(admitted.scopes),
        connection=connection.name,
        broker=status.kind,
        account=status.account,
        mode=connection.settings.mode,
        simulated=status.simulated,
        may_trade=may_trade,
        may_open=may_trade and closed is None and stands.state is TradingState.RUNNING,
        state=stands.state,
        state_reason=stands.reason,
        link=status.link,
        expires_at=iso(admitted.grant.expires_at),
        limits=Limits(
            max_quantity=plain(policy.max_quantity),
            max_notional=plain(policy.max_notional),
            price_collar_percent=plain(policy.price_collar * 100),
            max_quote_age_seconds=policy.max_quote_age_seconds,
            approval_seconds=policy.approval_seconds,
            max_waiting_orders=rooms.approval.max_pending_per_client,
            market_margin_percent=plain(policy.market_margin * 100),
            order_types=sorted(policy.order_types & connection.broker.can.order_types),
            asset_classes=sorted(policy.asset_classes),
            allowed_symbols=None if policy.allowed_symbols is None else sorted(policy.allowed_symbols),
            denied_symbols=sorted(policy.denied_symbols),
            allow_short=policy.allow_short and connection.broker.can.short_selling,
        ),
        today=[LimitUsed(name=one.name, limit=one.limit, used=one.used, left=one.left) for one in limits_left.limits],
        held_by=list(limits_left.held_by),
        budget=BudgetLeft(
            calls=left.calls,
            calls_per_second=left.calls_per_second,
            orders=left.orders,
            orders_per_minute=left.orders_per_minute,
        ),
        now=iso(rooms.clock.now()) or "",
        orders_go_to=admitted.shadow or connection.name,
        says=_says(admitted, stands.state, may_trade, closed),
    )
    return Served(result, summary=safe(f"{connection.name} {connection.settings.mode}"))


class TailAudit(Arguments):
    """How far to look back."""

    count: int = Field(20, ge=1, le=200, description="How many of your newest calls")


class AuditRow(Result):
    """One of the caller's own calls."""

    number: int
    at: str
    tool: str
    outcome: str
    code: str
    symbol: str
    order_id: str
    duration_ms: float | None


class AuditResult(Result):
    """The caller's own calls, oldest first."""

    calls: list[AuditRow]


@tool("tail_audit", scope=Scope.READ_AUDIT, title="Own calls", arguments=TailAudit, result=AuditResult)
async def tail_audit(call: Call, asked: TailAudit) -> Served[AuditResult]:
    """Your own newest calls as the host recorded them, oldest first, with outcome and refusal code. Calls of
    other clients are never shown.
    """
    await call.rooms.store.flush()
    rows = await call.rooms.store.rows(_OWN_CALLS, (call.admitted.grant.client, asked.count))
    calls = [
        AuditRow(
            number=row["number"],
            at=iso(from_micros(row["at"])) or "",
            tool=row["tool"],
            outcome=row["outcome"],
            code=row["code"],
            symbol=row["symbol"],
            order_id=row["order_id"],
            duration_ms=None if row["duration_us"] is None else row["duration_us"] / 1000,
        )
        for row in reversed(rows)
    ]
    return Served(AuditResult(calls=calls), summary=safe(f"{len(calls)} records"))
