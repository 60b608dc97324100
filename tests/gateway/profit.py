"""Profit and loss of the gateway, told as it changes: of an account, and of one position."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import UNSET, In, Out
from tests.gateway.world import Listing

if TYPE_CHECKING:
    from tests.gateway.holdings import Holding
    from tests.gateway.server import FakeGateway

ZERO: Final = Decimal(0)


@dataclass
class Following:
    """Whose profit one session follows, and what it was told of it last."""

    accounts: dict[str, str] = field(default_factory=dict)
    """Accounts by request."""
    positions: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Account and contract id by request."""
    told: dict[str, tuple[object, ...]] = field(default_factory=dict)


@dataclass
class _Board:
    listening: bool = False


@handles(In.reqPnL)
def account_profit(session: Session, fields: list[str]) -> None:
    """Tell the profit of an account at once, and each time it changes."""
    request_id, account = fields[1:3]
    if account not in session.gateway.accounts:
        session.error(request_id, 321, "Error validating request.-'cT' : cause - Invalid account code")
        return
    session.of(Following).accounts[request_id] = account
    _listen(session.gateway)
    _tell(session)


@handles(In.cancelPnL)
def cancel_account_profit(session: Session, fields: list[str]) -> None:
    """Tell it no more."""
    session.of(Following).accounts.pop(fields[1], None)
    session.of(Following).told.pop(fields[1], None)


@handles(In.reqPnLSingle)
def position_profit(session: Session, fields: list[str]) -> None:
    """Tell the profit of one position at once, and each time it changes; what nobody holds has none."""
    request_id, account, con_id = fields[1], fields[2], int(fields[4] or 0)
    if account not in session.gateway.accounts:
        session.error(request_id, 321, "Error validating request.-'cU' : cause - Invalid account code")
        return
    session.of(Following).positions[request_id] = (account, con_id)
    _listen(session.gateway)
    _tell(session)


@handles(In.cancelPnLSingle)
def cancel_position_profit(session: Session, fields: list[str]) -> None:
    """Tell it no more."""
    session.of(Following).positions.pop(fields[1], None)
    session.of(Following).told.pop(fields[1], None)


def daily(gateway: FakeGateway, holding: Holding) -> Decimal | None:
    """Return what a position earned since yesterday's close, as if it were as old as that; None without a close."""
    price, multiplier = gateway.world.price(holding.listing.con_id), Decimal(holding.listing.multiplier or 1)
    if price.close is None or price.middle is None:
        return None
    return (gateway.book.holdings.mark(holding.listing) - price.close) * holding.quantity * multiplier


def tell(gateway: FakeGateway) -> None:
    """Tell everybody whose profit has changed."""
    for session in gateway.ready_sessions() if gateway.linked else ():
        following = session.of(Following)
        if following.accounts or following.positions:
            _tell(session)


def _listen(gateway: FakeGateway) -> None:
    board = gateway.of(_Board)
    if board.listening:
        return
    board.listening = True

    def moved(listing: Listing) -> None:
        if any(con_id == listing.con_id for _, con_id in gateway.book.holdings.held):
            tell(gateway)

    gateway.world.on_price(moved)


def _tell(session: Session) -> None:
    following = session.of(Following)
    for request_id, account in following.accounts.items():
        _changed(session, request_id, Out.pnl, _of_account(session.gateway, account))
    for request_id, (account, con_id) in following.positions.items():
        _changed(session, request_id, Out.pnlSingle, _of_position(session.gateway, account, con_id))


def _changed(session: Session, request_id: str, number: Out, told: tuple[object, ...]) -> None:
    known = session.of(Following).told
    if known.get(request_id) != told:
        known[request_id] = told
        session.send(number, request_id, *told)


def _of_account(gateway: FakeGateway, account: str) -> tuple[object, ...]:
    holdings = gateway.book.holdings
    held = [(one, holdings.rate(one.listing.currency)) for one in holdings.of(account)]
    realized = sum(
        (
            one.realized * holdings.rate(one.listing.currency)
            for (owner, _), one in holdings.held.items()
            if owner == account
        ),
        ZERO,
    )
    day = sum(((daily(gateway, one) or ZERO) * rate for one, rate in held), ZERO) + realized
    return day, sum((holdings.unrealized(one) * rate for one, rate in held), ZERO), realized


def _of_position(gateway: FakeGateway, account: str, con_id: int) -> tuple[object, ...]:
    holding = gateway.book.holdings.held.get((account, con_id))
    if holding is None or not holding.quantity:
        return 0, UNSET, UNSET, holding.realized if holding else UNSET, 0
    day = daily(gateway, holding)
    earned: object = UNSET if day is None else day
    return (
        holding.quantity,
        earned,
        gateway.book.holdings.unrealized(holding),
        holding.realized,
        gateway.book.holdings.worth(holding),
    )
