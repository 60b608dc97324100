"""Changes that make an order riskier than what was allowed: by a rule, beside other orders, or while it is unknown."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from cockpit.desk.closing import How
from cockpit.desk.groups import Wanted
from cockpit.model.orders import LinkLost, Order, OrderRequest, OrderState, OrderType, Side, TimeInForce
from cockpit.model.refusals import Refusal
from cockpit.model.text import safe
from cockpit.settings.approval import ApprovalSettings, Do, RuleSettings, WhenSettings
from tests.desk.desks import Desk, limit, open_desk, place
from tools.orders import PlaceArguments

_MARKET = How(OrderType.MARKET, None, TimeInForce.DAY)


async def far(desk: Desk) -> Decimal:
    return (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.01"))


async def approve(desk: Desk, order: Order) -> Order | Refusal:
    return await desk.decisions.approve(order.order_id, None, None, None, "test")


async def test_a_waiting_order_that_outgrows_its_rule_comes_under_the_next(tmp_path: Path) -> None:
    rules = (
        RuleSettings(name="small", do=Do.ASK, when=WhenSettings(max_notional=Decimal(1000))),
        RuleSettings(name="big", do=Do.CONFIRM),
    )
    async with open_desk(tmp_path, approval=ApprovalSettings(rules=rules)) as desk:
        caller = desk.grants.give("claude")
        order = await place(desk, caller, limit(await far(desk)))
        assert (order.rule, order.unconfirmed) == ("small", False)
        changed = await desk.orders.modify(desk.admitted(caller), order.order_id, Decimal(20), None)
        assert (changed.rule, changed.unconfirmed) == ("big", True)
        refusal = await approve(desk, changed)
        assert isinstance(refusal, Refusal)
        confirmed = await desk.orders.confirm(desk.admitted(caller), order.order_id)
        assert isinstance(await approve(desk, confirmed), Order)


async def test_lowering_a_waiting_order_keeps_what_its_rule_wanted(tmp_path: Path) -> None:
    rules = (
        RuleSettings(name="small", do=Do.ASK, when=WhenSettings(max_notional=Decimal(1000))),
        RuleSettings(name="big", do=Do.CONFIRM),
    )
    async with open_desk(tmp_path, approval=ApprovalSettings(rules=rules)) as desk:
        caller = desk.grants.give("claude")
        order = await place(desk, caller, limit(await far(desk), quantity="20"))
        changed = await desk.orders.modify(desk.admitted(caller), order.order_id, Decimal(1), None)
        assert (changed.rule, changed.unconfirmed) == ("big", True)


async def test_a_change_of_an_order_whose_fate_is_unknown_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as desk:
        caller = desk.grants.give("claude")
        order = await place(desk, caller, limit(await far(desk)))
        await approve(desk, order)
        change = await desk.orders.modify(desk.admitted(caller), order.order_id, Decimal(5), None)
        assert change.waits
        sent: list[OrderRequest] = []

        async def replaces(_: object, request: OrderRequest) -> None:
            sent.append(request)

        monkeypatch.setattr(desk.connections.need("paper").broker, "replace", replaces)
        desk.sender.facts.sink()(LinkLost(order.reference, desk.clock.now(), safe("the line broke")))
        await desk.sender.facts.settled()
        refusal = await approve(desk, desk.book.get(order.order_id) or order)
        assert isinstance(refusal, Refusal)
        assert (refusal.code, sent) == ("ORDER_BUSY", [])


async def test_an_order_to_a_target_is_not_sent_beside_one_that_moves_the_same_position(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        caller = desk.grants.give("claude")
        admitted = desk.admitted(caller)

        async def make() -> Wanted:
            return await desk.orders.closing.to_target(admitted.connection, "ALFA", Decimal(10), _MARKET)

        (target,) = await desk.orders.ask(admitted, "target", "key-target-1", make)
        beside = await approve(desk, await place(desk, caller, limit(await far(desk)), "key-beside-1"))
        assert isinstance(beside, Order)
        refusal = await approve(desk, target)
        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.details["orders"]) == ("ORDERS_IN_THE_WAY", beside.order_id)
        await desk.decisions.cancel(beside.order_id, "test")
        sent = await approve(desk, target)
        assert isinstance(sent, Order)
        assert sent.state is OrderState.FILLED


async def test_that_an_order_goes_to_a_target_survives_a_restart(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        admitted = desk.admitted(desk.grants.give("claude"))

        async def make() -> Wanted:
            return await desk.orders.closing.to_target(admitted.connection, "ALFA", Decimal(10), _MARKET)

        (target,) = await desk.orders.ask(admitted, "target", "key-target-1", make)
    async with open_desk(tmp_path) as desk:
        found = await desk.book.find(target.order_id)
        assert found is not None
        assert found.to_target


@pytest.mark.parametrize("beside", [{"time_in_force": "gtc"}, {"outside_hours": True}, {"time_in_force": "day"}])
def test_terms_beside_a_preview_are_refused_and_not_passed_over(beside: dict[str, object]) -> None:
    asked = {"idempotency_key": "key-00000001", "preview_id": "v-01KJQ6PSG0AAAAAAAAAAAAAAAA"}
    assert PlaceArguments.model_validate(asked).preview_id
    with pytest.raises(ValidationError, match="not both"):
        PlaceArguments.model_validate(asked | beside)


@pytest.mark.parametrize("end", ["deny", "kill", "time"])
async def test_a_change_that_waits_ends_though_what_became_of_its_order_is_unknown(tmp_path: Path, end: str) -> None:
    async with open_desk(tmp_path) as desk:
        caller = desk.grants.give("claude")
        order = await place(desk, caller, limit(await far(desk)))
        await approve(desk, order)
        changed = await desk.orders.modify(desk.admitted(caller), order.order_id, Decimal(2), None)
        desk.sender.facts.say(LinkLost(order.reference, desk.clock.now(), safe("the line broke")))
        await desk.sender.facts.settled()
        match end:
            case "deny":
                assert isinstance(await desk.decisions.deny(order.order_id, "", "test"), Order)
            case "kill":
                assert await desk.decisions.void_waiting("KILL_SWITCH", "test") == 1
            case _:
                assert changed.decide_by is not None
                desk.clock.pass_time((changed.decide_by - desk.clock.now()).total_seconds())
                await desk.decisions.expire_due()
        now = desk.book.now(order)
        assert (now.state, now.proposed, now.waits) == (OrderState.UNKNOWN, None, False)
