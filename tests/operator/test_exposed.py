"""What an order would do to the whole account, as its ticket tells it before anything is decided."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from cockpit.model.orders import Order, OrderId
from cockpit.model.quotes import DataType
from cockpit.operator.looks import order_words
from cockpit.operator.view import OrderTicket
from tests.operator.houses import House, open_house


async def ticket(house: House, order: dict[str, Any]) -> OrderTicket:
    found = await house.face.order_ticket(OrderId(order["order_id"]))
    assert isinstance(found, OrderTicket), found
    return found


async def test_all_positions_are_told_without_sign_before_and_after(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        key = await house.key()
        first = await house.order(key, 1, quantity=20)
        seen = await ticket(house, first)
        assert seen.quote is not None
        assert (seen.gross_before, seen.gross_after) == (0, seen.quote.ask * 20 if seen.quote.ask else None)
        await house.done("order.approve", order_id=first["order_id"])
        other = await ticket(house, await house.order(key, 2, symbol="BRVO", quantity=3))
        assert other.gross_before is not None
        assert other.gross_after is not None
        assert other.gross_before > 0
        assert other.gross_after > other.gross_before
        assert "all positions without sign" in order_words(other).says
        less = await ticket(house, await house.order(key, 3, side="sell", quantity=20))
        assert less.gross_before is not None
        assert less.gross_after == 0


async def test_an_order_that_opens_without_a_stop_is_told_and_one_that_closes_is_not(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        key = await house.key()
        first = await house.order(key, 1, quantity=5)
        assert (await ticket(house, first)).bare
        assert "NO STOP" in order_words(await ticket(house, first)).says
        await house.done("order.approve", order_id=first["order_id"])
        assert not (await ticket(house, first)).bare, "what is filled waits no longer"
        closing = await ticket(house, await house.order(key, 2, side="sell", quantity=5))
        assert not closing.bare
        turned = await ticket(house, await house.order(key, 3, side="sell", quantity=6))
        assert turned.bare


async def test_a_bracket_has_its_stop(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        key = await house.key()
        quote = await house.call(key, "get_quote", symbol="ALFA")
        ask = Decimal(str(quote["ask"]))
        made = await house.call(
            key, "place_bracket", idempotency_key="bracket-number-1", symbol="ALFA", side="buy", quantity=2,
            order_type="market", take_profit_price=str(round(ask * 11 / 10)), stop_loss_price=str(round(ask * 9 / 10)),
        )  # fmt: skip
        head = made["orders"][0] if "orders" in made else made
        found = await ticket(house, head)
        assert not found.bare
        assert found.at_stop is not None


async def working_bracket(house: House, key: str) -> dict[str, Order]:
    """Let a bracket work whose entry rests below the market, and return its orders by role."""
    quote = await house.call(key, "get_quote", symbol="ALFA")
    entry = round(Decimal(str(quote["bid"])) * Decimal("0.98"), 2)
    made = await house.call(
        key, "place_bracket", idempotency_key="bracket-number-1", symbol="ALFA", side="buy", quantity=20,
        order_type="limit", limit_price=str(entry), take_profit_price=str(round(entry * Decimal("1.05"), 2)),
        stop_loss_price=str(round(entry * Decimal("0.97"), 2)),
    )  # fmt: skip
    await house.done("order.approve", order_id=made["orders"][0]["order_id"])
    return {order.role: order for order in house.face.snapshot().orders if order.group_id}


async def test_the_change_of_an_exit_shows_what_is_held_what_its_entry_brings_and_its_new_stop(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        key = await house.key()
        other = await house.order(key, 1, quantity=5)
        await house.done("order.approve", order_id=other["order_id"])
        legs = await working_bracket(house, key)
        entry, stop = legs["entry"].request, legs["stop"].request
        assert entry.limit_price is not None
        assert stop.stop_price is not None
        lower = stop.stop_price - 2
        await house.call(key, "modify_order", order_id=legs["stop"].order_id, stop_price=str(lower))
        seen = await ticket(house, {"order_id": legs["stop"].order_id})
        assert seen.order.proposed is not None
        assert (seen.position_before, seen.to_come, seen.position_after) == (5, 20, 5)
        assert seen.at_stop == (lower - entry.limit_price) * 20
        assert "5 to 5, once its entry has brought 20 more" in order_words(seen).says
        entrys = await ticket(house, {"order_id": legs["entry"].order_id})
        assert (entrys.position_before, entrys.to_come, entrys.position_after) == (5, 0, 25)


async def test_a_bracket_whose_stop_was_cancelled_has_none(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        key = await house.key()
        legs = await working_bracket(house, key)
        assert legs["entry"].request.limit_price is not None
        await house.done("order.cancel", order_id=legs["stop"].order_id)
        higher = legs["entry"].request.limit_price + 1
        await house.call(key, "modify_order", order_id=legs["entry"].order_id, limit_price=str(higher))
        seen = await ticket(house, {"order_id": legs["entry"].order_id})
        assert seen.order.waits
        assert (seen.bare, seen.at_stop) == (True, None)
        assert "NO STOP" in order_words(seen).says


async def test_a_connection_says_what_kind_of_prices_it_has_and_when_its_books_were_compared(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        (seen,) = house.face.snapshot().connections
        assert seen.reconciled_at is not None, "the start compares"
        await house.call(await house.key(), "get_quote", symbol="ALFA")
        (later,) = house.face.snapshot().connections
        assert (later.data_type, later.data_source) == (DataType.SIMULATED, "paper:cockpit")
        assert later.data_at is not None
        await house.done("reconcile")
        (last,) = house.face.snapshot().connections
        assert last.reconciled_at is not None
        assert last.reconciled_at > seen.reconciled_at
