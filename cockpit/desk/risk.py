"""The risk checks: pure sentences over an order, what is known, and the policy. All run, all refusals are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.brokers.base import Capabilities
from cockpit.model.accounts import Balances
from cockpit.model.checks import Applies, CheckResult
from cockpit.model.instruments import Instrument
from cockpit.model.money import ZERO, cents, is_multiple, plain
from cockpit.model.orders import NEEDS_LIMIT, OrderRequest, Side
from cockpit.model.quotes import Quote
from cockpit.model.refusals import REFUSALS, Refusal, refuse
from cockpit.model.trading import Link, Mode, TradingState
from cockpit.settings.model import PolicySettings


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that the checks may look at, gathered at one instant."""

    now: datetime
    state: TradingState
    mode: Mode
    """What the settings say."""
    account_mode: Mode
    """What the account says."""
    link: Link
    trade: bool
    can: Capabilities
    instrument: Instrument
    quote: Quote | None
    balances: Balances | None
    position: Decimal
    """Signed quantity held."""
    committed_buy: Decimal
    """Quantity of our buys of the instrument that may still fill, in-flight intents included."""
    committed_sell: Decimal
    in_flight: Decimal
    """Worst-case value of intents that the broker's buying power doesn't count yet."""

    def touch(self, side: Side) -> Decimal | None:
        """Return the price at which that side trades now, or None."""
        return None if self.quote is None else self.quote.touch(side)

    def opening(self, order: OrderRequest) -> Decimal:
        """Return the part of the quantity that could open or grow a position, whatever else fills."""
        if order.side is Side.BUY:
            closable = max(ZERO, -self.position - self.committed_buy)
        else:
            closable = max(ZERO, self.position - self.committed_sell)
        return max(ZERO, order.quantity - closable)


def worst_price(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Decimal | None:
    """Return the price that limits use: what a buy may pay at most, what a sell may be worth at most.

    A market order has no limit of its own and is priced at the touch plus the collar.
    """
    touch = seen.touch(order.side)
    if order.limit_price is None:
        if touch is None:
            return None
        return touch * (1 + policy.price_collar)
    if order.side is Side.BUY or touch is None:
        return order.limit_price
    return max(order.limit_price, touch)


def worst_notional(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Decimal | None:
    """Return the worst-case value of the order in the instrument's currency."""
    price = worst_price(order, seen, policy)
    return None if price is None else price * order.quantity * seen.instrument.multiplier


Check = Callable[[OrderRequest, Seen, PolicySettings], CheckResult]
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    """Add a check to those that every order must pass."""
    CHECKS.append(function)
    return function


def evaluate(order: OrderRequest, seen: Seen, policy: PolicySettings) -> tuple[CheckResult, ...]:
    """Run every check, always all of them, in the order of the table."""
    return tuple(one(order, seen, policy) for one in CHECKS)


def refusal_of(results: Sequence[CheckResult]) -> Refusal | None:
    """Return the first refusal, with every refusal's facts in its details; None where all passed."""
    failed = [result for result in results if not result.ok]
    if not failed:
        return None
    first = failed[0]
    return refuse(first.code, first.message, **{result.code: result.message for result in failed})


def _passed(code: str, limit: str, value: str, says: str) -> CheckResult:
    kind = REFUSALS[code]
    return CheckResult(code, True, limit, value, says, kind.retryable, kind.who)


def _failed(code: str, limit: str, value: str, says: str | None = None) -> CheckResult:
    kind = REFUSALS[code]
    return CheckResult(code, False, limit, value, says or kind.message, kind.retryable, kind.who)


def _idle(code: str, says: str) -> CheckResult:
    kind = REFUSALS[code]
    return CheckResult(code, True, "", "", says, kind.retryable, kind.who, Applies.NOT_APPLICABLE)


def _judged(code: str, ok: bool, limit: str, value: str, says: str) -> CheckResult:
    return _passed(code, limit, value, says) if ok else _failed(code, limit, value, says)


@check
def kill_switch(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """Nothing passes a kill, and no order passes a halt."""
    code = "HALTED" if seen.state is TradingState.HALTED else "KILL_SWITCH"
    stopped = seen.state in {TradingState.KILLED, TradingState.HALTED}
    return _judged(code, not stopped, "RUNNING", seen.state, f"Trading is {seen.state}.")


@check
def reduce_only(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """While only reducing is allowed, no part of an order may open a position, whatever else fills."""
    if seen.state is not TradingState.REDUCE_ONLY:
        return _idle("REDUCE_ONLY", "Opening orders are allowed.")
    opening = seen.opening(order)
    return _judged("REDUCE_ONLY", opening == ZERO, "0", plain(opening), f"{plain(opening)} would open a position.")


@check
def trading_disabled(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """The connection may trade at all."""
    return _judged("TRADING_DISABLED", seen.trade, "", "", "Trading is on." if seen.trade else "Trading is off here.")


@check
def mode(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """Settings and account agree on whether the money is real."""
    return _judged(
        "MODE_MISMATCH",
        seen.mode is seen.account_mode,
        seen.mode,
        seen.account_mode,
        f"The account is {seen.account_mode}.",
    )


@check
def broker_ready(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """The line to the broker is up."""
    return _judged(
        "BROKER_NOT_READY", seen.link is Link.READY, Link.READY, seen.link, f"The broker's link is {seen.link}."
    )


@check
def quantity_on_lot(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """The quantity is a positive multiple of the lot."""
    lot = seen.instrument.lot
    ok = order.quantity > ZERO and is_multiple(order.quantity, lot)
    return _judged("BAD_QUANTITY", ok, f"multiple of {plain(lot)}", plain(order.quantity), f"The lot is {plain(lot)}.")


@check
def price_on_tick(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """The limit price is a positive multiple of the tick."""
    if order.limit_price is None:
        return _idle("BAD_TICK", "A market order has no price.")
    tick = seen.instrument.tick
    ok = order.limit_price > ZERO and is_multiple(order.limit_price, tick)
    return _judged(
        "BAD_TICK", ok, f"multiple of {plain(tick)}", plain(order.limit_price), f"The tick is {plain(tick)}."
    )


@check
def type_and_price(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """The broker takes this type and time in force; a limit order has a price, a market order has none."""
    ok = (
        order.order_type in seen.can.order_types
        and order.time_in_force in seen.can.times_in_force
        and (order.order_type in NEEDS_LIMIT) == (order.limit_price is not None)
    )
    says = f"A {order.order_type} {order.time_in_force} order with{'' if order.limit_price is not None else 'out'} a limit."
    return _judged("ORDER_TYPE_NOT_ALLOWED", ok, "", order.order_type, says)


@check
def max_quantity(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """The quantity is within the limit (RTS 6: maximum order volume)."""
    limit, value = plain(policy.max_quantity), plain(order.quantity)
    return _judged(
        "MAX_QUANTITY", order.quantity <= policy.max_quantity, limit, value, f"Quantity {value}, at most {limit}."
    )


@check
def market_data(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """There is a price on the side that the order would trade with."""
    touch = seen.touch(order.side)
    if touch is None:
        return _failed("MARKET_DATA_MISSING", "a quote", "none")
    return _passed("MARKET_DATA_MISSING", "a quote", plain(touch), f"The market is at {plain(touch)}.")


@check
def fresh_data(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """The price is young enough to trade on."""
    limit = f"{policy.max_quote_age_seconds} s"
    if seen.quote is None:
        return _failed("MARKET_DATA_STALE", limit, "no price", "There is no price whose age could be told.")
    age = seen.quote.age_ms(seen.now) / 1000
    return _judged(
        "MARKET_DATA_STALE",
        age <= policy.max_quote_age_seconds,
        limit,
        f"{age:.1f} s",
        f"The price is {age:.1f} s old.",
    )


@check
def max_notional(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """The worst-case value is within the limit (RTS 6: maximum order value)."""
    limit = cents(policy.max_notional)
    value = worst_notional(order, seen, policy)
    if value is None:
        return _failed("MAX_NOTIONAL", limit, "unknown", "Without a price the order's value is unknown.")
    return _judged(
        "MAX_NOTIONAL",
        value <= policy.max_notional,
        limit,
        cents(value),
        f"Worth up to {cents(value)}, at most {limit}.",
    )


@check
def price_collar(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """The limit price stays within the collar around the touch (RTS 6: price collars)."""
    limit = f"{plain(policy.price_collar * 100)} %"
    if order.limit_price is None:
        return _idle("PRICE_COLLAR", f"A market order is valued at the touch plus {limit}.")
    touch = seen.touch(order.side)
    if touch is None:
        return _failed("PRICE_COLLAR", limit, "unknown", "Without a price the collar can't be placed.")
    away = abs(order.limit_price - touch) / touch
    says = f"{away * 100:.2f} % from the touch at {plain(touch)}, at most {limit}."
    return _judged("PRICE_COLLAR", away <= policy.price_collar, limit, f"{away * 100:.2f} %", says)


@check
def buying_power(order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
    """The account can carry what the order may open, intents in flight included (15c3-5 (c)(1)(i))."""
    opening = seen.opening(order)
    if opening == ZERO:
        return _idle("BUYING_POWER", "The order only reduces.")
    price = worst_price(order, seen, policy)
    if seen.balances is None or price is None:
        return _failed("BUYING_POWER", "unknown", "unknown", "Without balances and a price nobody can tell.")
    room = seen.balances.buying_power - seen.in_flight
    need = price * opening * seen.instrument.multiplier
    return _judged(
        "BUYING_POWER", need <= room, cents(room), cents(need), f"Needs {cents(need)} of {cents(room)} buying power."
    )


MENDABLE_LATER: Final = frozenset(code for code, kind in REFUSALS.items() if kind.retryable)
