"""Frames and orders of fields, held against what the real client writes and reads."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import Contract, Order, OrderState, TagValue
from ib_async.client import Client
from ib_async.decoder import Decoder

from tests.gateway.wire import COMPLETED_ORDER, OPEN_ORDER, UNSET, contract_in, frame, named, pick, placed_order, text

CONTRACT = Contract(
    conId=265001, symbol="ALFA", secType="OPT", lastTradeDateOrContractMonth="20261218", strike=412.5, right="C",
    multiplier="100", exchange="SMART", primaryExchange="CBOE", currency="USD", localSymbol="ALFA  261218C00412500",
    tradingClass="ALFA",
)  # fmt: skip


def sent(contract: Contract, order: Order) -> list[str]:
    """Return the fields of placeOrder as the real client writes them at server version 178."""
    client = Client(SimpleNamespace())
    client._serverVersion = 178
    client.connState = Client.CONNECTED
    messages: list[str] = []
    client.sendMsg = messages.append  # type: ignore[method-assign]
    client.placeOrder(42, contract, order)
    return messages[0].split("\0")[:-1]


def told(number: int, fields: list[str]) -> tuple[Contract, Order, OrderState]:
    """Return what the real client reads from openOrder (5) or completedOrder (101)."""
    heard: list[tuple[object, ...]] = []
    wrapper = SimpleNamespace(
        openOrder=lambda order_id, *rest: heard.append(rest), completedOrder=lambda *rest: heard.append(rest)
    )
    decoder = Decoder(wrapper, 178)  # type: ignore[arg-type]
    decoder.handlers[number]([str(number), *fields])
    contract, order, state = heard[0]
    assert isinstance(contract, Contract)
    assert isinstance(order, Order)
    assert isinstance(state, OrderState)
    return contract, order, state


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_a_frame_is_its_length_and_every_field_ended_by_nul(fields: list[str]) -> None:
    whole = frame(*fields)
    assert int.from_bytes(whole[:4]) == len(whole) - 4
    assert whole[4:].decode().split("\0") == [*fields, ""]


@pytest.mark.parametrize(
    ("value", "written"),
    [(True, "1"), (False, "0"), (None, ""), (Decimal("1E+3"), "1000"), (Decimal("0.0000001"), "0.0000001"), (7, "7")],
)
def test_values_are_written_as_the_wire_has_them(value: object, written: str) -> None:
    assert text(value) == written


def test_the_gateway_reads_every_field_that_the_client_writes_of_an_order() -> None:
    order = Order(
        action="SELL", totalQuantity=12.5, orderType="TRAIL LIMIT", lmtPrice=101.25, auxPrice=2.5, tif="GTC",
        ocaGroup="group", account="DU1", openClose="O", origin=0, orderRef="ck:ref", transmit=False, parentId=41,
        displaySize=3, outsideRth=True, goodTillDate="20261231 16:00:00", ocaType=2, minQty=5, trailStopPrice=99.5,
        trailingPercent=1.5, algoStrategy="Adaptive", algoParams=[TagValue("adaptivePriority", "Normal")], whatIf=True,
        lmtPriceOffset=0.25, cashQty=7.5, autoCancelParent=True, manualOrderTime="20261121-10:00:00", duration=60,
    )  # fmt: skip
    read = placed_order(sent(CONTRACT, order))
    wanted = {
        "orderId": "42", "conId": "265001", "symbol": "ALFA", "secType": "OPT", "expiry": "20261218", "strike": "412.5",
        "right": "C", "multiplier": "100", "exchange": "SMART", "primaryExchange": "CBOE", "currency": "USD",
        "localSymbol": "ALFA  261218C00412500", "tradingClass": "ALFA", "action": "SELL", "totalQuantity": "12.5",
        "orderType": "TRAIL LIMIT", "lmtPrice": "101.25", "auxPrice": "2.5", "tif": "GTC", "ocaGroup": "group",
        "account": "DU1", "openClose": "O", "origin": "0", "orderRef": "ck:ref", "transmit": "0", "parentId": "41",
        "displaySize": "3", "outsideRth": "1", "goodTillDate": "20261231 16:00:00", "ocaType": "2", "minQty": "5",
        "trailStopPrice": "99.5", "trailingPercent": "1.5", "algoStrategy": "Adaptive", "whatIf": "1",
        "lmtPriceOffset": "0.25", "cashQty": "7.5", "autoCancelParent": "1", "manualOrderTime": "20261121-10:00:00",
        "duration": "60",
    }  # fmt: skip
    assert {name: read[name] for name in wanted} == wanted


@pytest.mark.parametrize("kind", ["BAG", "hedge", "scale", "neutral"])
def test_the_rarer_parts_of_an_order_move_no_field(kind: str) -> None:
    contract, order = CONTRACT, Order(action="BUY", totalQuantity=1, orderType="LMT", lmtPrice=5, whatIf=True)
    if kind == "BAG":
        contract = Contract(secType="BAG", symbol="ALFA", exchange="SMART", currency="USD")
        order.smartComboRoutingParams = [TagValue("NonGuaranteed", "1")]
    elif kind == "hedge":
        order.hedgeType, order.hedgeParam = "B", "1.0"
    elif kind == "scale":
        order.scalePriceIncrement = 0.5
    else:
        order.deltaNeutralOrderType = "LMT"
    assert placed_order(sent(contract, order))["whatIf"] == "1"


def test_an_order_that_ends_too_early_is_refused() -> None:
    fields = sent(CONTRACT, Order(action="BUY", totalQuantity=1, orderType="LMT", lmtPrice=5))
    with pytest.raises(ValueError, match="fields"):
        placed_order(fields[:-5])


def test_the_client_reads_an_open_order_field_by_field() -> None:
    assert len(OPEN_ORDER) == 126
    values = {
        "orderId": 42, "conId": 265001, "symbol": "ALFA", "secType": "STK", "exchange": "SMART", "currency": "USD",
        "localSymbol": "ALFA", "tradingClass": "NMS", "action": "BUY", "totalQuantity": "12.5", "orderType": "TRAIL",
        "lmtPrice": "101.25", "auxPrice": "2.5", "tif": "GTC", "ocaGroup": "group", "account": "DU1", "orderRef": "ck:ref",
        "clientId": 17, "permId": 900001, "outsideRth": True, "goodTillDate": "20261231", "ocaType": 3, "minQty": 5,
        "parentId": 41, "trailStopPrice": "99.5", "trailingPercent": "1.5", "whatIf": False, "status": "PreSubmitted",
        "initMarginChange": "2500", "commission": "1.25", "commissionCurrency": "USD", "warningText": "mind",
        "lmtPriceOffset": "0.25", "cashQty": "7.5", "duration": 60, "autoCancelParent": True, "minTradeQty": 9,
        "midOffsetAtHalf": "0.125", "maxCommission": UNSET,
    }  # fmt: skip
    contract, order, state = told(5, pick(OPEN_ORDER, values))
    assert (contract.conId, contract.exchange, contract.tradingClass) == (265001, "SMART", "NMS")
    assert (order.totalQuantity, order.lmtPrice, order.auxPrice, order.tif) == (12.5, 101.25, 2.5, "GTC")
    assert (order.orderRef, order.clientId, order.permId, order.parentId) == ("ck:ref", 17, 900001, 41)
    assert (order.outsideRth, order.ocaType, order.minQty, order.goodTillDate) == (True, 3, 5, "20261231")
    assert (order.trailStopPrice, order.trailingPercent, order.lmtPriceOffset) == (99.5, 1.5, 0.25)
    assert (state.status, state.initMarginChange, state.commission) == ("PreSubmitted", "2500", 1.25)
    assert (state.commissionCurrency, state.warningText) == ("USD", "mind")
    assert (order.cashQty, order.duration, order.autoCancelParent) == (7.5, 60, True)
    assert (order.minTradeQty, order.midOffsetAtHalf) == (9, 0.125)


def test_the_client_reads_a_completed_order_field_by_field() -> None:
    assert len(COMPLETED_ORDER) == 95
    values = {
        "conId": 265001, "symbol": "ALFA", "secType": "STK", "exchange": "SMART", "action": "SELL", "totalQuantity": 12,
        "orderType": "LMT", "lmtPrice": "101.25", "orderRef": "ck:ref", "permId": 900001, "ocaType": 3, "minQty": 5,
        "trailStopPrice": "99.5", "status": "Filled", "filledQuantity": 12, "parentPermId": 77, "cashQty": "7.5",
        "completedTime": "20261121 09:30:00 US/Eastern", "completedStatus": "Filled Size: 12", "midOffsetAtHalf": "0.125",
    }  # fmt: skip
    contract, order, state = told(101, pick(COMPLETED_ORDER, values))
    assert (contract.symbol, order.action, order.totalQuantity, order.lmtPrice) == ("ALFA", "SELL", 12, 101.25)
    assert (order.orderRef, order.permId, order.orderId, order.clientId) == ("ck:ref", 900001, 0, 0)
    assert (order.ocaType, order.minQty, order.trailStopPrice, order.cashQty) == (3, 5, 99.5, 7.5)
    assert (order.filledQuantity, order.parentPermId, order.midOffsetAtHalf) == (12, 77, 0.125)
    assert (state.status, state.completedStatus) == ("Filled", "Filled Size: 12")
    assert state.completedTime == "20261121 09:30:00 US/Eastern"


def test_fields_that_are_missing_are_named() -> None:
    with pytest.raises(ValueError, match="2 fields are needed, 1 came"):
        named(("one", "two"), ["1"])
    with pytest.raises(ValueError, match="12 fields"):
        contract_in(["1", "2"], 0)
