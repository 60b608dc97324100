"""Orders that are decided on together, through the desk and the real paper broker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.brokers.base import BrokerUnavailable
from cockpit.desk.closing import How
from cockpit.desk.gate import Admitted, Rule, Served
from cockpit.desk.groups import (
    Leg,
    Wanted,
    basket,
    bracket,
    edited,
    inconsistency,
    may_still_fill,
    oco,
    position_change,
    split,
    worth,
)
from cockpit.desk.together import judge_together
from cockpit.model.accounts import Position
from cockpit.model.identity import Caller, Scope
from cockpit.model.orders import (
    Linkage,
    Order,
    OrderRef,
    OrderRequest,
    OrderState,
    OrderType,
    Role,
    Side,
    TimeInForce,
)
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.trading import TradingState
from cockpit.settings.model import ApprovalSettings, BudgetSettings, ConnectionSettings
from cockpit.settings.policy import PolicySettings
from cockpit.store.writes import StoreUnavailable
from tests.desk.desks import Desk, HandClock, limit, market, open_desk, place

KEY = "key-group-1"
MARKET = How(OrderType.MARKET, None, TimeInForce.DAY)


async def around(desk: Desk, quantity: str = "4") -> Wanted:
    """A bracket at the market with exits some percent away."""
    price = await desk.touch("ALFA", Side.BUY)
    target, stop = ((price * Decimal(share)).quantize(Decimal("0.01")) for share in ("1.02", "0.98"))
    return bracket(market(quantity=quantity), target, stop, None)


def two(first: OrderRequest, second: OrderRequest) -> Wanted:
    return basket([Leg(first, Role.LEG), Leg(second, Role.LEG)])


async def close(desk: Desk, caller: Caller, quantity: str, key: str, how: How = MARKET) -> Order:
    """Ask to close so much of what is held of ALFA."""
    connection = desk.connections.need("paper")

    async def made() -> Wanted:
        return await desk.orders.closing.of_position(connection, "ALFA", Decimal(quantity), how)

    return (await desk.orders.ask(desk.admitted(caller), f"close {quantity}", key, made))[0]


async def called(desk: Desk, caller: Caller, wanted: Wanted, key: str) -> Refusal | None:
    """Ask for orders by a call through the gate; why not."""

    async def tool(admitted: Admitted) -> Served[None]:
        await desk.orders.place_group(admitted, wanted, key)
        return Served(None)

    answer = await desk.gate.run(caller, Rule("tool", Scope.WRITE_ORDERS, is_order=True), "tool", {}, tool)
    return answer if isinstance(answer, Refusal) else None


async def ask(desk: Desk, caller: Caller, wanted: Wanted, key: str = KEY) -> tuple[Order, ...]:
    return await desk.orders.place_group(desk.admitted(caller), wanted, key)


async def approve(desk: Desk, order: Order) -> Order:
    sent = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert isinstance(sent, Order), sent
    return sent


def states(desk: Desk, orders: tuple[Order, ...]) -> list[OrderState]:
    return [(desk.book.get(one.order_id) or one).state for one in orders]


async def at_broker(desk: Desk) -> int:
    return len(await desk.connections.need("paper").broker.orders())


async def hold(desk: Desk, caller: Caller, request: OrderRequest, key: str) -> None:
    assert (await approve(desk, await place(desk, caller, request, key))).state is OrderState.FILLED


async def test_a_bracket_waits_as_one_and_goes_to_the_broker_in_one_message(desk: Desk, claude: Caller) -> None:
    orders = await ask(desk, claude, await around(desk))
    assert [one.role for one in orders] == [Role.ENTRY, Role.TARGET, Role.STOP]
    assert states(desk, orders) == [OrderState.PENDING] * 3
    assert desk.book.waiting() == [orders[0]]
    assert await at_broker(desk) == 0
    assert [one.request.time_in_force for one in orders[1:]] == [TimeInForce.GTC] * 2
    assert (await approve(desk, orders[0])).state is OrderState.FILLED
    assert states(desk, orders) == [OrderState.FILLED, OrderState.WORKING, OrderState.WORKING]
    (held,) = await desk.connections.need("paper").broker.positions()
    assert held.quantity == Decimal(4)


async def test_a_decision_on_any_of_them_is_the_decision_on_all(desk: Desk, claude: Caller) -> None:
    orders = await ask(desk, claude, await around(desk))
    ended = await desk.decisions.deny(orders[2].order_id, "not today", "test")
    assert isinstance(ended, Order)
    assert states(desk, orders) == [OrderState.REFUSED] * 3
    assert all("not today" in one.reason for one in desk.book.all())
    late = await desk.decisions.approve(orders[0].order_id, None, None, None, "test")
    assert isinstance(late, Refusal)
    assert late.code == "ALREADY_DECIDED"


async def test_a_group_is_approved_once_however_often_the_key_is_pressed(desk: Desk, claude: Caller) -> None:
    orders = await ask(desk, claude, two(market(quantity="1"), market("BRVO", quantity="1")))
    answers = await asyncio.gather(
        *(desk.decisions.approve(orders[n % 2].order_id, None, None, None, "test") for n in range(8))
    )
    assert sum(isinstance(answer, Order) for answer in answers) == 1
    assert await at_broker(desk) == 2


async def test_a_group_expires_is_withdrawn_and_voided_as_a_whole(desk: Desk, claude: Caller) -> None:
    ended = await ask(desk, claude, await around(desk), "key-group-1")
    desk.clock.pass_time(121)
    await desk.decisions.expire_due()
    assert states(desk, ended) == [OrderState.EXPIRED] * 3
    ended = await ask(desk, claude, await around(desk), "key-group-2")
    await desk.orders.cancel(desk.admitted(claude), ended[1].order_id)
    assert states(desk, ended) == [OrderState.CANCELLED] * 3
    ended = await ask(desk, claude, await around(desk), "key-group-3")
    desk.switch.lower(TradingState.KILLED, "test")
    await desk.decisions.void_waiting("KILL_SWITCH", "test")
    assert states(desk, ended) == [OrderState.REFUSED] * 3
    assert not desk.book.open()
    assert await at_broker(desk) == 0


async def test_a_group_dies_with_its_grant_before_the_broker_sees_any_of_it(desk: Desk, claude: Caller) -> None:
    for number, wanted in enumerate((await around(desk), two(market(), market("BRVO")))):
        orders = await ask(desk, claude, wanted, f"key-group-{number}")
        grant = desk.grants.grants.pop(claude.grant.grant_id)
        await desk.decisions.approve(orders[0].order_id, None, None, None, "test")
        assert set(states(desk, orders)) == {OrderState.REFUSED}
        desk.grants.grants[grant.grant_id] = grant
    assert await at_broker(desk) == 0


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (Refused(refuse("BROKER_REJECTED")), OrderState.REJECTED),
        (BrokerUnavailable("gone"), OrderState.UNKNOWN),
    ],
)
async def test_what_becomes_of_a_linked_message_becomes_of_all_its_orders(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, error: Exception, becomes: OrderState
) -> None:
    async def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(desk.connections.need("paper").broker, "submit_linked", fails)
    orders = await ask(desk, claude, await around(desk))
    await desk.decisions.approve(orders[0].order_id, None, None, None, "test")
    await desk.sender.facts.settled()
    assert states(desk, orders) == [becomes] * 3


async def test_a_linked_message_whose_answer_was_lost_is_found_again_whole_and_sent_once(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = desk.connections.need("paper").broker
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.99")).quantize(Decimal("0.01"))
    orders = await ask(desk, claude, bracket(limit(price, quantity="2"), price + 10, price - 10, None))
    submit, sent = broker.submit_linked, list[object]()

    async def answers_nobody(linkage: Linkage, legs: Sequence[tuple[OrderRef, OrderRequest]]) -> None:
        sent.append(legs)
        broker.listen(lambda fact: None)
        await submit(linkage, legs)
        broker.listen(desk.sender.facts.sink())
        raise BrokerUnavailable("no answer")

    monkeypatch.setattr(broker, "submit_linked", answers_nobody)
    await desk.decisions.approve(orders[0].order_id, None, None, None, "test")
    assert states(desk, orders) == [OrderState.UNKNOWN] * 3
    await desk.decisions.reconcile()
    assert states(desk, orders) == [OrderState.WORKING] * 3
    assert len(sent) == 1
    assert await at_broker(desk) == 3


async def test_a_group_that_a_crash_caught_before_the_broker_had_it_was_never_there(tmp_path: Path) -> None:
    clock = HandClock()
    async with open_desk(tmp_path / "data", clock=clock) as desk:
        claude, grants = desk.grants.give("claude"), desk.grants
        orders = await ask(desk, claude, await around(desk))

        async def crashes(*_: object) -> None:
            raise MemoryError

        desk.connections.need("paper").broker.submit_linked = crashes  # type: ignore[method-assign]
        with pytest.raises(MemoryError):
            await desk.decisions.approve(orders[0].order_id, None, None, None, "test")
    async with open_desk(tmp_path / "data", clock=clock, grants=grants) as desk:
        assert states(desk, orders) == [OrderState.REJECTED] * 3
        assert await at_broker(desk) == 0


async def test_the_failure_of_one_order_of_a_basket_hides_no_other(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = desk.connections.need("paper").broker
    submit = broker.submit

    async def picky(reference: object, request: OrderRequest) -> None:
        if request.symbol == "BRVO":
            raise Refused(refuse("BROKER_REJECTED"))
        await submit(reference, request)  # type: ignore[arg-type]

    monkeypatch.setattr(broker, "submit", picky)
    legs = [Leg(market(symbol), Role.LEG) for symbol in ("ALFA", "BRVO", "ALFA")]
    orders = await ask(desk, claude, basket(legs))
    await approve(desk, orders[0])
    assert states(desk, orders) == [OrderState.FILLED, OrderState.REJECTED, OrderState.FILLED]


async def test_nothing_of_a_group_is_kept_or_sent_when_it_can_not_be_written(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> tuple[int, ...]:
        raise StoreUnavailable("no space")

    wanted = await around(desk)
    with monkeypatch.context() as patched:
        patched.setattr(desk.store, "commit", full)
        with pytest.raises(StoreUnavailable):
            await ask(desk, claude, wanted)
    assert not list(desk.book.all())
    orders = await ask(desk, claude, wanted)
    with monkeypatch.context() as patched:
        patched.setattr(desk.store, "commit", full)
        answer = await desk.decisions.approve(orders[0].order_id, None, None, None, "test")
        assert isinstance(answer, Refusal)
        assert answer.code == "AUDIT_UNAVAILABLE"
    assert states(desk, orders) == [OrderState.PENDING] * 3
    assert await at_broker(desk) == 0


async def test_a_basket_is_checked_as_a_whole(tmp_path: Path) -> None:
    wide = PolicySettings(max_notional=Decimal(10_000_000), max_quantity=Decimal(100_000))
    chosen = ConnectionSettings(cash=Decimal(10_000), policy=wide)
    async with open_desk(tmp_path / "data", settings=chosen) as desk:
        claude = desk.grants.give("claude")
        money = (await desk.connections.need("paper").broker.balances()).buying_power
        size = (money / await desk.touch("ALFA", Side.BUY) * Decimal("0.7")).to_integral_value()
        one = market(quantity=str(size))
        failed = [
            check.code
            for check in (await desk.orders.judge(desk.connections.need("paper"), one)).checks
            if not check.ok
        ]
        assert "BUYING_POWER" not in failed
        with pytest.raises(Refused) as refused:
            await ask(desk, claude, two(one, one))
        assert "BUYING_POWER" in refused.value.refusal.details
        assert not list(desk.book.all())


async def test_the_exits_of_a_bracket_need_no_buying_power_of_their_own(tmp_path: Path) -> None:
    wide = PolicySettings(max_notional=Decimal(10_000_000), max_quantity=Decimal(100_000))
    async with open_desk(tmp_path / "data", settings=ConnectionSettings(cash=Decimal(10_000), policy=wide)) as desk:
        money = (await desk.connections.need("paper").broker.balances()).buying_power
        size = (money / await desk.touch("ALFA", Side.BUY) * Decimal("0.7")).to_integral_value()
        together = await judge_together(desk.observer, desk.connections.need("paper"), await around(desk, str(size)))
        failed = {check.code for one in together.judged for check in one.checks if not check.ok}
        assert "BUYING_POWER" not in failed


async def test_the_limits_of_one_order_hold_for_a_split_one_as_a_whole(tmp_path: Path) -> None:
    chosen = ConnectionSettings(policy=PolicySettings(max_quantity=Decimal(10)))
    async with open_desk(tmp_path / "data", settings=chosen) as desk:
        claude = desk.grants.give("claude")
        parts = split(market(quantity="12"), Decimal(4))
        assert isinstance(parts, Wanted)
        with pytest.raises(Refused) as refused:
            await ask(desk, claude, parts)
        assert refused.value.refusal.code == "MAX_QUANTITY"
        parts = split(market(quantity="10"), Decimal(4))
        assert isinstance(parts, Wanted)
        orders = await ask(desk, claude, parts)
        assert [one.request.quantity for one in orders] == [Decimal(4), Decimal(4), Decimal(2)]
        await approve(desk, orders[0])
        assert states(desk, orders) == [OrderState.FILLED] * 3


async def test_an_edit_of_a_bracket_is_one_of_all_its_orders(desk: Desk, claude: Caller) -> None:
    orders = await ask(desk, claude, await around(desk, "4"))
    more = await desk.decisions.approve(orders[0].order_id, None, Decimal(5), None, "test")
    assert isinstance(more, Refusal)
    assert more.code == "EDIT_ADDS_RISK"
    await desk.decisions.approve(orders[0].order_id, None, Decimal(2), None, "test")
    assert [(desk.book.get(one.order_id) or one).request.quantity for one in orders] == [Decimal(2)] * 3


async def test_a_basket_is_taken_as_it_is(desk: Desk, claude: Caller) -> None:
    orders = await ask(desk, claude, two(market(quantity="2"), market("BRVO")))
    answer = await desk.decisions.approve(orders[0].order_id, None, Decimal(1), None, "test")
    assert isinstance(answer, Refusal)
    assert answer.code == "EDIT_ADDS_RISK"
    with pytest.raises(Refused) as refused:
        await desk.orders.modify(desk.admitted(claude), orders[1].order_id, Decimal(5), None)
    assert refused.value.refusal.code == "ORDER_BUSY"


async def test_what_the_broker_lacks_is_refused_before_anything_is_stored(desk: Desk, claude: Caller) -> None:
    broker = desk.connections.need("paper").broker
    wanted = await around(desk)
    price = await desk.touch("ALFA", Side.BUY)
    trailing = OrderRequest(
        "ALFA", Side.SELL, Decimal(1), OrderType.TRAILING_STOP, None, TimeInForce.GTC, trail_amount=price / 100
    )
    whole = broker.can
    for one, can in (
        (wanted, replace(whole, linkages=frozenset({Linkage.OCO}))),
        (Wanted.alone(trailing), replace(whole, order_types=frozenset({OrderType.MARKET}))),
    ):
        broker.can = can
        with pytest.raises(Refused) as refused:
            await ask(desk, claude, one)
        assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"
    assert not list(desk.book.all())


async def test_a_pair_fills_once(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, market(quantity="3"), "key-hold-01")
    price = await desk.touch("ALFA", Side.SELL)
    above, below = ((price * Decimal(share)).quantize(Decimal("0.01")) for share in ("1.01", "0.99"))
    first = limit(above, quantity="3", side=Side.SELL)
    second = replace(first, order_type=OrderType.STOP, limit_price=None, stop_price=below)
    with pytest.raises(Refused) as refused:
        await ask(desk, claude, oco(first, replace(second, quantity=Decimal(2))))
    assert refused.value.refusal.code == "BRACKET_INCONSISTENT"
    orders = await ask(desk, claude, oco(first, second))
    look = await desk.decisions.look(orders[0].order_id)
    assert not isinstance(look, Refusal)
    assert look.judged.notional is not None
    assert look.judged.notional < above * 3 * Decimal("1.05")
    await approve(desk, orders[0])
    assert states(desk, orders) == [OrderState.WORKING] * 2
    judged = await desk.orders.judge(desk.connections.need("paper"), market(quantity="3", side=Side.SELL))
    assert judged.seen.committed_sell == Decimal(3)
    await desk.orders.cancel(desk.admitted(claude), orders[0].order_id)
    assert states(desk, orders)[0] is OrderState.CANCELLED


async def test_cancelling_the_entry_of_a_bracket_takes_its_exits_with_it(desk: Desk, claude: Caller) -> None:
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.99")).quantize(Decimal("0.01"))
    orders = await ask(desk, claude, bracket(limit(price, quantity="2"), price + 10, price - 10, None))
    await approve(desk, orders[0])
    assert states(desk, orders) == [OrderState.WORKING] * 3
    await desk.orders.cancel(desk.admitted(claude), orders[0].order_id)
    assert states(desk, orders) == [OrderState.CANCELLED] * 3


async def test_one_group_counts_as_one_that_waits(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data", approval=ApprovalSettings(max_pending_per_client=1)) as desk:
        claude = desk.grants.give("claude")
        orders = await ask(desk, claude, await around(desk))
        with pytest.raises(Refused) as refused:
            await ask(desk, claude, Wanted.alone(market()), "key-group-2")
        assert refused.value.refusal.code == "PENDING_LIMIT"
        look = await desk.decisions.look(orders[1].order_id)
        assert not isinstance(look, Refusal)
        assert (look.order.order_id, look.legs) == (orders[0].order_id, orders)


async def test_a_target_is_one_order_of_the_difference(desk: Desk, claude: Caller) -> None:
    admitted, closing = desk.admitted(claude), desk.orders.closing
    await hold(desk, claude, market(quantity="5"), "key-hold-01")
    for target, side, quantity in ((8, Side.BUY, 3), (1, Side.SELL, 4), (-2, Side.SELL, 7)):
        wanted = await closing.to_target(admitted.connection, "ALFA", Decimal(target), MARKET)
        request = wanted.legs[0].request
        assert (request.side, request.quantity) == (side, Decimal(quantity))
    with pytest.raises(Refused) as refused:
        await closing.to_target(admitted.connection, "ALFA", Decimal(5), MARKET)
    assert refused.value.refusal.code == "NOTHING_TO_CHANGE"
    await place(desk, claude, market(), "key-hold-02")
    with pytest.raises(Refused) as refused:
        await closing.to_target(admitted.connection, "ALFA", Decimal(8), MARKET)
    assert refused.value.refusal.code == "ORDERS_IN_THE_WAY"


async def test_an_order_made_from_a_position_is_refused_once_that_is_another(desk: Desk, claude: Caller) -> None:
    admitted = desk.admitted(claude)
    wanted = await desk.orders.closing.to_target(admitted.connection, "ALFA", Decimal(5), MARKET)
    (target,) = await ask(desk, claude, wanted, "key-target-1")
    await hold(desk, claude, market(quantity="2"), "key-hold-01")
    answer = await desk.decisions.approve(target.order_id, None, None, None, "test")
    assert isinstance(answer, Refusal)
    assert answer.code == "POSITION_CHANGED"
    assert states(desk, (target,)) == [OrderState.PENDING]


async def test_closing_takes_whole_lots_of_what_is_held(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, closing = desk.admitted(claude).connection, desk.orders.closing
    await hold(desk, claude, market(quantity="5"), "key-hold-01")
    (five,) = await connection.broker.positions()

    for held, closed in (("5.9", 5), ("-5.9", 5), ("0.9", None), ("1", 1)):

        async def of(quantity: Decimal = Decimal(held)) -> list[Position]:
            return [replace(five, quantity=quantity)]

        monkeypatch.setattr(connection.broker, "positions", of)
        if closed is None:
            with pytest.raises(Refused) as refused:
                await closing.of_position(connection, "ALFA", None, MARKET)
            assert refused.value.refusal.code == "BAD_QUANTITY"
            continue
        for wanted in (
            await closing.of_position(connection, "ALFA", None, MARKET),
            await closing.of_all(connection, OrderType.MARKET),
        ):
            assert [leg.request.quantity for leg in wanted.legs] == [Decimal(closed)]


async def test_closing_takes_what_is_free_and_never_more(desk: Desk, claude: Caller) -> None:
    connection, closing = desk.admitted(claude).connection, desk.orders.closing
    with pytest.raises(Refused) as refused:
        await closing.of_position(connection, "ALFA", None, MARKET)
    assert refused.value.refusal.code == "NOTHING_HELD"
    await hold(desk, claude, market(quantity="5"), "key-hold-01")
    price = (await desk.touch("ALFA", Side.SELL) * Decimal("1.01")).quantize(Decimal("0.01"))
    await approve(desk, await place(desk, claude, limit(price, quantity="2", side=Side.SELL), "key-rest-01"))
    wanted = await closing.of_position(connection, "ALFA", None, MARKET)
    assert wanted.legs[0].request.quantity == Decimal(3)
    with pytest.raises(Refused) as refused:
        await closing.of_position(connection, "ALFA", Decimal(4), MARKET)
    assert refused.value.refusal.code == "BAD_QUANTITY"
    (waits,) = await ask(desk, claude, wanted)
    with pytest.raises(Refused) as refused:
        await closing.of_position(connection, "ALFA", None, MARKET)
    assert refused.value.refusal.code == "ORDERS_IN_THE_WAY"
    await hold(desk, claude, market(quantity="1"), "key-hold-02")
    answer = await desk.decisions.approve(waits.order_id, None, None, None, "test")
    assert isinstance(answer, Refusal)
    assert answer.code == "POSITION_CHANGED"
    await hold(desk, claude, market(quantity="1", side=Side.SELL), "key-hold-03")
    assert (await approve(desk, waits)).state is OrderState.FILLED


async def test_everything_is_closed_with_one_decision(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, market(quantity="3"), "key-hold-01")
    await hold(desk, claude, market("BRVO", "2", Side.SELL), "key-hold-02")
    wanted = await desk.orders.closing.of_all(desk.admitted(claude).connection, OrderType.LIMIT)
    assert [leg.request.side for leg in wanted.legs] == [Side.BUY, Side.SELL]
    orders = await ask(desk, claude, wanted)
    await approve(desk, orders[0])
    held = await desk.connections.need("paper").broker.positions()
    assert [one.quantity for one in held if one.quantity] == []
    with pytest.raises(Refused) as refused:
        await desk.orders.closing.of_all(desk.admitted(claude).connection, OrderType.MARKET)
    assert refused.value.refusal.code == "NOTHING_HELD"


async def test_a_repeated_close_is_the_first_one_even_when_there_is_nothing_left(desk: Desk, claude: Caller) -> None:
    admitted = desk.admitted(claude)
    await hold(desk, claude, market(quantity="3"), "key-hold-01")

    async def make() -> Wanted:
        return await desk.orders.closing.of_position(admitted.connection, "ALFA", None, MARKET)

    (first,) = await desk.orders.ask(admitted, "close ALFA", "key-close-1", make)
    await approve(desk, first)
    (again,) = await desk.orders.ask(admitted, "close ALFA", "key-close-1", make)
    assert again.order_id == first.order_id
    assert again.state is OrderState.FILLED


async def test_a_preview_placed_again_after_its_time_is_the_first_order(desk: Desk, claude: Caller) -> None:
    admitted = desk.admitted(claude)
    preview = await desk.orders.preview_group(admitted, await around(desk))

    async def make() -> Wanted:
        return desk.orders.previewed(admitted, preview.preview_id, Linkage.BRACKET)

    with pytest.raises(Refused):
        desk.orders.previewed(admitted, preview.preview_id)
    first = await desk.orders.ask(admitted, "preview", KEY, make)
    desk.clock.pass_time(500)
    again = await desk.orders.ask(admitted, "preview", KEY, make)
    assert [one.order_id for one in again] == [one.order_id for one in first]


async def test_fifty_calls_at_once_with_one_key_make_one_group(desk: Desk, claude: Caller) -> None:
    wanted = await around(desk)
    answers = await asyncio.gather(*(ask(desk, claude, wanted) for _ in range(50)))
    assert len({tuple(one.order_id for one in answer) for answer in answers}) == 1
    assert len(list(desk.book.all())) == 3


async def test_a_group_its_key_and_its_decision_survive_a_restart(tmp_path: Path) -> None:
    clock = HandClock()
    async with open_desk(tmp_path / "data", clock=clock) as desk:
        claude, grants = desk.grants.give("claude"), desk.grants
        wanted = await around(desk)
        orders = await ask(desk, claude, wanted)
    async with open_desk(tmp_path / "data", clock=clock, grants=grants) as desk:
        again = await ask(desk, claude, wanted)
        assert [(one.order_id, one.role, one.request) for one in again] == [
            (one.order_id, one.role, one.request) for one in orders
        ]
        with pytest.raises(Refused) as refused:
            await ask(desk, claude, two(market(), market("BRVO")))
        assert refused.value.refusal.code == "IDEMPOTENCY_CONFLICT"
        await approve(desk, again[1])
        assert states(desk, again) == [OrderState.FILLED, OrderState.WORKING, OrderState.WORKING]


_REQUESTS = st.builds(
    lambda symbol, amount: market(symbol, str(amount)), st.sampled_from(["ALFA", "BRVO"]), st.integers(1, 2)
)
_WANTED = st.one_of(
    _REQUESTS.map(Wanted.alone),
    st.lists(_REQUESTS.map(lambda one: Leg(one, Role.LEG)), min_size=2, max_size=3).map(basket),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["key-aaaaaa", "key-bbbbbb"]), _WANTED), min_size=1, max_size=12))
def test_a_key_stands_for_one_request_whatever_is_asked_at_once(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[str, Wanted]]
) -> None:
    async def run(folder: Path) -> None:
        async with open_desk(folder / "data") as desk:
            claude = desk.grants.give("claude")
            answers = await asyncio.gather(*(ask(desk, claude, w, k) for k, w in calls), return_exceptions=True)
            made: dict[str, set[tuple[str, str]]] = {}
            for (key, wanted), answer in zip(calls, answers, strict=True):
                if isinstance(answer, tuple):
                    made.setdefault(key, set()).add((wanted.fingerprint(), answer[0].order_id))
                else:
                    assert isinstance(answer, Refused)
                    assert answer.refusal.code == "IDEMPOTENCY_CONFLICT"
            assert all(len(of_key) == 1 for of_key in made.values())
            assert len(desk.book.waiting()) == len(made) == len({key for key, _ in calls})

    asyncio.run(run(tmp_path_factory.mktemp("keys")))


def _bracket(entry: int, target: int, stop: int, side: Side = Side.BUY, stop_limit: int | None = None) -> Wanted:
    request = limit(Decimal(entry), side=side)
    return bracket(request, Decimal(target), Decimal(stop), None if stop_limit is None else Decimal(stop_limit))


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (_bracket(100, 110, 90), True),
        (_bracket(100, 90, 110), False),
        (_bracket(100, 100, 90), False),
        (_bracket(100, 90, 110, Side.SELL), True),
        (_bracket(100, 110, 90, Side.SELL), False),
        (_bracket(100, 110, 90, stop_limit=89), True),
        (_bracket(100, 110, 90, stop_limit=91), False),
    ],
)
def test_the_prices_of_a_bracket_lie_on_the_right_sides(wanted: Wanted, fits: bool) -> None:
    assert (inconsistency(wanted, None) is None) is fits


def test_a_market_entry_is_measured_at_the_touch() -> None:
    wanted = bracket(market(), Decimal(110), Decimal(90), None)
    assert inconsistency(wanted, Decimal(100)) is None
    assert inconsistency(wanted, Decimal(111)) is not None


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"quantity": Decimal(2)}, False),
        ({"symbol": "BRVO"}, False),
        ({"order_type": OrderType.MARKET}, False),
        ({"time_in_force": TimeInForce.IOC}, False),
    ],
)
def test_a_pair_is_of_one_symbol_and_quantity_and_rests(change: dict[str, object], fits: bool) -> None:
    first = limit(Decimal(110), side=Side.SELL)
    second = replace(first, limit_price=Decimal(120), **change)  # type: ignore[arg-type]
    assert (inconsistency(oco(first, second), None) is None) is fits
    assert inconsistency(oco(first, first), None) is not None


@given(st.integers(1, 5000), st.integers(1, 300))
def test_a_split_order_comes_to_its_whole_in_parts_that_are_not_larger(quantity: int, part: int) -> None:
    wanted = split(market(quantity=str(quantity)), Decimal(part))
    count = -(-quantity // part)
    if isinstance(wanted, Refusal):
        assert not 2 <= count <= 20
        return
    sizes = [leg.request.quantity for leg in wanted.legs]
    assert 2 <= len(sizes) == count <= 20
    assert sum(sizes) == quantity
    assert all(0 < size <= part for size in sizes)


def test_an_edit_moves_only_the_limit_of_the_entry() -> None:
    wanted = edited(_bracket(100, 110, 90), None, Decimal(99))
    assert isinstance(wanted, Wanted)
    assert [leg.request.limit_price for leg in wanted.legs] == [Decimal(99), Decimal(110), None]
    assert isinstance(edited(_bracket(100, 110, 90), None, Decimal(101)), Refusal)


async def test_of_orders_that_cancel_each_other_only_one_may_still_fill(desk: Desk, claude: Caller) -> None:
    orders = await ask(desk, claude, await around(desk, "4"))
    entry, target, stop = (replace(one, state=OrderState.WORKING) for one in orders)
    assert [may_still_fill(one, (entry, target, stop)) for one in (entry, target, stop)] == [4, 0, 0]
    half = replace(entry, state=OrderState.PARTLY_FILLED, filled=Decimal(1))
    assert sum(may_still_fill(one, (half, target, stop)) for one in (target, stop)) == 1
    filled = replace(entry, state=OrderState.FILLED, filled=Decimal(4))
    assert sum(may_still_fill(one, (filled, target, stop)) for one in (target, stop)) == 4
    ended = replace(stop, state=OrderState.CANCELLED)
    assert may_still_fill(target, (filled, target, ended)) == 4


async def test_waiting_orders_are_told_by_what_may_come_of_them_together(desk: Desk, claude: Caller) -> None:
    linked = await ask(desk, claude, _bracket_at(await desk.touch("ALFA", Side.BUY)))
    assert worth(linked) == worth(linked[:1])
    assert position_change(linked, "ALFA") == 2
    apart = await ask(desk, claude, two(market(quantity="2"), market(quantity="1")), "key-group-2")
    assert worth(apart) == (worth(apart[:1]) or 0) + (worth(apart[1:]) or 0)
    assert position_change(apart, "ALFA") == 3
    assert position_change(apart, "BRVO") == 0


def _bracket_at(price: Decimal) -> Wanted:
    return bracket(limit(price, quantity="2"), price + 10, price - 10, None)


def test_groups_of_other_orders_have_other_fingerprints() -> None:
    one, other = market(quantity="1"), market(quantity="2")
    seen = {each.fingerprint() for each in (two(one, one), two(one, other), two(other, one), Wanted.alone(one))}
    assert len(seen) == 4
    assert Wanted.alone(one).fingerprint() == one.fingerprint()


async def test_a_group_takes_one_order_of_the_budget_for_each_leg_and_nothing_where_they_are_too_many(
    tmp_path: Path,
) -> None:
    budget = BudgetSettings(orders_per_minute=60, order_burst=5)
    async with open_desk(tmp_path / "data", budget=budget) as desk:
        claude = desk.grants.give("claude")
        wanted = await around(desk)
        assert await called(desk, claude, wanted, "key-group-1") is None
        assert desk.budgets.left(claude.grant.client).orders == 2
        refused = await called(desk, claude, await around(desk), "key-group-2")
        assert refused is not None
        assert (refused.code, refused.details["seconds"]) == ("RATE_LIMITED", "1.0")
        assert len(desk.book.open()) == 3
        # The same key again is no new order and takes nothing but its call.
        desk.clock.pass_time(60)
        assert await called(desk, claude, wanted, "key-group-1") is None
        assert desk.budgets.left(claude.grant.client).orders == 4


async def test_a_group_of_more_legs_than_the_budget_ever_has_takes_all_of_it(tmp_path: Path) -> None:
    budget = BudgetSettings(orders_per_minute=60, order_burst=2)
    async with open_desk(tmp_path / "data", budget=budget) as desk:
        claude = desk.grants.give("claude")
        parts = split(market(quantity="9"), Decimal(3))
        assert isinstance(parts, Wanted)
        assert await called(desk, claude, parts, "key-group-1") is None
        assert desk.budgets.left(claude.grant.client).orders == 0
        refused = await called(desk, claude, Wanted.alone(market()), "key-group-2")
        assert refused is not None
        assert refused.code == "RATE_LIMITED"


async def test_a_waiting_close_grows_to_what_is_held_and_no_further(desk: Desk, claude: Caller) -> None:
    await approve(desk, await place(desk, claude, market(quantity="10"), "key-00000001"))
    first = await close(desk, claude, "3", "key-00000002")
    second = await close(desk, claude, "4", "key-00000003")
    changed = await desk.orders.modify(desk.admitted(claude), first.order_id, Decimal(6), None)
    assert (changed.state, changed.request.quantity) == (OrderState.PENDING, 6)
    with pytest.raises(Refused) as refused:
        await desk.orders.modify(desk.admitted(claude), first.order_id, Decimal(7), None)
    assert refused.value.refusal.code == "BAD_QUANTITY"
    smaller = await desk.orders.modify(desk.admitted(claude), second.order_id, Decimal(1), None)
    assert smaller.request.quantity == 1
    assert (await desk.orders.modify(desk.admitted(claude), first.order_id, Decimal(9), None)).request.quantity == 9


async def test_a_working_close_grows_to_what_is_held_and_no_further(desk: Desk, claude: Caller) -> None:
    await approve(desk, await place(desk, claude, market(quantity="10"), "key-00000001"))
    above = (await desk.touch("ALFA", Side.SELL) * Decimal("1.02")).quantize(Decimal("0.01"))
    resting = await close(desk, claude, "3", "key-00000002", How(OrderType.LIMIT, above, TimeInForce.DAY))
    assert (await approve(desk, resting)).state is OrderState.WORKING
    with pytest.raises(Refused) as refused:
        await desk.orders.modify(desk.admitted(claude), resting.order_id, Decimal(11), None)
    assert refused.value.refusal.code == "BAD_QUANTITY"
    asked = await desk.orders.modify(desk.admitted(claude), resting.order_id, Decimal(10), None)
    assert asked.proposed is not None


async def test_a_close_is_not_sent_while_another_order_closes_the_same(desk: Desk, claude: Caller) -> None:
    await approve(desk, await place(desk, claude, market(quantity="10"), "key-00000001"))
    closes = await close(desk, claude, "10", "key-00000002")
    above = (await desk.touch("ALFA", Side.SELL) * Decimal("1.02")).quantize(Decimal("0.01"))
    await approve(desk, await place(desk, claude, limit(above, quantity="1", side=Side.SELL), "key-00000003"))
    refused = await desk.decisions.approve(closes.order_id, None, None, None, "test")
    assert isinstance(refused, Refusal)
    assert refused.code == "POSITION_CHANGED"
    sent = await desk.decisions.approve(closes.order_id, None, Decimal(9), None, "test")
    assert isinstance(sent, Order)
    assert sent.state is OrderState.FILLED
