"""A small market for the engine's tests: three instruments around known prices, and short ways to make events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cockpit.brokers.paper.bars import path
from cockpit.brokers.paper.book import PaperOrder, State, Touch
from cockpit.brokers.paper.engine import Step, apply
from cockpit.brokers.paper.events import (
    Cancel,
    DayEnded,
    PaperEvent,
    Quoted,
    Replace,
    Split,
    Submit,
    SubmitLinked,
)
from cockpit.brokers.paper.margin import Terms
from cockpit.brokers.paper.rules import Rules
from cockpit.model.orders import Linkage, OrderRef, OrderRequest, OrderType, Side, TimeInForce
from cockpit.model.quotes import Bar, Interval

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)

RULES = Rules(
    {
        "AAA": Terms(Decimal("0.01"), Decimal(1)),
        "BBB": Terms(Decimal("0.05"), Decimal(10), shortable=False),
        "CCC": Terms(Decimal("0.1"), Decimal("0.001"), multiplier=Decimal(2), margin=Decimal(1)),
    }
)
MIDDLE = {"AAA": Decimal("20.00"), "BBB": Decimal("100.00"), "CCC": Decimal("1000.0")}


def request(
    side: Side,
    quantity: str | Decimal,
    limit: str | Decimal | None = None,
    symbol: str = "AAA",
    life: TimeInForce = TimeInForce.DAY,
) -> OrderRequest:
    return OrderRequest(
        symbol,
        side,
        Decimal(quantity),
        OrderType.MARKET if limit is None else OrderType.LIMIT,
        None if limit is None else Decimal(limit),
        life,
    )


def buy(
    quantity: str, limit: str | None = None, symbol: str = "AAA", life: TimeInForce = TimeInForce.DAY
) -> OrderRequest:
    return request(Side.BUY, quantity, limit, symbol, life)


def sell(
    quantity: str, limit: str | None = None, symbol: str = "AAA", life: TimeInForce = TimeInForce.DAY
) -> OrderRequest:
    return request(Side.SELL, quantity, limit, symbol, life)


def stop(
    side: Side,
    quantity: str | Decimal,
    at: str | Decimal,
    limit: str | Decimal | None = None,
    symbol: str = "AAA",
    life: TimeInForce = TimeInForce.GTC,
) -> OrderRequest:
    """Return a stop, or with a limit a stop-limit order."""
    kind = OrderType.STOP if limit is None else OrderType.STOP_LIMIT
    price = None if limit is None else Decimal(limit)
    return OrderRequest(symbol, side, Decimal(quantity), kind, price, life, stop_price=Decimal(at))


def trail(
    side: Side,
    quantity: str | Decimal,
    amount: str | Decimal | None = None,
    percent: str | Decimal | None = None,
    symbol: str = "AAA",
) -> OrderRequest:
    return OrderRequest(
        symbol,
        side,
        Decimal(quantity),
        OrderType.TRAILING_STOP,
        None,
        TimeInForce.GTC,
        trail_amount=None if amount is None else Decimal(amount),
        trail_percent=None if percent is None else Decimal(percent),
    )


class Scene:
    """An account of 100,000 that remembers what happened; each event comes a second after the one before."""

    def __init__(self, cash: str = "100000", rules: Rules = RULES) -> None:
        self.rules = rules
        self.state = State.opened(Decimal(cash))
        self.now = START
        self.session = True
        """Whether the market's session is open."""
        self.steps: list[tuple[PaperEvent, Step]] = []
        for symbol, middle in MIDDLE.items():
            tick = rules.terms[symbol].tick
            self.quote(middle - tick, middle + tick, "100", "100", symbol)

    def apply(self, event: PaperEvent) -> Step:
        step = apply(self.rules, self.state, event)
        self.steps.append((event, step))
        self.state = step.state
        return step

    def pass_time(self, seconds: float = 1) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    def quote(
        self,
        bid: str | Decimal,
        ask: str | Decimal,
        bid_size: str | Decimal = "100",
        ask_size: str | Decimal = "100",
        symbol: str = "AAA",
    ) -> Step:
        at = self.pass_time()
        touch = Touch(symbol, Decimal(bid), Decimal(ask), Decimal(bid_size), Decimal(ask_size), at)
        return self.apply(Quoted(at, (touch,), session=self.session))

    def bar(
        self,
        prices: tuple[Decimal | str, ...],
        volume: str | Decimal = "4000",
        symbol: str = "AAA",
        at_once: bool = False,
    ) -> None:
        """Let a bar of open, high, low and close pass: its four prices one by one, or all in one event."""
        at = self.pass_time()
        bar = Bar(at, *(Decimal(price) for price in prices), Decimal(volume))
        points = path(symbol, bar, Interval.MIN_1, self.rules.terms[symbol])
        for touches in [points] if at_once else [(point,) for point in points]:
            self.now = touches[-1].at
            self.apply(Quoted(self.now, tuple(touches), session=self.session))

    def lose(self, symbol: str = "AAA") -> Step:
        """Let the source have no price any more."""
        return self.apply(Quoted(self.pass_time(), (), (symbol,), session=self.session))

    def submit(self, reference: str, wanted: OrderRequest) -> Step:
        return self.apply(Submit(self.pass_time(), OrderRef(reference), wanted, session=self.session))

    def link(self, linkage: Linkage, name: str, *wanted: OrderRequest) -> Step:
        """Hand over a group whose orders are called name1, name2 and so on."""
        legs = tuple((OrderRef(f"{name}{number}"), each) for number, each in enumerate(wanted, 1))
        return self.apply(SubmitLinked(self.pass_time(), linkage, legs, session=self.session))

    def bracket(self, name: str, entry: OrderRequest, target: OrderRequest, guard: OrderRequest) -> Step:
        return self.link(Linkage.BRACKET, name, entry, target, guard)

    def pair(self, name: str, one: OrderRequest, other: OrderRequest) -> Step:
        return self.link(Linkage.OCO, name, one, other)

    def split(self, new: int, old: int, symbol: str = "AAA") -> Step:
        return self.apply(Split(self.pass_time(), symbol, new, old))

    def replace(self, reference: str, wanted: OrderRequest) -> Step:
        return self.apply(Replace(self.pass_time(), OrderRef(reference), wanted, session=self.session))

    def cancel(self, reference: str) -> Step:
        return self.apply(Cancel(self.pass_time(), OrderRef(reference)))

    def end_day(self) -> Step:
        return self.apply(DayEnded(self.pass_time()))

    def order(self, reference: str) -> PaperOrder:
        found = self.state.order(OrderRef(reference))
        assert found is not None
        return found

    def fills(self, reference: str) -> list[tuple[str, str]]:
        """Return quantity and price of an order's fills, as text."""
        return [(str(each.quantity), str(each.price)) for each in self.order(reference).executions]
