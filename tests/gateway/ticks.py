"""Quotes as the ticks of the wire: which number says what, live or delayed, and what each generic tick brings."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from tests.gateway import black_scholes
from tests.gateway.wire import Out
from tests.gateway.world import Listing, Price, World

BID_SIZE, BID, ASK, ASK_SIZE, LAST, LAST_SIZE, HIGH, LOW, VOLUME, CLOSE, OPEN = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14
BID_COMPUTED, ASK_COMPUTED, LAST_COMPUTED, MODEL_COMPUTED, CUSTOM = 10, 11, 12, 13, 53
LAST_AT, HALTED = 45, 49
DELAYED: Final = {
    BID: 66, ASK: 67, LAST: 68, BID_SIZE: 69, ASK_SIZE: 70, LAST_SIZE: 71, HIGH: 72, LOW: 73, VOLUME: 74, CLOSE: 75, OPEN: 76,
    BID_COMPUTED: 80, ASK_COMPUTED: 81, LAST_COMPUTED: 82, MODEL_COMPUTED: 83, LAST_AT: 88, HALTED: 90,
}  # fmt: skip
"""Delayed counterpart of each tick."""
NO_PRICE: Final = Decimal(-1)
NO_SIZE: Final = Decimal(0)
GENERIC: Final = frozenset(
    str(one)
    for one in (
        *(100, 101, 104, 105, 106, 165, 221, 225, 232, 233, 236, 256, 258, 292, 293, 294, 295, 318, 375, 411, 456, 460),
        *(499, 506, 586, 588, 595, 619),
    )
)
"""Generic ticks that are known; the rest is refused."""
Message = tuple[object, ...]


def prices(request_id: str, listing: Listing, price: Price, *, delayed: bool, at: int) -> Iterator[Message]:
    """Give the ticks of a quote, in the order of the wire: every price with its size, then the size by itself."""

    def number(tick: int) -> int:
        return DELAYED[tick] if delayed else tick

    sides = (
        (BID, price.bid, BID_SIZE, price.bid_size),
        (ASK, price.ask, ASK_SIZE, price.ask_size),
        (LAST, price.last, LAST_SIZE, price.last_size),
    )
    for tick, value, size_tick, size in sides:
        if value is None and tick == LAST:
            continue
        told, counted = (NO_PRICE, NO_SIZE) if value is None else (value, size)
        yield Out.tickPrice, 6, request_id, number(tick), told, counted, 0
        yield Out.tickSize, 6, request_id, number(size_tick), counted
    for tick, value in ((HIGH, price.high), (LOW, price.low), (CLOSE, price.close), (OPEN, price.open)):
        if value is not None:
            yield Out.tickPrice, 6, request_id, number(tick), value, 0, 0
    if listing.kind != "CASH":
        yield Out.tickSize, 6, request_id, number(VOLUME), price.volume
        yield Out.tickGeneric, 6, request_id, number(HALTED), 1 if price.halted else 0
        if price.last is not None:
            yield Out.tickString, 6, request_id, number(LAST_AT), at


def computations(request_id: str, world: World, listing: Listing, price: Price, *, delayed: bool) -> Iterator[Message]:
    """Give what is computed from an option's bid, ask, last trade and from the model; nothing for other contracts."""
    model, spot = world.model(listing), world.price(listing.under).middle
    if model is None or spot is None:
        return
    years, call = world.years(listing), listing.right == "C"
    for tick, seen in ((BID_COMPUTED, price.bid), (ASK_COMPUTED, price.ask), (LAST_COMPUTED, price.last)):
        number = DELAYED[tick] if delayed else tick
        found = None
        if seen is not None:
            found = black_scholes.implied(float(seen), float(spot), float(listing.strike), years, call)
        if found is None:
            yield nothing_computed(request_id, number)
        else:
            value = black_scholes.value(float(spot), float(listing.strike), years, found, call)
            yield computation(request_id, number, found, value, float(spot))
    number = DELAYED[MODEL_COMPUTED] if delayed else MODEL_COMPUTED
    yield computation(request_id, number, world.volatility.get(listing.under, 0.25), model, float(spot))


def computation(request_id: str, tick: int, volatility: float, model: black_scholes.Model, spot: float) -> Message:
    """Give one option computation."""
    values = (volatility, model.delta, model.price, 0.0, model.gamma, model.vega, model.theta, spot)
    return Out.tickOptionComputation, request_id, tick, 0, *values


def nothing_computed(request_id: str, tick: int) -> Message:
    """Give an option computation without values: -1 stands for a missing price or volatility, -2 for a missing Greek."""
    return Out.tickOptionComputation, request_id, tick, 0, -1, -2, -1, -1, -2, -2, -2, -1


def generics(
    request_id: str, world: World, listing: Listing, price: Price, asked: frozenset[str], at: int
) -> Iterator[Message]:
    """Give what the generic ticks that were asked for bring."""
    counted = {
        "101": ((27, 5200), (28, 4100)),
        "100": ((29, 700), (30, 310)),
        "105": ((87, 900),),
        "588": ((86, 210_000),),
    }
    for generic in sorted(asked & counted.keys()):
        for tick, count in counted[generic]:
            other_side = listing.kind == "OPT" and tick in (_PUTS if listing.right == "C" else _CALLS)
            yield Out.tickSize, 6, request_id, tick, 0 if other_side else count
    if "104" in asked:
        yield Out.tickGeneric, 6, request_id, 23, 0.21
    if "106" in asked:
        yield Out.tickGeneric, 6, request_id, 24, world.volatility.get(listing.under or listing.con_id, 0.25)
    middle = price.middle
    if middle is not None and asked & {"221", "232"}:
        yield Out.tickPrice, 6, request_id, 37, middle, 0, 0
    if middle is not None and "165" in asked:
        for tick, share in ((15, "0.9"), (16, "1.1"), (17, "0.8"), (18, "1.2"), (19, "0.7"), (20, "1.3")):
            yield Out.tickPrice, 6, request_id, tick, (middle * Decimal(share)).quantize(listing.tick), 0, 0
        yield Out.tickSize, 6, request_id, 21, 90_000
    if "236" in asked:
        figure, shares = world.to_borrow.get(listing.con_id, (Decimal(3), 2_500_000))
        if figure is not None:
            yield Out.tickGeneric, 6, request_id, 46, figure
        if shares is not None:
            yield Out.tickSize, 6, request_id, 89, shares
    if "233" in asked and price.last is not None:
        told = f"{price.last:f};{price.last_size:f};{at * 1000};{price.volume:f};{price.last:f};true"
        yield Out.tickString, 6, request_id, 48, told
    if "456" in asked:
        yield Out.tickString, 6, request_id, 59, "1.20,1.32,20270115,0.33"
    if "258" in asked:
        yield Out.tickString, 6, request_id, 47, "PEEXCLXOR=18.2;MKTCAP=41200;TTMEPSXCLX=22.6;DIVYIELD=-99999.99"
    for generic, tick, value in (("293", 54, 8120), ("294", 55, 42), ("295", 56, 3100), ("411", 58, 0.19)):
        if generic in asked:
            yield Out.tickGeneric, 6, request_id, tick, value
    if "318" in asked and price.last is not None:
        yield Out.tickPrice, 6, request_id, 57, price.last, 0, 0


_CALLS: Final = frozenset({27, 29})
_PUTS: Final = frozenset({28, 30})
