"""Whether the account may carry what the order opens, if everything that is open fills."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from cockpit.desk.risk.data import SKEW_SECONDS
from cockpit.desk.risk.pricing import worst_price
from cockpit.desk.risk.seen import Seen
from cockpit.desk.risk.verdicts import ONLY_REDUCES, PAPER, Verdict, at_most, check, idle, judged, known
from cockpit.model.instruments import InstrumentKind
from cockpit.model.money import ZERO, cents, plain
from cockpit.model.orders import OrderRequest, Side
from cockpit.model.quotes import Borrowable, DataType
from cockpit.model.trading import Mode
from cockpit.settings.policy import PolicySettings

NOT_BORROWED: Final = frozenset({InstrumentKind.OPTION, InstrumentKind.FUTURE, InstrumentKind.FX})
"""What is sold short without being borrowed."""


def _ends(order: OrderRequest, seen: Seen) -> tuple[Decimal, Decimal]:
    """Return the longest and the shortest position that may come of it, in quantity."""
    known(seen.held or None, "what is held")
    buys = seen.committed_buy + (seen.left(order) if order.side is Side.BUY else ZERO)
    sells = seen.committed_sell + (seen.left(order) if order.side is Side.SELL else ZERO)
    return seen.position + buys, seen.position - sells


def _unit(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Decimal:
    """Return the worst value of one of the instrument, in the account's currency."""
    known(seen.touch(order.side), "the market's price")
    price = known(worst_price(order, seen, policy), "the order's price")
    return price * seen.instrument.multiplier * known(seen.to_account, "the exchange rate")


def _times(value: Decimal) -> str:
    return f"{value:.2f} x"


@check("E1", "MAX_POSITION", "SEC 15c3-5 (c)(1)(i)", parameters=("max_position",), inputs=("held",))
def max_position(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The position stays within the limit if everything that is open or in flight fills."""
    if seen.escapes_limits(order):
        return ONLY_REDUCES
    long, short = _ends(order, seen)
    return at_most(policy.max_position, long if order.side is Side.BUY else -short, "The position may come to")


_EXPOSED = ("held", "quote", "balances", "elsewhere", "to_account")


@check("E2", "MAX_GROSS", "SEC 15c3-5 (c)(1)(i)", parameters=("max_gross", "market_margin"), inputs=_EXPOSED)
def max_gross(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """All positions together, without sign, stay within the limit if everything that is open fills."""
    if seen.escapes_limits(order):
        return ONLY_REDUCES
    long, short = _ends(order, seen)
    gross = max(abs(long), abs(short)) * _unit(order, seen, policy)
    for other in known(seen.elsewhere, "the other positions"):
        gross += known(other.worst(), f"the value of {other.symbol}")
    return _of_equity(gross, policy.max_gross, seen, "All positions may come to")


@check("E2", "MAX_NET", "SEC 15c3-5 (c)(1)(i)", parameters=("max_net", "market_margin"), inputs=_EXPOSED)
def max_net(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """All positions together, with sign, stay within the limit if everything that is open on one side fills."""
    if seen.escapes_limits(order):
        return ONLY_REDUCES
    long, short = _ends(order, seen)
    unit = _unit(order, seen, policy)
    net = (long if order.side is Side.BUY else short) * unit
    for other in known(seen.elsewhere, "the other positions"):
        if order.side is Side.BUY:
            net += known(other.value, f"the value of {other.symbol}") + other.buys
        else:
            net += known(other.lowest, f"the value of {other.symbol}") - other.sells
    return _of_equity(max(ZERO, net * order.side.sign), policy.max_net, seen, "The net position may come to")


@check(
    "E2", "CONCENTRATION", "SEC 15c3-5 (c)(1)(i)", parameters=("max_concentration", "market_margin"),
    inputs=("held", "quote", "balances", "to_account"),
)  # fmt: skip
def concentration(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """One symbol stays a part of the equity if everything that is open fills."""
    if seen.escapes_limits(order):
        return ONLY_REDUCES
    long, short = _ends(order, seen)
    value = (long if order.side is Side.BUY else -short) * _unit(order, seen, policy)
    return _of_equity(value, policy.max_concentration, seen, "The symbol may come to")


def _of_equity(value: Decimal, most: Decimal, seen: Seen, what: str) -> Verdict:
    equity = known(seen.balances, "the equity").equity
    if equity <= ZERO:
        return judged(False, _times(most), "no equity", "The account has no equity.")
    says = f"{what} {cents(value)}, at most {cents(most * equity)}."
    return judged(value <= most * equity, _times(most), _times(value / equity), says)


@check(
    "E3", "BUYING_POWER", "SEC 15c3-5 (c)(1)(i)", parameters=("buying_power_share", "market_margin"),
    inputs=("quote", "balances", "to_account", "in_flight"),
)  # fmt: skip
def buying_power(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The account can carry what the order may open, intents in flight included."""
    opening = seen.opening(order)
    if not seen.adds_risk(order):
        return ONLY_REDUCES
    available = known(seen.balances, "the balances").buying_power * policy.buying_power_share
    room = available - known(seen.in_flight, "what is in flight")
    need = opening * _unit(order, seen, policy)
    if seen.kept is not None:
        need = max(need, seen.kept * known(seen.to_account, "the exchange rate"))
    return at_most(room, need, "Needs buying power of", cents)


@check("E4", "SHORT_NOT_ALLOWED", "Regulation SHO", parameters=("allow_short",), inputs=("held", "uncovers"))
def short_allowed(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """Nothing is sold that isn't held, unless policy and broker allow it, and nothing that covers a sold call."""
    if order.side is Side.BUY:
        return idle("A buy.")
    known(seen.held or None, "what is held")
    if not seen.lowers and known(seen.uncovers, "what covers the sold calls"):
        calls = ", ".join(seen.uncovers or ())
        return judged(False, "covered", "uncovered", f"It covers {calls}: close that first.")
    if seen.opening(order) == ZERO:
        return ONLY_REDUCES
    if not policy.allow_short:
        return judged(False, "held", "short", "Only what is held may be sold: the limits allow no short sale.")
    if not seen.can.short_selling:
        return judged(False, "held", "short", "Only what is held may be sold: the broker takes no short sale.")
    return judged(True, "held", "short", "It may be sold short.")


@check("E4", "NO_LOCATE", "Regulation SHO Rule 203", parameters=("max_quote_age_seconds",), inputs=("borrow",))
def located(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """Where the money is real, the broker says just now that the shares of all open short sales can be borrowed."""
    if seen.mode is not Mode.LIVE:
        return PAPER
    if order.side is Side.BUY or seen.opening(order) == ZERO:
        return idle("Not a short sale.")
    if seen.instrument.kind in NOT_BORROWED:
        return idle("It is sold short without being borrowed.")
    found = known(seen.borrow, "whether shares can be borrowed")
    need = seen.committed_sell + seen.left(order) - max(ZERO, seen.position)
    asked = f"{plain(need)} to borrow"
    if found.data_type is not DataType.LIVE:
        return judged(False, asked, found.data_type, f"What can be borrowed is told {found.data_type}, not live.")
    age, limit = (seen.now - found.as_of).total_seconds(), policy.max_quote_age_seconds
    if not -SKEW_SECONDS <= age <= limit:
        return judged(False, f"{limit} s", f"{age:g} s", "What can be borrowed was not told just now.")
    if found.borrowable is Borrowable.NO:
        return judged(False, asked, "none", "The broker has no shares to lend.")
    if found.borrowable is Borrowable.LOCATE:
        return judged(False, asked, "a locate", "The broker has to look for shares first.")
    says = f"The broker has at least {plain(found.shares)} shares to lend."
    return judged(need <= found.shares, asked, plain(found.shares), says)


CHECKS = (max_position, max_gross, max_net, concentration, buying_power, short_allowed, located)
