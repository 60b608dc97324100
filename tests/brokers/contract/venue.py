"""What the contract's tests need of a broker: an account of its own, a market that trades, and what was said."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import TypeVar

from cockpit.brokers.base import Broker, Feature
from cockpit.model.instruments import Instrument
from cockpit.model.orders import (
    BrokerFact,
    BrokerOrder,
    Linkage,
    OrderRef,
    OrderRequest,
    OrderType,
    Side,
    TimeInForce,
)
from cockpit.model.quotes import Quote

Fact = TypeVar("Fact", bound=BrokerFact)

PATIENCE = 5.0


class Venue(ABC):
    """One broker with a fresh account. What it says is kept in order."""

    symbol = "ALFA"
    """Traded in whole units, on both sides, within the account's means."""
    unlisted = "NOSUCH"
    has_history = True
    """Whether it keeps bars of what the tests trade; one that keeps none says so with none."""
    estimates = True
    """Whether it can tell what an order would cost."""
    order_types = frozenset(OrderType)
    times_in_force = frozenset(TimeInForce)
    linkages = frozenset({Linkage.BRACKET, Linkage.OCO})
    """What it must take, no less and no more: the contract leaves nothing out because a broker says so."""
    features: frozenset[Feature] = frozenset()
    """What it must offer besides."""
    escapes = False
    """Whether its wire carries any text whole, so that no reference can break a message."""

    broker: Broker

    def __init__(self) -> None:
        self.facts: list[BrokerFact] = []
        self._said = asyncio.Event()
        self._numbers = count(1)

    @abstractmethod
    async def again(self) -> None:
        """Leave the broker and enter it anew over the same account, as a restart does."""

    def hear(self, fact: BrokerFact) -> None:
        """Take what the broker says."""
        self.facts.append(fact)
        self._said.set()

    def reference(self) -> OrderRef:
        """Return a reference that was never used."""
        return OrderRef(f"ck:{next(self._numbers):026}")

    def of(self, reference: OrderRef, kind: type[Fact]) -> list[Fact]:
        """Return what was said of that kind about one order."""
        return [fact for fact in self.facts if fact.reference == reference and isinstance(fact, kind)]

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until what was said makes something true."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._said.clear()
                await self._said.wait()

    async def instrument(self) -> Instrument:
        """Return the instrument that the tests trade."""
        (found,) = await self.broker.find(self.symbol)
        return found

    async def quote(self) -> Quote:
        """Return its quote, which has both sides."""
        quote = await self.broker.quote(await self.instrument())
        assert quote is not None
        assert quote.bid is not None
        assert quote.ask is not None
        return quote

    async def market(self, quantity: int = 1, side: Side = Side.BUY) -> OrderRequest:
        """Return an order that trades at once."""
        return OrderRequest(self.symbol, side, Decimal(quantity), OrderType.MARKET, None, TimeInForce.DAY)

    async def far(self, quantity: int = 1, life: TimeInForce = TimeInForce.GTC, away: str = "0.9") -> OrderRequest:
        """Return an order to buy that rests: its limit lies that part of the bid, on the tick."""
        limit = await self.price(away)
        return OrderRequest(self.symbol, Side.BUY, Decimal(quantity), OrderType.LIMIT, limit, life)

    async def price(self, part: str) -> Decimal:
        """Return a price on the tick at that part of the middle."""
        quote, tick = await self.quote(), (await self.instrument()).tick
        middle = quote.mid()
        assert middle is not None
        return (middle * Decimal(part) / tick).to_integral_value() * tick

    async def shown(self, reference: OrderRef) -> BrokerOrder | None:
        """Return the order as the broker's books show it."""
        found = [one for one in await self.broker.orders() if one.reference == reference]
        assert len(found) <= 1
        return found[0] if found else None
