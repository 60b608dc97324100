"""What the account holds as a whole, what an order would tie up, and what was traded."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from cockpit.desk.book import Fill
from cockpit.desk.gate import Served
from cockpit.desk.rates import middle
from cockpit.desk.risk import refusal_of
from cockpit.model.identity import Scope
from cockpit.model.money import ZERO, cents, plain
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import safe
from tools.account import AccountArguments, PositionRow, check_account
from tools.registry import Arguments, Call, Result, Toolset, tool
from tools.terms import OrderArguments
from tools.words import AccountWord, iso


class Exposure(Result):
    """How much of the account is in the market, in its base currency. Null where a position has no price, or no rate."""

    long: str | None
    short: str | None
    gross: str | None
    net: str | None
    leverage: str | None
    """Gross exposure over equity."""
    largest_symbol: str | None
    largest_percent: str | None
    """Share of the largest position in gross exposure."""


class PortfolioResult(Result):
    """Money, positions and exposure at one moment."""

    account: str
    currency: str
    equity: str
    cash: str
    buying_power: str
    realised: str
    unrealised: str
    fees: str | None
    """Null where profit and loss are told after fees."""
    exposure: Exposure
    positions: list[PositionRow]
    as_of: str
    source: str
    simulated: bool


@tool("get_portfolio", scope=Scope.READ_ACCOUNT, title="Portfolio", arguments=AccountArguments, result=PortfolioResult)
async def get_portfolio(call: Call, asked: AccountArguments) -> Served[PortfolioResult]:
    """The account at a glance: equity, cash, buying power, every position, and exposure (long, short, gross, net,
    leverage, largest position) from the marks and exchange rates of this moment. Each position is told in its own
    currency, everything else in the account's. What can't be priced or converted is null, never zero.
    """
    check_account(call, asked.account)
    broker = call.connection.broker
    balances = await call.connection.ask(broker.balances())
    positions = [one for one in await call.connection.ask(broker.positions()) if one.quantity]
    rates = await call.rates.all((one.currency for one in positions), balances.currency)
    values = {one.symbol: middle(one.market_value, rates.get(one.currency)) for one in positions}
    result = PortfolioResult(
        account=balances.account,
        currency=balances.currency,
        equity=cents(balances.equity),
        cash=cents(balances.cash),
        buying_power=cents(balances.buying_power),
        realised=cents(balances.realised),
        unrealised=cents(balances.unrealised),
        fees=None if balances.fees is None else cents(balances.fees),
        exposure=_exposure(values, balances.equity),
        positions=[PositionRow.of(one) for one in positions],
        as_of=iso(balances.as_of) or "",
        source=balances.source,
        simulated=broker.status().simulated,
    )
    return Served(result, summary=safe(f"equity {result.equity} {result.currency}, {len(positions)} positions"))


def _exposure(values: dict[str, Decimal | None], equity: Decimal) -> Exposure:
    known = {symbol: value for symbol, value in values.items() if value is not None}
    if len(known) < len(values):
        return Exposure(
            long=None, short=None, gross=None, net=None, leverage=None, largest_symbol=None, largest_percent=None
        )
    longs = sum((value for value in known.values() if value > ZERO), ZERO)
    shorts = sum((value for value in known.values() if value < ZERO), ZERO)
    gross = longs - shorts
    largest = max(known, key=lambda symbol: abs(known[symbol]), default=None)
    return Exposure(
        long=cents(longs),
        short=cents(shorts),
        gross=cents(gross),
        net=cents(longs + shorts),
        leverage=None if equity <= ZERO else cents(gross / equity),
        largest_symbol=largest,
        largest_percent=None if largest is None or not gross else cents(abs(known[largest]) / gross * 100),
    )


class HistoryArguments(Arguments):
    """How far back."""

    days: int = Field(30, ge=1, le=366, description="How many days back")
    limit: int = Field(200, ge=1, le=1000, description="How many points at most, the newest")
    account: AccountWord = None


class EquityPoint(Result):
    """The account's equity at one moment."""

    at: str
    equity: str


class HistoryResult(Result):
    """Equity over time, oldest first."""

    account: str
    points: list[EquityPoint]
    change: str | None
    """Between the first and the last point."""
    change_percent: str | None
    source: str
    simulated: bool


@tool(
    "get_portfolio_history",
    scope=Scope.READ_ACCOUNT,
    title="Portfolio history",
    arguments=HistoryArguments,
    result=HistoryResult,
    toolset=Toolset.ORDERS,
)
async def get_portfolio_history(call: Call, asked: HistoryArguments) -> Served[HistoryResult]:
    """The account's equity over the last days as the broker recorded it, oldest first. Gaps are times at which nothing
    was recorded; nothing is filled in.
    """
    check_account(call, asked.account)
    since = call.rooms.clock.now() - timedelta(days=asked.days)
    points = await call.connection.ask(call.connection.broker.history(since, asked.limit))
    status = call.connection.broker.status()
    first, last = (points[0][1], points[-1][1]) if points else (None, None)
    change = None if first is None or last is None else last - first
    result = HistoryResult(
        account=status.account,
        points=[EquityPoint(at=iso(at) or "", equity=cents(equity)) for at, equity in points],
        change=None if change is None else cents(change),
        change_percent=None if change is None or not first else cents(change / first * 100),
        source=status.kind,
        simulated=status.simulated,
    )
    return Served(result, summary=safe(f"{len(points)} points"))


_NO_ESTIMATE_WITH: Final = frozenset({"BAD_QUANTITY", "BAD_TICK", "MARKET_DATA_MISSING"})
"""Faults with which no broker estimates an order, although it could one without them."""


class MarginResult(Result):
    """What an order would tie up."""

    order: str
    symbol: str
    margin: str
    """Initial margin besides what is held already."""
    fee: str
    available: str | None
    """Equity that no margin ties up yet; null where the broker doesn't tell it."""
    buying_power: str
    """Value that may be opened now; margin is no value, so they don't compare."""
    currency: str
    source: str
    says: str
    """Whether what is available covers the margin."""


@tool(
    "estimate_margin",
    scope=Scope.READ_ACCOUNT,
    title="Estimate margin",
    arguments=OrderArguments,
    result=MarginResult,
    toolset=Toolset.ORDERS,
)
async def estimate_margin(call: Call, asked: OrderArguments) -> Served[MarginResult]:
    """Margin and fee that the broker would take for an order if it filled now, beside what is available for margin at
    this moment. Nothing is placed. CAPABILITY_UNAVAILABLE where the broker can't tell.
    """
    check_account(call, asked.account)
    request = asked.request()
    instrument = await call.market.resolve(request.symbol)
    broker = call.connection.broker
    estimate = await call.connection.ask(broker.estimate(request))
    if estimate is None:
        judged = await call.orders.judge(call.connection, request, call.admitted)
        fault = refusal_of([check for check in judged.checks if check.code in _NO_ESTIMATE_WITH])
        says = "The broker can't tell what that order would tie up."
        raise Refused(fault or refuse("CAPABILITY_UNAVAILABLE", says))
    balances = await call.connection.ask(broker.balances())
    result = MarginResult(
        order=request.words(),
        symbol=instrument.symbol,
        margin=cents(estimate.margin),
        fee=cents(estimate.fee),
        available=None if balances.available is None else cents(balances.available),
        buying_power=cents(balances.buying_power),
        currency=estimate.currency,
        source=estimate.source,
        says=_carried(estimate.margin, balances.available),
    )
    return Served(result, symbol=instrument.symbol, summary=safe(f"{result.order}: margin {result.margin}"))


def _carried(margin: Decimal, available: Decimal | None) -> str:
    if margin <= ZERO:
        return "It ties up nothing more."
    if available is None:
        return "The broker doesn't tell whether the account can carry it."
    return "The account can carry it." if margin <= available else "More margin than the account has available."


class ExecutionsArguments(Arguments):
    """Which fills."""

    only_mine: bool = Field(False, description="Leave out fills of other clients' orders")
    before: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="Only older ones: next_before of the last page"
    )
    limit: int = Field(50, ge=1, le=500, description="How many at most")


class ExecutionRow(Result):
    """One fill."""

    execution_id: str
    order_id: str
    client: str
    yours: bool
    symbol: str
    side: str
    quantity: str
    price: str
    fee: str
    at: str

    @classmethod
    def of(cls, fill: Fill, client: str) -> ExecutionRow:
        """Write a fill for a client."""
        one = fill.execution
        return cls(
            execution_id=one.execution_id,
            order_id=fill.order_id,
            client=fill.client,
            yours=fill.client == client,
            symbol=one.symbol,
            side=one.side,
            quantity=plain(one.quantity),
            price=plain(one.price),
            fee=plain(one.fee),
            at=iso(one.at) or "",
        )


class ExecutionsResult(Result):
    """Fills, newest first."""

    executions: list[ExecutionRow]
    next_before: str | None
    """Give it as `before` to get older ones; null where there are none."""
    simulated: bool


@tool(
    "list_executions",
    scope=Scope.READ_ORDERS,
    title="Executions",
    arguments=ExecutionsArguments,
    result=ExecutionsResult,
)
async def list_executions(call: Call, asked: ExecutionsArguments) -> Served[ExecutionsResult]:
    """The fills of this connection's orders, newest first, each with its order, price, quantity and fee; your own are
    marked with `yours`. In pages: repeat with `before` = `next_before` until that is null.
    """
    client = call.admitted.grant.client
    found = await call.orders.fills(call.admitted, asked.limit + 1, only_mine=asked.only_mine, before=asked.before)
    rows = [ExecutionRow.of(one, client) for one in found[: asked.limit]]
    result = ExecutionsResult(
        executions=rows,
        next_before=rows[-1].execution_id if len(found) > len(rows) else None,
        simulated=call.connection.broker.status().simulated,
    )
    return Served(result, summary=safe(f"{len(rows)} fills"))
