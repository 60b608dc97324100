"""What covers sold options: what is held, less all that may be sold, and what the same decision buys before."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from cockpit.desk.surroundings import Neighbour
from cockpit.model.instruments import Instrument
from cockpit.model.money import ZERO
from cockpit.model.options import Right, read_option
from cockpit.model.orders import OrderId, Side
from cockpit.model.trading import Mode
from cockpit.model.written import Account, Written, naked, secured


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale on top of everything else that may be sold, and what is left of the account by symbol."""

    instrument: Instrument
    quantity: Decimal
    before: Mapping[str, Decimal]

    @property
    def underlying(self) -> str:
        """Return what it is, or what it is an option on."""
        option = self.instrument.option
        return self.instrument.symbol if option is None else option.underlying

    def calls(self) -> tuple[str, ...]:
        """Return the other calls on the underlying that are sold, or may be."""
        found = ((symbol, read_option(symbol)) for symbol, left in self.before.items() if left < ZERO)
        return tuple(
            sorted(
                symbol
                for symbol, option in found
                if option is not None
                and option.right is Right.CALL
                and option.underlying == self.underlying
                and symbol != self.instrument.symbol
            )
        )

    def kept(self) -> Decimal | None:
        """Return the money that must be kept for a sale of an option, beyond what is kept already.

        None where a call would be sold that nothing covers, and for what is no option.
        """
        if self.instrument.option is None:
            return None
        before, after = self._accounts(self.quantity, self.instrument.multiplier)
        if naked(*after, before):
            return None
        return max(ZERO, secured(*after) - secured(*before))

    def uncovers(self, multiplier: Decimal) -> tuple[str, ...]:
        """Return the sold calls of which more would be naked if what it takes from what is held were gone.

        ``multiplier`` is that of the options on the underlying.
        """
        taken = min(self.quantity, self.before.get(self.instrument.symbol, ZERO))
        if taken <= ZERO:
            return ()
        before, after = self._accounts(taken, multiplier)
        return self.calls() if naked(*after, before) else ()

    def _accounts(self, quantity: Decimal, multiplier: Decimal) -> tuple[Account, Account]:
        symbol = self.instrument.symbol
        left = {**self.before, symbol: self.before.get(symbol, ZERO) - quantity}
        return _account(self.before, self.underlying, multiplier), _account(left, self.underlying, multiplier)


def sale(
    instrument: Instrument,
    quantity: Decimal,
    held: Mapping[str, Decimal],
    others: Iterable[Neighbour],
    earlier: Container[OrderId],
    mode: Mode,
) -> Sale:
    """Return a sale with what the others leave. ``earlier`` are those of the same decision that go before it.

    What they buy covers on paper, where the broker takes no naked sale; where the money is real it may not fill, so
    only what is held covers.
    """
    left = dict(held)
    for one in others:
        request = one.order.request
        if request.side is Side.SELL or (mode is Mode.PAPER and one.order.order_id in earlier):
            left[request.symbol] = left.get(request.symbol, ZERO) + request.side.sign * one.may_fill
    return Sale(instrument, quantity, left)


def _account(held: Mapping[str, Decimal], underlying: str, multiplier: Decimal) -> Account:
    """Return what is held on an underlying; all options on it have the one multiplier."""
    found = ((read_option(symbol), quantity) for symbol, quantity in held.items())
    options = [
        Written(option, quantity * multiplier)
        for option, quantity in found
        if option is not None and option.underlying == underlying
    ]
    return options, held
