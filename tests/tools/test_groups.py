"""What a client is told of orders that are decided on together."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from cockpit.model.orders import Order, OrderId, OrderState, Side
from cockpit.settings.approval import ApprovalSettings, Do
from cockpit.settings.model import ConnectionSettings
from tests.desk.desks import Desk, market, open_desk, place
from tests.desk.test_rules import rule
from tests.tools.conftest import Ask, tools_of
from tools.groups import group_says
from tools.words import says

_S = OrderState


async def basket_of(desk: Desk) -> dict[str, Any]:
    """A limit order far from the market, which works, and a market order, which fills."""
    far = await desk.touch("ALFA", Side.BUY) - 8
    works = {"symbol": "ALFA", "side": "buy", "quantity": 1, "order_type": "limit", "limit_price": str(far)}
    fills = {"symbol": "BRVO", "side": "buy", "quantity": 1, "order_type": "market"}
    return {"idempotency_key": "key-basket-1", "orders": [works, fills]}


async def test_a_group_with_a_change_that_waits_does_not_deny_its_fills(desk: Desk, ask: Ask) -> None:
    basket = await basket_of(desk)
    head = (await ask("place_basket", **basket)).structured["orders"][0]["order_id"]
    await desk.decisions.approve(OrderId(head), None, None, None, "test")
    assert (await ask("modify_order", order_id=head, quantity=2)).structured["proposed_quantity"] == "2"
    told = (await ask("place_basket", **basket)).structured
    assert [(one["state"], one["filled"]) for one in told["orders"]] == [("working", "0"), ("filled", "1")]
    assert told["says"] == "2 orders: 1 working, 1 filled. 1 with fills. A change waits for the operator."


async def test_a_group_to_confirm_says_so_with_each_of_its_orders(tmp_path: Path) -> None:
    approval = ApprovalSettings.model_validate({"rules": (rule("buys", Do.CONFIRM, sides=["buy"]),)})
    settings = ConnectionSettings(toolsets=("all",))
    async with open_desk(tmp_path / "data", approval=approval, settings=settings) as desk:
        claude, tools = desk.grants.give("claude"), tools_of(desk)
        asked = await basket_of(desk)
        told = (await tools.call(claude, "place_basket", asked)).structured
        first, second = told["orders"]
        assert "Call confirm_order" in told["says"]
        assert told["confirm_by"] == first["confirm_by"] is not None
        assert told["expires_at"] is None
        assert "Call confirm_order" in first["says"]
        assert "operator" not in second["says"]
        await tools.call(claude, "confirm_order", {"order_id": second["order_id"]})
        after = (await tools.call(claude, "place_basket", asked)).structured
        assert (after["confirm_by"], after["expires_at"] is None) == (None, False)
        assert after["says"].startswith("2 orders wait for one decision of the operator.")


@pytest.fixture
async def pair(desk: Desk) -> tuple[Order, Order]:
    claude = desk.grants.give("claude")
    return await place(desk, claude, market()), await place(desk, claude, market("BRVO"), "key-00000002")


def test_nothing_filled_is_only_said_where_it_is_known(pair: tuple[Order, Order]) -> None:
    for states in product(frozenset(OrderState) - {_S.PREVIEWED}, repeat=2):
        orders = [replace(one, state=state, decide_by=None) for one, state in zip(pair, states, strict=True)]
        said = group_says(orders)
        sure = {_S.SENDING, _S.UNKNOWN}.isdisjoint(states)
        assert ("othing is filled" in said) == sure
        assert ("Nothing is known to be filled" in said) != sure
        assert ("wait for one decision" in said) == (set(states) == {_S.PENDING})
        filled = group_says([orders[0], replace(orders[1], filled=Decimal(1))])
        assert "1 with fills" in filled or set(states) == {_S.PENDING}
        assert ("as far as is known" in filled) != sure


def test_a_group_that_goes_to_paper_says_so_first(pair: tuple[Order, Order]) -> None:
    assert group_says([replace(one, shadow_of="live") for one in pair]).startswith("Shadow: on paper")


def test_an_order_that_nobody_knows_of_is_not_said_to_work(pair: tuple[Order, Order]) -> None:
    order = replace(pair[0], state=_S.UNKNOWN, proposed=pair[0].request)
    assert order.waits
    assert says(order).startswith("Nobody can say yet")
