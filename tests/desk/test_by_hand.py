"""What the operator closes by hand: one order, never more than is held, in every state of the switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.brokers.base import FOR_SENDING, BrokerUnavailable
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.desk.by_hand import ByHand
from cockpit.desk.closure import Close, Closure
from cockpit.desk.groups import bracket
from cockpit.model.accounts import Position
from cockpit.model.identity import OPERATOR, OPERATORS_GRANT, Caller
from cockpit.model.instruments import Instrument
from cockpit.model.latches import LatchKind
from cockpit.model.money import plain
from cockpit.model.orders import Order, OrderRef, OrderRequest, OrderState, OrderType, Side
from cockpit.model.quotes import Quote
from cockpit.model.refusals import Refused
from cockpit.model.trading import TradingState
from cockpit.settings.model import ConnectionSettings, PolicySettings
from cockpit.store.writes import StoreUnavailable
from tests.desk.desks import Desk, limit, market, open_desk, place


def by_hand(desk: Desk) -> ByHand:
    return ByHand(
        desk.book, desk.observer, desk.sender, desk.orders.closing, desk.decisions, desk.connections,
        desk.decisions._undisturbed, desk.switch, desk.clock,
    )  # fmt: skip


async def hold(desk: Desk, caller: Caller, quantity: str, side: Side = Side.BUY, symbol: str = "ALFA") -> None:
    order = await place(desk, caller, market(symbol, quantity, side), f"key-to-hold-{symbol}-{quantity}-{side}")
    filled = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert isinstance(filled, Order)
    assert filled.state is OrderState.FILLED


async def held(desk: Desk) -> dict[str, Decimal]:
    positions: Sequence[Position] = await desk.connections.need("paper").broker.positions()
    return {one.symbol: one.quantity for one in positions if one.quantity}


async def at_broker(desk: Desk) -> int:
    return len(await desk.connections.need("paper").broker.orders())


def wanted(quantity: str = "", price: Decimal | None = None, symbol: str = "ALFA") -> Close:
    return Close("paper", symbol, Decimal(quantity) if quantity else None, price)


def code(answer: object) -> str:
    assert isinstance(answer, Refused), answer
    return answer.refusal.code


async def test_a_close_sends_one_order_of_the_operators_own_and_nothing_is_held(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, "20")
    hand = by_hand(desk)
    look = await hand.look(wanted())
    assert (look.request.side, look.request.quantity, look.held_after) == (Side.SELL, Decimal(20), 0)
    order = await hand.close(wanted(), look.seen, "screen")
    assert (order.client, order.grant_id, order.state) == (OPERATOR, OPERATORS_GRANT, OrderState.FILLED)
    assert await held(desk) == {}
    record = next(one for one in await desk.store.audit_tail(20) if one.tool == "order.closed_by_hand")
    assert (record.client, record.symbol, record.detail["by"]) == (OPERATOR, "ALFA", "screen")


async def test_a_short_position_is_bought_back(tmp_path: Path) -> None:
    policy = PolicySettings(allow_short=True)
    async with open_desk(tmp_path / "data", settings=ConnectionSettings(policy=policy)) as desk:
        claude = desk.grants.give("claude")
        await hold(desk, claude, "7", Side.SELL)
        look = await by_hand(desk).look(wanted("3"))
        assert (look.request.side, look.held_after) == (Side.BUY, Decimal(-4))
        await by_hand(desk).close(wanted("3"), look.seen, "screen")
        assert await held(desk) == {"ALFA": Decimal(-4)}


async def test_one_confirmation_sends_one_order_however_often_it_comes(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, "20")
    hand = by_hand(desk)
    part = wanted("5")
    look = await hand.look(part)
    before = await at_broker(desk)
    answers = await asyncio.gather(*(hand.close(part, look.seen, "screen") for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(one, Order) for one in answers) == 1
    assert {code(one) for one in answers if not isinstance(one, Order)} == {"POSITION_CHANGED"}
    assert await at_broker(desk) == before + 1
    assert await held(desk) == {"ALFA": Decimal(15)}


async def test_one_confirmation_of_a_part_that_rests_sends_one_order_too(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, "20")
    hand = by_hand(desk)
    part = wanted("5", round(await desk.touch("ALFA", Side.BUY) * Decimal("1.01"), 2))
    look = await hand.look(part)
    assert (await hand.close(part, look.seen, "screen")).state is OrderState.WORKING
    with pytest.raises(Refused) as again:
        await hand.close(part, look.seen, "screen")
    assert code(again.value) == "POSITION_CHANGED"
    assert "5" in again.value.refusal.message


async def test_a_position_that_changed_since_the_look_is_told_and_nothing_is_sent(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, "20")
    hand = by_hand(desk)
    look = await hand.look(wanted())
    await hold(desk, claude, "3")
    with pytest.raises(Refused) as found:
        await hand.close(wanted(), look.seen, "screen")
    assert code(found.value) == "POSITION_CHANGED"
    assert "23" in found.value.refusal.message
    assert "20" in found.value.refusal.message
    assert await held(desk) == {"ALFA": Decimal(23)}


async def test_what_is_bound_and_what_is_sent_come_from_one_look_at_the_account(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hold(desk, claude, "20")
    hand = by_hand(desk)
    look = await hand.look(wanted())
    await hold(desk, claude, "5")
    broker = desk.connections.need("paper").broker
    positions, reads = broker.positions, list[int]()

    async def late() -> Sequence[Position]:
        reads.append(1)
        now = await positions()
        return [replace(one, quantity=Decimal(20)) for one in now] if len(reads) == 1 else now

    monkeypatch.setattr(broker, "positions", late)
    with pytest.raises(Refused) as found:
        await hand.close(wanted(), look.seen, "screen")
    assert code(found.value) == "POSITION_CHANGED"
    assert await held(desk) == {"ALFA": Decimal(25)}


def at(look: Closure, price: Decimal) -> str:
    """Return what that look would have told as seen, had it traded at that price."""
    return f"{look.seen.partition('@')[0]}@{price}"


async def test_a_close_at_market_asks_anew_where_the_price_has_moved_beyond_the_limit(
    desk: Desk, claude: Caller
) -> None:
    await hold(desk, claude, "20")
    hand, bid = by_hand(desk), await desk.touch("ALFA", Side.SELL)
    look = await hand.look(wanted("5"))
    assert look.seen == f"20/0@{plain(bid)}"
    with pytest.raises(Refused) as found:
        await hand.close(wanted("5"), at(look, bid * Decimal("1.02")), "screen")
    assert code(found.value) == "PRICE_MOVED"
    assert await held(desk) == {"ALFA": Decimal(20)}
    for price in (bid * Decimal("1.005"), bid * Decimal("0.9")):
        look = await hand.look(wanted("5"))
        assert (await hand.close(wanted("5"), at(look, price), "screen")).state is OrderState.FILLED
    resting = wanted("5", round(bid * Decimal("1.01"), 2))
    look = await hand.look(resting)
    order = await hand.close(resting, at(look, bid * Decimal("1.02")), "screen")
    assert order.state is OrderState.WORKING, "a limit bounds itself"


async def test_a_limit_at_the_touch_is_the_one_that_was_shown(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, "20")
    bid = await desk.touch("ALFA", Side.SELL)
    shown, touch = round(bid * Decimal("1.01"), 2), replace(wanted("5"), at_touch=True)
    look = await by_hand(desk).look(touch)
    assert look.request.limit_price == bid
    order = await by_hand(desk).close(touch, at(look, shown), "screen")
    assert (order.request.limit_price, order.state) == (shown, OrderState.WORKING)


@pytest.mark.parametrize("price", ["soon", "NaN", "Infinity", "0", "-1"])
async def test_a_price_that_no_look_ever_told_is_refused(desk: Desk, claude: Caller, price: str) -> None:
    await hold(desk, claude, "20")
    with pytest.raises(Refused) as found:
        await by_hand(desk).close(wanted(), f"20/0@{price}", "screen")
    assert code(found.value) == "POSITION_CHANGED"
    assert await held(desk) == {"ALFA": Decimal(20)}


async def test_orders_in_the_way_are_named_with_what_to_do_about_them(desk: Desk, claude: Caller) -> None:
    ask = await desk.touch("ALFA", Side.BUY)
    exits = round(ask * Decimal("1.03"), 2), round(ask * Decimal("0.97"), 2)
    group = await desk.orders.place_group(
        desk.admitted(claude), bracket(market("ALFA", "20"), exits[0], exits[1], None), "key-bracket-1"
    )
    await desk.decisions.approve(group[0].order_id, None, None, None, "test")
    with pytest.raises(Refused) as found:
        await by_hand(desk).look(wanted())
    assert code(found.value) == "ORDERS_IN_THE_WAY"
    says = found.value.refusal.message
    assert "or flatten" in says
    assert all(one.order_id in says for one in group[1:])


async def test_never_more_is_closed_than_is_held_and_no_order_closes_already(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, "20")
    hand = by_hand(desk)
    with pytest.raises(Refused) as more:
        await hand.close(wanted("21"), "", "screen")
    assert code(more.value) == "BAD_QUANTITY"
    resting = limit(round(await desk.touch("ALFA", Side.BUY) * Decimal("1.01"), 2), quantity="15", side=Side.SELL)
    order = await place(desk, claude, resting)
    assert (await hand.look(wanted())).request.quantity == Decimal(20), "what waits for the operator isn't in his way"
    await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert (await hand.look(wanted())).request.quantity == Decimal(5)
    await hand.close(wanted(), "", "screen")
    with pytest.raises(Refused) as nothing:
        await hand.close(wanted(), "", "screen")
    assert code(nothing.value) == "ORDERS_IN_THE_WAY"
    with pytest.raises(Refused) as unknown:
        await hand.close(wanted(symbol="BRVO"), "", "screen")
    assert code(unknown.value) == "NOTHING_HELD"


@pytest.mark.parametrize("state", list(TradingState))
async def test_closing_passes_every_state_of_the_switch(desk: Desk, claude: Caller, state: TradingState) -> None:
    await hold(desk, claude, "20")
    desk.switch.lower(state, "test")
    look = await by_hand(desk).look(wanted())
    assert look.together.refusal() is None
    assert (await by_hand(desk).close(wanted(), look.seen, "screen")).state is OrderState.FILLED


async def test_no_latch_holds_the_operator_from_closing(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, "20")
    desk.oversight.latches.trip(LatchKind.DRAWDOWN, "paper", "test")
    desk.oversight.latches.trip(LatchKind.DAILY_LOSS, "paper", "test")
    assert (await by_hand(desk).close(wanted(), "", "screen")).state is OrderState.FILLED


async def test_what_is_wrong_with_the_market_still_refuses(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, "20")
    far = (await desk.touch("ALFA", Side.SELL) * 2).quantize(Decimal("0.01"))
    with pytest.raises(Refused) as found:
        await by_hand(desk).close(wanted(price=far), "", "screen")
    assert code(found.value) == "PRICE_COLLAR"
    assert await held(desk) == {"ALFA": Decimal(20)}


async def test_limits_of_clients_dont_hold_the_operator_from_closing(tmp_path: Path) -> None:
    policy = PolicySettings(connection_daily_orders=1, max_open_orders=1)
    async with open_desk(tmp_path / "data", settings=ConnectionSettings(policy=policy)) as desk:
        claude = desk.grants.give("claude")
        await hold(desk, claude, "20")
        with pytest.raises(Refused) as spent:
            await place(desk, claude, market(side=Side.SELL), "key-00000009")
        assert code(spent.value) == "DAILY_ORDER_COUNT"
        assert (await by_hand(desk).close(wanted(), "", "screen")).state is OrderState.FILLED


async def test_a_kill_while_it_is_being_written_lets_nothing_leave(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hold(desk, claude, "20")
    before, commit = await at_broker(desk), desk.store.commit

    async def killed_meanwhile(*given: object, **more: object) -> tuple[int, ...]:
        numbers = await commit(*given, **more)  # type: ignore[arg-type]
        desk.switch.lower(TradingState.KILLED, "test")
        return numbers

    monkeypatch.setattr(desk.store, "commit", killed_meanwhile)
    order = await by_hand(desk).close(wanted(), "", "screen")
    assert order.state is OrderState.REFUSED
    assert await at_broker(desk) == before
    monkeypatch.setattr(desk.store, "commit", commit)
    assert (await by_hand(desk).close(wanted(), "", "screen")).state is OrderState.FILLED, "the next one is meant"


async def test_nothing_is_sent_that_is_not_durable(desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    await hold(desk, claude, "20")

    async def full(*given: object, **more: object) -> tuple[int, ...]:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(desk.store, "commit", full)
    with pytest.raises(StoreUnavailable):
        await by_hand(desk).close(wanted(), "", "screen")
    assert await held(desk) == {"ALFA": Decimal(20)}


async def test_about_how_much_and_what_profit_are_reckoned_from_price_and_cost(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, "20")
    bid = await desk.touch("ALFA", Side.SELL)
    look = await by_hand(desk).look(wanted("5"))
    assert look.about() == bid * 5
    assert look.realises() == (bid - look.position.average_price) * 5


async def test_flatten_cancels_what_is_open_and_closes_everything(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, "20")
    await hold(desk, claude, "4", symbol="BRVO")
    resting = limit(round(await desk.touch("ALFA", Side.BUY) * Decimal("1.01"), 2), quantity="20", side=Side.SELL)
    order = await place(desk, claude, resting)
    await desk.decisions.approve(order.order_id, None, None, None, "test")
    waiting = await place(desk, claude, market("BRVO", "1", Side.SELL), "key-00000009")
    done = await by_hand(desk).flatten("paper", "screen")
    assert (done.ended, done.left) == (2, ())
    assert sorted(one.request.symbol for one in done.orders) == ["ALFA", "BRVO"]
    assert await held(desk) == {}
    assert {desk.book.get(one.order_id).state for one in (order, waiting)} == {OrderState.CANCELLED}  # type: ignore[union-attr]
    assert await by_hand(desk).flatten("paper", "screen") == type(done)(0, (), ())


async def test_flatten_says_for_which_positions_nothing_was_sent(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hold(desk, claude, "20")
    await hold(desk, claude, "4", symbol="BRVO")
    broker = desk.connections.need("paper").broker
    quote = broker.quote

    async def brvo_is_halted(instrument: Any) -> Quote | None:
        found = await quote(instrument)
        return found and replace(found, halted=instrument.symbol == "BRVO")

    monkeypatch.setattr(broker, "quote", brvo_is_halted)
    done = await by_hand(desk).flatten("paper", "screen")
    assert [one.request.symbol for one in done.orders] == ["ALFA"]
    assert [(symbol, refusal.code) for symbol, refusal in done.left] == [("BRVO", "INSTRUMENT_HALTED")]


Distrust = Callable[[Quote], Quote | None]
OLD: Distrust = lambda quote: replace(quote, as_of=quote.as_of - timedelta(minutes=15))  # noqa: E731
NONE: Distrust = lambda quote: None  # noqa: E731
CROSSED: Distrust = lambda quote: replace(quote, ask=quote.bid and quote.bid / 2)  # noqa: E731
each_distrust = pytest.mark.parametrize("distrust", [OLD, NONE, CROSSED], ids=["old", "none", "crossed"])


def quoted(desk: Desk, monkeypatch: pytest.MonkeyPatch, distrust: Distrust) -> None:
    """Let the broker quote what can't be trusted."""
    broker = desk.connections.need("paper").broker
    quote = broker.quote

    async def otherwise(instrument: Any) -> Quote | None:
        found = await quote(instrument)
        return found and distrust(found)

    monkeypatch.setattr(broker, "quote", otherwise)


@each_distrust
async def test_without_a_price_to_trust_only_what_was_looked_at_is_closed_at_market(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, distrust: Distrust
) -> None:
    await hold(desk, claude, "20")
    hand = by_hand(desk)
    priced = await hand.look(wanted())
    assert (priced.is_priced, priced.warnings()) == (True, ())
    quoted(desk, monkeypatch, distrust)
    look = await hand.look(wanted())
    assert not look.is_priced
    assert {one.code for one in look.warnings()} & {"MARKET_DATA_MISSING", "MARKET_DATA_STALE"}
    assert "@" not in look.seen
    with pytest.raises(Refused) as asked:
        await place(desk, claude, market(side=Side.SELL), "key-00000009")
    assert code(asked.value).startswith("MARKET_DATA_")
    for seen, expected in (("", look.warnings()[0].code), (priced.seen, "PRICE_MOVED")):
        with pytest.raises(Refused) as found:
            await hand.close(wanted(), seen, "screen")
        assert code(found.value) == expected
    assert await held(desk) == {"ALFA": Decimal(20)}
    assert (await hand.close(wanted(), look.seen, "screen")).state is OrderState.FILLED
    assert await held(desk) == {}
    record = next(one for one in await desk.store.audit_tail(20) if one.tool == "order.closed_by_hand")
    assert record.detail["priced"] is False


@each_distrust
async def test_without_a_price_to_trust_a_limit_bounds_itself_and_everything_is_flattened(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, distrust: Distrust
) -> None:
    await hold(desk, claude, "20")
    bid = await desk.touch("ALFA", Side.SELL)
    quoted(desk, monkeypatch, distrust)
    assert (await by_hand(desk).close(wanted("5", bid), "", "screen")).state is OrderState.FILLED
    done = await by_hand(desk).flatten("paper", "screen")
    assert (done.left, done.unpriced) == ((), ("ALFA",))
    assert await held(desk) == {}


async def test_without_a_price_to_trust_no_more_is_closed_than_is_held_and_no_line_is_passed(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hold(desk, claude, "20")
    quoted(desk, monkeypatch, NONE)
    look = await by_hand(desk).look(wanted())
    with pytest.raises(Refused) as more:
        await by_hand(desk).close(wanted("21"), look.seen, "screen")
    assert code(more.value) == "BAD_QUANTITY"
    broker = desk.connections.need("paper").broker

    async def silent() -> Sequence[Position]:
        raise BrokerUnavailable("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(broker, "positions", silent)
        with pytest.raises(Refused) as unknown:
            await by_hand(desk).close(wanted(), look.seen, "screen")
        assert code(unknown.value) == "BROKER_NOT_READY"
    with pytest.raises(Refused) as touch:
        await by_hand(desk).look(replace(wanted(), at_touch=True))
    assert code(touch.value) == "MARKET_DATA_MISSING"
    assert await held(desk) == {"ALFA": Decimal(20)}


async def test_an_own_order_on_the_other_side_is_named_and_flattening_cancels_it(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hold(desk, claude, "20")
    resting = limit(round(await desk.touch("ALFA", Side.BUY) * Decimal("0.99"), 2), quantity="5")
    order = await place(desk, claude, resting)
    await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert (await by_hand(desk).look(wanted())).together.refusal() is None, "it would not meet it at this price"
    quoted(desk, monkeypatch, OLD)
    look = await by_hand(desk).look(wanted())
    refusal = look.together.refusal()
    assert refusal is not None
    assert refusal.code == "SELF_CROSS"
    assert refusal.message.endswith(f"({order.order_id}): cancel that first, or flatten.")
    done = await by_hand(desk).flatten("paper", "screen")
    assert (done.ended, done.left) == (1, ())
    assert await held(desk) == {}


async def test_a_clients_order_never_has_the_operators_authority(desk: Desk, claude: Caller) -> None:
    await hold(desk, claude, "20")
    await by_hand(desk).close(wanted("5", round(await desk.touch("ALFA", Side.BUY) * Decimal("1.01"), 2)), "", "screen")
    (mine,) = [one for one in desk.book.open() if one.client == OPERATOR]
    with pytest.raises(Refused) as found:
        await desk.orders.cancel(desk.admitted(claude), mine.order_id)
    assert code(found.value) == "NOT_YOUR_ORDER"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 25), st.booleans()), min_size=1, max_size=6))
async def test_however_it_is_closed_no_position_is_ever_opened(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[int, bool]]
) -> None:
    async with open_desk(tmp_path_factory.mktemp("desk") / "data") as desk:
        await hold(desk, desk.grants.give("claude"), "20")
        above = round(await desk.touch("ALFA", Side.BUY) * Decimal("1.01"), 2)
        closing = [
            by_hand(desk).close(wanted(str(size), above if rests else None), "", "screen") for size, rests in parts
        ]
        await asyncio.gather(*closing, return_exceptions=True)
        left = (await held(desk)).get("ALFA", Decimal(0))
        resting = sum(one.may_fill for one in desk.book.at_broker("paper"))
        assert left - resting >= 0
        assert all(one.request.order_type in {OrderType.MARKET, OrderType.LIMIT} for one in desk.book.all())


class Asked(PaperBroker):
    """One that notes of what it is asked and sent whether it comes first."""

    first: list[bool] | None = None

    async def find(self, symbol: str) -> Sequence[Instrument]:
        self._note()
        return await super().find(symbol)

    async def quote(self, instrument: Instrument) -> Quote | None:
        self._note()
        return await super().quote(instrument)

    async def positions(self) -> Sequence[Position]:
        self._note()
        return await super().positions()

    async def submit(self, reference: OrderRef, request: OrderRequest) -> None:
        self._note()
        await super().submit(reference, request)

    def _note(self) -> None:
        if self.first is not None:
            self.first.append(FOR_SENDING.get())


@pytest.mark.parametrize(
    "act",
    [
        lambda hand: hand.look(wanted()),
        lambda hand: hand.close(wanted(), "", "screen"),
        lambda hand: hand.flatten("paper", "screen"),
    ],
    ids=["look", "close", "flatten"],
)
async def test_what_the_operator_closes_comes_before_what_clients_read(
    tmp_path: Path, act: Callable[[ByHand], Any]
) -> None:
    async with open_desk(tmp_path / "data", make=Asked) as desk:
        await hold(desk, desk.grants.give("claude"), "5")
        broker = desk.connections.need("paper").broker
        assert isinstance(broker, Asked)
        broker.first = []
        await act(by_hand(desk))
        assert len(broker.first) > 2
        assert all(broker.first)
        assert not FOR_SENDING.get(), "what is asked afterwards comes in turn"
