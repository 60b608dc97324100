"""Random acts over random faults: in the end every order is here what it is at the gateway, and none was sent twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.desk.life import applied, charged
from cockpit.desk.reconcile import missed
from cockpit.model.identity import ClientName, GrantId
from cockpit.model.orders import (
    DONE,
    BrokerFact,
    Executed,
    Execution,
    FeeTold,
    LinkLost,
    Order,
    OrderId,
    OrderRef,
    OrderState,
    Rejected,
    ReplaceRefused,
    Side,
    TimeInForce,
)
from cockpit.model.refusals import Refused
from cockpit.model.text import Safe
from tests.brokers.ibkr.records import NOON
from tests.brokers.ibkr.trading import Trading, far, market, trading_at
from tests.gateway import FakeGateway, faults

TRUTH = {
    "Submitted": OrderState.WORKING,
    "PreSubmitted": OrderState.WORKING,
    "Filled": OrderState.FILLED,
    "Cancelled": OrderState.CANCELLED,
    "Inactive": OrderState.REJECTED,
}
NEW = (
    faults.drop_before_accept,
    faults.drop_after_accept,
    faults.drop_after_open_order,
    faults.drop_after_status,
    faults.half_frame,
    faults.preset_day,
    faults.reject(201),
    faults.reject(110),
    faults.accept_and_say(10311),
    faults.accept_and_say(399),
    faults.accept_and_say(31415),
    faults.mute,
    faults.stall,
)
CHANGE = (faults.drop_before_accept, faults.drop_after_accept, faults.reject(201), faults.reject(321), faults.stall)
CANCEL = (
    faults.drop_before_accept,
    faults.drop_after_accept,
    faults.not_found,
    faults.filled_meanwhile,
    faults.too_late,
    faults.stall,
)
TOLD = (faults.duplicate(3), faults.lose, faults.late(0.05))


@dataclass
class Desk:
    """What the desk makes of facts, without its database."""

    trading: Trading
    chance: random.Random
    orders: dict[OrderRef, Order] = field(default_factory=dict)
    fills: dict[OrderRef, dict[str, Execution]] = field(default_factory=dict)
    taken: int = 0

    def take(self) -> None:
        facts, self.taken = self.trading.facts[self.taken :], len(self.trading.facts)
        for fact in facts:
            self.apply(fact)

    def apply(self, fact: BrokerFact) -> None:
        order, fills = self.orders[fact.reference], self.fills[fact.reference]
        if isinstance(fact, Executed):
            if fact.execution.execution_id in fills:
                return
            fills[fact.execution.execution_id] = fact.execution
        if isinstance(fact, FeeTold):
            known = fills.get(fact.execution_id)
            if known is not None:
                self.orders[fact.reference] = charged(order, fact.fee - known.fee, fact.at)
                fills[fact.execution_id] = replace(known, fee=fact.fee)
            return
        self.orders[fact.reference] = applied(order, fact, fact.at)

    async def do(
        self, reference: OrderRef, call: Awaitable[None], refused: type[Rejected] | type[ReplaceRefused] | None
    ) -> None:
        try:
            await call
        except Refused as error:
            self.take()
            if refused is not None:
                self.apply(refused(reference, NOON, Safe(error.refusal.code)))
        except BrokerUnavailable as error:
            self.take()
            self.apply(LinkLost(reference, NOON, Safe(str(error)[:100])))
        self.take()

    async def submit(self) -> None:
        reference = self.trading.reference()
        request = self.chance.choice(
            [far(), far(price="301", time_in_force=TimeInForce.DAY), market(2), market(1, Side.SELL)]
        )
        self.orders[reference] = Order(
            OrderId(reference), reference, 1, ClientName("c"), GrantId("g"), "ib", request, OrderState.SENDING, Decimal(0),
            None, Decimal(0), Safe(""), (), NOON, NOON,
        )  # fmt: skip
        self.fills[reference] = {}
        await self.do(reference, self.trading.broker.submit(reference, request), Rejected)

    async def change(self) -> None:
        open_ = [one for one in self.orders.values() if one.state is OrderState.WORKING and one.proposed is None]
        if not open_:
            return
        order = self.chance.choice(open_)
        request = replace(order.request, quantity=Decimal(self.chance.randint(11, 50)))
        self.orders[order.reference] = replace(order, proposed=request)
        await self.do(order.reference, self.trading.broker.replace(order.reference, request), ReplaceRefused)

    async def cancel(self) -> None:
        open_ = [one for one in self.orders.values() if one.state not in DONE]
        if open_:
            order = self.chance.choice(open_)
            await self.do(order.reference, self.trading.broker.cancel(order.reference), None)

    def happen(self) -> None:
        """Let something happen at the gateway."""
        book, chance = self.trading.gateway.book, self.chance
        live = [one for one in book.live() if one.reference]
        if live and chance.random() < 0.5:
            order = chance.choice(live)
            book.fill(order, min(order.remaining, Decimal(chance.randint(1, 4))))
        elif live and chance.random() < 0.3:
            book.cancel(chance.choice(live))
        elif live and chance.random() < 0.2:
            book.reject(chance.choice(live))

    async def reconcile(self) -> None:
        """Do what the desk does as long as orders are unsure."""
        shown = {one.reference: one for one in await self.trading.broker.orders()}
        self.take()
        for order in list(self.orders.values()):
            theirs = shown.get(order.reference)
            for fact in missed(order, self.fills[order.reference], theirs, theirs is None, NOON):
                self.apply(fact)


async def storm(gateway: FakeGateway, trading: Trading, seed: int, acts: int) -> Desk:
    chance = random.Random(seed)
    desk = Desk(trading, chance)
    for _ in range(acts):
        if chance.random() < 0.35:
            gateway.once("newOrder", chance.choice(NEW))
        if chance.random() < 0.3:
            gateway.once("modifyOrder", chance.choice(CHANGE))
        if chance.random() < 0.3:
            gateway.once("cancelOrder", chance.choice(CANCEL))
        if chance.random() < 0.3:
            gateway.once(
                chance.choice(["openOrder", "orderStatus", "execDetails", "commissionReport"]), chance.choice(TOLD)
            )
        if chance.random() < 0.05:
            gateway.cut()
        if chance.random() < 0.04:
            gateway.lost()
            desk.happen()
            gateway.restored(data_lost=chance.random() < 0.5)
        await asyncio.gather(*(chance.choice([desk.submit, desk.submit, desk.change, desk.cancel])() for _ in range(3)))
        desk.happen()
        if trading.broker.status().link.value != "ready":
            await trading.ready()
    for name in (
        "newOrder",
        "modifyOrder",
        "cancelOrder",
        "openOrder",
        "orderStatus",
        "execDetails",
        "commissionReport",
    ):
        gateway.never(name)
    return desk


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_goes_wrong_every_order_ends_in_its_true_state(tmp_path: Path, seed: int) -> None:
    async with (
        FakeGateway(open_always=True) as gateway,
        trading_at(gateway, tmp_path, request_seconds=1) as trading,
    ):
        desk = await storm(gateway, trading, seed, 15)
        epoch = trading.broker._line.epoch
        gateway.cut()
        await trading.until(lambda: trading.broker._line.epoch > epoch)
        await trading.ready()
        for _ in range(2):
            await desk.reconcile()

        placed = Counter(one.reference for one in gateway.book.orders.values())
        assert set(placed.values()) <= {1}
        for reference, order in desk.orders.items():
            if reference not in placed:
                assert order.state is OrderState.REJECTED, (reference, order.state, order.reason)
                continue
            true = gateway.book.order(reference)
            assert order.filled == true.filled, (reference, order.state, true.status, order.reason)
            expected = TRUTH[true.status]
            if expected is OrderState.WORKING and true.filled:
                expected = OrderState.PARTLY_FILLED
            assert order.state is expected, (reference, order, true.status)
            # Terms of an order that has ended stay as they were known when it did.
            assert order.state in DONE or order.request.quantity == true.quantity, (reference, order, true.terms)
            assert order.fees == true.fees, reference
