"""What exists behind the gateway: contracts, their prices, and what the account is entitled to see of them.

Tests set prices and knobs here; the handlers of market.py, history.py and research.py only tell what stands here.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from tests.gateway import black_scholes
from tests.gateway.hours import Hours
from tests.gateway.listing import ZERO, Listing, Price
from tests.gateway.rights import Rights

__all__ = ["Listing", "Price", "World", "move"]

_YEAR: Final = timedelta(days=365)
_SHORTEST: Final = timedelta(hours=1)
"""Time that the model gives to an option that expires at once."""
_TINY: Final = Decimal("0.01")


PriceSink = Callable[[Listing], None]


class World:
    """Everything that can be asked about but accounts and orders."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC), *, empty: bool = False) -> None:
        self.now = now
        self.rights = Rights()
        self.rules: dict[int, tuple[tuple[Decimal, Decimal], ...]] = {}
        """Market rules: by id, the price from which each step holds."""
        self.listings: dict[int, Listing] = {}
        self.volatility: dict[int, float] = {}
        """Annual volatility of underlyings, for the prices of their options; 0.25 where none is set."""
        self.to_borrow: dict[int, tuple[Decimal | None, int | None]] = {}
        """What generic tick 236 says of a contract: how hard its shares are to borrow, and how many; plenty else."""
        self._prices: dict[int, Price] = {}
        self._anchors: dict[int, Decimal] = {}
        self._derived: dict[int, list[int]] = {}
        self._sinks: list[PriceSink] = []
        if not empty:
            from tests.gateway.listed import fill

            fill(self)

    # -- what exists

    def add(self, listing: Listing, price: Price | None = None) -> Listing:
        """List a contract, with its first price where it has one."""
        if listing.under and listing.con_id not in self.listings:
            self._derived.setdefault(listing.under, []).append(listing.con_id)
        self.listings[listing.con_id] = listing
        if price is not None:
            self._prices[listing.con_id] = price
            self._anchors[listing.con_id] = price.middle or listing.tick
        return listing

    def anchor(self, listing: Listing) -> Decimal:
        """Return the price around which its history lies, which doesn't change while it trades."""
        return self._anchors.setdefault(listing.con_id, self.price(listing.con_id).middle or listing.tick)

    def find(self, asked: Mapping[str, str]) -> tuple[Listing, ...]:
        """Return every contract that a request may mean, expired ones left out unless it says so."""
        con_id = int(asked.get("conId") or 0)
        if con_id:
            candidates: tuple[Listing, ...] = tuple(filter(None, (self.listings.get(con_id),)))
        else:
            candidates = tuple(self.listings.values())
        expired = asked.get("includeExpired", "0") == "1"
        return tuple(one for one in candidates if one.answers(asked) and (expired or not self.expired(one)))

    def one(self, name: str | int) -> Listing:
        """Return the contract of a contract id, of ``SYM``, ``SYM:EXCHANGE`` or of a local symbol; tests' shorthand."""
        if isinstance(name, int):
            return self.listings[name]
        symbol, _, exchange = name.partition(":")
        for listing in self.listings.values():
            if listing.kind != "OPT" and listing.symbol == symbol and exchange in ("", listing.primary):
                return listing
        spaceless = name.replace(" ", "")
        for listing in self.listings.values():
            if listing.local_symbol.replace(" ", "") == spaceless:
                return listing
        raise KeyError(name)

    def expired(self, listing: Listing) -> bool:
        """Tell whether its last trading day is over."""
        return listing.expiry is not None and listing.expiry < self.now().date()

    def options(self, under: int) -> Iterator[Listing]:
        """Go through the options on one underlying that haven't expired."""
        derived = (self.listings[one] for one in self._derived.get(under, ()))
        return (one for one in derived if one.kind == "OPT" and not self.expired(one))

    def hours(self, listing: Listing, *, liquid: bool) -> Hours:
        """Return the regular or the whole hours of its venue."""
        return listing.venue.liquid if liquid else listing.venue.trading

    def open_always(self) -> None:
        """Let every venue trade at every hour of every day."""
        for listing in self.listings.values():
            listing.venue.always = True

    def step(self, listing: Listing, at: Decimal) -> Decimal:
        """Return the price step that holds at a price."""
        steps = [step for edge, step in self.rules.get(listing.rule, ()) if abs(at) >= edge]
        return steps[-1] if steps else listing.tick

    # -- prices

    def on_price(self, sink: PriceSink) -> None:
        """Call ``sink`` with a contract each time its price has changed."""
        self._sinks.append(sink)

    def price(self, name: str | int) -> Price:
        """Return what the market says now: an option's price follows its underlying until a test sets it."""
        listing = self.one(name)
        known = self._prices.get(listing.con_id)
        if known is not None or listing.kind != "OPT":
            return known or Price()
        model = self.model(listing)
        return Price() if model is None else self._around(listing, Decimal(str(round(model.price, 6))))

    def set(
        self,
        name: str | int,
        bid: str | Decimal | None = None,
        ask: str | Decimal | None = None,
        last: str | Decimal | None = None,
        *,
        bid_size: int = 300,
        ask_size: int = 400,
        last_size: int = 100,
        halted: bool = False,
    ) -> Price:
        """Set the market of one contract: a side left out is a side that nobody quotes, a last left out stays."""
        listing = self.one(name)
        before = self.price(listing.con_id)
        return self.put(
            listing,
            replace(
                before,
                bid=_price(bid),
                ask=_price(ask),
                last=before.last if last is None else _price(last),
                bid_size=Decimal(bid_size),
                ask_size=Decimal(ask_size),
                last_size=Decimal(last_size),
                halted=halted,
            ),
        )

    def put(self, listing: Listing, price: Price) -> Price:
        """Set all that the market says of one contract, and tell who listens."""
        self._prices[listing.con_id] = price
        touched = [listing, *(one for one in self.options(listing.con_id) if one.con_id not in self._prices)]
        for one in touched:
            for sink in self._sinks:
                sink(one)
        return price

    def traded(self, name: str | int, quantity: Decimal, price: Decimal) -> Price:
        """Note a trade: it becomes the last one, and counts in the volume."""
        listing = self.one(name)
        before = self.price(listing.con_id)
        after = replace(
            before,
            last=price,
            last_size=quantity,
            volume=before.volume + quantity,
            high=price if before.high is None else max(before.high, price),
            low=price if before.low is None else min(before.low, price),
        )
        return self.put(listing, after)

    # -- options

    def years(self, listing: Listing) -> float:
        """Return the time to the close of an option's last day, in years of 365 days."""
        assert listing.expiry is not None
        closes = listing.venue.session(listing.expiry, listing.venue.liquid).closes_at
        ends = closes or datetime.combine(listing.expiry, datetime.max.time(), UTC)
        return max(ends - self.now(), _SHORTEST) / _YEAR

    def model(self, listing: Listing, spot: Decimal | None = None) -> black_scholes.Model | None:
        """Return the model's value of an option, or None while its underlying has no price."""
        seen = self.price(listing.under).middle if spot is None else spot
        if seen is None or seen <= ZERO:
            return None
        volatility = self.volatility.get(listing.under, 0.25)
        return black_scholes.value(
            float(seen), float(listing.strike), self.years(listing), volatility, listing.right == "C"
        )

    def _around(self, listing: Listing, worth: Decimal) -> Price:
        half = max(_TINY, min(worth * Decimal("0.02"), Decimal("0.10")))
        step = self.step(listing, worth)
        bid, ask = _round(worth - half, step), _round(worth + half, step)
        last = _round(worth, step)
        return Price(
            bid if bid > ZERO else None,
            max(ask, bid + step),
            last if last > ZERO else None,
            bid_size=Decimal(12),
            ask_size=Decimal(15),
            last_size=Decimal(1),
            close=last,
            volume=Decimal(240),
        )

    # -- a market that moves

    def shake(self, chance: random.Random) -> None:
        """Move everything that has both sides quoted by a few of its steps, for the gateway that is started by hand."""
        for con_id in tuple(self._prices):
            listing, price = self.listings[con_id], self._prices[con_id]
            if price.bid is None or price.ask is None or listing.kind == "OPT":
                continue
            step = self.step(listing, price.bid)
            moved = step * chance.randint(-3, 3)
            if price.bid + moved <= step:
                continue
            bid, ask = price.bid + moved, price.ask + moved
            sizes = {one: Decimal(chance.randint(1, 9) * 100) for one in ("bid_size", "ask_size")}
            self.put(listing, replace(price, bid=bid, ask=ask, **sizes))
            if moved:
                self.traded(con_id, Decimal(100), ask if moved > ZERO else bid)


async def move(world: World, *, every: float = 1.0, seed: int = 1) -> None:
    """Let the world's prices move until cancelled, the same way for the same seed."""
    chance = random.Random(seed)
    while True:
        await asyncio.sleep(every)
        world.shake(chance)


def _price(given: str | Decimal | None) -> Decimal | None:
    return None if given is None else Decimal(given)


def _round(price: Decimal, step: Decimal) -> Decimal:
    return (price / step).quantize(Decimal(1), ROUND_HALF_UP) * step
