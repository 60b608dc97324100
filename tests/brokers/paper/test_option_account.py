"""Options in a paper account: bought, sold, covered, valued with their multiplier, and settled when they expire."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cockpit.brokers.paper.book import Holding, Shown, State, Touch
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.brokers.paper.faults import order_fault
from cockpit.brokers.paper.rules import paper_rules
from cockpit.model.orders import (
    BrokerFact,
    Executed,
    Expired,
    OrderRef,
    OrderRequest,
    OrderState,
    OrderType,
    Rejected,
    Side,
    TimeInForce,
)
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from tests.brokers.paper.conftest import NEVER, ManualClock

CALL, HIGHER, PUT = "ALFA260306C00360000", "ALFA260306C00370000", "ALFA260306P00350000"
EXPIRES = datetime(2026, 3, 6, 21, tzinfo=UTC)


def order(symbol: str, side: Side, quantity: int = 1, limit: str | None = None) -> OrderRequest:
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    price = None if limit is None else Decimal(limit)
    return OrderRequest(symbol, side, Decimal(quantity), kind, price, TimeInForce.GTC)


async def quantity_of(broker: PaperBroker, symbol: str) -> Decimal:
    return next((one.quantity for one in await broker.positions() if one.symbol == symbol), Decimal(0))


async def test_a_contract_costs_a_hundred_times_its_price(broker: PaperBroker, facts: list[BrokerFact]) -> None:
    estimate = await broker.estimate(order(CALL, Side.BUY, 2))
    await broker.submit(OrderRef("one"), order(CALL, Side.BUY, 2))
    (fill,) = [fact.execution for fact in facts if isinstance(fact, Executed)]
    balances, (held,) = await broker.balances(), await broker.positions()
    assert balances.cash == 100_000 - fill.price * 200 - fill.fee
    assert held.mark is not None
    assert held.market_value is not None
    assert (held.quantity, held.average_price) == (2, fill.price)
    assert held.market_value == held.mark * 200
    assert held.unrealised == (held.mark - fill.price) * 200
    assert balances.equity == balances.cash + held.market_value
    assert estimate is not None
    assert estimate.margin == held.market_value  # paid in full, at the middle


async def test_a_call_is_sold_against_shares_or_a_call_and_else_rejected(
    broker: PaperBroker, facts: list[BrokerFact]
) -> None:
    await broker.submit(OrderRef("naked"), order(HIGHER, Side.SELL))
    assert isinstance(facts[-1], Rejected)
    assert facts[-1].reason.startswith("SHORT_NOT_ALLOWED")
    await broker.submit(OrderRef("long"), order(CALL, Side.BUY))
    await broker.submit(OrderRef("spread"), order(HIGHER, Side.SELL))
    assert await quantity_of(broker, HIGHER) == -1
    # what covers may not leave before what it covers
    await broker.submit(OrderRef("leave"), order(CALL, Side.SELL))
    assert isinstance(facts[-1], Rejected)
    assert await quantity_of(broker, CALL) == 1
    await broker.submit(OrderRef("back"), order(HIGHER, Side.BUY))
    await broker.submit(OrderRef("then"), order(CALL, Side.SELL))
    assert await broker.positions() == ()


async def test_shares_that_cover_a_call_may_not_be_sold(broker: PaperBroker, facts: list[BrokerFact]) -> None:
    await broker.submit(OrderRef("shares"), order("ALFA", Side.BUY, 100))
    await broker.submit(OrderRef("covered"), order(HIGHER, Side.SELL))
    assert await quantity_of(broker, HIGHER) == -1
    await broker.submit(OrderRef("leave"), order("ALFA", Side.SELL, 1))
    assert isinstance(facts[-1], Rejected)
    assert facts[-1].reason.startswith("SHORT_NOT_ALLOWED")


def test_an_account_that_is_naked_already_sells_no_further_call() -> None:
    rules, now = paper_rules(), EXPIRES - timedelta(days=1)
    state = replace(
        State.opened(Decimal(1_000_000)),
        holdings={HIGHER: Holding(Decimal(-1), Decimal(-200))},
        shown={
            symbol: Shown(Touch(symbol, Decimal("1.98"), Decimal("2.00"), Decimal(100), Decimal(100), now))
            for symbol in (CALL, HIGHER, PUT)
        },
    )
    for symbol in (CALL, HIGHER):
        assert (order_fault(rules, state, order(symbol, Side.SELL)) or "").startswith("SHORT_NOT_ALLOWED")
    assert order_fault(rules, state, order(PUT, Side.SELL)) is None
    assert order_fault(rules, state, order(HIGHER, Side.BUY)) is None


async def test_a_put_alone_keeps_its_whole_strike(broker: PaperBroker, facts: list[BrokerFact]) -> None:
    await broker.submit(OrderRef("two"), order(PUT, Side.SELL, 2))
    assert await quantity_of(broker, PUT) == -2
    await broker.submit(OrderRef("third"), order(PUT, Side.SELL))
    assert isinstance(facts[-1], Rejected)
    assert facts[-1].reason.startswith("BUYING_POWER")


async def test_what_is_held_at_the_expiry_is_paid_out_at_its_intrinsic_value(
    broker: PaperBroker, clock: ManualClock, facts: list[BrokerFact]
) -> None:
    deep = "ALFA260306C00300000"
    await broker.submit(OrderRef("deep"), order(deep, Side.BUY))
    await broker.submit(OrderRef("high"), order("ALFA260306C00450000", Side.BUY))
    await broker.submit(OrderRef("sold"), order(PUT, Side.SELL))
    await broker.submit(OrderRef("rests"), order(CALL, Side.BUY, limit="0.01"))
    cash, ahead = (await broker.balances()).cash, len(facts)
    (alfa,) = await broker.find("ALFA")
    clock.at = EXPIRES
    quote = await broker.quote(alfa)
    assert quote is not None
    assert quote.last is not None
    brought = max(Decimal(0), quote.last - 300) - max(Decimal(0), 350 - quote.last)
    await broker.tick()
    balances = await broker.balances()
    assert await broker.positions() == ()
    assert balances.cash == cash + brought * 100
    assert balances.cash == balances.equity == 100_000 + balances.realised - balances.fees
    assert facts[ahead:] == [Expired(OrderRef("rests"), EXPIRES)]
    assert {one.reference: one.state for one in await broker.orders()}[OrderRef("rests")] is OrderState.EXPIRED
    assert await broker.find(deep) == ()


async def test_an_expiry_is_settled_once_though_nobody_was_there(
    broker: PaperBroker, clock: ManualClock, store: Store
) -> None:
    await broker.submit(OrderRef("deep"), order("ALFA260306C00300000", Side.BUY))
    clock.at = EXPIRES + timedelta(days=3)
    async with PaperBroker("paper", ConnectionSettings(), store, clock, tick_seconds=NEVER) as later:
        later.listen(lambda fact: None)
        await later.tick()
        settled = await later.balances()
        assert await later.positions() == ()
    async with PaperBroker("paper", ConnectionSettings(), store, clock, tick_seconds=NEVER) as again:
        await again.tick()
        assert replace(await again.balances(), as_of=settled.as_of) == settled
    kinds = [row["kind"] for row in await store.rows("SELECT kind FROM paper_events ORDER BY number")]
    assert kinds.count("settled") == 1


async def test_an_option_that_has_expired_takes_no_order(
    broker: PaperBroker, clock: ManualClock, facts: list[BrokerFact]
) -> None:
    clock.at = EXPIRES
    await broker.submit(OrderRef("late"), order(CALL, Side.BUY))
    assert isinstance(facts[-1], Rejected)
    assert facts[-1].reason.startswith("MARKET_DATA_MISSING")
