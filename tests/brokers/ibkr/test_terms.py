"""Orders as Interactive Brokers writes them, and back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async.order import Order

from cockpit.brokers.ibkr import terms
from cockpit.brokers.ibkr.guard import written
from cockpit.brokers.ibkr.wire import WireTerms, number
from cockpit.model.orders import OrderRef, OrderRequest, OrderType, Side, TimeInForce
from cockpit.model.refusals import Refused
from cockpit.model.text import Safe

REFERENCE = OrderRef("ck:01JD0000000000000000000000")
NAMES = {
    OrderType.LIMIT: ("limit_price",),
    OrderType.STOP: ("stop_price",),
    OrderType.STOP_LIMIT: ("limit_price", "stop_price"),
}

prices = st.decimals("0.0001", "999999", places=4).map(lambda price: price.normalize())
quantities = st.decimals("0.0001", "9999999", places=4)


@st.composite
def requests(draw: st.DrawFn) -> OrderRequest:
    kind = draw(st.sampled_from(OrderType))
    names = NAMES.get(kind, ())
    if kind is OrderType.TRAILING_STOP:
        names = (draw(st.sampled_from(["trail_amount", "trail_percent"])),)
    request = OrderRequest(
        "ALFA",
        draw(st.sampled_from(Side)),
        draw(quantities),
        kind,
        None,
        draw(st.sampled_from(TimeInForce)),
        outside_hours=draw(st.booleans()),
    )
    return replace(request, **{name: draw(prices) for name in names})


def heard(order: Order) -> WireTerms:
    """Return the order as TWS echoes it: its numbers went out as text and come back as floating point."""

    def echoed(field: object) -> Decimal | None:
        text = written(field)
        return None if text == "" else number(float(text))

    return WireTerms(
        Safe(order.account), Safe(order.action), echoed(order.totalQuantity), Safe(order.orderType),
        echoed(order.lmtPrice), echoed(order.auxPrice), echoed(order.trailStopPrice), echoed(order.trailingPercent),
        Safe(order.tif), Safe(""), Safe(""), order.outsideRth, Safe(order.ocaGroup), order.parentId, 0, False,
    )  # fmt: skip


def request(**changes: object) -> OrderRequest:
    plain = OrderRequest("ALFA", Side.BUY, Decimal(3), OrderType.LIMIT, Decimal("412.3"), TimeInForce.DAY)
    return replace(plain, **changes)  # type: ignore[arg-type]


@given(requests())
def test_every_order_reads_back_as_it_was(wanted: OrderRequest) -> None:
    read = terms.read("ALFA", heard(terms.order_of(REFERENCE, wanted, "DU1")))

    assert read == terms.Read(wanted, Safe(""))


@given(requests())
def test_no_number_leaves_with_an_exponent_or_as_floating_point(wanted: OrderRequest) -> None:
    order = terms.order_of(REFERENCE, wanted, "DU1")

    for field in (order.totalQuantity, order.lmtPrice, order.auxPrice, order.trailingPercent):
        text = written(field)
        assert text == "" or Decimal(text) in {
            wanted.quantity, wanted.limit_price, wanted.stop_price, wanted.trail_amount, wanted.trail_percent,
        }  # fmt: skip
        assert set(text) <= set("0123456789.")


@pytest.mark.parametrize("quantity", ["1E+2", "0.00000001", "1E-8", "100.0000000"])
def test_numbers_are_written_plainly(quantity: str) -> None:
    order = terms.order_of(REFERENCE, request(quantity=Decimal(quantity)), "DU1")

    assert written(order.totalQuantity) == {"1E+2": "100", "100.0000000": "100"}.get(quantity, "0.00000001")


def test_an_order_bears_its_account_and_its_reference() -> None:
    order = terms.order_of(REFERENCE, request(outside_hours=True), "DU7")

    assert (order.account, order.orderRef, order.transmit, order.outsideRth) == ("DU7", REFERENCE, True, True)


@pytest.mark.parametrize(
    "wrong",
    [
        request(limit_price=None),
        request(stop_price=Decimal(1)),
        request(order_type=OrderType.MARKET),
        request(order_type=OrderType.STOP_LIMIT),
        request(order_type=OrderType.TRAILING_STOP, limit_price=None),
        request(
            order_type=OrderType.TRAILING_STOP, limit_price=None, trail_amount=Decimal(1), trail_percent=Decimal(1)
        ),
    ],
)
def test_prices_that_do_not_fit_the_type_are_refused(wrong: OrderRequest) -> None:
    with pytest.raises(Refused) as refused:
        terms.order_of(REFERENCE, wrong, "DU1")
    assert refused.value.refusal.code == "ORDER_TYPE_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (request(), ""),
        (request(quantity=Decimal("0.5")), "BAD_QUANTITY"),
        (request(quantity=Decimal(0)), "BAD_QUANTITY"),
        (request(quantity=Decimal(-1)), "BAD_QUANTITY"),
        (request(limit_price=Decimal("412.305")), "BAD_TICK"),
        (request(limit_price=Decimal(0)), "BAD_TICK"),
        (request(limit_price=Decimal("0.5555")), ""),
        (request(order_type=OrderType.STOP, limit_price=None, stop_price=Decimal("1.001")), "BAD_TICK"),
        (request(order_type=OrderType.TRAILING_STOP, limit_price=None, trail_amount=Decimal("1.001")), "BAD_TICK"),
        (request(order_type=OrderType.TRAILING_STOP, limit_price=None, trail_percent=Decimal("1.001")), ""),
    ],
)
def test_figures_off_the_lot_or_the_tick_that_holds_there_are_refused(asked: OrderRequest, code: str) -> None:
    refusal = terms.check(asked, Decimal(1), lambda price: Decimal("0.0001") if price < 1 else Decimal("0.01"))

    assert ("" if refusal is None else refusal.code) == code


def test_a_bracket_is_transmitted_by_its_last_order_alone() -> None:
    orders = tuple(terms.order_of(REFERENCE, request(), "DU1") for _ in range(3))
    terms.as_bracket(orders, 41)

    assert [one.parentId for one in orders] == [0, 41, 41]
    assert [one.transmit for one in orders] == [False, False, True]


def test_of_a_pair_the_first_fill_cancels_the_other() -> None:
    orders = tuple(terms.order_of(REFERENCE, request(), "DU1") for _ in range(2))
    terms.as_pair(orders, "ck:1:oca")

    assert {(one.ocaGroup, one.ocaType, one.transmit) for one in orders} == {("ck:1:oca", 1, True)}


def test_what_others_placed_is_shown_at_its_worst_with_words_for_the_rest() -> None:
    theirs = replace(
        heard(terms.order_of(REFERENCE, request(), "DU1")),
        order_type=Safe("PEG MID"),
        time_in_force=Safe("GTD"),
        good_till=Safe("20261231 22:00:00"),
        good_after=Safe("20261201 09:30:00"),
        quantity=None,
        action=Safe("SSHORT"),
    )
    read = terms.read("ALFA", theirs)

    assert (read.request.order_type, read.request.limit_price) == (OrderType.MARKET, None)
    assert (read.request.side, read.request.time_in_force) == (Side.SELL, TimeInForce.GTC)
    for words in ("PEG MID", "GTD 20261231", "from 20261201", "quantity"):
        assert words in read.beyond


def test_a_zero_stands_for_a_price_that_is_not_there() -> None:
    market = request(order_type=OrderType.MARKET, limit_price=None)
    told = replace(heard(terms.order_of(REFERENCE, market, "DU1")), limit=Decimal(0), aux=Decimal(0))

    assert terms.read("ALFA", told).request == market
