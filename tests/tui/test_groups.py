"""Orders that are decided on together, as the operator sees them: one row, one ticket, one question."""

from dataclasses import replace
from decimal import Decimal

import pytest

from cockpit.model.orders import GroupId, Linkage, Order, OrderState, OrderType, Role
from tests.tui.fake_face import (
    bracket,
    group,
    group_ticket,
    order,
    pending_group,
    troubled_face,
)
from tests.tui.screens import seated
from tui.group_words import group_sentence, group_shape
from tui.order_rows import OrderRows, arranged

HEAD = bracket()[0].order_id


def a_sell_bracket() -> tuple[Order, ...]:
    entry, target, stop = bracket()
    sell = replace(entry.request, side=entry.request.side.opposite)
    buys = [replace(one.request, side=one.request.side.opposite) for one in (target, stop)]
    swapped = (
        replace(buys[0], limit_price=Decimal(440)),
        replace(buys[1], stop_price=Decimal(480), limit_price=Decimal("480.5"), order_type=OrderType.STOP_LIMIT),
    )
    return (
        replace(entry, request=sell),
        replace(target, request=swapped[0]),
        replace(stop, request=swapped[1]),
    )


PAIR = group(
    Linkage.OCO,
    order(1, "claude", "sell 10 ALFA 480", role=Role.LEG),
    order(2, "claude", "sell 10 ALFA 440", role=Role.LEG),
)
BASKET = group(Linkage.BASKET, order(1, "claude", "buy 10 ALFA 5"), order(2, "claude", "sell 5 NOVA"))
PARTS = group(
    Linkage.SPLIT,
    order(1, "claude", "buy 40 ALFA 5"),
    order(2, "claude", "buy 40 ALFA 5"),
    order(3, "claude", "buy 20 ALFA 5"),
)


@pytest.mark.parametrize(
    ("legs", "shape", "sentence"),
    [
        (
            bracket(),
            "BUY 10 ALFA MKT ▲ 480 ▼ 440",
            "buy 10 ALFA at market, target 480.00, stop 440.00",
        ),
        (
            a_sell_bracket(),
            "SELL 10 ALFA MKT ▼ 440 ▲ 480",
            "sell 10 ALFA at market, target 440.00, stop 480.00 limit 480.50",
        ),
        (
            PAIR,
            "SELL 10 ALFA LMT 480 or LMT 440",
            "sell 10 ALFA limit 480.00 or sell 10 ALFA limit 440.00",
        ),
        (BASKET, "2: BUY 10 ALFA, SELL 5 NOVA", "buy 10 ALFA limit 5.00; sell 5 NOVA at market"),
        (PARTS, "BUY 100 ALFA LMT 5 in 3", "buy 100 ALFA limit 5.00 in 3 parts, 40 + 40 + 20"),
    ],
    ids=["bracket", "sell bracket", "pair", "basket", "split"],
)
def test_a_group_is_said_short_in_a_row_and_in_full_in_a_question(
    legs: tuple[Order, ...], shape: str, sentence: str
) -> None:
    assert group_shape(legs) == shape
    assert group_sentence(legs) == sentence


async def test_a_group_is_one_row_and_its_approval_speaks_of_all_of_it() -> None:
    async with seated(troubled_face()) as seat:
        assert sum("BRACKET" in row for row in seat.rows()) == 1
        await seat.press("j", "j", "a")
        assert "APPROVE BRACKET  buy 10 ALFA at market, target 480.00, stop 440.00, about $4,123" in " ".join(
            seat.text.split("\n")
        ).replace("                  ", "")
        await seat.press("y")
        assert seat.sent == [("order.approve", {"order_id": HEAD, "version": "2"})]


async def test_the_ticket_lists_every_order_of_a_group_and_which_of_them_a_check_refuses() -> None:
    async with seated(troubled_face(), (100, 40)) as seat:
        await seat.press("j", "j", "enter")
        rows = seat.rows()
        assert any("target" in row and "✓ SELL 10 ALFA LMT 480.00 GTC" in row for row in rows)
        assert any("stop" in row and "✗ SELL 10 ALFA STP 440.00 GTC" in row for row in rows)
        assert "on the whole bracket: 3 orders" in seat.text


async def test_an_edited_group_is_asked_about_with_every_quantity_that_changes() -> None:
    async with seated(troubled_face()) as seat:
        await seat.press("j", "j", "enter", "e", "5", "enter")
        assert "APPROVE EDITED BRACKET" in seat.text
        assert "buy 5 ALFA at market, target 480.00" in seat.text
        await seat.press("y")
        assert seat.sent == [("order.approve", {"order_id": HEAD, "version": "2", "quantity": "5"})]


async def test_opening_a_later_order_of_a_waiting_group_opens_the_groups_ticket() -> None:
    face = troubled_face()
    legs = bracket()
    face.order_tickets[legs[1].order_id] = group_ticket(pending_group(legs))
    async with seated(face) as seat:
        await seat.press("o", "j", "j", "enter")
        await seat.settle()
        assert "on the whole bracket" in seat.text
        await seat.press("a", "y")
        assert seat.sent == [("order.approve", {"order_id": HEAD, "version": "2"})]


def test_a_group_stands_together_under_its_first_order_and_what_is_unknown_on_top() -> None:
    legs = bracket()
    lost = order(8, "codex-cli", "buy 1 NOVA", state=OrderState.UNKNOWN)
    other = order(7, "codex-cli", "buy 2 NOVA")
    assert arranged((legs[2], other, legs[0], lost, legs[1])) == (lost, *legs, other)


def test_a_group_goes_up_whole_when_one_of_its_orders_is_unknown() -> None:
    legs = bracket()
    lost = replace(legs[2], state=OrderState.UNKNOWN)
    other = order(7, "codex-cli", "buy 2 NOVA")
    assert arranged((other, legs[0], legs[1], lost)) == (legs[0], legs[1], lost, other)


def test_the_cursor_goes_with_an_order_that_goes_up() -> None:
    rows = OrderRows()
    first, second = order(1, "claude", "buy 1 ALFA"), order(2, "claude", "buy 2 ALFA")
    rows.take((first, second))
    rows.move(1)
    rows.take((first, replace(second, state=OrderState.UNKNOWN)))
    assert [one.order_id for one in rows.items] == [second.order_id, first.order_id]
    assert rows.chosen == first


def test_groups_of_different_ids_are_not_mixed() -> None:
    one = replace(order(1, "claude", "buy 1 ALFA"), group_id=GroupId("g-1"))
    two = replace(order(2, "claude", "buy 1 ALFA"), group_id=GroupId("g-2"))
    three = replace(order(3, "claude", "buy 1 ALFA"), group_id=GroupId("g-1"))
    assert arranged((one, two, three)) == (one, three, two)
