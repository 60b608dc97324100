"""Whether one order is of a sane size. Each limit is skipped by what only reduces."""

from __future__ import annotations

from cockpit.desk.risk.pricing import least_notional, worst_notional
from cockpit.desk.risk.seen import Seen
from cockpit.desk.risk.verdicts import ONLY_REDUCES, Verdict, at_most, check, idle, judged, known
from cockpit.model.money import ZERO, cents
from cockpit.model.orders import OrderRequest
from cockpit.settings.policy import PolicySettings


@check("S1", "MAX_QUANTITY", "RTS 6 Art. 15(1)(c)", parameters=("max_quantity",))
def max_quantity(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The quantity is within the limit."""
    if seen.escapes_limits(order):
        return ONLY_REDUCES
    return at_most(policy.max_quantity, order.quantity, "Quantity")


@check(
    "S2", "MAX_NOTIONAL", "RTS 6 Art. 15(1)(b)", parameters=("max_notional", "market_margin"),
    inputs=("quote", "to_account"),
)  # fmt: skip
def max_notional(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The worst-case value is within the limit."""
    if seen.escapes_limits(order):
        return ONLY_REDUCES
    known(seen.touch(order.side), "the market's price")
    value = known(worst_notional(order, seen, policy), "the order's value") * known(
        seen.to_account, "the exchange rate"
    )
    return at_most(policy.max_notional, value, "Worth up to", cents)


@check("S2", "MIN_NOTIONAL", "brokers' minimum", parameters=("min_notional",), inputs=("quote", "to_account"))
def min_notional(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The value is worth an order's costs."""
    if policy.min_notional == ZERO:
        return idle("There is no smallest value.")
    if seen.escapes_limits(order):
        return ONLY_REDUCES
    known(seen.touch(order.side), "the market's price")
    rate = known(seen.to_account if seen.to_account_least is None else seen.to_account_least, "the exchange rate")
    value = known(least_notional(order, seen), "the order's value") * rate
    limit = cents(policy.min_notional)
    return judged(value >= policy.min_notional, limit, cents(value), f"Worth {cents(value)}, at least {limit}.")


@check(
    "S3", "MAX_VOLUME_SHARE", "FIA maximum order size", parameters=("max_volume_share",), inputs=("average_volume",)
)  # fmt: skip
def volume_share(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The quantity is a small part of an average day's volume."""
    if seen.average_volume == ZERO:
        return idle("The broker has no daily volumes.")
    if seen.escapes_limits(order):
        return ONLY_REDUCES
    return at_most(
        known(seen.average_volume, "the average volume") * policy.max_volume_share, order.quantity, "Quantity"
    )


CHECKS = (max_quantity, max_notional, min_notional, volume_share)
