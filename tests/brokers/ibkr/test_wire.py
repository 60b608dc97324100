"""What is published of what came over the wire, and that it is published as it came."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async.contract import Contract
from ib_async.objects import CommissionReport, Execution
from ib_async.order import Order, OrderState
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER
from ib_async.wrapper import RequestError

from cockpit.brokers.ibkr.tap import CockpitIB
from cockpit.brokers.ibkr.wire import (
    WireCommission,
    WireCompleted,
    WireDataType,
    WireError,
    WireExecution,
    WireMarket,
    WireOpen,
    WireRecord,
    WireStatus,
    WireTick,
    WireUnread,
    count,
    number,
    tick_price,
)
from cockpit.model.text import is_harmless
from tests.brokers.ibkr.clocks import NOON, StandingClock

EVIL = "\x1b[2J\u202eevil\0"


@dataclasses.dataclass
class Tapped:
    ib: CockpitIB
    records: list[WireRecord]
    market: list[WireMarket]


@pytest.fixture
def tapped() -> Tapped:
    records: list[WireRecord] = []
    market: list[WireMarket] = []
    return Tapped(CockpitIB(StandingClock(), lambda: None, records.append, market.append), records, market)


def test_an_open_order_is_published_with_decimals_and_without_what_is_unset(tapped: Tapped) -> None:
    contract = Contract(conId=265598, symbol="AAPL", secType="STK", currency="USD", exchange="SMART", strike=0.0)
    order = Order(
        orderId=7, clientId=17, permId=900, action="BUY", totalQuantity=10.0, orderType="LMT", lmtPrice=0.1 + 0.2,
        auxPrice=UNSET_DOUBLE, tif="GTC", orderRef="ck:1", account="DU1", parentId=3, displaySize=UNSET_INTEGER,
    )  # fmt: skip
    tapped.ib.wrapper.openOrder(7, contract, order, OrderState(status="PreSubmitted"))
    (record,) = tapped.records
    assert isinstance(record, WireOpen)
    assert (record.order_ref, record.perm_id, record.order_id, record.client_id) == ("ck:1", 900, 7, 17)
    assert (record.status, record.at) == ("PreSubmitted", NOON)
    assert (record.terms.quantity, record.terms.limit) == (Decimal(10), Decimal("0.30000000000000004"))
    assert (record.terms.aux, record.terms.display_size, record.terms.parent_id) == (None, None, 3)
    assert record.contract.con_id == 265598


def test_the_answer_to_a_preview_is_no_order(tapped: Tapped) -> None:
    state = OrderState(status="PreSubmitted", initMarginChange="100")
    tapped.ib.wrapper.openOrder(7, Contract(), Order(orderId=7, whatIf=True), state)
    assert tapped.records == []


def test_a_status_is_published_as_it_came_although_ib_async_says_cancelled_after_an_error(tapped: Tapped) -> None:
    tapped.ib.wrapper.clientId = 17
    order = Order(orderId=7, clientId=17, permId=900, orderRef="ck:1", totalQuantity=10.0)
    tapped.ib.wrapper.openOrder(7, Contract(), order, OrderState(status="Submitted"))
    tapped.ib.wrapper.error(7, 10349, "Order TIF was set to DAY based on order preset.", "")
    tapped.ib.wrapper.orderStatus(7, "Submitted", 4.0, 6.0, 1.5, 900, 0, 1.5, 17, "")
    opened, error, status = tapped.records
    assert isinstance(opened, WireOpen)
    assert isinstance(error, WireError)
    assert (error.about, error.code, error.order_ref) == (7, 10349, "ck:1")
    assert isinstance(status, WireStatus)
    assert (status.status, status.filled, status.remaining, status.average) == (
        "Submitted", Decimal(4), Decimal(6), Decimal("1.5"),
    )  # fmt: skip
    assert status.order_ref == "ck:1"


def test_a_status_of_an_order_that_this_connection_does_not_know_bears_no_reference(tapped: Tapped) -> None:
    tapped.ib.wrapper.orderStatus(7, "Filled", 10.0, 0.0, 1.5, 900, 0, 1.5, 17, "locate")
    (status,) = tapped.records
    assert isinstance(status, WireStatus)
    assert (status.order_ref, status.perm_id, status.why_held) == ("", 900, "locate")


async def test_a_fill_says_whether_it_came_by_itself(tapped: Tapped) -> None:
    wrapper, at = tapped.ib.wrapper, datetime(2026, 4, 13, 15, 27, 4, tzinfo=UTC)
    fill = Execution(
        execId="0000e0d5.1", time=at, acctNumber="DU1", exchange="ISLAND", side="BOT", shares=5.0, price=412.35,
        permId=900, clientId=17, orderId=UNSET_INTEGER, cumQty=5.0, avgPrice=412.35, orderRef="ck:1",
    )  # fmt: skip
    wrapper.execDetails(-1, Contract(conId=1), fill)
    asked = wrapper.startReq(8)
    wrapper.execDetails(8, Contract(conId=1), fill)
    alone, answered = tapped.records
    assert isinstance(alone, WireExecution)
    assert isinstance(answered, WireExecution)
    assert (alone.live, answered.live) == (True, False)
    assert (alone.quantity, alone.price, alone.order_id, alone.at) == (Decimal(5), Decimal("412.35"), 0, at)
    asked.cancel()


def test_a_commission_that_is_not_known_yet_is_none(tapped: Tapped) -> None:
    report = CommissionReport(execId="1", commission=1.25, currency="USD", realizedPNL=UNSET_DOUBLE)
    tapped.ib.wrapper.commissionReport(report)
    (record,) = tapped.records
    assert isinstance(record, WireCommission)
    assert (record.fee, record.realized) == (Decimal("1.25"), None)


def test_a_completed_order_that_nobody_waits_for_is_published_all_the_same(tapped: Tapped) -> None:
    order = Order(permId=900, orderRef="ck:1", filledQuantity=3.0, totalQuantity=0.0)
    state = OrderState(status="Cancelled", completedTime="20260413-15:27:04", completedStatus="Cancelled by Trader")
    tapped.ib.wrapper.completedOrder(Contract(conId=1), order, state)
    (record,) = tapped.records
    assert isinstance(record, WireCompleted)
    assert (record.order_ref, record.filled, record.completed_status) == ("ck:1", Decimal(3), "Cancelled by Trader")


def test_all_text_is_made_harmless(tapped: Tapped) -> None:
    wrapper = tapped.ib.wrapper
    contract = Contract(conId=1, symbol=EVIL, localSymbol=EVIL, exchange=EVIL)
    order = Order(orderId=7, clientId=17, permId=900, orderRef=EVIL, account=EVIL, action=EVIL, tif=EVIL)
    wrapper.openOrder(7, contract, order, OrderState(status=EVIL, warningText=EVIL * 900))
    wrapper.orderStatus(7, EVIL, 1.0, 1.0, 1.0, 900, 0, 1.0, 17, EVIL)
    wrapper.completedOrder(contract, order, OrderState(status=EVIL, completedStatus=EVIL))
    wrapper.execDetails(-1, contract, Execution(execId=EVIL, side=EVIL, orderRef=EVIL))
    wrapper.commissionReport(CommissionReport(execId=EVIL, currency=EVIL))
    wrapper.error(7, 399, EVIL * 900, EVIL)
    assert len(tapped.records) == 6

    def texts(value: object) -> list[str]:
        if dataclasses.is_dataclass(value):
            return [text for field in dataclasses.fields(value) for text in texts(getattr(value, field.name))]
        return [value] if isinstance(value, str) else []

    for record in tapped.records:
        assert texts(record)
        assert all(is_harmless(text) and len(text) <= 1000 for text in texts(record))


def test_no_record_can_be_changed(tapped: Tapped) -> None:
    tapped.ib.wrapper.error(-1, 2104, "Market data farm connection is OK:usfarm", "")
    with pytest.raises(dataclasses.FrozenInstanceError):
        tapped.records[0].at = NOON  # type: ignore[misc]


@pytest.mark.parametrize("code", [321, 434])
async def test_a_refused_request_that_ib_async_would_leave_open_ends(tapped: Tapped, code: int) -> None:
    asked = tapped.ib.wrapper.startReq(8)
    tapped.ib.wrapper.error(8, code, "Error validating request", "")
    with pytest.raises(RequestError) as told:
        await asyncio.wait_for(asked, 1)
    assert told.value.code == code


async def test_a_warning_does_not_end_a_request(tapped: Tapped) -> None:
    asked = tapped.ib.wrapper.startReq(8)
    tapped.ib.wrapper.error(8, 10167, "Requested market data is not subscribed. Displaying delayed market data.", "")
    assert not asked.done()


def test_a_message_that_cannot_be_read_is_told_and_the_next_one_is_read(tapped: Tapped) -> None:
    decoder = tapped.ib.client.decoder
    decoder.serverVersion = 178
    decoder.interpret(["3", "seven", "Filled"])
    decoder.interpret(["5", "7"])
    decoder.interpret(["nonsense"])
    decoder.interpret([])
    decoder.interpret(["4", "2", "-1", "2104", "Market data farm connection is OK:usfarm", ""])
    assert [record.message for record in tapped.records if isinstance(record, WireUnread)] == [3, 5, -1, -1]
    assert isinstance(tapped.records[-1], WireError)


def test_a_tick_of_a_kind_that_nobody_knows_is_no_doubt_about_an_order(tapped: Tapped) -> None:
    tapped.ib.wrapper.startTicker(9, Contract(conId=1, secType="STK"), "mktData")
    tapped.ib.client.decoder.interpret(["1", "6", "9", "999", "24.5", "100", "0"])
    assert tapped.records == []


def test_prices_come_with_their_kind_and_none_where_there_is_none(tapped: Tapped) -> None:
    wrapper = tapped.ib.wrapper
    wrapper.startTicker(9, Contract(conId=1, secType="STK"), "mktData")
    wrapper.marketDataType(9, 3)
    wrapper.priceSizeTick(9, 66, 24.5, 100.0)
    wrapper.priceSizeTick(9, 67, -1.0, 0.0)
    wrapper.tickGeneric(9, 49, 1.0)
    told, bid, ask, halted = tapped.market
    assert told == WireDataType(NOON, 9, 3)
    assert bid == WireTick(NOON, 9, 66, Decimal("24.5"), Decimal(100))
    assert ask == WireTick(NOON, 9, 67, None, Decimal(0))
    assert halted == WireTick(NOON, 9, 49, Decimal(1), None)


@given(st.floats(allow_nan=False, allow_infinity=False, max_value=1e299, min_value=-1e299))
def test_a_float_keeps_the_digits_that_it_shows(value: float) -> None:
    assert number(value) == Decimal(repr(value))


@pytest.mark.parametrize("unset", [UNSET_DOUBLE, math.nan, math.inf, -math.inf, None, "", "n/a", "NaN"])
def test_what_is_unset_is_none(unset: object) -> None:
    assert number(unset) is None


def test_a_price_of_minus_one_is_a_price_where_something_stands_behind_it() -> None:
    assert tick_price(-1.0, 5.0) == Decimal(-1)
    assert tick_price(-1.0, 0.0) is None
    assert tick_price(math.nan, 5.0) is None
    assert (count(5), count(UNSET_INTEGER)) == (5, None)


def test_ib_async_does_not_ask_for_anything_of_its_own_after_1102(tapped: Tapped) -> None:
    # Its own handler would start a task, and there is no loop here to start one in.
    tapped.ib.errorEvent.emit(-1, 1102, "restored", None)
    assert tapped.records == []
