"""A small market for the engine's tests: three instruments around known prices, and short ways to make events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cockpit.brokers.paper.book import PaperOrder, State, Touch
from cockpit.brokers.paper.engine import Step, apply
from cockpit.brokers.paper.events import Cancel, DayEnded, PaperEvent, Quoted, Replace, Submit
from cockpit.brokers.paper.margin import Terms
from cockpit.brokers.paper.rules import Rules
from cockpit.model.orders import OrderRef, OrderRequest, OrderType, Side, TimeInForce

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


class Scene:
    """An account of 100,000 that remembers what happened; each event comes a second after the one before."""

    def __init__(self, cash: str = "100000", rules: Rules = RULES) -> None:
        self.rules = rules
        self.state = State.opened(Decimal(cash))
        self.now = START
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
        return self.apply(Quoted(at, (touch,)))

    def submit(self, reference: str, wanted: OrderRequest) -> Step:
        return self.apply(Submit(self.pass_time(), OrderRef(reference), wanted))

    def replace(self, reference: str, wanted: OrderRequest) -> Step:
        return self.apply(Replace(self.pass_time(), OrderRef(reference), wanted))

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
