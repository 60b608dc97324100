"""What accounts hold behind the gateway: positions at their cost, cash by currency, and what is earned and paid."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tests.gateway.orders import ZERO
from tests.gateway.world import Listing, World

CENT: Final = Decimal("0.01")


@dataclass(slots=True)
class Holding:
    """A position; negative where it is short. ``cost`` is of the whole of it, multiplier included, fees left out."""

    listing: Listing
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO

    @property
    def average(self) -> Decimal:
        """Average cost of one, multiplier included, as TWS tells it."""
        return round(self.cost / self.quantity, 8) if self.quantity else ZERO

    def trade(self, quantity: Decimal, price: Decimal) -> Decimal | None:
        """Take a signed quantity in; return what it realized, None where it only opened."""
        worth = price * Decimal(self.listing.multiplier or 1)
        if self.quantity * quantity >= ZERO:
            self.quantity += quantity
            self.cost += quantity * worth
            return None
        closed = min(abs(quantity), abs(self.quantity)).copy_sign(quantity)
        given_up = round(self.cost * -closed / self.quantity, 8)  # rounded once, so that all sums stay exact
        earned = -closed * worth - given_up
        self.quantity += closed
        self.cost -= given_up
        self.realized += earned
        opened = quantity - closed
        if opened:
            self.quantity, self.cost = opened, opened * worth
        return earned


class Holdings:
    """Positions and cash of every account."""

    def __init__(
        self, world: World, accounts: tuple[str, ...], *, base: str = "USD", cash: Decimal = Decimal(1_000_000)
    ) -> None:
        self._world = world
        self.base = base
        self.held: dict[tuple[str, int], Holding] = {}
        self.cash: dict[str, dict[str, Decimal]] = {one: defaultdict(Decimal, {base: cash}) for one in accounts}

    def put(self, account: str, listing: Listing, quantity: Decimal, average: Decimal) -> Holding:
        """Set a position as if it had always been there; ``average`` is the price of one, without the multiplier."""
        worth = average * Decimal(listing.multiplier or 1)
        holding = self.held[account, listing.con_id] = Holding(listing, quantity, quantity * worth)
        return holding

    def of(self, account: str) -> list[Holding]:
        """Return the positions that there are."""
        return [one for (owner, _), one in self.held.items() if owner == account and one.quantity]

    def quantity(self, account: str, listing: Listing) -> Decimal:
        """Return how much is held, 0 where nothing is."""
        holding = self.held.get((account, listing.con_id))
        return holding.quantity if holding else ZERO

    def trade(self, account: str, listing: Listing, quantity: Decimal, price: Decimal, fee: Decimal) -> Decimal | None:
        """Book one execution of a signed quantity; return what it realized, None where it only opened."""
        cash = self.cash[account]
        worth = quantity * price * Decimal(listing.multiplier or 1)
        if listing.kind == "CASH":
            cash[listing.symbol] += quantity
            cash[listing.currency] -= worth
            cash[self.base] -= fee
            return None
        holding = self.held.setdefault((account, listing.con_id), Holding(listing))
        earned = holding.trade(quantity, price)
        cash[listing.currency] -= fee
        cash[listing.currency] += (earned or ZERO) if listing.kind == "FUT" else -worth
        return earned if earned is None else earned - fee

    def mark(self, listing: Listing) -> Decimal:
        """Return what one is worth now, multiplier left out."""
        price = self._world.price(listing.con_id)
        return price.last if price.last is not None else price.middle or ZERO

    def rate(self, currency: str) -> Decimal:
        """Return what one unit of a currency is worth in the base currency, 1 where no pair is listed."""
        if currency == self.base:
            return Decimal(1)
        for listing in self._world.listings.values():
            if listing.kind != "CASH" or {listing.symbol, listing.currency} != {currency, self.base}:
                continue
            middle = self._world.price(listing.con_id).middle
            if middle:
                return middle if listing.symbol == currency else round(1 / middle, 8)
        return Decimal(1)

    def worth(self, holding: Holding) -> Decimal:
        """Return the market value of a position in its own currency."""
        return holding.quantity * self.mark(holding.listing) * Decimal(holding.listing.multiplier or 1)

    def unrealized(self, holding: Holding) -> Decimal:
        """Return what closing the position now would earn, in its own currency."""
        return self.worth(holding) - holding.cost

    def net(self, account: str) -> Decimal:
        """Return the net liquidation value in the base currency."""
        cash = sum((amount * self.rate(currency) for currency, amount in self.cash[account].items()), ZERO)
        return cash + sum((self._counts(one) * self.rate(one.listing.currency) for one in self.of(account)), ZERO)

    def gross(self, account: str) -> Decimal:
        """Return the sum of the absolute values of positions in the base currency."""
        return sum((abs(self.worth(one)) * self.rate(one.listing.currency) for one in self.of(account)), ZERO)

    def total_cash(self, account: str) -> Decimal:
        """Return all cash in the base currency."""
        return sum((amount * self.rate(currency) for currency, amount in self.cash[account].items()), ZERO)

    def margin(self, account: str) -> Decimal:
        """Return the initial margin: a quarter of what is held."""
        return (self.gross(account) / 4).quantize(CENT)

    def _counts(self, holding: Holding) -> Decimal:
        return self.unrealized(holding) if holding.listing.kind == "FUT" else self.worth(holding)


def fee(listing: Listing, quantity: Decimal, price: Decimal) -> Decimal:
    """Return what an order pays for all that it has filled so far."""
    if listing.kind == "STK":
        return max(Decimal(1), (quantity * Decimal("0.005")).quantize(CENT))
    if listing.kind == "CASH":
        return max(Decimal(2), (quantity * price * Decimal("0.00002")).quantize(CENT))
    return max(Decimal(1), (quantity * Decimal("0.65")).quantize(CENT))
