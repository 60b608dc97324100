"""What the account owns outright, apart from what it merely has open."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from cockpit.desk.gate import Served
from cockpit.desk.rates import middle
from cockpit.model.accounts import Position
from cockpit.model.identity import Scope
from cockpit.model.instruments import InstrumentKind
from cockpit.model.money import CENT, ZERO, cents, plain
from cockpit.model.text import safe
from tools.account import AccountArguments, check_account
from tools.registry import Call, Result, Toolset, tool
from tools.words import iso, maybe

_OWNED: Final = frozenset({InstrumentKind.STOCK, InstrumentKind.ETF, InstrumentKind.CRYPTO})
"""Kinds that are owned; the others are contracts."""
_SETTLES_AT_ONCE: Final = (
    "The simulated account settles at once: all that it holds long of stocks, funds and crypto is owned and settled."
)
_UNSETTLED: Final = "What is held long of stocks, funds and crypto; the broker doesn't say how much of it has settled."


class HoldingRow(Result):
    """What is owned of one instrument."""

    symbol: str
    kind: str
    quantity: str
    settled: str | None
    """How much of it has settled; null where the broker doesn't say."""
    average_price: str
    cost: str | None
    """What it cost; null where it has no price."""
    mark: str | None
    market_value: str | None
    unrealised: str | None
    unrealised_percent: str | None
    """Of what it cost."""
    share_percent: str | None
    """Of the value of all holdings; null while one of them has no price, or no rate."""
    currency: str
    """Of everything in this row."""


class HoldingsResult(Result):
    """What the account owns."""

    account: str
    holdings: list[HoldingRow]
    market_value: str | None
    """Of all of them; null while one has no price, or no rate into the account's currency."""
    currency: str
    """The account's own, in which they are added up."""
    left_out: int
    """Positions that are no holdings: short ones and contracts such as options."""
    as_of: str
    source: str
    simulated: bool
    says: str


@tool(
    "get_holdings",
    scope=Scope.READ_ACCOUNT,
    title="Holdings",
    arguments=AccountArguments,
    result=HoldingsResult,
    toolset=Toolset.ORDERS,
)
async def get_holdings(call: Call, asked: AccountArguments) -> Served[HoldingsResult]:
    """What the account owns outright: long stocks, funds and crypto with cost, value, gain and share of the whole, each in
    its own currency; added up in the account's, at the exchange rates of this moment. Short positions and contracts such as options are no holdings: get_positions has everything. `settled` is what has settled;
    the simulated account settles at once, and a broker that doesn't tell gives null.
    """
    check_account(call, asked.account)
    connection = call.connection
    status = connection.broker.status()
    positions = [one for one in await connection.ask(connection.broker.positions()) if one.quantity]
    owned: list[tuple[Position, InstrumentKind]] = []
    for one in positions:
        found = await connection.ask(connection.broker.find(one.symbol)) if one.quantity > ZERO else ()
        if len(found) == 1 and found[0].kind in _OWNED:
            owned.append((one, found[0].kind))
    currency = (await connection.ask(connection.broker.balances())).currency
    rates = await call.rates.all((one.currency for one, _ in owned), currency)
    values = [_rounded(middle(one.market_value, rates.get(one.currency))) for one, _ in owned]
    known = [value for value in values if value is not None]
    whole = sum(known, ZERO) if len(known) == len(owned) else None
    at_once = status.kind == "paper"
    result = HoldingsResult(
        account=status.account,
        holdings=[
            _row(one, kind, _share(value, whole), at_once=at_once)
            for (one, kind), value in zip(owned, values, strict=True)
        ],
        market_value=None if whole is None else cents(whole),
        currency=currency,
        left_out=len(positions) - len(owned),
        as_of=iso(call.rooms.clock.now()) or "",
        source=positions[0].source if positions else status.kind,
        simulated=status.simulated,
        says=_SETTLES_AT_ONCE if at_once else _UNSETTLED,
    )
    return Served(result, summary=safe(f"{len(owned)} holdings"))


def _rounded(amount: Decimal | None) -> Decimal | None:
    """Round before anything is taken from it: what is told has to add up to the cent."""
    return None if amount is None else amount.quantize(CENT)


def _share(value: Decimal | None, whole: Decimal | None) -> str | None:
    return None if value is None or not whole else cents(value / whole * 100)


def _row(position: Position, kind: InstrumentKind, share: str | None, *, at_once: bool) -> HoldingRow:
    value, gain = _rounded(position.market_value), _rounded(position.unrealised)
    cost = None if value is None or gain is None else value - gain
    return HoldingRow(
        symbol=position.symbol,
        kind=kind,
        quantity=plain(position.quantity),
        settled=plain(position.quantity) if at_once else None,
        average_price=plain(round(position.average_price, 6)),
        cost=None if cost is None else cents(cost),
        mark=maybe(position.mark),
        market_value=None if value is None else cents(value),
        unrealised=None if gain is None else cents(gain),
        unrealised_percent=None if gain is None or not cost else cents(gain / cost * 100),
        share_percent=share,
        currency=position.currency,
    )
