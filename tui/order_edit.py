"""What may be changed about a waiting order at its approval: only what lowers its risk."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation

from cockpit.model.orders import OrderRequest, Side


class EditUnfit(ValueError):
    """The edit can't be read, or it adds risk; the message says which."""


def edited(request: OrderRequest, text: str) -> OrderRequest:
    """Read ``50``, ``@ 411.90`` or ``50 @ 411.90`` as a smaller quantity, a limit farther from the market, or both."""
    quantity_text, at, limit_text = (part.strip() for part in text.partition("@"))
    changed = request
    if quantity_text:
        quantity = _number(quantity_text)
        if quantity > request.quantity:
            raise EditUnfit("the quantity may only become smaller")
        changed = replace(changed, quantity=quantity)
    if at:
        limit = _number(limit_text)
        if request.limit_price is None:
            raise EditUnfit("a market order has no limit")
        if (limit - request.limit_price) * request.side.sign > 0:
            raise EditUnfit(
                f"a {request.side} may only get a {'lower' if request.side is Side.BUY else 'higher'} limit"
            )
        changed = replace(changed, limit_price=limit)
    if changed == request:
        raise EditUnfit("nothing is changed by that")
    return changed


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as problem:
        raise EditUnfit("type a quantity, @ and a limit, or both: 50 @ 411.90") from problem
    if not value.is_finite() or value <= 0 or len(text) > 24:
        raise EditUnfit("numbers above zero only")
    return value
