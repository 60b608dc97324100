"""Whether anything may be ordered here now: switch, mode, account, authority, line, and what is unresolved."""

from __future__ import annotations

from cockpit.desk.risk.seen import Seen
from cockpit.desk.risk.verdicts import ONLY_REDUCES, PAPER, OnClose, Verdict, check, idle, judged, known, percent
from cockpit.model.identity import Scope
from cockpit.model.instruments import InstrumentKind
from cockpit.model.money import ZERO, plain
from cockpit.model.orders import OrderRequest
from cockpit.model.trading import Link, Mode, TradingState
from cockpit.settings.policy import PolicySettings

_STOPPED = frozenset({TradingState.KILLED, TradingState.HALTED})


@check("G1", "KILL_SWITCH", "RTS 6 Art. 12", on_close=OnClose.SKIPPED)
def kill_switch(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """Nothing passes a kill, and no order passes a halt."""
    code = "HALTED" if seen.state is TradingState.HALTED else "KILL_SWITCH"
    return judged(seen.state not in _STOPPED, "RUNNING", seen.state, f"Trading is {seen.state}.", code)


@check("X2", "REDUCE_ONLY", "nautilus TradingState")
def reduce_only(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """While only reducing is allowed, no part of an order may open a position, whatever else fills, or uncover a sold one."""
    if seen.state is not TradingState.REDUCE_ONLY:
        return idle("Opening orders are allowed.")
    return judged(not seen.adds_risk(order), "0", plain(seen.opening(order)), f"{_adds(order, seen)}.")


@check("G3", "TRADING_DISABLED", "SEC 15c3-5 (c)(2)")
def trading_disabled(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The connection may trade at all."""
    return judged(seen.trade, "", "", "Trading is on." if seen.trade else "Trading is off here.")


@check("G3", "LIVE_DISABLED", "SEC 15c3-5 (d)")
def live_disabled(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """Where the money is real, nothing opens a position, or uncovers a sold one, unless the operator has armed it."""
    if seen.mode is not Mode.LIVE:
        return PAPER
    if seen.armed:
        return judged(True, "armed", "armed", "The operator has armed it.")
    if not seen.adds_risk(order):
        return ONLY_REDUCES
    return judged(False, "armed", "not armed", f"{_adds(order, seen)}; the operator has not armed it.")


def _adds(order: OrderRequest, seen: Seen) -> str:
    """Say what an order adds, at the worst."""
    opening = seen.opening(order)
    if opening == ZERO and seen.uncovers_sold():
        return "Sold options would have less to cover them"
    return f"{plain(opening)} {order.symbol} would open a position"


@check("G2", "MODE_MISMATCH", "SEC 15c3-5 (c)(2)")
def mode(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """Settings and account agree on whether the money is real."""
    says = f"The account is {seen.account_mode}."
    return judged(seen.mode is seen.account_mode, seen.mode, seen.account_mode, says)


@check("G4", "SCOPE_MISSING", "RFC 6749 3.3")
def scope(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The client may write orders."""
    if seen.scopes is None:
        return idle("Looked at when the order is placed and when it is sent.")
    may = Scope.WRITE_ORDERS in seen.scopes
    return judged(may, Scope.WRITE_ORDERS, "granted" if may else "missing", "The client needs write:orders.")


@check("G5", "ACCOUNT_NOT_ALLOWED", "SEC 15c3-5 (c)(2)")
def account(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The broker's account is the one that the settings name."""
    if not seen.account_named:
        return idle("The settings take the only account.")
    says = f"The broker's account is {seen.account or 'unknown'}."
    return judged(seen.account == seen.account_named, seen.account_named, seen.account, says)


@check(
    "G7", "PREVIEW_STALE", "nautilus; IBKR precautions", parameters=("max_preview_drift", "max_drift_options"),
    inputs=("quote",),
)  # fmt: skip
def preview_fresh(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The market is about where it was at the preview that is placed."""
    if seen.previewed_at is None:
        return idle("No preview is placed.")
    touch = known(seen.touch(order.side), "the market's price")
    moved = abs(touch - seen.previewed_at) / seen.previewed_at
    most = policy.max_preview_drift
    if seen.instrument.kind is InstrumentKind.OPTION:
        most = policy.max_drift_options
    limit, value = percent(most), percent(moved)
    return judged(moved <= most, limit, value, f"Moved {value} since the preview.")


@check("G10", "BROKER_NOT_READY", "SEC 15c3-5 (c)(1)")
def broker_ready(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The line to the broker is up and takes orders."""
    takes = "takes no orders" if seen.no_orders else seen.link
    why = f"; {seen.no_orders}" if seen.no_orders else ""
    return judged(takes is Link.READY, Link.READY, takes, f"The broker's link is {seen.link}{why}.")


@check("G11", "RECONCILING", "nautilus STREAM_RECONCILING", on_close=OnClose.SKIPPED)
def reconciled(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """No order of the account is unresolved, and the broker doesn't contradict itself on what it holds."""
    count = seen.unknown_orders
    says = f"Unresolved orders of the account: {count}." if count else "Every order of the account is known."
    if seen.unsure_positions:
        count += seen.unsure_positions
        says = f"The broker contradicts itself on how much is held of {seen.unsure_positions} instruments."
    return judged(count == 0, "0", str(count), says)


CHECKS = (
    kill_switch, reduce_only, trading_disabled, live_disabled, mode, scope, account, preview_fresh, broker_ready,
    reconciled,
)  # fmt: skip
