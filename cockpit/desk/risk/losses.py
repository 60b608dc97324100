"""Whether enough has been lost, or may be lost by this order. Latches that losses set refuse here too."""

from __future__ import annotations

from decimal import Decimal

from cockpit.desk.risk.pricing import adverse_price, trigger_price
from cockpit.desk.risk.seen import Seen
from cockpit.desk.risk.verdicts import (
    ONLY_REDUCES,
    WARNING,
    OnClose,
    Verdict,
    at_most,
    check,
    idle,
    judged,
    known,
    percent,
)
from cockpit.model.latches import LatchKind
from cockpit.model.money import ZERO, cents
from cockpit.model.orders import OrderRequest, OrderType, Role
from cockpit.settings.policy import PolicySettings


def latched(kind: LatchKind, seen: Seen) -> Verdict | None:
    """Return the refusal of a latch that is set, or None."""
    found = next((latch for latch in seen.latches if latch.kind is kind), None)
    if found is None:
        return None
    return judged(False, "released", "latched", f"Held until the operator releases {found.latch_id}: {found.reason}")


def loss_of_day(day_start: Decimal, equity: Decimal) -> Decimal:
    """Return what is lost since the day began, as a share; below zero for a gain."""
    return (day_start - equity) / day_start if day_start > ZERO else Decimal(1 if equity < day_start else 0)


def fall_from(high_water: Decimal, equity: Decimal) -> Decimal:
    """Return how far the equity is below its highest, as a share of that."""
    return max(ZERO, loss_of_day(high_water, equity))


@check("L1", "DAILY_LOSS", "OpenTrading", parameters=("max_daily_loss",), inputs=("balances", "day_start"))
def daily_loss(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The day's loss, realised and unrealised, is within the limit; beyond it only reducing is allowed."""
    if not seen.adds_risk(order):
        return ONLY_REDUCES
    held = latched(LatchKind.DAILY_LOSS, seen)
    if held is not None:
        return held
    lost = loss_of_day(known(seen.day_start, "the day's first equity"), known(seen.balances, "the equity").equity)
    return at_most(policy.max_daily_loss, lost, "Lost today:", percent)


@check(
    "L2",
    "DRAWDOWN",
    "OpenTrading",
    parameters=("max_drawdown",),
    inputs=("balances", "high_water"),
    on_close=OnClose.SKIPPED,
)
def drawdown(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The equity is not too far below its highest; beyond the limit the connection takes no orders at all."""
    held = latched(LatchKind.DRAWDOWN, seen)
    if held is not None:
        return held
    if seen.escapes_limits(order):
        return ONLY_REDUCES
    fall = fall_from(known(seen.high_water, "the highest equity"), known(seen.balances, "the equity").equity)
    return at_most(policy.max_drawdown, fall, "Below the highest equity:", percent)


@check(
    "L3", "RISK_PER_TRADE", "OpenTrading", parameters=("max_risk_per_trade", "require_stop", "market_margin"),
    inputs=("quote", "balances", "to_account"), of_exits=True,
)  # fmt: skip
def risk_per_trade(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """What is lost where the trade's stop is hit is a small part of the equity."""
    if seen.escapes_limits(order):
        return ONLY_REDUCES
    stop = seen.linked.of(Role.STOP) if seen.linked is not None and seen.linked.role is Role.ENTRY else None
    if stop is None:
        if policy.require_stop:
            return judged(False, "a stop", "none", "An order that adds risk needs a stop.")
        return idle("The order has no stop.")
    known(seen.touch(order.side), "the market's price")
    price = known(adverse_price(order, seen, policy), "the order's price")
    at = known(trigger_price(stop, seen.touch(stop.side)), "the stop's price")
    risk = max(ZERO, (price - at) * order.side.sign) * order.quantity * seen.instrument.multiplier
    risk *= known(seen.to_account, "the exchange rate")
    equity = known(seen.balances, "the equity").equity
    return at_most(policy.max_risk_per_trade * equity, risk, "Loses at its stop", cents)


@check("L4", "REWARD_RISK", "OpenTrading", parameters=("min_reward_risk",), inputs=("quote",), advisory=True)
def reward_risk(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """A bracket may gain enough for what it may lose. Shown, never refused."""
    linked = seen.linked
    if linked is None or linked.role is not Role.ENTRY:
        return idle("Not the entry of a bracket.")
    target, stop = linked.of(Role.TARGET), linked.of(Role.STOP)
    if target is None or stop is None or target.limit_price is None or stop.order_type is OrderType.TRAILING_STOP:
        return idle("The bracket has no target or no fixed stop.")
    price = order.limit_price or order.stop_price or known(seen.touch(order.side), "the market's price")
    reward = (target.limit_price - price) * order.side.sign
    risk = (price - known(stop.stop_price, "the stop's price")) * order.side.sign
    if risk <= ZERO:
        return idle("The stop is on the wrong side.")
    ratio = reward / risk
    warning = "" if ratio >= policy.min_reward_risk else WARNING
    says = f"{warning}reward is {ratio:.2f} times the risk."
    return judged(True, f"{policy.min_reward_risk:.2f}", f"{ratio:.2f}", says)


CHECKS = (daily_loss, drawdown, risk_per_trade, reward_risk)
