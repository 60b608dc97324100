"""Whether the order's prices make sense linked the market's: collars, sides of stops, reach through the touch."""

from __future__ import annotations

from decimal import Decimal

from cockpit.desk.risk.pricing import trigger_price
from cockpit.desk.risk.seen import EXITS, Seen
from cockpit.desk.risk.verdicts import OnClose, Verdict, check, idle, judged, known, percent
from cockpit.model.instruments import InstrumentKind
from cockpit.model.money import ZERO, plain
from cockpit.model.orders import Linkage, OrderRequest, OrderType, Role, Side
from cockpit.settings.policy import PolicySettings


def _reference(order: OrderRequest, seen: Seen) -> Decimal:
    """Return what the order's prices are measured against: the touch; for an exit, the price of its entry."""
    entry = seen.linked.of(Role.ENTRY) if seen.linked is not None and seen.linked.role in EXITS else None
    if entry is not None:
        return known(entry.limit_price or entry.stop_price or seen.touch(entry.side), "the entry's price")
    return known(seen.touch(order.side), "the market's price")


def _is_exit(seen: Seen) -> bool:
    linked = seen.linked
    return linked is not None and (linked.role in EXITS or linked.linkage is Linkage.OCO)


@check(
    "P1", "PRICE_COLLAR", "RTS 6 Art. 15(1)(a); IBKR precautions",
    parameters=("price_collar", "price_collar_options", "stop_collar"), inputs=("quote",),
    on_close=OnClose.REFUSES_KNOWN,
)  # fmt: skip
def price_collar(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """A limit stays near the touch, a stop within its wider collar, and a stop's limit near its stop."""
    if order.order_type is OrderType.MARKET and order.limit_price is None:
        return idle("A market order has no price.")
    reference = _reference(order, seen)
    collar = policy.price_collar
    if seen.instrument.kind is InstrumentKind.OPTION:
        collar = policy.price_collar_options
    trigger = trigger_price(order, reference)
    judged_prices: list[tuple[str, Decimal, Decimal, Decimal]] = []
    if trigger is not None:
        judged_prices.append(("stop", trigger, reference, policy.stop_collar))
        if order.limit_price is not None:
            judged_prices.append(("limit", order.limit_price, trigger, collar))
    elif order.limit_price is not None:
        most = policy.stop_collar if _is_exit(seen) else collar
        judged_prices.append(("limit", order.limit_price, reference, most))
    if not judged_prices:
        return idle("The order has no price.")
    away = [(name, abs(price - origin) / origin, origin, most) for name, price, origin, most in judged_prices]
    name, far, origin, most = next((one for one in away if one[1] > one[3]), away[0])
    says = f"The {name} is {percent(far)} from {plain(origin)}, at most {percent(most)}."
    return judged(far <= most, percent(most), percent(far), says)


@check("P1", "STOP_WRONG_SIDE", "IBKR precautions", inputs=("quote",))
def stop_side(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """A stop lies beyond the market: above the ask for a buy, below the bid for a sell."""
    if order.stop_price is None:
        return idle("The order has no stop price.")
    if seen.linked is not None and seen.linked.role in EXITS and seen.linked.of(Role.ENTRY) is not None:
        return idle("The stop begins with its entry.")
    touch = known(seen.touch(order.side), "the market's price")
    ok = (order.stop_price - touch) * order.side.sign > ZERO
    side = "above" if order.side is Side.BUY else "below"
    return judged(ok, f"{side} {plain(touch)}", plain(order.stop_price), f"The stop must lie {side} {plain(touch)}.")


@check(
    "P2", "MARKETABLE_THROUGH", "FIA price tolerance", parameters=("max_through",), inputs=("quote",),
    on_close=OnClose.REFUSES_KNOWN,
)  # fmt: skip
def marketable_through(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """A limit reaches through the touch, or through its own stop, only so far."""
    if order.limit_price is None:
        return idle("The order has no limit price.")
    reference = order.stop_price or _reference(order, seen)
    through = max(ZERO, (order.limit_price - reference) * order.side.sign / reference)
    limit, value = percent(policy.max_through), percent(through)
    return judged(through <= policy.max_through, limit, value, f"Reaches {value} through {plain(reference)}.")


CHECKS = (price_collar, stop_side, marketable_through)
