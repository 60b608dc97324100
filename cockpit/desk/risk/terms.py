"""Whether the order's own terms are whole and allowed: symbol, kind, type, quantity, prices, brackets."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from cockpit.desk.risk.seen import EXITS, Seen
from cockpit.desk.risk.verdicts import OnClose, Verdict, check, idle, judged, known, listed
from cockpit.model.instruments import SYMBOL_PATTERN, InstrumentKind
from cockpit.model.money import ZERO, is_multiple, plain
from cockpit.model.orders import NEEDS_LIMIT, NEEDS_STOP, Linkage, OrderRequest, OrderType, Role, Side, TimeInForce
from cockpit.settings.policy import PolicySettings

_SYMBOL: Final = re.compile(SYMBOL_PATTERN)


@check("V1", "BAD_SYMBOL", "field injection through control characters")
def symbol_shape(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The symbol has the shape of one, in upper case, without control characters."""
    ok = _SYMBOL.fullmatch(order.symbol) is not None
    return judged(ok, "", order.symbol if ok else "", "The symbol is well formed." if ok else "Not a symbol.")


@check("V2", "INSTRUMENT_UNRESOLVED", "exactly one contract")
def resolved(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The symbol is the one of the instrument that was found."""
    found = seen.instrument.symbol
    return judged(order.symbol == found, found, order.symbol, f"It is {found} on {seen.instrument.exchange}.")


@check("V3", "SYMBOL_NOT_ALLOWED", "SEC 15c3-5 (c)(2)", parameters=("allowed_symbols",), on_close=OnClose.SKIPPED)
def symbol_allowed(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The symbol is on the list of those that may be traded."""
    if policy.allowed_symbols is None:
        return idle("Every symbol is allowed.")
    found = seen.meanings.one_of(policy.allowed_symbols, seen.instrument.symbol)
    ok = known(found, "what the names on the list stand for")
    return judged(
        ok, "on the list", seen.instrument.symbol, f"{seen.instrument.symbol} {'is' if ok else 'is not'} listed."
    )


@check("V3", "SYMBOL_RESTRICTED", "SEC 15c3-5 (c)(2)", parameters=("denied_symbols",), on_close=OnClose.SKIPPED)
def symbol_denied(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The symbol is not on the list of those that may not be traded."""
    if not policy.denied_symbols:
        return idle("No symbol is denied.")
    found = seen.meanings.any_of(policy.denied_symbols, seen.instrument.symbol)
    denied = known(found, "what the names on the list stand for")
    says = f"{seen.instrument.symbol} {'is' if denied else 'is not'} denied."
    return judged(not denied, "not on the list", seen.instrument.symbol, says)


@check(
    "V4", "ASSET_CLASS_NOT_ALLOWED", "SEC 15c3-5 (c)(2)", parameters=("asset_classes",), inputs=("kept",),
    on_close=OnClose.SKIPPED,
)  # fmt: skip
def asset_class(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The instrument's kind may be traded, and an option is only sold where it is held or covered."""
    kind = seen.instrument.kind
    allowed = listed(policy.asset_classes)
    if kind not in policy.asset_classes:
        return judged(False, allowed, kind, f"{kind.capitalize()} may not be traded.")
    if kind is InstrumentKind.OPTION and order.side is Side.SELL and seen.opening(order) > ZERO and seen.kept is None:
        return judged(False, "held or covered", "naked", "Options may only be sold where they are held or covered.")
    return judged(True, allowed, kind, f"{kind.capitalize()} may be traded.")


@check("V5", "ORDER_TYPE_NOT_ALLOWED", "broker's capabilities", parameters=("order_types",))
def order_type(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The broker and the policy take this type, and the order has exactly the prices that it needs."""
    kind = order.order_type
    trails = (order.trail_amount is not None) + (order.trail_percent is not None)
    whole = (
        (kind in NEEDS_LIMIT) == (order.limit_price is not None)
        and (kind in NEEDS_STOP) == (order.stop_price is not None)
        and trails == (1 if kind is OrderType.TRAILING_STOP else 0)
    )
    # The list of the policy holds clients back; it must not keep the operator from closing at market.
    types = seen.can.order_types if seen.closes_by_hand(order) else policy.order_types & seen.can.order_types
    allowed = listed(types)
    if not whole:
        return judged(False, allowed, kind, f"The prices don't fit a {kind} order.")
    ok = kind in types
    return judged(ok, allowed, kind, f"A {kind} order {'is' if ok else 'is not'} allowed.")


@check("V5", "TIF_NOT_ALLOWED", "broker's capabilities; ibkr-agent", parameters=("times_in_force", "gtc_days"))
def time_in_force(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The broker and the policy take this time in force; gtc that may open a position ends after some days."""
    lives = seen.can.lives(order.order_type)
    allowed = lives if seen.closes_by_hand(order) else policy.times_in_force & lives
    ok = order.time_in_force in allowed
    says = f"{order.time_in_force.upper()} {'is' if ok else 'is not'} allowed."
    if ok and order.time_in_force is TimeInForce.GTC and seen.opening(order) > ZERO:
        days = f"{policy.gtc_days} d"
        says = (
            f"It is cancelled if it still rests after {days}." if policy.gtc_days else "GTC may only close a position."
        )
        return judged(policy.gtc_days > 0, f"at most {days}", order.time_in_force, says)
    return judged(ok, listed(allowed), order.time_in_force, says)


@check("V6", "BAD_QUANTITY", "IBKR error 110")
def quantity_on_lot(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The quantity is a positive multiple of the lot."""
    lot = seen.instrument.lot
    ok = order.quantity > ZERO and is_multiple(order.quantity, lot)
    return judged(ok, f"multiple of {plain(lot)}", plain(order.quantity), f"The lot is {plain(lot)}.")


@check("V6", "BAD_TICK", "IBKR error 110")
def prices_on_tick(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """Limit, stop and trail are positive multiples of the tick; a trail in percent is between 0 and 100."""
    prices = [price for price in (order.limit_price, order.stop_price, order.trail_amount) if price is not None]
    share = order.trail_percent
    if not prices and share is None:
        return idle("A market order has no price.")
    tick = seen.instrument.tick
    bad = next((price for price in prices if price <= ZERO or not is_multiple(price, tick)), None)
    if bad is None and share is not None and not ZERO < share < 100:
        return judged(False, "above 0, below 100 %", f"{plain(share)} %", "A trail is between 0 and 100 percent.")
    value = plain(bad) if bad is not None else ", ".join(plain(price) for price in prices)
    return judged(bad is None, f"multiple of {plain(tick)}", value, f"The tick is {plain(tick)}.")


@check("V7", "BRACKET_INCONSISTENT", "stop < entry < target", inputs=("quote",))
def bracket(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """Target and stop of a bracket lie on either side of the entry, close it, and are of its quantity."""
    linked = seen.linked
    if linked is None or linked.linkage is not Linkage.BRACKET:
        return idle("Not part of a bracket.")
    legs: dict[Role, OrderRequest] = {**dict(linked.others), linked.role: order}
    entry = legs.get(Role.ENTRY)
    if entry is None:
        return idle("The bracket's entry has filled.")
    price = known(entry.limit_price or entry.stop_price or seen.touch(entry.side), "the entry's price")
    for role, leg in legs.items():
        if role not in EXITS:
            continue
        if leg.side is entry.side or leg.symbol != entry.symbol or leg.quantity != entry.quantity:
            return judged(False, "opposite, equal", leg.words(), f"The {role} must close what the entry opens.")
        at = leg.limit_price if role is Role.TARGET else leg.stop_price
        if at is None:
            continue
        beyond = (at - price) * entry.side.sign
        if (beyond <= ZERO) if role is Role.TARGET else (beyond >= ZERO):
            side = _side_of(role, entry.side)
            return judged(False, f"{side} {plain(price)}", plain(at), f"The {role} must lie {side} the entry.")
    return judged(True, "stop, entry, target", _levels(legs, price), "Stop and target are on their sides.")


def _side_of(role: Role, side: Side) -> str:
    return "above" if (role is Role.TARGET) == (side is Side.BUY) else "below"


def _levels(legs: dict[Role, OrderRequest], price: Decimal) -> str:
    stop, target = legs.get(Role.STOP), legs.get(Role.TARGET)
    found = (stop and stop.stop_price, price, target and target.limit_price)
    return ", ".join("-" if level is None else plain(level) for level in found)


CHECKS = (
    symbol_shape, resolved, symbol_allowed, symbol_denied, asset_class, order_type, time_in_force, quantity_on_lot,
    prices_on_tick, bracket,
)  # fmt: skip
