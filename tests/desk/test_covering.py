"""What covers a sale of options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.desk.approvals import drift
from cockpit.desk.covering import Sale, sale
from cockpit.desk.groups import Leg, basket, bracket, worth
from cockpit.desk.surroundings import Neighbour
from cockpit.model.identity import Caller
from cockpit.model.instruments import Instrument, InstrumentKind
from cockpit.model.options import read_option
from cockpit.model.orders import OrderId, OrderState, OrderType, Role, Side
from cockpit.model.quotes import Quote
from cockpit.model.refusals import Refusal, Refused
from cockpit.model.text import Safe
from cockpit.model.trading import Mode
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.policy import PolicySettings
from tests.desk.desks import Desk, limit, market, open_desk, place
from tests.desk.risk_scenes import ALFA, order, resting
from tests.desk.test_by_hand import by_hand, held, wanted

CALL, HIGHER, PUT, LOWER = (f"ALFA260320{strike}" for strike in ("C00360000", "C00370000", "P00350000", "P00340000"))
BRVO_CALL = "BRVO260417C00026500"


def option(symbol: str) -> Instrument:
    return Instrument(
        symbol, Safe(symbol), InstrumentKind.OPTION, "SIM", "USD", Decimal("0.01"), Decimal(1), Decimal(100),
        option=read_option(symbol),
    )  # fmt: skip


def other(symbol: str, side: Side, quantity: int) -> Neighbour:
    return Neighbour(resting(order(str(quantity), None, side, symbol=symbol)), Decimal(quantity))


def kept(
    symbol: str,
    held: dict[str, int],
    others: tuple[Neighbour, ...] = (),
    earlier: tuple[Neighbour, ...] = (),
    mode: Mode = Mode.PAPER,
    quantity: int = 1,
) -> Decimal | None:
    return sold(option(symbol), held, others, earlier, mode, quantity).kept()


def sold(
    instrument: Instrument,
    held: dict[str, int],
    others: tuple[Neighbour, ...] = (),
    earlier: tuple[Neighbour, ...] = (),
    mode: Mode = Mode.PAPER,
    quantity: int = 1,
) -> Sale:
    holdings = {name: Decimal(much) for name, much in held.items()}
    before = [replace(one, order=replace(one.order, order_id=OrderId("o-before"))) for one in earlier]
    return sale(instrument, Decimal(quantity), holdings, (*others, *before), {OrderId("o-before")}, mode)


def test_a_call_is_covered_by_shares_or_a_call_and_else_by_nothing() -> None:
    assert kept(HIGHER, {}) is None
    assert kept(HIGHER, {"ALFA": 99}) is None
    assert kept(HIGHER, {"ALFA": 100}) == 0
    assert kept(HIGHER, {"ALFA": 100}, quantity=2) is None
    assert kept(HIGHER, {CALL: 1}) == 0
    assert kept(CALL, {HIGHER: 1}) == 1000
    assert kept(HIGHER, {"BRVO": 100}) is None


def test_an_account_that_is_naked_already_sells_no_further_call() -> None:
    assert kept(HIGHER, {HIGHER: -1}) is None
    assert kept(HIGHER, {HIGHER: -1}, quantity=50) is None
    assert kept(CALL, {HIGHER: -1}) is None
    assert kept(HIGHER, {HIGHER: -1, "ALFA": 200}) == 0
    assert kept(PUT, {HIGHER: -1}) is not None


def test_what_covers_a_sold_call_is_named_with_it_when_it_is_sold() -> None:
    hundred = Decimal(100)
    assert sold(ALFA, {"ALFA": 100, HIGHER: -1}).uncovers(hundred) == (HIGHER,)
    assert sold(ALFA, {"ALFA": 101, HIGHER: -1}).uncovers(hundred) == ()
    assert sold(ALFA, {"ALFA": 101, HIGHER: -1}, quantity=2).uncovers(hundred) == (HIGHER,)
    assert sold(ALFA, {"ALFA": 101, HIGHER: -1}, (other("ALFA", Side.SELL, 1),)).uncovers(hundred) == (HIGHER,)
    assert sold(ALFA, {"ALFA": 100}, (other(HIGHER, Side.SELL, 1),)).uncovers(hundred) == (HIGHER,)
    assert sold(ALFA, {"ALFA": 100, HIGHER: -1}, (other(HIGHER, Side.BUY, 1),)).uncovers(hundred) == (HIGHER,)
    assert sold(ALFA, {"ALFA": 100, PUT: -1}).uncovers(hundred) == ()
    assert sold(ALFA, {"ALFA": 100, BRVO_CALL: -1}).uncovers(hundred) == ()
    assert sold(option(CALL), {CALL: 1, HIGHER: -1}).uncovers(hundred) == (HIGHER,)
    assert sold(option(CALL), {CALL: 2, HIGHER: -1}).uncovers(hundred) == ()
    assert sold(option(PUT), {PUT: 1, CALL: 1, HIGHER: -1}).uncovers(hundred) == ()
    # nothing is taken away from what was naked before, or is only bought for it by this sale's own entry
    assert sold(ALFA, {HIGHER: -1}).uncovers(hundred) == ()
    assert sold(option(CALL), {HIGHER: -1}).uncovers(hundred) == ()
    assert sold(ALFA, {"ALFA": 100, HIGHER: -1}, quantity=0).uncovers(hundred) == ()


def test_a_put_keeps_its_strike_or_the_width_of_its_spread() -> None:
    assert kept(PUT, {}) == 35_000
    assert kept(PUT, {LOWER: 1}) == 1000
    assert kept(PUT, {LOWER: 1, PUT: -1}) == 35_000


def test_what_is_to_be_sold_covers_no_longer_and_what_is_to_be_bought_not_yet() -> None:
    assert kept(HIGHER, {"ALFA": 100}, (other("ALFA", Side.SELL, 1),)) is None
    assert kept(HIGHER, {CALL: 1}, (other(CALL, Side.SELL, 1),)) is None
    assert kept(HIGHER, {"ALFA": 100}, (other(CALL, Side.SELL, 1),)) is None
    assert kept(HIGHER, {}, (other(CALL, Side.BUY, 1),)) is None


@pytest.mark.parametrize(("mode", "told"), [(Mode.PAPER, 0), (Mode.LIVE, None)])
def test_what_the_same_decision_buys_before_covers_on_paper_alone(mode: Mode, told: int | None) -> None:
    assert kept(HIGHER, {}, earlier=(other(CALL, Side.BUY, 1),), mode=mode) == told
    assert kept(HIGHER, {"ALFA": 100}, earlier=(other(CALL, Side.SELL, 1),), mode=mode) is None


def test_nothing_is_kept_for_what_is_no_option() -> None:
    assert sold(ALFA, {}).kept() is None


OPTIONS = ConnectionSettings(
    policy=PolicySettings(
        asset_classes=frozenset(InstrumentKind), max_drift=Decimal("0.0001"), max_drift_options=Decimal("0.1"),
        approval_seconds=3600,
    )
)  # fmt: skip
NEAR, NEAR_HIGHER = "ALFA260306C00360000", "ALFA260306C00370000"


async def test_a_spread_passes_as_one_decision_and_a_naked_call_never(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=OPTIONS) as desk:
        claude = desk.grants.give("claude")
        with pytest.raises(Refused) as refused:
            await place(desk, claude, market(NEAR_HIGHER, side=Side.SELL))
        assert refused.value.refusal.code == "ASSET_CLASS_NOT_ALLOWED"
        legs = [Leg(market(NEAR), Role.LEG), Leg(market(NEAR_HIGHER, side=Side.SELL), Role.LEG)]
        orders = await desk.orders.place_group(desk.admitted(claude), basket(legs), "key-spread-1")
        await desk.decisions.approve(orders[0].order_id, None, None, None, "test")
        assert [one.state for one in await desk.book.of_group(orders[0])] == [OrderState.FILLED, OrderState.FILLED]
        held = {one.symbol: one.quantity for one in await desk.connections.need("paper").broker.positions()}
        assert held == {NEAR: 1, NEAR_HIGHER: -1}


async def test_an_options_price_may_drift_farther_before_the_approval_than_a_shares(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=OPTIONS) as desk:
        claude = desk.grants.give("claude")
        share = await place(desk, claude, market("ALFA"), "key-share-1")
        option = await place(desk, claude, market(NEAR), "key-option-1")
        for _ in range(3000):
            desk.clock.pass_time(1)
            moved = [
                drift(Side.BUY, one.asked_at_price, await desk.touch(one.request.symbol, Side.BUY)) or Decimal(0)
                for one in (share, option)
            ]
            if moved[0] > Decimal("0.0001") and Decimal("0.0001") < moved[1] < Decimal("0.1"):
                break
        else:
            pytest.fail("the invented market never moved like that")
        said = await desk.decisions.approve(share.order_id, None, None, None, "test")
        assert isinstance(said, Refusal)
        assert said.code == "PRICE_MOVED"
        assert not isinstance(await desk.decisions.approve(option.order_id, None, None, None, "test"), Refusal)


async def test_a_covered_call_is_flattened_though_its_shares_come_first_by_name(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=OPTIONS) as desk:
        claude = desk.grants.give("claude")
        legs = [Leg(market("BRVO", "100"), Role.LEG), Leg(market(BRVO_CALL, side=Side.SELL), Role.LEG)]
        orders = await desk.orders.place_group(desk.admitted(claude), basket(legs), "key-covered-1")
        await desk.decisions.approve(orders[0].order_id, None, None, None, "test")
        broker = desk.connections.need("paper").broker
        assert [one.quantity for one in await broker.positions()] == [100, -1]
        closing = await desk.orders.closing.of_all(desk.connections.need("paper"), OrderType.MARKET)
        assert [leg.request.side for leg in closing.legs] == [Side.BUY, Side.SELL]
        group = await desk.orders.place_group(desk.admitted(claude), closing, "key-closing-1")
        await desk.decisions.approve(group[0].order_id, None, None, None, "test")
        assert await broker.positions() == ()


async def test_waiting_options_come_to_their_contracts_worth(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=OPTIONS) as desk:
        order = await place(desk, desk.grants.give("claude"), market(NEAR))
        ask = await desk.touch(NEAR, Side.BUY)
        assert worth([order]) == ask * Decimal("1.03") * 100


async def test_the_operators_flattening_buys_back_what_was_sold_first(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=OPTIONS) as desk:
        claude = desk.grants.give("claude")
        legs = [Leg(market("BRVO", "100"), Role.LEG), Leg(market(BRVO_CALL, side=Side.SELL), Role.LEG)]
        orders = await desk.orders.place_group(desk.admitted(claude), basket(legs), "key-covered-1")
        await desk.decisions.approve(orders[0].order_id, None, None, None, "test")
        done = await by_hand(desk).flatten("paper", "screen")
        assert done.left == ()
        assert await desk.connections.need("paper").broker.positions() == ()


async def hold_covered_call(desk: Desk) -> Caller:
    claude = desk.grants.give("claude")
    legs = [Leg(market("BRVO", "100"), Role.LEG), Leg(market(BRVO_CALL, side=Side.SELL), Role.LEG)]
    orders = await desk.orders.place_group(desk.admitted(claude), basket(legs), "key-covered-1")
    await desk.decisions.approve(orders[0].order_id, None, None, None, "test")
    assert await held(desk) == {"BRVO": 100, BRVO_CALL: -1}
    return claude


async def test_the_shares_of_a_covered_call_are_sold_by_nobody_before_the_call_is_bought_back(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=OPTIONS) as desk:
        claude, hand = await hold_covered_call(desk), by_hand(desk)
        with pytest.raises(Refused) as clients:
            await place(desk, claude, market("BRVO", "1", Side.SELL), "key-uncover-1")
        with pytest.raises(Refused) as operators:
            await hand.close(wanted("1", symbol="BRVO"), "", "screen")
        for refused in (clients, operators):
            assert refused.value.refusal.code == "SHORT_NOT_ALLOWED"
            assert BRVO_CALL in refused.value.refusal.message
        await hand.close(wanted(symbol=BRVO_CALL), "", "screen")
        await hand.close(wanted(symbol="BRVO"), "", "screen")
        assert await held(desk) == {}


async def test_a_bracket_beside_the_shares_of_a_covered_call_sells_only_what_it_buys(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=OPTIONS) as desk:
        claude = await hold_covered_call(desk)
        bid = await desk.touch("BRVO", Side.SELL)
        entry, target, stop = (round(bid * Decimal(share), 2) for share in ("0.99", "1.02", "0.97"))
        wished = bracket(limit(entry, "BRVO", "10"), target, stop, None)
        orders = await desk.orders.place_group(desk.admitted(claude), wished, "key-bracket-1")
        assert [one.code for order in orders for one in order.checks if not one.ok] == []


async def test_shares_are_not_sold_while_nobody_says_how_many_a_sold_call_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path, settings=OPTIONS) as desk:
        claude = await hold_covered_call(desk)
        broker = desk.connections.need("paper").broker
        find = broker.find

        async def find_shares_alone(text: str) -> Sequence[Instrument]:
            return [] if text == BRVO_CALL else await find(text)

        monkeypatch.setattr(broker, "find", find_shares_alone)
        with pytest.raises(Refused) as refused:
            await place(desk, claude, market("BRVO", "1", Side.SELL), "key-uncover-1")
        assert refused.value.refusal.code == "SHORT_NOT_ALLOWED"


async def test_a_flattening_leaves_the_shares_while_the_call_that_they_cover_is_still_sold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path, settings=OPTIONS) as desk:
        await hold_covered_call(desk)
        broker = desk.connections.need("paper").broker
        quote = broker.quote

        async def the_call_is_halted(instrument: Instrument) -> Quote | None:
            found = await quote(instrument)
            return found and replace(found, halted=instrument.symbol == BRVO_CALL)

        monkeypatch.setattr(broker, "quote", the_call_is_halted)
        done = await by_hand(desk).flatten("paper", "screen")
        assert {symbol for symbol, _ in done.left} == {"BRVO", BRVO_CALL}
        assert await held(desk) == {"BRVO": 100, BRVO_CALL: -1}


async def test_the_exits_of_a_bought_call_close_what_its_entry_buys_and_cover_nothing(tmp_path: Path) -> None:
    async with open_desk(tmp_path, settings=OPTIONS) as desk:
        claude, ask = desk.grants.give("claude"), await desk.touch(NEAR, Side.BUY)
        wished = bracket(market(NEAR), round(ask * Decimal("1.08"), 2), round(ask * Decimal("0.96"), 2), None)
        orders = await desk.orders.place_group(desk.admitted(claude), wished, "key-bracket-1")
        assert [one.code for order in orders for one in order.checks if not one.ok] == []
        assert not isinstance(await desk.decisions.approve(orders[0].order_id, None, None, None, "test"), Refusal)
        assert await held(desk) == {NEAR: 1}
