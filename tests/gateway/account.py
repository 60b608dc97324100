"""What the gateway tells of accounts, once and then as it changes: values, portfolio, positions and summary."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tests.gateway import profit
from tests.gateway.holdings import CENT, Holding, Holdings
from tests.gateway.orders import ZERO
from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import CONTRACT_OUT, PORTFOLIO_CONTRACT, In, Out, pick
from tests.gateway.world import Listing

if TYPE_CHECKING:
    from tests.gateway.server import FakeGateway

Value = tuple[str, str, str]
"""Tag, value and currency."""
_LEDGER: Final = frozenset(
    {
        "CashBalance",
        "TotalCashBalance",
        "ExchangeRate",
        "UnrealizedPnL",
        "RealizedPnL",
        "NetLiquidationByCurrency",
        "Currency",
    }
)
_SUMMARIES: Final = 2


class Watching:
    """What one session is told of as it changes."""

    def __init__(self) -> None:
        self.positions = False
        self.account = ""
        self.multi: dict[str, tuple[str, str]] = {}
        """By request: account and model."""
        self.summaries: dict[str, frozenset[str]] = {}
        """By request: tags."""
        self.told: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
        """By stream and account: the values that were told last, so that only changes follow."""

    def news(self, stream: str, account: str, values: list[Value]) -> list[Value]:
        """Return the values that this stream has not told yet."""
        before = self.told.setdefault((stream, account), {})
        changed = [one for one in values if before.get((one[0], one[2])) != one[1]]
        before.update({(tag, currency): value for tag, value, currency in changed})
        return changed


def values(holdings: Holdings, account: str) -> list[Value]:
    """Return every value of an account: of the whole in the base currency, then the ledger of each currency and of all together (BASE)."""
    base, held = holdings.base, holdings.of(account)
    net, cash, margin = holdings.net(account), holdings.total_cash(account), holdings.margin(account)
    free = net - margin
    whole = {
        "NetLiquidation": net,
        "TotalCashValue": cash,
        "SettledCash": cash,
        "EquityWithLoanValue": net,
        "GrossPositionValue": holdings.gross(account),
        "InitMarginReq": margin,
        "MaintMarginReq": margin,
        "FullInitMarginReq": margin,
        "FullMaintMarginReq": margin,
        "AvailableFunds": free,
        "ExcessLiquidity": free,
        "FullAvailableFunds": free,
        "FullExcessLiquidity": free,
        "BuyingPower": free * 4,
        "AccruedCash": ZERO,
    }
    told = [("AccountType", "INDIVIDUAL", ""), ("AccountReady", "true", ""), ("Cushion", "1", "")]
    told += [(tag, f"{value.quantize(CENT):f}", base) for tag, value in whole.items()]
    for currency in dict.fromkeys((base, *holdings.cash[account], *(one.listing.currency for one in held))):
        told += _ledger(holdings, account, currency, [one for one in held if one.listing.currency == currency])
    whole_ledger = {
        "CashBalance": cash,
        "TotalCashBalance": cash,
        "NetLiquidationByCurrency": net,
        "UnrealizedPnL": sum((holdings.unrealized(one) * holdings.rate(one.listing.currency) for one in held), ZERO),
    }
    told += [("Currency", "BASE", "BASE"), ("ExchangeRate", "1.00", "BASE")]
    return told + [(tag, f"{value.quantize(CENT):f}", "BASE") for tag, value in whole_ledger.items()]


def _ledger(holdings: Holdings, account: str, currency: str, held: list[Holding]) -> list[Value]:
    cash = holdings.cash[account].get(currency, ZERO)
    worth = sum((holdings.worth(one) for one in held if one.listing.kind != "FUT"), ZERO)
    realized = [
        one.realized
        for (owner, _), one in holdings.held.items()
        if owner == account and one.listing.currency == currency
    ]
    amounts = {
        "CashBalance": cash,
        "TotalCashBalance": cash,
        "StockMarketValue": worth,
        "NetLiquidationByCurrency": cash + worth,
        "UnrealizedPnL": sum((holdings.unrealized(one) for one in held), ZERO),
        "RealizedPnL": sum(realized, ZERO),
    }
    ledger = [(tag, f"{amount.quantize(CENT):f}", currency) for tag, amount in amounts.items()]
    return [("Currency", currency, currency), ("ExchangeRate", f"{holdings.rate(currency):f}", currency), *ledger]


@handles(In.reqPositions)
def positions(session: Session, _: list[str]) -> None:
    """Tell positions of every account, then each as it changes."""
    gateway = session.gateway
    session.of(Watching).positions = True
    for account in gateway.accounts:
        for holding in gateway.book.holdings.of(account):
            _position(session, account, holding)
    session.send(Out.positionEnd, 1)


@handles(In.cancelPositions)
def cancel_positions(session: Session, _: list[str]) -> None:
    """Tell positions no more."""
    session.of(Watching).positions = False


@handles(In.reqAccountUpdates)
def updates(session: Session, fields: list[str]) -> None:
    """Tell one account's values and portfolio, then what changes; another account takes its place."""
    watching = session.of(Watching)
    account = fields[3] or session.gateway.accounts[0]
    if fields[2] != "1":
        watching.account = ""
        return
    if account not in session.gateway.accounts:
        session.error(-1, 321, "Error validating request.-'bW' : cause - Invalid account code.")
        return
    watching.account = account
    watching.told.pop(("updates", account), None)
    _tell_updates(session, account)
    for holding in session.gateway.book.holdings.of(account):
        _portfolio(session, account, holding)
    session.send(Out.updateAccountTime, 1, f"{session.gateway.world.now():%H:%M}")
    session.send(Out.accountDownloadEnd, 1, account)


@handles(In.reqAccountUpdatesMulti)
def updates_multi(session: Session, fields: list[str]) -> None:
    """Tell an account's values under a request, then what changes."""
    request, account, model = fields[2], fields[3] or session.gateway.accounts[0], fields[4]
    if account not in session.gateway.accounts:
        session.error(request, 321, "Error validating request.-'bW' : cause - Invalid account code.")
        return
    session.of(Watching).multi[request] = (account, model)
    _tell_multi(session, request)
    session.send(Out.accountUpdateMultiEnd, 1, request)


@handles(In.cancelAccountUpdatesMulti)
def cancel_multi(session: Session, fields: list[str]) -> None:
    """Tell that request no more."""
    session.of(Watching).multi.pop(fields[2], None)


@handles(In.reqAccountSummary)
def summary(session: Session, fields: list[str]) -> None:
    """Tell the tags asked for of every account, then what changes; there may be two such requests."""
    request, tags = fields[2], frozenset(one.partition(":")[0] for one in fields[4].split(","))
    watching = session.of(Watching)
    if request not in watching.summaries and len(watching.summaries) >= _SUMMARIES:
        session.error(
            request, 322, "Error processing request.-'cd' : cause - Maximum number of account summary requests exceeded"
        )
        return
    watching.summaries[request] = tags | _LEDGER if "$LEDGER" in tags else tags
    for account in session.gateway.accounts:
        _tell_summary(session, request, account)
    session.send(Out.accountSummaryEnd, 1, request)


@handles(In.cancelAccountSummary)
def cancel_summary(session: Session, fields: list[str]) -> None:
    """Tell that request no more."""
    session.of(Watching).summaries.pop(fields[2], None)


def tell_change(gateway: FakeGateway, account: str, listing: Listing | None = None) -> None:
    """Tell every session what it watches of an account: a holding that changed, and the values that did."""
    holding = gateway.book.holdings.held.get((account, listing.con_id)) if listing else None
    profit.tell(gateway)
    for session in gateway.ready_sessions():
        watching = session.of(Watching)
        if holding is not None and watching.positions:
            _position(session, account, holding)
        if watching.account == account:
            if holding is not None:
                _portfolio(session, account, holding)
            _tell_updates(session, account)
        for request, (watched, _) in watching.multi.items():
            if watched == account:
                _tell_multi(session, request)
        for request in watching.summaries:
            _tell_summary(session, request, account)


def tell_marks(gateway: FakeGateway) -> None:
    """Tell what prices have done to values and portfolios, as the gateway does every few minutes."""
    for account in gateway.accounts:
        tell_change(gateway, account)
        for session in gateway.ready_sessions():
            if session.of(Watching).account == account:
                for holding in gateway.book.holdings.of(account):
                    _portfolio(session, account, holding)


def _tell_updates(session: Session, account: str) -> None:
    told = values(session.gateway.book.holdings, account)
    for tag, value, currency in session.of(Watching).news("updates", account, told):
        session.send(Out.updateAccountValue, 2, tag, value, currency, account)


def _tell_multi(session: Session, request: str) -> None:
    watching = session.of(Watching)
    account, model = watching.multi[request]
    for tag, value, currency in watching.news(request, account, values(session.gateway.book.holdings, account)):
        session.send(Out.accountUpdateMulti, 1, request, account, model, tag, value, currency)


def _tell_summary(session: Session, request: str, account: str) -> None:
    watching = session.of(Watching)
    wanted = watching.summaries[request]
    told = [one for one in values(session.gateway.book.holdings, account) if one[0] in wanted]
    for tag, value, currency in watching.news(request, account, told):
        session.send(Out.accountSummary, 1, request, account, tag, value, currency)


def _position(session: Session, account: str, holding: Holding) -> None:
    told = holding.listing.spelled | {"exchange": holding.listing.primary}
    session.send(Out.position, 3, account, *pick(CONTRACT_OUT, told), holding.quantity, holding.average)


def _portfolio(session: Session, account: str, holding: Holding) -> None:
    holdings = session.gateway.book.holdings
    zero = Decimal("0.0")
    session.send(
        Out.updatePortfolio,
        8,
        *pick(PORTFOLIO_CONTRACT, holding.listing.spelled),
        holding.quantity,
        holdings.mark(holding.listing),
        holdings.worth(holding) if holding.quantity else zero,
        holding.average,
        holdings.unrealized(holding) if holding.quantity else zero,
        holding.realized,
        account,
    )
