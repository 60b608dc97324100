"""What closing a position by hand would send, and what a confirmation of it is bound to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from cockpit.desk.approvals import drift, drift_limit
from cockpit.desk.risk import is_priced, warnings_of
from cockpit.desk.together import JudgedTogether
from cockpit.model.accounts import Position
from cockpit.model.checks import CheckResult
from cockpit.model.money import ZERO, plain
from cockpit.model.orders import OrderRequest
from cockpit.model.refusals import Refusal, Refused, refuse


@dataclass(frozen=True, slots=True)
class Close:
    """A position that the operator wants to close, or a part of it."""

    connection: str
    symbol: str
    quantity: Decimal | None = None
    """None for all that no open order closes already."""
    limit: Decimal | None = None
    """None, and not at the touch: at market."""
    at_touch: bool = False
    """With the price at which it trades now as its limit."""
    or_at_touch: bool = False
    """At market, but at the touch while the market is closed: a market order would wait until it opens."""


@dataclass(frozen=True, slots=True)
class Closure:
    """What closing would send, as it is seen now, with what was found of it."""

    request: OrderRequest
    position: Position
    others: Decimal
    """Quantity of the position that open orders may close."""
    together: JudgedTogether

    @property
    def seen(self) -> str:
        """What a close is bound to: what is held, what others may close of it, and the price at which it trades.

        A price that can't be trusted stands behind a ``~`` instead of an ``@``.
        """
        held = f"{plain(self.position.quantity)}/{plain(self.others)}"
        return held if self.touch is None else f"{held}{'@' if self.is_priced else '~'}{plain(self.touch)}"

    @property
    def is_priced(self) -> bool:
        """Whether the price at which it would trade is young, and live where the money is real."""
        head = self.together.head
        return is_priced(self.request, head.seen, head.policy)

    @property
    def only_closes(self) -> bool:
        """Whether no part of it can open or grow a position, whatever else fills."""
        return self.together.head.seen.closes_by_hand(self.request)

    def warnings(self) -> tuple[CheckResult, ...]:
        """Return what would hold a client from this and leaves the decision to the operator."""
        head = self.together.head
        return warnings_of(self.request, head.seen, head.policy)

    @property
    def touch(self) -> Decimal | None:
        """Price at which it would trade now."""
        return self.together.head.seen.touch(self.request.side)

    @property
    def held_after(self) -> Decimal:
        """What is held once this order has filled, and nothing else."""
        return self.position.quantity + self.request.side.sign * self.request.quantity

    @property
    def odd(self) -> Decimal:
        """What of it nothing closes because it is less than a lot."""
        left = abs(self.position.quantity) - self.others - self.request.quantity
        return left if ZERO < left < self.lot else ZERO

    @property
    def lot(self) -> Decimal:
        """Smallest quantity that trades."""
        return self.together.head.seen.instrument.lot

    def about(self) -> Decimal | None:
        """Return about how much it comes to, in the account's currency; None where no price is known."""
        price, unit = self._price(), self._unit()
        return None if price is None or unit is None else price * unit * self.request.quantity

    def realises(self) -> Decimal | None:
        """Return about the profit that it realises, before fees; None where no price or no cost is known."""
        price, unit = self._price(), self._unit()
        if price is None or unit is None or self.position.average_price == ZERO:
            return None
        return (price - self.position.average_price) * unit * self.request.quantity * -self.request.side.sign

    def _price(self) -> Decimal | None:
        return self.request.limit_price or self.touch

    def _unit(self) -> Decimal | None:
        seen = self.together.head.seen
        return None if seen.to_account is None else seen.instrument.multiplier * seen.to_account


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What a look was told as ``seen``."""

    held: str
    others: str
    touch: Decimal | None
    """None where no price was known."""
    priced: bool
    """Whether that price was one to trust."""


def looked_at_of(seen: str) -> LookedAt:
    """Read what a look was told as ``seen``. Raises Refused."""
    priced = "@" in seen
    quantities, _, price = seen.partition("@" if priced else "~")
    held, _, others = quantities.partition("/")
    try:
        touch = Decimal(price) if price else None
    except InvalidOperation:
        touch = ZERO
    if touch is not None and (not touch.is_finite() or touch <= ZERO):
        raise Refused(refuse("POSITION_CHANGED", "No look ever said that; nothing was sent.", looked_at=seen))
    return LookedAt(held, others, touch, priced)


def changed(closure: Closure, looked_at: LookedAt) -> Refusal | None:
    """Say what isn't as it was when the operator looked; None where all is."""
    now, closed = plain(closure.position.quantity), plain(closure.others)
    if now != looked_at.held:
        says = f"Held is {now} now, not {looked_at.held}; nothing was sent."
        return refuse("POSITION_CHANGED", says, now=closure.seen)
    if closed != looked_at.others:
        says = f"Open orders may close {closed} of it now, not {looked_at.others}; nothing was sent."
        return refuse("POSITION_CHANGED", says, now=closure.seen)
    if closure.request.limit_price is not None or not looked_at.priced:
        return None
    if not closure.is_priced:
        return refuse("PRICE_MOVED", "No price can be trusted now, as one could then; nothing was sent. Look again.")
    head = closure.together.head
    limit = drift_limit(head.seen.instrument, head.policy)
    moved = drift(closure.request.side, looked_at.touch, closure.touch)
    if moved is None or moved <= limit:
        return None
    says = f"It trades at {plain(closure.touch or ZERO)} now, not {plain(looked_at.touch or ZERO)}; nothing was sent."
    return refuse("PRICE_MOVED", f"{says} Look again.", moved=f"{moved * 100:.2f} %", limit=f"{limit * 100:.2f} %")


def unpriced(closure: Closure) -> Refusal | None:
    """Refuse what nobody has looked at where its price can't be trusted."""
    if closure.is_priced:
        return None
    first = closure.warnings()[0]
    says = f"{first.message} Look at it first: what you confirm then is sent without a price to trust."
    return refuse(first.code, says, look="position")


def odd_lot(closure: Closure) -> Refusal:
    """Say what is left that nothing here can close."""
    says = f"{plain(closure.odd)} is left, less than the lot of {plain(closure.lot)}; only the broker can close that."
    return refuse("BAD_QUANTITY", says)
