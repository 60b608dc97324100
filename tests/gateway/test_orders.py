"""Orders of the real client at the gateway, from their first status to their end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from ib_async import IB, ExecutionFilter, Forex, Order, Trade

from tests.gateway import FakeGateway
from tests.gateway.clients import connected, order, status, stock, until
from tests.gateway.fixtures import gateway as gateway

ACCOUNT = "DU1234567"


@pytest.fixture
async def ib(gateway: FakeGateway) -> AsyncIterator[IB]:
    """A client of a gateway at which ALFA is quoted 100 to 100.02."""
    gateway.world.set("ALFA", "100", "100.02", "100.01")
    async with connected(gateway) as client:
        yield client


def statuses(trade: Trade) -> list[str]:
    return list(dict.fromkeys(entry.status for entry in trade.log))


def codes_of(ib: IB) -> list[tuple[int, int]]:
    """Return a list that fills with the request or order id and code of each error."""
    heard: list[tuple[int, int]] = []
    ib.errorEvent += lambda request, code, *_: heard.append((request, code))
    return heard


async def test_an_order_at_the_market_is_told_presubmitted_first_and_then_filled(gateway: FakeGateway, ib: IB) -> None:
    trade = await status(ib.placeOrder(stock(gateway), order("BUY", 10, orderRef="ck:one")), "Filled")
    assert statuses(trade) == ["PendingSubmit", "PreSubmitted", "Filled"]
    await until(trade.commissionReportEvent, lambda: trade.fills[0].commissionReport.commission == 1)
    assert (trade.fills[0].execution.price, trade.orderStatus.avgFillPrice) == (100.02, 100.02)
    assert gateway.book.order("ck:one").average == Decimal("100.02")
    assert gateway.book.holdings.quantity(ACCOUNT, gateway.world.one("ALFA")) == 10
    assert gateway.book.holdings.cash[ACCOUNT]["USD"] == Decimal("998998.80")


async def test_a_limit_order_rests_and_is_filled_at_its_limit_once_the_market_comes(
    gateway: FakeGateway, ib: IB
) -> None:
    trade = await status(ib.placeOrder(stock(gateway), order("SELL", 5, "LMT", lmtPrice=101)), "Submitted")
    gateway.world.set("ALFA", "102", "102.02")
    await status(trade, "Filled")
    assert trade.orderStatus.avgFillPrice == 101


async def test_a_limit_order_that_crosses_takes_the_touch(gateway: FakeGateway, ib: IB) -> None:
    trade = await status(ib.placeOrder(stock(gateway), order("BUY", 5, "LMT", lmtPrice=105)), "Filled")
    assert trade.orderStatus.avgFillPrice == 100.02


async def test_what_is_displayed_is_filled_and_the_rest_waits_for_the_next_quote(gateway: FakeGateway, ib: IB) -> None:
    gateway.world.set("ALFA", "100", "100.02", ask_size=30)
    trade = ib.placeOrder(stock(gateway), order("BUY", 50, "LMT", lmtPrice=100.02))
    await until(trade.statusEvent, lambda: trade.orderStatus.filled == 30)
    assert trade.orderStatus.remaining == 20
    other = await status(ib.placeOrder(stock(gateway), order("BUY", 1, "LMT", lmtPrice=100.02)), "Submitted")
    assert other.orderStatus.filled == 0
    gateway.world.set("ALFA", "100", "100.02", ask_size=30)
    await status(trade, "Filled")
    await status(other, "Filled")


async def test_an_order_at_the_market_walks_beyond_what_is_displayed(gateway: FakeGateway, ib: IB) -> None:
    gateway.world.set("ALFA", "100", "100.02", ask_size=30)
    trade = await status(ib.placeOrder(stock(gateway), order("BUY", 50)), "Filled")
    assert [(one.execution.shares, one.execution.price) for one in trade.fills] == [(30, 100.02), (20, 100.03)]
    assert [one.execution.cumQty for one in trade.fills] == [30, 50]


async def test_commissions_of_one_order_add_up_to_its_fee(gateway: FakeGateway, ib: IB) -> None:
    trade = ib.placeOrder(stock(gateway), order("BUY", 1000, "LMT", lmtPrice=99))
    await status(trade, "Submitted")
    for quantity in (100, 200, 700):
        gateway.book.fill(gateway.book.live()[0], quantity, "99")
    await until(
        trade.commissionReportEvent, lambda: len(trade.fills) == 3 and bool(trade.fills[2].commissionReport.currency)
    )
    assert [one.commissionReport.commission for one in trade.fills] == [1, 0.5, 3.5]


@pytest.mark.parametrize(
    ("side", "stop", "market", "filled_at"),
    [("SELL", 98, ("97.50", "97.52"), 97.5), ("BUY", 103, ("103.50", "103.52"), 103.52)],
)
async def test_a_stop_waits_for_its_trigger_and_takes_the_market(
    gateway: FakeGateway, ib: IB, side: str, stop: float, market: tuple[str, str], filled_at: float
) -> None:
    trade = await status(ib.placeOrder(stock(gateway), order(side, 5, "STP", auxPrice=stop)), "PreSubmitted")
    assert trade.orderStatus.whyHeld == "trigger"
    gateway.world.set("ALFA", "99", "101")
    gateway.world.set("ALFA", *market)
    await status(trade, "Filled")
    assert statuses(trade) == ["PendingSubmit", "PreSubmitted", "Submitted", "Filled"]
    assert trade.orderStatus.avgFillPrice == filled_at


async def test_a_stop_limit_rests_at_its_limit_after_the_trigger(gateway: FakeGateway, ib: IB) -> None:
    sent = order("SELL", 5, "STP LMT", auxPrice=98, lmtPrice=97.9)
    trade = await status(ib.placeOrder(stock(gateway), sent), "PreSubmitted")
    gateway.world.set("ALFA", "97", "97.02")
    await status(trade, "Submitted")
    assert trade.orderStatus.filled == 0
    gateway.world.set("ALFA", "97.95", "97.97")
    await status(trade, "Filled")
    assert trade.orderStatus.avgFillPrice == 97.9


@pytest.mark.parametrize("terms", [{"auxPrice": 2}, {"trailingPercent": 2}])
async def test_a_trailing_stop_follows_the_market_in_its_favour_alone(
    gateway: FakeGateway, ib: IB, terms: dict[str, float]
) -> None:
    gateway.world.set("ALFA", "100", "100.02", "100")
    trade = await status(ib.placeOrder(stock(gateway), order("SELL", 5, "TRAIL", **terms)), "PreSubmitted")
    (kept,) = gateway.book.live()
    assert kept.stop == 98
    gateway.world.set("ALFA", "110", "110.02", "110")
    assert kept.stop == (108 if "auxPrice" in terms else Decimal("107.8"))
    gateway.world.set("ALFA", "109", "109.02", "109")
    assert kept.stop > Decimal(107)
    assert not kept.done
    gateway.world.set("ALFA", "107.70", "107.72", "107.71")
    await status(trade, "Filled")
    assert trade.orderStatus.avgFillPrice == 107.7


async def test_an_order_for_now_is_filled_in_part_and_cancelled_for_the_rest(gateway: FakeGateway, ib: IB) -> None:
    gateway.world.set("ALFA", "100", "100.02", ask_size=30)
    trade = ib.placeOrder(stock(gateway), order("BUY", 50, "LMT", lmtPrice=100.02, tif="IOC"))
    await status(trade, "Cancelled")
    assert trade.orderStatus.filled == 30
    assert statuses(trade)[-2:] == ["PendingCancel", "Cancelled"]


async def test_all_or_nothing_without_enough_displayed_ends_inactive(gateway: FakeGateway, ib: IB) -> None:
    gateway.world.set("ALFA", "100", "100.02", ask_size=30)
    trade = ib.placeOrder(stock(gateway), order("BUY", 50, "LMT", lmtPrice=100.02, tif="FOK"))
    await status(trade, "Inactive")
    assert trade.fills == []
    whole = ib.placeOrder(stock(gateway), order("BUY", 30, "LMT", lmtPrice=100.02, tif="FOK"))
    await status(whole, "Filled")


async def test_the_end_of_the_day_takes_day_orders_and_leaves_those_that_are_good_till_cancelled(
    gateway: FakeGateway, ib: IB
) -> None:
    day = await status(ib.placeOrder(stock(gateway), order("BUY", 1, "LMT", lmtPrice=90)), "Submitted")
    lasting = ib.placeOrder(stock(gateway), order("BUY", 1, "LMT", lmtPrice=90, tif="GTC"))
    await status(lasting, "Submitted")
    gateway.book.close_day()
    await status(day, "Cancelled")
    assert [one.time_in_force for one in gateway.book.live()] == ["GTC"]


async def test_outside_regular_hours_only_those_that_may_are_filled(gateway: FakeGateway, ib: IB) -> None:
    gateway.book.hours = "extended"
    heard = codes_of(ib)
    waits = await status(
        ib.placeOrder(stock(gateway), order("BUY", 1, "LMT", lmtPrice=101)), "PreSubmitted", "ValidationError"
    )
    goes = ib.placeOrder(stock(gateway), order("BUY", 1, "LMT", lmtPrice=101, outsideRth=True))
    await status(goes, "Filled")
    assert (waits.order.orderId, 399) in heard
    gateway.book.hours = "regular"
    gateway.world.set("ALFA", "100", "100.02")
    await status(waits, "Filled")


async def test_nothing_of_a_bracket_is_known_before_its_last_leg_is_transmitted(gateway: FakeGateway, ib: IB) -> None:
    legs = ib.bracketOrder("BUY", 10, 99, 110, 90)
    trades = [ib.placeOrder(stock(gateway), leg) for leg in legs[:2]]
    await ib.reqCurrentTimeAsync()
    assert gateway.book.live() == []
    assert await ib.reqAllOpenOrdersAsync() == []
    assert all(statuses(trade) == ["PendingSubmit"] for trade in trades)
    trades.append(ib.placeOrder(stock(gateway), legs[2]))
    await status(trades[2], "PreSubmitted")
    assert [trade.orderStatus.status for trade in trades] == ["Submitted", "PreSubmitted", "PreSubmitted"]


async def test_the_legs_of_a_bracket_wait_for_their_entry_and_one_ends_the_other(gateway: FakeGateway, ib: IB) -> None:
    entry, target, stop = (ib.placeOrder(stock(gateway), leg) for leg in ib.bracketOrder("BUY", 10, 99, 110, 90))
    await status(stop, "PreSubmitted")
    gateway.world.set("ALFA", "120", "120.02")
    assert len(gateway.book.live()) == 3, "legs that wait meet no market"
    gateway.world.set("ALFA", "98.98", "98.99")
    await status(entry, "Filled")
    await status(target, "Submitted")
    assert stop.orderStatus.status == "PreSubmitted"
    gateway.world.set("ALFA", "110", "110.02")
    await status(target, "Filled")
    await status(stop, "Cancelled")
    assert gateway.book.holdings.quantity(ACCOUNT, gateway.world.one("ALFA")) == 0


async def test_a_cancelled_entry_takes_its_legs_along(gateway: FakeGateway, ib: IB) -> None:
    entry, target, stop = (ib.placeOrder(stock(gateway), leg) for leg in ib.bracketOrder("BUY", 10, 99, 110, 90))
    await status(stop, "PreSubmitted")
    ib.cancelOrder(entry.order)
    for trade in (entry, target, stop):
        await status(trade, "Cancelled")


async def test_legs_get_the_size_that_their_entry_has_filled_when_it_is_cancelled(gateway: FakeGateway, ib: IB) -> None:
    entry, _, stop = (ib.placeOrder(stock(gateway), leg) for leg in ib.bracketOrder("BUY", 10, 99, 110, 90))
    await status(stop, "PreSubmitted")
    gateway.book.fill(gateway.book.live()[0], 4)
    ib.cancelOrder(entry.order)
    await status(entry, "Cancelled")
    assert [one.quantity for one in gateway.book.live()] == [4, 4]


@pytest.mark.parametrize(("kind", "left"), [(1, []), (3, [6])])
async def test_a_fill_of_one_cancels_or_reduces_the_others_of_its_group(
    gateway: FakeGateway, ib: IB, kind: int, left: list[int]
) -> None:
    pair = ib.oneCancelsAll([order("BUY", 10, "LMT", lmtPrice=at) for at in (98, 99)], "group", kind)
    for one in pair:
        await status(ib.placeOrder(stock(gateway), one), "Submitted")
    gateway.book.fill(gateway.book.live()[0], 4)
    assert [one.remaining for one in gateway.book.live()][1:] == left


async def test_a_cancel_is_told_as_a_status_and_then_as_error_202(gateway: FakeGateway, ib: IB) -> None:
    trade = await status(ib.placeOrder(stock(gateway), order("BUY", 1, "LMT", lmtPrice=90)), "Submitted")
    order_of_news: list[object] = []
    ib.orderStatusEvent += lambda trade: order_of_news.append(trade.orderStatus.status)
    ib.errorEvent += lambda _, code, *__: order_of_news.append(code)
    ib.cancelOrder(trade.order)
    await until(ib.errorEvent, lambda: 202 in order_of_news)
    assert order_of_news == ["PendingCancel", "Cancelled", 202]


async def test_a_cancel_of_what_is_unknown_or_over_is_answered_so(gateway: FakeGateway, ib: IB) -> None:
    heard = codes_of(ib)
    trade = await status(ib.placeOrder(stock(gateway), order("BUY", 1)), "Filled")
    ib.client.cancelOrder(trade.order.orderId)
    ib.client.cancelOrder(4711)
    await until(ib.errorEvent, lambda: len(heard) == 2)
    assert heard == [(trade.order.orderId, 10148), (4711, 10147)]


async def test_a_change_of_price_and_size_keeps_the_order(gateway: FakeGateway, ib: IB) -> None:
    trade = await status(
        ib.placeOrder(stock(gateway), order("BUY", 5, "LMT", lmtPrice=90, orderRef="ck:1")), "Submitted"
    )
    kept = gateway.book.order("ck:1")
    trade.order.lmtPrice, trade.order.totalQuantity = 91, 7
    ib.placeOrder(trade.contract, trade.order)
    await until(trade.statusEvent, lambda: trade.orderStatus.remaining == 7)
    assert (kept.limit, kept.quantity, len(gateway.book.orders)) == (91, 7, 1)
    trade.order.lmtPrice = 101
    ib.placeOrder(trade.contract, trade.order)
    await status(trade, "Filled")
    assert trade.orderStatus.avgFillPrice == 100.02


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"action": "SELL"}, 105), ({"orderType": "MKT"}, 329), ({"totalQuantity": 2}, 201), ({"lmtPrice": 90.005}, 110)],
)
async def test_a_change_that_is_refused_leaves_the_order_as_it_was(
    gateway: FakeGateway, ib: IB, changed: dict[str, object], code: int
) -> None:
    heard = codes_of(ib)
    trade = await status(
        ib.placeOrder(stock(gateway), order("BUY", 5, "LMT", lmtPrice=90, orderRef="ck:1")), "Submitted"
    )
    kept = gateway.book.order("ck:1")
    gateway.book.fill(kept, 2)
    terms = dict(kept.terms)
    for name, value in changed.items():
        setattr(trade.order, name, value)
    ib.client.placeOrder(trade.order.orderId, trade.contract, trade.order)
    await until(ib.errorEvent, lambda: heard == [(trade.order.orderId, code)])
    assert (kept.terms, kept.done) == (terms, False)


async def test_an_id_that_was_used_is_not_taken_for_another_order(gateway: FakeGateway, ib: IB) -> None:
    heard = codes_of(ib)
    trade = await status(ib.placeOrder(stock(gateway), order("BUY", 1)), "Filled")
    for used in (trade.order.orderId, trade.order.orderId - 1):
        ib.client.placeOrder(used, stock(gateway), order("BUY", 1))
    await until(ib.errorEvent, lambda: len(heard) == 2)
    assert [code for _, code in heard] == [104, 103]
    assert len(gateway.book.orders) == 1


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (order("BUY", 0), 434),
        (order("BUY", 1, "LMT", lmtPrice=90.001), 110),
        (order("BUY", 1, "LMT"), 321),
        (order("HOLD", 1), 321),
        (order("BUY", 1, "PEG MID"), 387),
        (order("BUY", 0.00001), 10318),
        (order("BUY", 1_000_000), 201),
        (order("BUY", 1, "LMT", lmtPrice=90, parentId=4711), 10006),
        (order("SELL", 1, "TRAIL"), 321),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else value.orderType,
)  # fmt: skip
async def test_an_order_that_can_not_be_is_refused_with_its_code(
    gateway: FakeGateway, ib: IB, sent: Order, code: int
) -> None:
    heard = codes_of(ib)
    ib.client.placeOrder(ib.client.getReqId(), stock(gateway), sent)
    await until(ib.errorEvent, lambda: [one for _, one in heard] == [code])
    assert not gateway.book.orders


async def test_an_order_on_nothing_that_exists_is_refused(gateway: FakeGateway, ib: IB) -> None:
    heard = codes_of(ib)
    contract = stock(gateway)
    contract.conId = 4711
    ib.placeOrder(contract, order("BUY", 1))
    await until(ib.errorEvent, lambda: [one for _, one in heard] == [200])


async def test_a_preview_tells_margins_and_commission_and_places_nothing(gateway: FakeGateway, ib: IB) -> None:
    state = await ib.whatIfOrderAsync(stock(gateway), order("BUY", 100, "LMT", lmtPrice=100))
    numbers = state.numeric()
    assert (numbers.initMarginChange, numbers.commission, state.commissionCurrency) == (2500, 1, "USD")
    assert numbers.equityWithLoanAfter == 999_999
    assert not gateway.book.orders
    gateway.book.holdings.put(ACCOUNT, gateway.world.one("ALFA"), Decimal(100), Decimal(90))
    closing = await ib.whatIfOrderAsync(stock(gateway), order("SELL", 100, "LMT", lmtPrice=100))
    assert closing.numeric().initMarginChange == -2500


async def test_one_client_sees_and_cancels_what_another_placed_but_hears_only_of_its_own(
    gateway: FakeGateway, ib: IB
) -> None:
    placed = await status(
        ib.placeOrder(stock(gateway), order("BUY", 1, "LMT", lmtPrice=90, orderRef="ck:1")), "Submitted"
    )
    async with connected(gateway, 117) as panic:
        assert await panic.reqOpenOrdersAsync() == []
        (seen,) = await panic.reqAllOpenOrdersAsync()
        assert (seen.order.clientId, seen.order.orderRef, seen.order.permId) == (17, "ck:1", placed.order.permId)
        panic.client.cancelOrder(seen.order.orderId)
        await status(placed, "Cancelled")
        assert seen.orderStatus.status == "Submitted"


async def test_a_global_cancel_reaches_every_client_and_what_was_placed_by_hand(gateway: FakeGateway, ib: IB) -> None:
    placed = await status(ib.placeOrder(stock(gateway), order("BUY", 1, "LMT", lmtPrice=90)), "Submitted")
    gateway.book.foreign("BRVO", "SELL", 100, limit="90.00")
    async with connected(gateway, 117) as panic:
        panic.reqGlobalCancel()
        await status(placed, "Cancelled")
    assert gateway.book.live() == []


async def test_an_order_placed_by_hand_is_seen_without_a_client(gateway: FakeGateway, ib: IB) -> None:
    mine = gateway.book.foreign("BRVO", "SELL", 100, limit="90.00")
    (seen,) = await ib.reqAllOpenOrdersAsync()
    assert (seen.order.orderId, seen.order.clientId, seen.order.permId) == (0, 0, mine.perm_id)
    assert (seen.order.orderRef, seen.order.totalQuantity, seen.contract.symbol) == ("", 100, "BRVO")
    gateway.book.fill(mine, 40)
    (fill,) = await ib.reqExecutionsAsync()
    assert (fill.execution.permId, fill.execution.shares) == (mine.perm_id, 40)


async def test_orders_that_ended_are_told_without_the_ids_of_their_client(gateway: FakeGateway, ib: IB) -> None:
    await status(ib.placeOrder(stock(gateway), order("BUY", 3, orderRef="ck:filled")), "Filled")
    resting = ib.placeOrder(stock(gateway), order("BUY", 1, "LMT", lmtPrice=90, orderRef="ck:gone"))
    await status(resting, "Submitted")
    ib.cancelOrder(resting.order)
    await status(resting, "Cancelled")
    filled, gone = await ib.reqCompletedOrdersAsync(False)
    assert (filled.order.orderRef, filled.order.orderId, filled.order.clientId) == ("ck:filled", 0, 0)
    assert (filled.orderStatus.status, filled.order.filledQuantity) == ("Filled", 3)
    assert (gone.order.orderRef, gone.orderStatus.status) == ("ck:gone", "Cancelled")
    gateway.book.forget_done()
    assert await ib.reqCompletedOrdersAsync(False) == []


async def test_executions_are_told_by_filter_then_their_end_then_their_commissions(
    gateway: FakeGateway, ib: IB
) -> None:
    for name, quantity in (("ALFA", 3), ("BRVO", 4)):
        await status(ib.placeOrder(stock(gateway, name), order("BUY", quantity, orderRef=f"ck:{name}")), "Filled")
    async with connected(gateway, 18) as other:
        fills = await other.reqExecutionsAsync(ExecutionFilter(symbol="BRVO"))
        assert [(one.execution.orderRef, one.execution.shares, one.contract.symbol) for one in fills] == [
            ("ck:BRVO", 4, "BRVO")
        ]
        assert await other.reqExecutionsAsync(ExecutionFilter(side="SELL")) == []
        assert await other.reqExecutionsAsync(ExecutionFilter(clientId=18)) == []
        assert await other.reqExecutionsAsync(ExecutionFilter(time="20990101 00:00:00")) == []
        assert len(await other.reqExecutionsAsync(ExecutionFilter(time="20200101 00:00:00", acctCode=ACCOUNT))) == 2


async def test_a_short_that_is_bought_back_realizes_what_it_earned(gateway: FakeGateway, ib: IB) -> None:
    await status(ib.placeOrder(stock(gateway), order("SELL", 10)), "Filled")
    gateway.world.set("ALFA", "89.98", "90")
    trade = await status(ib.placeOrder(stock(gateway), order("BUY", 15)), "Filled")
    await until(trade.commissionReportEvent, lambda: trade.fills[0].commissionReport.realizedPNL == 99)
    (held,) = gateway.book.holdings.of(ACCOUNT)
    assert (held.quantity, held.average, held.realized) == (5, 90, 100)


async def test_a_pair_of_currencies_moves_cash_and_holds_nothing(gateway: FakeGateway, ib: IB) -> None:
    pair = Forex("EURUSD")
    pair.conId = gateway.world.one("EUR").con_id
    gateway.world.set("EUR", "1.085", "1.0851", ask_size=1_000_000)
    await status(ib.placeOrder(pair, order("BUY", 10_000)), "Filled")
    assert gateway.book.holdings.cash[ACCOUNT] == {"EUR": 10_000, "USD": Decimal(1_000_000) - Decimal(10851) - 2}
    assert gateway.book.holdings.of(ACCOUNT) == []


async def test_an_order_refused_after_it_was_acknowledged_ends_inactive(gateway: FakeGateway, ib: IB) -> None:
    heard = codes_of(ib)
    trade = await status(ib.placeOrder(stock(gateway), order("SELL", 1, "LMT", lmtPrice=110)), "Submitted")
    gateway.book.reject(gateway.book.live()[0])
    await status(trade, "Inactive")
    assert heard == [(trade.order.orderId, 201)]


async def test_cash_and_cost_are_what_was_paid_and_earned_to_the_last_digit(gateway: FakeGateway, ib: IB) -> None:
    for side, quantity in (("BUY", 7), ("BUY", 3), ("SELL", 4), ("SELL", 11), ("BUY", 2)):
        trade = ib.placeOrder(stock(gateway), order(side, quantity))
        await status(trade, "Filled")
        gateway.world.set("ALFA", "101.37", "101.41")
    holdings = gateway.book.holdings
    held = holdings.held[ACCOUNT, gateway.world.one("ALFA").con_id]
    paid = sum(one.fee for one in gateway.book.executions)
    assert holdings.cash[ACCOUNT]["USD"] + held.cost == 1_000_000 + held.realized - paid


async def test_a_short_that_waits_for_shares_is_inactive_and_lives(gateway: FakeGateway, ib: IB) -> None:
    trade = await status(ib.placeOrder(stock(gateway), order("SELL", 10, "LMT", lmtPrice=110)), "Submitted")
    (kept,) = gateway.book.live()
    gateway.book.set_status(kept, "Inactive", "locate")
    await until(trade.statusEvent, lambda: trade.orderStatus.whyHeld == "locate")
    gateway.world.set("ALFA", "111", "111.02")
    assert (kept.done, kept.filled) == (False, 0)
    gateway.book.set_status(kept, "Submitted")
    gateway.world.set("ALFA", "111", "111.02")
    await status(trade, "Filled")
