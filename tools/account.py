"""What the connection's account holds."""

from __future__ import annotations

from cockpit.desk.gate import Served
from cockpit.model.accounts import Position
from cockpit.model.identity import Scope
from cockpit.model.money import cents, plain
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import safe
from tools.registry import Arguments, Call, Result, tool
from tools.words import AccountWord, iso, maybe


class AccountArguments(Arguments):
    """Which account."""

    account: AccountWord = None


class BalancesResult(Result):
    """Money, in the account's base currency."""

    account: str
    currency: str
    cash: str
    equity: str
    buying_power: str
    orders_taken_off: bool
    """Whether what working orders may still open is taken off the buying power already."""
    realised: str
    unrealised: str
    fees: str | None
    """Null where profit and loss are told after fees."""
    as_of: str
    source: str
    simulated: bool


class PositionRow(Result):
    """What is held of one instrument: long above zero, short below."""

    symbol: str
    quantity: str
    average_price: str
    mark: str | None
    market_value: str | None
    unrealised: str | None
    currency: str

    @classmethod
    def of(cls, position: Position) -> PositionRow:
        """Write a position."""
        return cls(
            symbol=position.symbol,
            quantity=plain(position.quantity),
            average_price=plain(round(position.average_price, 6)),
            mark=maybe(position.mark),
            market_value=None if position.market_value is None else cents(position.market_value),
            unrealised=None if position.unrealised is None else cents(position.unrealised),
            currency=position.currency,
        )


class PositionsResult(Result):
    """All positions of the account."""

    account: str
    positions: list[PositionRow]
    as_of: str
    source: str
    simulated: bool


def check_account(call: Call, account: str | None) -> None:
    """Refuse an account that isn't the connection's."""
    status = call.connection.broker.status()
    if account is not None and account != status.account:
        raise Refused(refuse("ACCOUNT_NOT_ALLOWED", account=safe(account, 32), yours=status.account))


@tool("get_balances", scope=Scope.READ_ACCOUNT, title="Balances", arguments=AccountArguments, result=BalancesResult)
async def get_balances(call: Call, asked: AccountArguments) -> Served[BalancesResult]:
    """Cash, equity, buying power (what may still be opened; less what working orders may open, unless orders_taken_off),
    realised and unrealised profit and loss, and fees, in the account's base currency. Where fees is null, profit and
    loss are after fees.
    """
    check_account(call, asked.account)
    balances = await call.connection.ask(call.connection.broker.balances())
    result = BalancesResult(
        account=balances.account,
        currency=balances.currency,
        cash=cents(balances.cash),
        equity=cents(balances.equity),
        buying_power=cents(balances.buying_power),
        orders_taken_off=balances.orders_taken_off,
        realised=cents(balances.realised),
        unrealised=cents(balances.unrealised),
        fees=None if balances.fees is None else cents(balances.fees),
        as_of=iso(balances.as_of) or "",
        source=balances.source,
        simulated=call.connection.broker.status().simulated,
    )
    return Served(result, summary=safe(f"equity {result.equity} {result.currency}"))


@tool("get_positions", scope=Scope.READ_ACCOUNT, title="Positions", arguments=AccountArguments, result=PositionsResult)
async def get_positions(call: Call, asked: AccountArguments) -> Served[PositionsResult]:
    """Every position with quantity (negative is short), average price, mark, market value and unrealised profit and
    loss. A mark that nobody knows is null, never zero.
    """
    check_account(call, asked.account)
    positions = await call.connection.ask(call.connection.broker.positions())
    status = call.connection.broker.status()
    result = PositionsResult(
        account=status.account,
        positions=[PositionRow.of(one) for one in positions if one.quantity],
        as_of=iso(call.rooms.clock.now()) or "",
        source=positions[0].source if positions else status.kind,
        simulated=status.simulated,
    )
    return Served(result, summary=safe(f"{len(result.positions)} positions"))
