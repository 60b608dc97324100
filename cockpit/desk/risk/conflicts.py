"""Whether the order gets in its own way: trading with oneself, changing what may not change, broker's warnings."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from cockpit.desk.risk.seen import Seen
from cockpit.desk.risk.verdicts import ONLY_REDUCES, PAPER, OnClose, Verdict, check, idle, judged, known
from cockpit.model.money import plain
from cockpit.model.orders import NEEDS_STOP, Order, OrderRequest, OrderType, Side
from cockpit.model.trading import Mode
from cockpit.settings.policy import PolicySettings

_NAMED: Final = 5
"""Orders in the way that are named."""
_OTHERS: Final = "what others have open in the account now, which may close the same or trade with it"
_TRIGGERED_LATER = NEEDS_STOP | {OrderType.TRAILING_STOP}


@check("X1", "SELF_CROSS", "FIA self-match prevention", inputs=("quote",), on_close=OnClose.REFUSES_KNOWN)
def self_cross(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """The order would not trade with another one of this account."""
    if order.order_type in _TRIGGERED_LATER:
        return idle("No order of the account is on the other side.")
    against = [one for one in seen.resting if _may_meet(one, order)]
    if not against:
        known(seen.others_told or None, _OTHERS)
        return idle("No order of the account is on the other side.")
    price = order.limit_price or seen.touch(order.side)
    if price is None:
        # At whatever price it trades, it may meet any of them.
        return judged(False, "no crossing", "unknown", _cancel_first("It may trade with", against, order, seen))
    crossed = [one for one in against if any(_crosses(price, order.side, at.limit_price) for at in one.terms)]
    if not crossed:
        known(seen.others_told or None, _OTHERS)
        return judged(True, "no crossing", plain(price), "It crosses no order of the account.")
    return judged(False, "no crossing", plain(price), _cancel_first("It would trade with", crossed, order, seen))


def _cancel_first(says: str, crossed: Sequence[Order], order: OrderRequest, seen: Seen) -> str:
    """Say which orders have to go before this one, and what else the operator may do about his own."""
    words = ", ".join(f"{one.request.words()} ({one.name})" for one in crossed[:_NAMED])
    flatten = ", or flatten" if seen.closes_by_hand(order) and all(one.client for one in crossed) else ""
    return f"{says} {words}: cancel that first{flatten}."


def _may_meet(one: Order, order: OrderRequest) -> bool:
    return (
        one.request.symbol == order.symbol
        and one.request.side is order.side.opposite
        and one.request.order_type not in _TRIGGERED_LATER
    )


def _crosses(price: Decimal, side: Side, theirs: Decimal | None) -> bool:
    return theirs is None or (price - theirs) * side.sign >= 0


@check("X3", "MODIFY_NOT_ALLOWED", "ibkr-agent")
def modify_allowed(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """A change touches quantity and prices alone, never what the order is."""
    before = seen.before
    if before is None:
        return idle("Nothing is changed.")
    same = (before.symbol, before.side, before.order_type, before.time_in_force, before.outside_hours) == (
        order.symbol, order.side, order.order_type, order.time_in_force, order.outside_hours,
    )  # fmt: skip
    return judged(same, before.words(), order.words(), "Only quantity and prices may change.")


@check("X4", "WHATIF_WARNING", "IBKR what-if warningText", inputs=("broker_warning",))
def broker_warning(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Verdict:
    """Where the money is real, the broker's own preview warns of nothing."""
    if seen.mode is not Mode.LIVE:
        return PAPER
    if seen.escapes_limits(order):
        return ONLY_REDUCES
    warning = known(seen.broker_warning, "what the broker's preview says")
    return judged(not warning, "", warning, warning or "The broker warns of nothing.")


CHECKS = (self_cross, modify_allowed, broker_warning)
