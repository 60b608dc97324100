"""What else counts when an order is judged: changes that are under way, fills meanwhile, orders of others, the group."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.desk.risk import Seen
from cockpit.model.events import OrderChanged
from cockpit.model.identity import Caller
from cockpit.model.orders import AT_BROKER, Order, OrderRef, OrderRequest, OrderState, Side
from cockpit.model.refusals import Refusal
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.policy import PolicySettings
from tests.desk.desks import Desk, limit, market, open_desk, place
from tests.desk.risk_scenes import failed, order, resting, seen, sell

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
        assert around.in_flight == 20 * price * Decimal("1.03")
        assert "MAX_POSITION" in refused
        elsewhere, _ = await look(desk, market("BRVO"))
        assert elsewhere.elsewhere is not None
        assert [one.buys for one in elsewhere.elsewhere] == [around.in_flight]
        held.go.set()
        await raising
        assert sum(one.may_fill for one in desk.book.open() if one.state in AT_BROKER) == 20


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
