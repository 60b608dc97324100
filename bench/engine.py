"""How fast the paper engine is: orders, quotes against a full book, and bars as in a backtest.

    python -m bench.engine            three rounds of each, turn by turn

The engine alone, without journal or I/O. Beside each figure stands what it is in Decimal multiply-and-adds of the same
run, so that figures of different machines can be compared.
"""

from __future__ import annotations

import argparse
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cockpit.brokers.paper.bars import path
from cockpit.brokers.paper.book import State, Touch
from cockpit.brokers.paper.engine import apply
from cockpit.brokers.paper.events import Quoted, Submit, SubmitLinked
from cockpit.brokers.paper.instruments import LISTINGS
from cockpit.brokers.paper.journal import EVENTS_A_SNAPSHOT, forgotten
from cockpit.brokers.paper.market import Market
from cockpit.brokers.paper.rules import paper_rules
from cockpit.model.orders import Linkage, OrderRef, OrderRequest, OrderType, Side, TimeInForce
from cockpit.model.quotes import Bar, Interval

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RULES = paper_rules()
SYMBOL = "ALFA"
CASH = Decimal(10_000_000)
ONE, PRICE, TICK = Decimal(1), Decimal("412.00"), Decimal("0.01")


def request(side: Side, kind: OrderType, **prices: Decimal) -> OrderRequest:
    """Return an order for one share."""
    return OrderRequest(SYMBOL, side, ONE, kind, prices.get("limit"), TimeInForce.GTC, prices.get("stop"))


def touch(at: datetime, ticks: int = 0, size: int = 1_000_000) -> Touch:
    """Return a quote two ticks wide."""
    middle = PRICE + ticks * TICK
    return Touch(SYMBOL, middle - TICK, middle + TICK, Decimal(size), Decimal(size), at)


def quoted() -> State:
    """Return an account that has seen one quote."""
    return apply(RULES, State.opened(CASH), Quoted(START, (touch(START),))).state


def decimals(count: int) -> None:
    """Multiply and add."""
    total, price, quantity = Decimal(0), Decimal("412.37"), Decimal(3)
    for _ in range(count):
        total += price * quantity


def orders(count: int) -> None:
    """Submit market orders, buys and sells in turn, each filled at once."""
    state = quoted()
    for number in range(count):
        side = Side.BUY if number % 2 == 0 else Side.SELL
        event = Submit(START + SECOND * number, OrderRef(f"r{number}"), request(side, OrderType.MARKET))
        state = apply(RULES, state, event).state
        if number % EVENTS_A_SNAPSHOT == 0:
            state = forgotten(state)


def quotes(count: int) -> None:
    """Show quotes to a book of 50 orders: limits, stops and the exits of brackets, none of which is reached."""
    state = quoted()
    far_up, far_down = PRICE + 10_000 * TICK, PRICE - 10_000 * TICK
    for number in range(20):
        limit = request(Side.BUY, OrderType.LIMIT, limit=far_down)
        state = apply(RULES, state, Submit(START, OrderRef(f"l{number}"), limit)).state
    for number in range(10):
        legs = (
            (OrderRef(f"e{number}"), request(Side.BUY, OrderType.MARKET)),
            (OrderRef(f"t{number}"), request(Side.SELL, OrderType.LIMIT, limit=far_up)),
            (OrderRef(f"s{number}"), request(Side.SELL, OrderType.STOP, stop=far_down)),
        )
        state = apply(RULES, state, SubmitLinked(START, Linkage.BRACKET, legs)).state
    for number in range(10):
        stop = request(Side.BUY, OrderType.STOP, stop=far_up)
        state = apply(RULES, state, Submit(START, OrderRef(f"x{number}"), stop)).state
    if len(state.open) != 50:
        raise AssertionError(f"the book holds {len(state.open)} orders")
    for number in range(1, count + 1):
        at = START + SECOND * number
        state = apply(RULES, state, Quoted(at, (touch(at, number % 7 - 3),))).state


def recorded(count: int) -> list[Bar]:
    """Return minutes of the invented market."""
    market = Market("bench")
    first = int(START.timestamp()) // 60
    return [market.bar(SYMBOL, Interval.MIN_1, first + number) for number in range(count)]


def backtest(bars: list[Bar]) -> None:
    """Cross two averages of 10 and 30 closes, one market order at each crossing."""
    state, terms = State.opened(CASH), RULES.terms[SYMBOL]
    fast, slow = deque[Decimal](maxlen=10), deque[Decimal](maxlen=30)
    fast_sum = slow_sum = Decimal(0)
    above, sent = False, 0
    for number, bar in enumerate(bars):
        at = bar.opens_at
        state = apply(RULES, state, Quoted(at, path(SYMBOL, bar, Interval.MIN_1, terms))).state
        fast_sum += bar.close - (fast[0] if len(fast) == 10 else 0)
        slow_sum += bar.close - (slow[0] if len(slow) == 30 else 0)
        fast.append(bar.close)
        slow.append(bar.close)
        crossed = len(slow) == 30 and (fast_sum * 3 > slow_sum) is not above
        if crossed:
            above = not above
            sent += 1
            side = Side.BUY if above else Side.SELL
            event = Submit(at + SECOND * 59, OrderRef(f"r{number}"), request(side, OrderType.MARKET))
            state = apply(RULES, state, event).state
            if sent % 50 == 0:
                state = forgotten(state)
    cost = sum((held.cost for held in state.holdings.values()), Decimal(0))
    if state.cash + cost != state.opening_cash + state.realised - state.fees or not sent:
        raise AssertionError("the money doesn't add up")


def rate(work: Callable[[], object], count: int) -> float:
    """Return how many were done a second."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def main() -> None:
    """Measure, and print the best round of each."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--count", type=int, default=20_000)
    given = arguments.parse_args()
    if LISTINGS[SYMBOL].instrument.tick != TICK:
        raise AssertionError("the listing's tick is another one")
    bars = recorded(given.count)
    kinds: dict[str, Callable[[], object]] = {
        "Decimal multiply-and-adds": lambda: decimals(given.count),
        "market orders, submitted and filled": lambda: orders(given.count),
        "quotes against 50 resting orders": lambda: quotes(given.count),
        "one-minute bars of a backtest": lambda: backtest(bars),
    }
    best = dict.fromkeys(kinds, 0.0)
    for _ in range(given.rounds):
        for name, work in kinds.items():
            best[name] = max(best[name], rate(work, given.count))
    unit, *_ = best.values()
    for name, speed in best.items():
        print(f"{name}: {speed:,.0f} a second, {1e6 / speed:.1f} us each, {unit / speed:.0f} multiply-and-adds")


if __name__ == "__main__":
    main()
