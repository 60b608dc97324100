"""What else counts when an order is judged: changes that are under way, fills meanwhile, orders of others, the group."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.base import BrokerUnavailable
from cockpit.desk.groups import Leg, Wanted, basket, bracket, oco, split
from cockpit.desk.limits import Holder
from cockpit.desk.risk import Activity, Seen
from cockpit.desk.surroundings import Neighbour, Surroundings
from cockpit.model.accounts import Balances, Position
from cockpit.model.events import OrderChanged
from cockpit.model.identity import Caller
from cockpit.model.money import ZERO
from cockpit.model.orders import (
    AT_BROKER,
    Executed,
    Execution,
    Order,
    OrderRef,
    OrderRequest,
    OrderState,
    OrderType,
    Role,
    Side,
    TimeInForce,
)  # fmt: skip
from cockpit.model.quotes import Bars, DataType, Interval
from cockpit.model.refusals import Refusal, Refused, refuse
from cockpit.model.trading import TradingState
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.policy import PolicySettings
from tests.desk.desks import NOON, Desk, limit, market, open_desk, place
from tests.desk.risk_scenes import failed, of, order, resting, seen, sell

CENT = Decimal("0.01")


def under(**limits: object) -> ConnectionSettings:
    """Return a paper connection with other limits."""
    policy = PolicySettings.model_validate({"max_notional": 10_000_000, **limits})
    return ConnectionSettings(policy=policy)


async def off(desk: Desk, share: str, side: Side = Side.BUY) -> Decimal:
    """Return a price some percent away from where that side trades."""
    return (await desk.touch("ALFA", side) * Decimal(share)).quantize(CENT)


async def approve(desk: Desk, order: Order) -> Order | Refusal:
    return await desk.decisions.approve(order.order_id, None, None, None, "test")


async def sent(desk: Desk, caller: Caller, request: OrderRequest, key: str) -> Order:
    """Place an order and have it sent."""
    answer = await approve(desk, await place(desk, caller, request, key))
    assert isinstance(answer, Order), answer
    return answer


async def look(desk: Desk, request: OrderRequest, client: str = "claude") -> tuple[Seen, set[str]]:
    """Return what is seen around an order now, and which checks refuse it."""
    judged = await desk.observer.judge(desk.connections.need("paper"), request, client=client)
    return judged.seen, {one.code for one in judged.checks if not one.ok}


def order_changed(order: Order) -> OrderChanged:
    return OrderChanged(order.changed_at, order)


class Held:
    """A broker's changes, held back until they are let go."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        broker = desk.connections.need("paper").broker
        self._replace = broker.replace
        monkeypatch.setattr(broker, "replace", self._held)

    async def _held(self, reference: OrderRef, request: OrderRequest) -> None:
        self.begun.set()
        await self.go.wait()
        await self._replace(reference, request)


async def test_a_raise_under_way_counts_before_the_broker_has_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path, settings=under(max_position=20)) as desk:
        claude = desk.grants.give("claude")
        price = await off(desk, "0.99")
        small = await sent(desk, claude, limit(price, quantity="1"), "key-buy-0001")
        small = await desk.orders.modify(desk.admitted(claude), small.order_id, Decimal(20), None)
        held = Held(desk, monkeypatch)
        raising = asyncio.create_task(approve(desk, small))
        await held.begun.wait()
        around, refused = await look(desk, limit(price, quantity="19"))
        assert around.committed_buy == 20
        assert around.in_flight == 20 * price
        assert "MAX_POSITION" in refused
        elsewhere, _ = await look(desk, market("BRVO"))
        assert elsewhere.elsewhere is not None
        assert [one.buys for one in elsewhere.elsewhere] == [around.in_flight]
        held.go.set()
        await raising
        assert sum(one.may_fill for one in desk.book.open() if one.state in AT_BROKER) == 20


@pytest.mark.parametrize("taken_off", [True, False])
async def test_orders_that_rest_count_unless_the_broker_has_taken_them_off_its_buying_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken_off: bool
) -> None:
    async with open_desk(tmp_path, settings=under()) as desk:
        claude = desk.grants.give("claude")
        price = await off(desk, "0.99")
        resting = await sent(desk, claude, limit(price, quantity="20"), "key-buy-0001")
        broker = desk.connections.need("paper").broker
        balances = replace(await broker.balances(), buying_power=15 * price, orders_taken_off=taken_off)

        async def told() -> Balances:
            return balances

        monkeypatch.setattr(broker, "balances", told)
        around, refused = await look(desk, limit(price, quantity="10"))
        assert around.in_flight == (0 if taken_off else 20 * price)
        assert ("BUYING_POWER" in refused) is not taken_off
        raised = replace(resting.request, quantity=Decimal(21))
        judged = await desk.observer.judge(desk.connections.need("paper"), raised, but=resting.order_id)
        assert judged.seen.in_flight == (-20 * price if taken_off else 0)


def test_of_orders_that_may_close_a_position_those_worth_least_close_it_first() -> None:
    dear, cheap = (Neighbour(resting(market(quantity="10")), Decimal(10), Decimal(unit)) for unit in (100, 1))
    for orders in ((dear, cheap), (cheap, dear)):
        around = Surroundings({"ALFA": Decimal(-10)}, orders)
        assert (around.in_flight(counted=False), around.in_flight(counted=True)) == (1000, 0)


async def test_the_days_value_counts_a_raise_that_was_sent(desk: Desk, claude: Caller) -> None:
    price = await off(desk, "0.99")
    small = await sent(desk, claude, limit(price, quantity="1"), "key-buy-0001")
    raised = replace(small, version=9, proposed=replace(small.request, quantity=Decimal(20)))
    before = desk.oversight.activity("paper", "claude", small.request, ()).client_notional
    desk.oversight.happened(order_changed(raised))
    assert desk.oversight.activity("paper", "claude", small.request, ()).client_notional == 20 * before
    waits = replace(raised, version=10, decide_by=desk.clock.now())
    desk.oversight.happened(order_changed(waits))
    assert desk.oversight.activity("paper", "claude", small.request, ()).client_notional == before


def test_an_order_crosses_whichever_terms_of_another_the_broker_works() -> None:
    theirs = resting(sell("1", "105"))
    assert "SELF_CROSS" not in failed(order("1", "100"), seen(resting=(theirs,)))
    changed = replace(theirs, proposed=sell("1", "100"))
    assert "SELF_CROSS" in failed(order("1", "100"), seen(resting=(changed,)))


def test_what_may_fill_is_the_larger_of_both_terms_less_what_has_filled() -> None:
    working = replace(resting(order("4", "100")), filled=Decimal(1), state=OrderState.PARTLY_FILLED)
    assert working.may_fill == 3
    for quantity, most in (("10", 9), ("2", 3)):
        assert replace(working, proposed=order(quantity, "100")).may_fill == most
    assert replace(working, proposed=order("10", "100"), decide_by=working.made_at).may_fill == 3


@pytest.mark.parametrize("question", ["quote", "balances", "positions", "clock"])
async def test_a_fill_while_the_account_is_looked_at_makes_nothing_sellable_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """The fill comes right after the broker's answer to one question, before the next is asked."""
    async with open_desk(tmp_path, settings=under(allow_short=False)) as desk:
        claude = desk.grants.give("claude")
        await sent(desk, claude, market(quantity="10"), "key-buy-0001")
        price = await off(desk, "1.01", Side.SELL)
        selling = await sent(desk, claude, limit(price, quantity="10", side=Side.SELL), "key-sell-0001")
        broker = desk.connections.need("paper").broker
        held, told = broker.positions, list[Executed]()

        async def positions() -> list[Position]:
            return [replace(one, quantity=ZERO) if told else one for one in await held()]

        monkeypatch.setattr(broker, "positions", positions)
        asked = getattr(broker, question)

        async def answer_then_fill(*of: object) -> object:
            answer = await asked(*of)
            if not told:
                fill = Execution("x-1", selling.reference, "ALFA", Side.SELL, Decimal(10), price, ZERO, NOON)
                told.append(Executed(fill.reference, fill.at, fill))
                desk.sender.facts.sink()(told[0])
                await desk.sender.facts.settled()
            return answer

        monkeypatch.setattr(broker, question, answer_then_fill)
        _, refused = await look(desk, market(quantity="10", side=Side.SELL))
        assert told
        assert "SHORT_NOT_ALLOWED" in refused


async def test_an_account_is_looked_at_again_where_own_orders_moved_meanwhile(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice at most: an account in which something always moves is judged all the same, as the stricter one."""
    buying = await sent(desk, claude, limit(await off(desk, "0.99"), quantity="10"), "key-buy-0001")
    broker = desk.connections.need("paper").broker
    asked, moves, looks = broker.positions, 1, 0

    async def positions() -> object:
        nonlocal looks
        looks += 1
        if looks <= moves:
            fill = Execution(
                f"x-{looks}-{moves}", buying.reference, "ALFA", Side.BUY, Decimal(1), Decimal(100), ZERO, NOON
            )
            desk.sender.facts.sink()(Executed(fill.reference, NOON, fill))
            await desk.sender.facts.settled()
        return await asked()

    monkeypatch.setattr(broker, "positions", positions)
    around, _ = await look(desk, market())
    assert (looks, around.committed_buy) == (2, 9)
    looks, moves = 0, 99
    around, _ = await look(desk, market())
    assert (looks, around.committed_buy) == (3, 7)


async def ask(desk: Desk, caller: Caller, wanted: Wanted, key: str = "key-group-1") -> tuple[Order, ...] | Refusal:
    try:
        return await desk.orders.place_group(desk.admitted(caller), wanted, key)
    except Refused as refused:
        return refused.refusal


def together(*requests: OrderRequest) -> Wanted:
    return basket([Leg(one, Role.LEG) for one in requests])


@pytest.mark.parametrize("limit_of", ["max_gross", "max_net"])
async def test_a_basket_over_many_symbols_counts_as_a_whole(tmp_path: Path, limit_of: str) -> None:
    policy = {limit_of: "0.3", "max_quantity": 100_000, "max_volume_share": 1, "max_daily_notional": 10_000_000}
    async with open_desk(tmp_path, settings=under(**policy)) as desk:
        claude = desk.grants.give("claude")
        equity = (await desk.connections.need("paper").broker.balances()).equity
        legs = [
            market(symbol, str((equity * Decimal("0.2") / await desk.touch(symbol, Side.BUY)).to_integral_value()))
            for symbol in ("ALFA", "BRVO")
        ]
        answer = await ask(desk, claude, together(*legs))
        assert isinstance(answer, Refusal)
        assert answer.code == limit_of.upper()
        assert not isinstance(await ask(desk, claude, together(legs[0], market("BRVO"))), Refusal)


async def test_orders_of_a_basket_do_not_trade_with_each_other(desk: Desk, claude: Caller) -> None:
    await sent(desk, claude, market(quantity="5"), "key-buy-0001")
    bid = await desk.touch("ALFA", Side.SELL)
    answer = await ask(desk, claude, together(limit(bid), limit(bid, side=Side.SELL)))
    assert isinstance(answer, Refusal)
    assert answer.code == "SELF_CROSS"


async def test_orders_alike_of_one_basket_are_duplicates_and_the_parts_of_a_split_are_not(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=under(max_identical=2)) as desk:
        claude = desk.grants.give("claude")
        answer = await ask(desk, claude, together(*[market()] * 3))
        assert isinstance(answer, Refusal)
        assert answer.code == "DUPLICATE_ORDER"
        parts = split(market(quantity="20"), Decimal(5))
        assert isinstance(parts, Wanted)
        assert not isinstance(await ask(desk, claude, parts), Refusal)


_LEG = st.tuples(st.sampled_from(["ALFA", "BRVO"]), st.integers(5, 25), st.sampled_from([None, 0]), st.integers(0, 7))
_WIDE = {"max_identical": 100, "max_daily_notional": 10_000_000}


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("max_identical", 1),
        ("max_position", 30),
        ("max_gross", "0.1"),
        ("max_net", "0.1"),
        ("max_daily_notional", 9_000),
        ("max_daily_orders", 2),
        ("max_open_orders", 2),
        ("max_open_orders_per_symbol", 1),
        ("buying_power_share", "0.05"),
        ("allow_short", False),
    ],
)
@hypothesis.settings(max_examples=12, deadline=None)
@given(side=st.sampled_from(Side), legs=st.lists(_LEG, min_size=2, max_size=3))
def test_a_group_passes_only_if_its_orders_one_by_one_would(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    most: object,
    side: Side,
    legs: list[tuple[str, int, int | None, int]],
) -> None:
    """One by one: each is asked for and sent before the next. One in eight is on the other side."""
    limits = {**_WIDE, name: most}

    async def run(folder: Path) -> None:
        requests: list[OrderRequest] = []
        async with open_desk(folder / "group", settings=under(**limits)) as desk:
            for symbol, quantity, ticks, other in legs:
                of = side if other else side.opposite
                price = await desk.touch(symbol, of)
                made = market(symbol, str(quantity), of) if ticks is None else limit(price, symbol, str(quantity), of)
                requests.append(made)
            answer = await ask(desk, desk.grants.give("claude"), together(*requests))
        if isinstance(answer, Refusal):
            return
        async with open_desk(folder / "single", settings=under(**limits)) as desk:
            claude = desk.grants.give("claude")
            for place, request in enumerate(requests):
                (made,) = await desk.orders.place_group(
                    desk.admitted(claude), Wanted.alone(request), f"key-single-{place}"
                )
                after = replace(made, version=2, state=OrderState.SENDING, decide_by=None)
                await desk.book.move(made, after, ())

    asyncio.run(run(tmp_path_factory.mktemp("groups")))


async def foreign(desk: Desk, *requests: OrderRequest) -> None:
    """Let somebody else send orders in the same account, and have them found there."""
    broker = desk.connections.need("paper").broker
    for number, request in enumerate(requests):
        await broker.submit(OrderRef(f"tws-{number}"), request)
    await desk.decisions.reconcile()


async def test_orders_that_no_cockpit_sent_count_like_own_ones(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=under(allow_short=False)) as desk:
        claude = desk.grants.give("claude")
        await sent(desk, claude, market(quantity="10"), "key-buy-0001")
        price = await off(desk, "1.02", Side.SELL)
        other = limit(await desk.touch("BRVO", Side.BUY) - 1, "BRVO", "7")
        await foreign(desk, limit(price, quantity="10", side=Side.SELL), other)
        around, refused = await look(desk, limit(price, quantity="10", side=Side.SELL))
        assert around.committed_sell == 10
        assert "SHORT_NOT_ALLOWED" in refused
        _, refused = await look(desk, limit(price, quantity="10"))
        assert "SELF_CROSS" in refused
        assert around.elsewhere is not None
        assert [(one.symbol, one.buys) for one in around.elsewhere] == [
            ("BRVO", 7 * (other.limit_price or 0) * Decimal("1.03"))
        ]


async def test_an_order_of_another_cockpit_counts_too(desk: Desk) -> None:
    broker, strange = desk.connections.need("paper").broker, OrderRef("ck:01KJQ6PSG00000000000000000")
    await broker.submit(strange, limit(await off(desk, "0.99"), quantity="7"))
    await desk.decisions.reconcile()
    around, _ = await look(desk, market())
    assert around.committed_buy == 7
    await broker.cancel(strange)
    await desk.decisions.reconcile()
    around, _ = await look(desk, market())
    assert around.committed_buy == 0


async def test_an_order_of_others_whose_value_nobody_knows_refuses_what_opens(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    trailing = OrderRequest(
        "BRVO", Side.BUY, Decimal(1), OrderType.TRAILING_STOP, None, TimeInForce.GTC, trail_percent=Decimal(5)
    )
    await foreign(desk, trailing)
    _, refused = await look(desk, market())
    assert refused == {"MAX_GROSS", "MAX_NET"}


@pytest.mark.parametrize(
    "fault",
    [BrokerUnavailable("for a second"), *(Refused(refuse(code)) for code in ("MARKET_DATA_MISSING", "RATE_LIMITED"))],
)
async def test_volumes_that_could_not_be_asked_for_refuse_and_are_asked_for_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    broker, trouble = desk.connections.need("paper").broker, [fault]
    bars, asked = broker.bars, 0

    async def once(*of: Any) -> Any:
        nonlocal asked
        asked += 1
        if trouble:
            raise trouble.pop()
        return await bars(*of)

    monkeypatch.setattr(broker, "bars", once)
    around, refused = await look(desk, market())
    assert (around.average_volume, refused) == (None, {"MAX_VOLUME_SHARE"})
    for _ in range(2):
        around, refused = await look(desk, market())
        assert around.average_volume
        assert (refused, asked) == (set(), 2)


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_broker_without_volumes_has_none_to_share(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    async def none(*of: Any) -> Bars:
        if not allowed:
            raise Refused(refuse("CAPABILITY_UNAVAILABLE"))
        return Bars("ALFA", Interval.DAY_1, (), "test", DataType.SIMULATED)

    monkeypatch.setattr(desk.connections.need("paper").broker, "bars", none)
    around, refused = await look(desk, market())
    assert (around.average_volume, refused) == (ZERO, set())


async def test_a_quote_of_nothing_is_refused_and_breaks_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = desk.connections.need("paper").broker
    quote = broker.quote

    async def nothing(of: Any) -> Any:
        found = await quote(of)
        return found and replace(found, bid=ZERO, ask=ZERO)

    monkeypatch.setattr(broker, "quote", nothing)
    _, refused = await look(desk, limit(Decimal(1), side=Side.SELL))
    assert {"MARKET_DATA_MISSING", "SPREAD_TOO_WIDE"} <= refused


async def change(desk: Desk, caller: Caller, order: Order, **terms: Decimal) -> Order | str:
    """Change an order; the code of the refusal where it is refused."""
    quantity, price = terms.pop("quantity", None), terms.pop("limit_price", None)
    try:
        return await desk.orders.modify(desk.admitted(caller), order.order_id, quantity, price, **terms)
    except Refused as refused:
        return refused.refusal.code


async def test_a_change_of_a_partly_filled_order_is_judged_by_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path, settings=under(allow_short=False, max_position=10)) as desk:
        claude = desk.grants.give("claude")
        await sent(desk, claude, market(quantity="10"), "key-buy-0001")
        price = await off(desk, "1.02", Side.SELL)
        selling = await sent(desk, claude, limit(price, quantity="10", side=Side.SELL), "key-sell-0001")
        broker = desk.connections.need("paper").broker
        held = broker.positions

        async def positions() -> list[Position]:
            return [replace(one, quantity=Decimal(6)) for one in await held()]

        monkeypatch.setattr(broker, "positions", positions)
        fill = Execution("x-1", selling.reference, "ALFA", Side.SELL, Decimal(4), price, ZERO, NOON)
        desk.sender.facts.sink()(Executed(fill.reference, fill.at, fill))
        await desk.sender.facts.settled()
        assert isinstance(await change(desk, claude, selling, limit_price=price - 1), Order)
        more = await desk.decisions.deny(selling.order_id, "", "test")
        assert isinstance(more, Order)
        assert await change(desk, claude, selling, quantity=Decimal(11)) == "SHORT_NOT_ALLOWED"


def test_what_has_filled_is_neither_opened_nor_held_a_second_time() -> None:
    around = seen(position=Decimal(6), filled=Decimal(4))
    assert around.opening(sell("10")) == ZERO
    assert around.opening(sell("11")) == 1
    buying = seen(position=Decimal(4), filled=Decimal(4))
    assert "MAX_POSITION" not in failed(order("10"), buying, of(max_position="10"))
    assert "MAX_POSITION" in failed(order("11"), buying, of(max_position="10"))
    assert "MAX_POSITION" not in failed(sell("10"), replace(buying, position=Decimal(-4)), of(max_position="10"))
    assert "MAX_POSITION" in failed(sell("11"), replace(buying, position=Decimal(-4)), of(max_position="10"))


async def test_of_a_pair_each_may_be_changed_because_only_one_can_fill(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=under(allow_short=False)) as desk:
        claude = desk.grants.give("claude")
        bid = await desk.touch("ALFA", Side.SELL)
        high, low = ((bid * Decimal(share)).quantize(CENT) for share in ("1.02", "0.98"))
        orders = await desk.orders.place_group(
            desk.admitted(claude), bracket(market(quantity="4"), high, low, None), "key-group-1"
        )
        await approve(desk, orders[0])
        assert isinstance(await change(desk, claude, orders[1], limit_price=high - 1), Order)
        assert isinstance(await change(desk, claude, orders[2], stop_price=low - 1), Order)
        await desk.decisions.cancel_all("test")
        first = limit(high, quantity="4", side=Side.SELL)
        second = replace(first, order_type=OrderType.STOP, limit_price=None, stop_price=low)
        pair = await desk.orders.place_group(desk.admitted(claude), oco(first, second), "key-group-2")
        await approve(desk, pair[0])
        for one in pair:
            terms = {"limit_price": high - 1} if one.request.limit_price else {"stop_price": low - 1}
            assert isinstance(await change(desk, claude, one, **terms), Order)


async def test_a_change_that_lowers_risk_passes_where_nothing_may_open_and_limits_are_used_up(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=under(max_quantity=10, gtc_days=5)) as desk:
        claude = desk.grants.give("claude")
        price = await off(desk, "0.99")
        buying = await sent(desk, claude, limit(price, quantity="10"), "key-buy-0001")
        for key, most in (
            ("max_quantity", "2"),
            ("max_position", "2"),
            ("max_daily_notional", "10"),
            ("gtc_days", "0"),
        ):
            found = desk.oversight.limits.change(Holder.CLIENT, "claude", key, most, None)
            assert not isinstance(found, Refusal)
            await desk.oversight.limits.apply(*found, "test")
        desk.switch.lower(TradingState.REDUCE_ONLY, "test")
        assert await change(desk, claude, buying, quantity=Decimal(11)) == "REDUCE_ONLY"
        assert await change(desk, claude, buying, limit_price=price + 1) == "REDUCE_ONLY"
        lower = await change(desk, claude, buying, quantity=Decimal(5))
        assert isinstance(lower, Order)
        assert (lower.request.quantity, lower.waits) == (5, False)
        found = await desk.decisions.look(lower.order_id)
        assert not isinstance(found, Refusal)
        assert "REDUCE_ONLY" in {one.code for one in found.judged.checks if not one.ok}


async def test_less_of_a_stop_that_protects_is_no_lowering(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=under()) as desk:
        claude = desk.grants.give("claude")
        await sent(desk, claude, market(quantity="4"), "key-buy-0001")
        low = await off(desk, "0.98", Side.SELL)
        request = OrderRequest("ALFA", Side.SELL, Decimal(4), OrderType.STOP, None, TimeInForce.GTC, low)
        stop = await sent(desk, claude, request, "key-stop-0001")
        less = await change(desk, claude, stop, quantity=Decimal(1))
        assert isinstance(less, Order)
        assert less.waits
        await desk.decisions.deny(stop.order_id, "", "test")
        tighter = await change(desk, claude, stop, stop_price=low + 1)
        assert isinstance(tighter, Order)
        assert (tighter.waits, tighter.request.stop_price) == (False, low + 1)


def test_lowering_skips_what_opens_costs_and_counts_and_nothing_else() -> None:
    around = seen(state=TradingState.REDUCE_ONLY, activity=Activity(client_notional=Decimal(10**9)))
    assert failed(order("1001", "100"), around) >= {"REDUCE_ONLY", "MAX_QUANTITY", "MAX_NOTIONAL", "DAILY_NOTIONAL"}
    assert failed(order("1001", "100"), replace(around, lowers=True)) == set()
    assert failed(order("1", "100"), replace(around, lowers=True, quote=None)) >= {"MARKET_DATA_MISSING"}


async def test_an_exit_whose_entry_still_works_changes_only_as_far_as_the_entry_may_lose(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=under(require_stop=True, max_risk_per_trade="0.001")) as desk:
        claude = desk.grants.give("claude")
        at = await off(desk, "0.99")
        target, stop = ((at * Decimal(share)).quantize(CENT) for share in ("1.02", "0.98"))
        wanted = bracket(limit(at, quantity="4"), target, stop, None)
        orders = await desk.orders.place_group(desk.admitted(claude), wanted, "key-group-1")
        await approve(desk, orders[0])
        assert desk.book.get(orders[0].order_id).state is OrderState.WORKING  # type: ignore[union-attr]
        far = (at * Decimal("0.8")).quantize(CENT)
        assert await change(desk, claude, orders[2], stop_price=far) == "RISK_PER_TRADE"
        assert isinstance(await change(desk, claude, orders[2], stop_price=stop - 1), Order)
        assert isinstance(await change(desk, claude, orders[1], limit_price=target + 1), Order)
        waiting = desk.book.get(orders[2].order_id)
        assert waiting is not None
        found = desk.oversight.limits.change(Holder.CLIENT, "claude", "max_risk_per_trade", "0.0001", None)
        assert not isinstance(found, Refusal)
        await desk.oversight.limits.apply(*found, "test")
        answer = await approve(desk, waiting)
        assert isinstance(answer, Refusal)
        assert answer.code == "RISK_PER_TRADE"
        await desk.decisions.deny(waiting.order_id, "", "test")
        tighter = await change(desk, claude, orders[2], stop_price=stop + 1)
        assert isinstance(tighter, Order)
        assert not tighter.waits
