"""Whether a client or a connection does too much: orders, value, repetitions. Latches on clients refuse here."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from cockpit.desk.risk.losses import latched
from cockpit.desk.risk.pricing import worst_notional
from cockpit.desk.risk.seen import Seen
from cockpit.desk.risk.verdicts import LOWERS, NOBODY, WARNING, OnClose, Verdict, at_most, check, idle, judged, known
from cockpit.model.latches import LatchKind
from cockpit.model.money import cents
from cockpit.model.orders import OrderRequest
from cockpit.settings.policy import PolicySettings

IDENTICAL_SECONDS: Final = 30
REPEATED_SECONDS: Final = 600
REJECT_SECONDS: Final = 60
RATIO_AFTER: Final = 40
"""Cancels and fills of a client before their ratio means anything."""
RATIO: Final = 20

_COUNTED: Final = idle("Counted when the order was asked for.")


@check("R1", "RATE_LIMITED", "RTS 6 Art. 15(1)(d)")
def order_rate(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """Orders come no faster than the client's budget; the gate counts them before any check runs."""
    return idle("The gate's budget counts each call.")


@check(
    "R3",
    "DAILY_ORDER_COUNT",
    "ibkr-agent",
    parameters=("max_daily_orders", "connection_daily_orders"),
    inputs=("activity",),
    on_close=OnClose.SKIPPED,
)
def daily_orders(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The client's and the connection's orders of the day are within their limits."""
    if not seen.is_new:
        return _COUNTED
    done = known(seen.activity, "the day's orders")
    if done.connection_orders + 1 > policy.connection_daily_orders or not seen.client:
        return at_most(policy.connection_daily_orders, done.connection_orders + 1, "Orders of the connection today:")
    return at_most(policy.max_daily_orders, done.client_orders + 1, "Orders of the client today:")


@check(
    "R3", "DAILY_NOTIONAL", "ibkr-agent",
    parameters=("max_daily_notional", "connection_daily_notional", "market_margin"),
    inputs=("activity", "quote", "to_account"), on_close=OnClose.SKIPPED,
)  # fmt: skip
def daily_notional(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The value of the client's and the connection's orders of the day is within their limits."""
    if seen.lowers:
        return LOWERS
    done = known(seen.activity, "the day's orders")
    known(seen.touch(order.side), "the market's price")
    worth = known(worst_notional(order, seen, policy), "the order's value") * known(
        seen.to_account, "the exchange rate"
    )
    if done.connection_notional + worth > policy.connection_daily_notional or not seen.client:
        most, value = policy.connection_daily_notional, done.connection_notional + worth
        return at_most(most, value, "Value of the connection's orders today:", cents)
    return at_most(
        policy.max_daily_notional, done.client_notional + worth, "Value of the client's orders today:", cents
    )


@check(
    "R4", "MAX_OPEN_ORDERS", "ibkr-agent", parameters=("max_open_orders", "max_open_orders_per_symbol"),
    inputs=("open_orders", "open_of_symbol"), on_close=OnClose.SKIPPED,
)  # fmt: skip
def open_orders(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """Not too many orders of the connection, and of the symbol, work or wait."""
    if not seen.is_new:
        return _COUNTED
    everywhere, here = known(seen.open_orders, "the open orders") + 1, known(seen.open_of_symbol, "the open orders") + 1
    if here > policy.max_open_orders_per_symbol:
        return at_most(policy.max_open_orders_per_symbol, here, f"Open orders in {order.symbol}:")
    return at_most(policy.max_open_orders, everywhere, "Open orders:")


@check("R5", "DUPLICATE_ORDER", "SEC 15c3-5 (c)(1)(ii)", parameters=("max_identical",), inputs=("activity",))
def duplicate(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The client has not just asked for the same thing again and again."""
    if not seen.client:
        return NOBODY
    if not seen.is_new:
        return _COUNTED
    alike = known(seen.activity, "the last orders").identical + 1
    return at_most(policy.max_identical, alike, f"Orders alike within {IDENTICAL_SECONDS} s:")


@check("R6", "REPEATED_EXECUTION", "RTS 6 Art. 15(3)", parameters=("max_repeated_fills",), inputs=("activity",))
def repeated_execution(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The client is not held for filling the same thing over and over, and is not about to be."""
    if not seen.client:
        return NOBODY
    held = latched(LatchKind.REPEATED_EXECUTION, seen)
    if held is not None:
        return held
    fills = known(seen.activity, "the last fills").repeated_fills
    return at_most(policy.max_repeated_fills - 1, fills, f"Filled alike within {REPEATED_SECONDS // 60} min:")


@check("R7", "REJECT_RATE", "RTS 6 Art. 16", parameters=("max_rejects",), inputs=("activity",))
def reject_rate(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The client is not held for being rejected by the broker over and over, and is not about to be."""
    if not seen.client:
        return NOBODY
    held = latched(LatchKind.REJECT_RATE, seen)
    if held is not None:
        return held
    rejects = known(seen.activity, "the last rejects").rejects
    return at_most(policy.max_rejects - 1, rejects, f"Rejected within {REJECT_SECONDS} s:")


@check("R8", "CANCEL_RATIO", "MiFID II RTS 9", inputs=("activity",), advisory=True)
def cancel_ratio(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The client's cancels of the day stand in a sane ratio to its fills. Shown, never refused."""
    if not seen.client:
        return NOBODY
    done = known(seen.activity, "the day's cancels")
    if done.client_cancels + done.client_fills < RATIO_AFTER:
        return idle("Too few orders to tell.")
    ratio = Decimal(done.client_cancels) / max(1, done.client_fills)
    warning = WARNING if ratio > RATIO else ""
    return judged(
        True, str(RATIO), f"{ratio:.1f}", f"{warning}{done.client_cancels} cancels, {done.client_fills} fills."
    )


CHECKS = (
    order_rate, daily_orders, daily_notional, open_orders, duplicate, repeated_execution, reject_rate, cancel_ratio,
)  # fmt: skip
