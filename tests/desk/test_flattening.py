"""Flattening when something comes between: it never says flat where something is held or open."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.desk import by_hand as module
from cockpit.desk.groups import Leg, basket
from cockpit.model.accounts import Position
from cockpit.model.identity import Caller
from cockpit.model.instruments import Instrument
from cockpit.model.orders import BrokerOrder, Order, OrderRef, OrderRequest, OrderState, OrderType, Role, Side
from cockpit.model.quotes import Quote
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import Safe
from cockpit.store.writes import StoreBusy, StoreUnavailable
from tests.desk.desks import Desk, limit, market, open_desk, place
from tests.desk.test_by_hand import by_hand, held, hold
from tests.desk.test_covering import BRVO_CALL, OPTIONS


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GONE_WITHIN", 0.05)


async def rest(desk: Desk, caller: Caller, side: Side, quantity: str) -> Order:
    away = Decimal("1.01") if side is Side.SELL else Decimal("0.99")
    price = round(await desk.touch("ALFA", side.opposite) * away, 2)
    order = await place(desk, caller, limit(price, quantity=quantity, side=side), f"key-to-rest-{side}")
    working = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert isinstance(working, Order)
    assert working.state is OrderState.WORKING
    return working


async def lost(reference: OrderRef) -> None:
    """Take a cancel, and do nothing."""


async def test_an_order_that_the_broker_rejects_leaves_the_account_not_flat(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hold(desk, claude, "20")

    async def rejects(reference: OrderRef, request: OrderRequest) -> None:
        raise Refused(refuse("BROKER_REJECTED", "the margin desk says no"))

    monkeypatch.setattr(desk.connections.need("paper").broker, "submit", rejects)
    done = await by_hand(desk).flatten("paper", "screen")
    assert [one.state for one in done.orders] == [OrderState.REJECTED]
    assert not done.is_flat


@pytest.mark.parametrize(("holds", "side"), [("", Side.BUY), ("20", Side.BUY), ("20", Side.SELL)])
async def test_an_order_whose_cancel_is_lost_is_named(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, holds: str, side: Side
) -> None:
    if holds:
        await hold(desk, claude, holds)
    resting = await rest(desk, claude, side, "15")
    monkeypatch.setattr(desk.connections.need("paper").broker, "cancel", lost)
    done = await by_hand(desk).flatten("paper", "screen")
    assert done.ended == 0
    assert [one.order_id for one in done.open] == [resting.order_id]
    assert not done.is_flat
    expected = [] if not holds else ["20"] if side is Side.BUY else ["5"]
    assert [str(one.request.quantity) for one in done.orders] == expected


@pytest.mark.parametrize("trouble", [StoreUnavailable, StoreBusy])
async def test_a_disk_that_fails_midway_is_told_with_what_was_sent(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, trouble: type[Exception]
) -> None:
    await hold(desk, claude, "20")
    await hold(desk, claude, "3", symbol="BRVO")
    add = desk.book.add

    async def fails_for_brvo(order: Order, *more: object) -> Order:
        if order.request.symbol == "BRVO":
            raise trouble("no room")
        return await add(order, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.book, "add", fails_for_brvo)
    done = await by_hand(desk).flatten("paper", "screen")
    assert [(one.request.symbol, one.state) for one in done.orders] == [("ALFA", OrderState.FILLED)]
    assert [(symbol, refusal.code) for symbol, refusal in done.left] == [("BRVO", "AUDIT_UNAVAILABLE")]
    assert await held(desk) == {"BRVO": Decimal(3)}


async def test_what_was_cancelled_is_told_where_the_broker_then_says_nothing_of_what_is_held(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rest(desk, claude, Side.BUY, "1")

    async def silent() -> tuple[Position, ...]:
        raise Refused(refuse("BROKER_NOT_READY"))

    monkeypatch.setattr(desk.connections.need("paper").broker, "positions", silent)
    done = await by_hand(desk).flatten("paper", "screen")
    assert (done.ended, done.orders, [refusal.code for _, refusal in done.left]) == (1, (), ["BROKER_NOT_READY"])


async def test_what_was_sold_has_to_be_bought_back_before_what_is_held_is_sold(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hold(desk, claude, "20")
    await hold(desk, claude, "3", Side.SELL, symbol="BRVO")
    monkeypatch.setattr(module, "_GONE_WITHIN", 10)
    submit, sent, later = (
        desk.connections.need("paper").broker.submit,
        list[tuple[str, int]](),
        set[asyncio.Task[None]](),
    )
    sold = asyncio.Event()

    async def fills_late(reference: OrderRef, request: OrderRequest) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(sold.wait(), 0.1)
        await submit(reference, request)

    async def noted(reference: OrderRef, request: OrderRequest) -> None:
        sent.append((request.symbol, len(desk.book.at_broker("paper"))))
        if request.side is Side.BUY:
            later.add(asyncio.create_task(fills_late(reference, request)))
        else:
            sold.set()
            await submit(reference, request)

    monkeypatch.setattr(desk.connections.need("paper").broker, "submit", noted)
    assert (await by_hand(desk).flatten("paper", "screen")).is_flat
    assert sent == [("BRVO", 1), ("ALFA", 1)], "each is the only one at the broker when it is sent"


async def test_orders_that_were_not_sent_from_here_are_left_and_told(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, "20")
    theirs = limit(Decimal(400), quantity="5", side=Side.SELL)
    foreign = BrokerOrder(OrderRef("tws-1"), theirs, OrderState.WORKING, (), Safe(""))
    elsewhere = replace(foreign, reference=OrderRef("tws-2"), request=replace(theirs, symbol="BRVO", side=Side.BUY))
    desk.observer.foreign = lambda connection: (foreign, elsewhere)
    look = await by_hand(desk).look(module.Close("paper", "ALFA"))
    assert (look.request.quantity, look.others, look.together.refusal()) == (15, 5, None)
    done = await by_hand(desk).flatten("paper", "screen")
    assert [(one.request.quantity, one.state) for one in done.orders] == [(15, OrderState.FILLED)]
    assert [(symbol, refusal.code) for symbol, refusal in done.left] == [
        ("ALFA", "ORDERS_IN_THE_WAY"),
        ("BRVO", "ORDERS_IN_THE_WAY"),
    ]
    assert "tws-1" in done.left[0][1].message
    connection = desk.connections.need("paper")
    how = module.How(OrderType.MARKET, None, theirs.time_in_force)
    with pytest.raises(Refused) as refused:
        await desk.orders.closing.to_target(connection, "ALFA", Decimal(0), how)
    assert refused.value.refusal.code == "ORDERS_IN_THE_WAY"


async def cover(desk: Desk, caller: Caller) -> None:
    """Hold shares, and sell a call against them."""
    legs = [Leg(market("BRVO", "100"), Role.LEG), Leg(market(BRVO_CALL, side=Side.SELL), Role.LEG)]
    orders = await desk.orders.place_group(desk.admitted(caller), basket(legs), "key-covered-1")
    await desk.decisions.approve(orders[0].order_id, None, None, None, "test")
    assert await held(desk) == {"BRVO": 100, BRVO_CALL: -1}


@pytest.mark.parametrize("trouble", ["halted", "rejected", "rests"])
async def test_shares_stay_as_long_as_the_call_that_they_cover_is_sold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    async with open_desk(tmp_path, settings=OPTIONS) as desk:
        await cover(desk, desk.grants.give("claude"))
        broker = desk.connections.need("paper").broker
        quote, submit = broker.quote, broker.submit

        async def halted(instrument: Instrument) -> Quote | None:
            found = await quote(instrument)
            return found and replace(found, halted=instrument.symbol == BRVO_CALL)

        async def fails(reference: OrderRef, request: OrderRequest) -> None:
            if request.symbol != BRVO_CALL:
                await submit(reference, request)
            elif trouble == "rejected":
                raise Refused(refuse("BROKER_REJECTED", "the margin desk says no"))

        if trouble == "halted":
            monkeypatch.setattr(broker, "quote", halted)
        else:
            monkeypatch.setattr(broker, "submit", fails)
        done = await by_hand(desk).flatten("paper", "screen")
        assert await held(desk) == {"BRVO": 100, BRVO_CALL: -1}
        assert not done.is_flat
        symbol, refusal = done.left[-1]
        assert symbol == "BRVO"
        assert BRVO_CALL in refusal.message


async def test_the_operator_is_told_what_to_close_before_what_covers_it(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=OPTIONS) as desk:
        await cover(desk, desk.grants.give("claude"))
        hand, shares = by_hand(desk), module.Close("paper", "BRVO")
        look = await hand.look(shares)
        with pytest.raises(Refused) as refused:
            await hand.close(shares, look.seen, "screen")
        assert look.together.refusal() == refused.value.refusal
        assert BRVO_CALL in refused.value.refusal.message
        await hand.close(module.Close("paper", BRVO_CALL), "", "screen")
        assert (await hand.close(shares, "", "screen")).state is OrderState.FILLED
