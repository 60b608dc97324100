"""What the account has gained and lost: settled, open, and today."""

from __future__ import annotations

from cockpit.desk.gate import Served
from cockpit.desk.rates import middle
from cockpit.model.identity import Scope
from cockpit.model.money import ZERO, cents, plain
from cockpit.model.text import safe
from tools.account import AccountArguments, check_account
from tools.registry import Call, Result, Toolset, tool
from tools.words import iso, maybe


class PnlRow(Result):
    """What one open position has gained."""

    symbol: str
    quantity: str
    unrealised: str | None
    """Null where it has no price."""
    currency: str
    """Of the row: the one that it trades in."""


class DayPnl(Result):
    """What the account has gained since the day began (UTC)."""

    day: str
    equity_at_start: str
    equity: str
    change: str
    """Everything together, fees and movements of money included."""
    change_percent: str | None


class PnlResult(Result):
    """Profit and loss as exact decimals, in the account's base currency but for the rows."""

    account: str
    currency: str
    realised: str
    """Settled by trades, before fees."""
    unrealised: str
    """Of what is open now, at its marks."""
    total: str
    """Realised and unrealised together, before fees."""
    fees: str | None
    """Null where the broker tells profit and loss after fees: then `realised` and `total` are after them too."""
    net: str
    """Total less fees."""
    by_position: list[PnlRow]
    unplaced: str | None
    """Unrealised less its rows, converted: what moved between two answers; null where a price or rate is missing."""
    today: DayPnl
    as_of: str
    source: str
    simulated: bool


@tool(
    "get_pnl",
    scope=Scope.READ_ACCOUNT,
    title="Profit and loss",
    arguments=AccountArguments,
    result=PnlResult,
    toolset=Toolset.ORDERS,
)
async def get_pnl(call: Call, asked: AccountArguments) -> Served[PnlResult]:
    """Profit and loss as the broker books it: realised (before fees, unless fees is null), unrealised in all and of each
    open position in its own currency, fees, and the change of equity since the day began (UTC). The day counts as the daily-loss limit does:
    from the equity that was seen last on the day before, or from where the operator let it count anew. Figures are
    exact, not rounded.
    """
    check_account(call, asked.account)
    connection = call.connection
    balances = await connection.ask(connection.broker.balances())
    positions = [one for one in await connection.ask(connection.broker.positions()) if one.quantity]
    rates = await call.rates.all((one.currency for one in positions), balances.currency)
    gains = [middle(one.unrealised, rates.get(one.currency)) for one in positions]
    known = [gain for gain in gains if gain is not None]
    marks = call.orders.marks_of(call.admitted, balances)
    change, total = balances.equity - marks.day_start, balances.realised + balances.unrealised
    result = PnlResult(
        account=balances.account,
        currency=balances.currency,
        realised=plain(balances.realised),
        unrealised=plain(balances.unrealised),
        total=plain(total),
        fees=maybe(balances.fees),
        net=plain(total - (balances.fees or ZERO)),
        by_position=[
            PnlRow(
                symbol=one.symbol,
                quantity=plain(one.quantity),
                unrealised=maybe(one.unrealised),
                currency=one.currency,
            )
            for one in positions
        ],
        unplaced=plain(balances.unrealised - sum(known, ZERO)) if len(known) == len(gains) else None,
        today=DayPnl(
            day=marks.day.isoformat(),
            equity_at_start=plain(marks.day_start),
            equity=plain(balances.equity),
            change=plain(change),
            change_percent=cents(change / marks.day_start * 100) if marks.day_start > ZERO else None,
        ),
        as_of=iso(balances.as_of) or "",
        source=balances.source,
        simulated=connection.broker.status().simulated,
    )
    return Served(result, summary=safe(f"{cents(total)} {result.currency}, today {cents(change)}"))
