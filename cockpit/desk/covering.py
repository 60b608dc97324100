"""What covers a sale of options: what is held, less all that may be sold, and what the same decision buys before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from cockpit.desk.surroundings import Neighbour
from cockpit.model.instruments import Instrument
from cockpit.model.money import ZERO
from cockpit.model.options import read_option
from cockpit.model.orders import Side
from cockpit.model.trading import Mode
from cockpit.model.written import Written, naked, secured


def kept_for(
    instrument: Instrument,
    quantity: Decimal,
    held: Mapping[str, Decimal],
    others: Iterable[Neighbour],
    earlier: Iterable[Neighbour],
    mode: Mode,
) -> Decimal | None:
    """Return the money that must be kept for a sale of an option, beyond what is kept already.

    None where a call would be sold that nothing covers, and for what is no option. ``earlier`` are the orders of the
    same decision that go before it. What they buy covers it on paper, where the broker takes no naked sale; where the
    money is real it may not fill, so only what is held covers.
    """
    option = instrument.option
    if option is None:
        return None
    left = dict(held)
    for one in others:
        if one.order.request.side is Side.SELL:
            _move(left, one)
    for one in earlier:
        if one.order.request.side is Side.SELL or mode is Mode.PAPER:
            _move(left, one)
    before = _options(left, option.underlying, instrument.multiplier)
    left[instrument.symbol] = left.get(instrument.symbol, ZERO) - quantity
    after = _options(left, option.underlying, instrument.multiplier)
    if naked(after, left) - naked(before, left):
        return None
    return max(ZERO, secured(after, left) - secured(before, left))


def _move(left: dict[str, Decimal], by: Neighbour) -> None:
    request = by.order.request
    left[request.symbol] = left.get(request.symbol, ZERO) + request.side.sign * by.may_fill


def _options(held: Mapping[str, Decimal], underlying: str, multiplier: Decimal) -> list[Written]:
    """Return what is held of options on an underlying; all of them have the multiplier of the one that is sold."""
    found = ((read_option(symbol), quantity) for symbol, quantity in held.items())
    return [
        Written(option, quantity * multiplier)
        for option, quantity in found
        if option is not None and option.underlying == underlying
    ]
