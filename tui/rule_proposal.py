"""The rule that would have approved an order by itself, as text for the settings file; proposing it changes nothing."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final

from cockpit.model.orders import Order
from cockpit.operator.view import OrderTicket

_UNFIT: Final = re.compile(r"[^a-z0-9_\-]+")
_LONGEST: Final = 40


def proposal(order: Order, ticket: OrderTicket | None, notional: Decimal | None, taken: str = "") -> tuple[str, ...]:
    """Return the block, as narrow as the order itself: this client, symbol, side and kind, up to what it is worth."""
    request = order.proposed or order.request
    reduces = ticket is not None and not ticket.adds_risk
    name = _name(f"{order.client}-{request.side}-{request.symbol}{'-reducing' if reduces else ''}")
    when = [
        f"clients = [{_text(order.client)}]",
        f"connections = [{_text(order.connection)}]",
        f"symbols = [{_text(request.symbol)}]",
        f"sides = [{_text(request.side)}]",
        f"order_types = [{_text(request.order_type)}]",
    ]
    if notional is not None:
        when.append(f"max_notional = {notional.to_integral_value(ROUND_CEILING)}")
    if reduces:
        when.append("reducing = true")
    return (
        "[[approval.rules]]",
        f"name = {_text(name)}",
        'do = "approve"',
        "",
        "[approval.rules.when]",
        *when,
    )


def page(order: Order, block: tuple[str, ...]) -> tuple[str, ...]:
    """Return the page that shows a proposal: what it would do, the block, and what to do with it."""
    reducing = "reducing = true" in block
    worth = next((line.partition(" = ")[2] for line in block if line.startswith("max_notional")), "")
    request = order.proposed or order.request
    says = f"{order.client} could then {request.side} {request.symbol} on {order.connection} without asking you"
    bounds = [f"up to {int(worth):,} an order" if worth else "", "only where it reduces a position" if reducing else ""]
    said = ", ".join(part for part in bounds if part)
    return (
        "always: a rule for the settings file",
        f"{says}{', ' + said if said else ''}.",
        "" if reducing else "It would let orders pass that open or enlarge a position.",
        "" if worth else "The order has no price now, so the rule has no bound of value: give it one.",
        "",
        *(f"  {line}" for line in block),
        "",
        "Nothing was changed. Y copies the block; it counts once the cockpit starts anew with it. Rules are read from",
        "the top and the first that fits decides. :rules shows those that are there, :rules off NAME lets one ask you.",
    )


def _name(wanted: str) -> str:
    return _UNFIT.sub("-", wanted.lower()).strip("-_")[:_LONGEST] or "rule"


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
