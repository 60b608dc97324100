"""What the operator decides, and what time and the switch decide for him."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.desk.approvals import lowers_risk
from cockpit.desk.groups import Leg, basket
from cockpit.desk.restarting import RESTARTED
from cockpit.model.identity import Caller, Scope
from cockpit.model.orders import Order, OrderRequest, OrderState, OrderType, Role, Side, TimeInForce
from cockpit.model.refusals import Refusal
from cockpit.model.trading import TradingState
from cockpit.settings.model import ConnectionSettings, PolicySettings
from cockpit.store.writes import StoreUnavailable
from tests.desk.desks import Desk, HandClock, limit, market, open_desk, place


async def test_an_approval_of_another_version_is_refused(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market(quantity="2"))
    await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(3), None)
    answer = await desk.decisions.approve(order.order_id, order.version, None, None, "test")
    assert isinstance(answer, Refusal)
    assert answer.code == "VERSION_CHANGED"
    assert await desk.connections.need("paper").broker.orders() == ()


async def test_an_order_is_approved_once_however_often_the_key_is_pressed(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market(quantity="2"))
    answers = await asyncio.gather(
        *(desk.decisions.approve(order.order_id, order.version, None, None, "test") for _ in range(8))
    )
    assert sum(isinstance(answer, Order) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, Refusal)} == {"ALREADY_DECIDED"}
    (position,) = await desk.connections.need("paper").broker.positions()
    assert position.quantity == Decimal(2)


async def test_an_edit_sends_less_and_never_more(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market(quantity="5"))
    more = await desk.decisions.approve(order.order_id, None, Decimal(6), None, "test")
    assert isinstance(more, Refusal)
    assert more.code == "EDIT_ADDS_RISK"
    less = await desk.decisions.approve(order.order_id, None, Decimal(2), None, "test")
    assert isinstance(less, Order)
    assert less.filled == Decimal(2)


async def test_nobody_in_time_means_expired_and_nothing_sent(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    desk.clock.pass_time(119)
    await desk.decisions.expire_due()
    assert desk.book.waiting()
    desk.clock.pass_time(1)
    late = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert isinstance(late, Refusal)
    assert late.code == "APPROVAL_EXPIRED"
    await desk.decisions.expire_due()
    ended = desk.book.get(order.order_id)
    assert ended is not None
    assert ended.state is OrderState.EXPIRED
    assert await desk.connections.need("paper").broker.orders() == ()


async def test_a_market_that_ran_away_stops_a_market_order_at_the_key_press(tmp_path: Path) -> None:
    policy = PolicySettings(max_drift=Decimal("0.000001"), approval_seconds=3600)
    async with open_desk(tmp_path / "data", settings=ConnectionSettings(policy=policy)) as desk:
        claude = desk.grants.give("claude")
        order = await place(desk, claude, market())
        asked = await desk.touch("ALFA", Side.BUY)
        for _ in range(600):
            desk.clock.pass_time(1)
            if await desk.touch("ALFA", Side.BUY) > asked:
                break
        answer = await desk.decisions.approve(order.order_id, None, None, None, "test")
        assert isinstance(answer, Refusal)
        assert answer.code == "PRICE_MOVED"
        assert desk.book.waiting()


@pytest.mark.parametrize("kind", ["group", "stop"])
async def test_a_market_that_ran_away_stops_a_group_and_a_stop_too(tmp_path: Path, kind: str) -> None:
    policy = PolicySettings(max_drift=Decimal("0.000001"), approval_seconds=3600)
    async with open_desk(tmp_path / "data", settings=ConnectionSettings(policy=policy)) as desk:
        claude = desk.grants.give("claude")
        asked = await desk.touch("ALFA", Side.BUY)
        if kind == "group":
            legs = [Leg(market("BRVO", side=Side.BUY), Role.LEG), Leg(market("ALFA"), Role.LEG)]
            order, _ = await desk.orders.place_group(desk.admitted(claude), basket(legs), "key-00000001")
        else:
            far = (asked * Decimal("1.01")).quantize(Decimal("0.1"))
            stop = OrderRequest("ALFA", Side.BUY, Decimal(1), OrderType.STOP, None, TimeInForce.GTC, stop_price=far)
            order = await place(desk, claude, stop)
        for _ in range(600):
            desk.clock.pass_time(1)
            if await desk.touch("ALFA", Side.BUY) > asked:
                break
        answer = await desk.decisions.approve(order.order_id, None, None, None, "test")
        assert isinstance(answer, Refusal)
        assert answer.code == "PRICE_MOVED"


async def test_an_order_dies_with_its_grant_before_the_broker_sees_it(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    del desk.grants.grants[claude.grant.grant_id]
    ended = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert isinstance(ended, Order)
    assert ended.state is OrderState.REFUSED
    assert "GRANT_ENDED" in ended.reason
    assert await desk.connections.need("paper").broker.orders() == ()


async def test_an_approval_does_not_survive_the_loss_of_the_scope(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    grant = desk.grants.give("claude", frozenset({Scope.READ_MARKET})).grant
    desk.grants.grants[claude.grant.grant_id] = grant
    ended = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert isinstance(ended, Order)
    assert ended.state is OrderState.REFUSED
    assert await desk.connections.need("paper").broker.orders() == ()


async def test_a_kill_between_key_press_and_broker_stops_the_order(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market())
    approving = asyncio.create_task(desk.decisions.approve(order.order_id, None, None, None, "test"))
    while (desk.book.get(order.order_id) or order).state is OrderState.PENDING:
        await asyncio.sleep(0)
    desk.switch.lower(TradingState.KILLED, "test")
    ended = await approving
    assert isinstance(ended, Order | Refusal)
    now = desk.book.get(order.order_id)
    assert now is not None
    theirs = await desk.connections.need("paper").broker.orders()
    if theirs:
        # The kill came after the broker had it: then the order is what the broker says.
        assert now.state is OrderState.FILLED
    else:
        assert now.state is OrderState.REFUSED


async def test_a_halt_refuses_the_approval_and_still_lets_cancels_through(desk: Desk, claude: Caller) -> None:
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.01"))
    working = await place(desk, claude, limit(price), "key-00000001")
    await desk.decisions.approve(working.order_id, None, None, None, "test")
    waiting = await place(desk, claude, market(), "key-00000002")
    desk.switch.lower(TradingState.HALTED, "test")
    answer = await desk.decisions.approve(waiting.order_id, None, None, None, "test")
    assert isinstance(answer, Refusal)
    assert answer.code == "HALTED"
    ended = await desk.decisions.cancel(working.order_id, "test")
    assert isinstance(ended, Order)
    assert ended.state is OrderState.CANCELLED


async def test_reduce_only_lets_closing_pass_and_opening_not(desk: Desk, claude: Caller) -> None:
    bought = await place(desk, claude, market(quantity="4"), "key-00000001")
    await desk.decisions.approve(bought.order_id, None, None, None, "test")
    desk.switch.lower(TradingState.REDUCE_ONLY, "test")
    closing = await place(desk, claude, market(quantity="4", side=Side.SELL), "key-00000002")
    sent = await desk.decisions.approve(closing.order_id, None, None, None, "test")
    assert isinstance(sent, Order)
    assert sent.state is OrderState.FILLED
    judged = await desk.orders.judge(desk.connections.need("paper"), market())
    assert [check.code for check in judged.checks if not check.ok] == ["REDUCE_ONLY"]


async def test_cancel_all_rejects_what_waits_and_cancels_what_works(desk: Desk, claude: Caller) -> None:
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.01"))
    working = await place(desk, claude, limit(price), "key-00000001")
    await desk.decisions.approve(working.order_id, None, None, None, "test")
    waiting = await place(desk, claude, market(), "key-00000002")
    await desk.decisions.cancel_all("test")
    states = {one.order_id: one.state for one in desk.book.all()}
    assert states == {working.order_id: OrderState.CANCELLED, waiting.order_id: OrderState.REFUSED}


async def test_orders_waits_and_fills_are_the_same_after_a_restart(tmp_path: Path) -> None:
    clock = HandClock()
    async with open_desk(tmp_path / "data", clock=clock) as desk:
        claude = desk.grants.give("claude")
        filled = await place(desk, claude, market(quantity="3"), "key-00000001")
        await desk.decisions.approve(filled.order_id, None, None, None, "test")
        price = (await desk.touch("BRVO", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.1"))
        working = await place(desk, claude, limit(price, "BRVO"), "key-00000002")
        await desk.decisions.approve(working.order_id, None, None, None, "test")
        waiting = await place(desk, claude, market(), "key-00000003")
        before = {one.order_id: one for one in desk.book.all()}
        balances = await desk.connections.need("paper").broker.balances()
        grants = desk.grants
    async with open_desk(tmp_path / "data", clock=clock, grants=grants) as desk:
        after = {one.order_id: one for one in desk.book.all()}
        assert {key: one for key, one in after.items() if key != waiting.order_id} == {
            key: one for key, one in before.items() if key != waiting.order_id
        }
        assert after[waiting.order_id].decide_by == waiting.decide_by
        assert await desk.connections.need("paper").broker.balances() == balances
        again = await place(desk, claude, market(quantity="3"), "key-00000001")
        assert again.order_id == filled.order_id


async def test_an_order_that_waited_over_a_restart_says_so_and_no_old_look_approves_it(tmp_path: Path) -> None:
    clock = HandClock()
    async with open_desk(tmp_path / "data", clock=clock) as desk:
        order = await place(desk, desk.grants.give("claude"), market())
        grants = desk.grants
    async with open_desk(tmp_path / "data", clock=clock, grants=grants) as desk:
        old = await desk.decisions.approve(order.order_id, order.version, None, None, "test")
        assert isinstance(old, Refusal)
        assert old.code == "VERSION_CHANGED"
        now = desk.book.get(order.order_id)
        assert now is not None
        assert now.reason == RESTARTED
        sent = await desk.decisions.approve(order.order_id, now.version, None, None, "test")
        assert isinstance(sent, Order)
        assert sent.state is OrderState.FILLED


async def test_what_is_voided_never_waits_again_even_where_it_can_not_be_written(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await place(desk, claude, market())

    async def fail(*_: object) -> None:
        raise StoreUnavailable("full")

    with monkeypatch.context() as broken:
        broken.setattr(desk.store, "commit", fail)
        assert await desk.decisions.void_waiting("KILL_SWITCH", "test") == 1
    ended = desk.book.get(order.order_id)
    assert ended is not None
    assert ended.state is OrderState.REFUSED
    await desk.book.write_late()
    (row,) = await desk.store.rows("SELECT state FROM orders WHERE order_id = ?", (order.order_id,))
    assert row["state"] == "refused"


_PRICES = st.one_of(st.none(), st.integers(1, 50).map(Decimal))


@given(st.sampled_from(Side), st.integers(1, 20), _PRICES, st.integers(1, 20), _PRICES)
def test_an_edit_that_lowers_risk_never_pays_more_nor_buys_more(
    side: Side, quantity: int, price: Decimal | None, other: int, other_price: Decimal | None
) -> None:
    def order(amount: int, at: Decimal | None) -> OrderRequest:
        kind = OrderType.MARKET if at is None else OrderType.LIMIT
        return OrderRequest("ALFA", side, Decimal(amount), kind, at, TimeInForce.DAY)

    allowed = lowers_risk(order(quantity, price), order(other, other_price))
    if price is None or other_price is None:
        assert allowed == (price is other_price and other <= quantity)
    else:
        worse = (other_price - price) * side.sign > 0
        assert allowed == (other <= quantity and not worse)


_DISTANCES = st.integers(1, 50).map(Decimal)


@given(st.sampled_from(Side), st.integers(1, 20), st.integers(1, 20), _DISTANCES, _DISTANCES, st.booleans())
def test_a_stop_keeps_its_terms_unless_it_protects_and_is_tightened(
    side: Side, quantity: int, other: int, stop: Decimal, other_stop: Decimal, protects: bool
) -> None:
    def order(amount: int, at: Decimal) -> OrderRequest:
        return OrderRequest("ALFA", side, Decimal(amount), OrderType.STOP, None, TimeInForce.GTC, stop_price=at)

    allowed = lowers_risk(order(quantity, stop), order(other, other_stop), protects=protects)
    nearer = (other_stop - stop) * side.sign <= 0
    assert allowed == (quantity == other and nearer if protects else stop == other_stop and other <= quantity)


@given(st.integers(1, 20), st.integers(1, 20), st.booleans(), st.booleans())
def test_a_trail_is_tightened_only_where_it_protects(trail: int, other: int, protects: bool, percent: bool) -> None:
    def order(distance: int) -> OrderRequest:
        return OrderRequest(
            "ALFA", Side.SELL, Decimal(1), OrderType.TRAILING_STOP, None, TimeInForce.GTC,
            trail_amount=None if percent else Decimal(distance), trail_percent=Decimal(distance) if percent else None,
        )  # fmt: skip

    allowed = lowers_risk(order(trail), order(other), protects=protects)
    assert allowed == (other <= trail if protects else other == trail)


def test_no_edit_touches_what_an_order_is() -> None:
    before = OrderRequest("ALFA", Side.BUY, Decimal(2), OrderType.LIMIT, Decimal(10), TimeInForce.DAY)
    for other in (
        replace(before, symbol="BRVO"),
        replace(before, side=Side.SELL),
        replace(before, time_in_force=TimeInForce.GTC),
        replace(before, outside_hours=True),
    ):
        assert not lowers_risk(before, replace(other, quantity=Decimal(1)))
        assert not lowers_risk(before, replace(other, quantity=Decimal(1)), protects=True)
