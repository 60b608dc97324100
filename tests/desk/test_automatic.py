"""What rules let through by themselves, what keeps them from it, and what they deny or want confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.desk.automatic import Automatic
from cockpit.desk.connections import Connection, Connections
from cockpit.desk.groups import Leg, basket
from cockpit.model.identity import Caller
from cockpit.model.orders import Order, OrderState, Role, Side
from cockpit.model.refusals import Refusal, Refused
from cockpit.model.trading import Mode, TradingState
from cockpit.settings.approval import ApprovalSettings, Do, OperatorLost
from cockpit.settings.model import ConnectionSettings, PolicySettings
from tests.desk.desks import Desk, HandClock, limit, market, open_desk, place
from tests.desk.test_rules import rule

MINUTE = 60.0


@asynccontextmanager
async def ruled(folder: Path, do: Do = Do.APPROVE, **approval: object) -> AsyncIterator[tuple[Desk, Caller]]:
    """A desk with one rule for all buys and an operator who is present."""
    settings = ApprovalSettings.model_validate({"rules": (rule("buys", do, sides=["buy"]),), **approval})
    async with open_desk(folder / "data", approval=settings) as desk:
        desk.presence.commanded()
        yield desk, desk.grants.give("claude")


def now(desk: Desk, order: Order) -> Order:
    found = desk.book.get(order.order_id)
    assert found is not None
    return found


async def events(desk: Desk, order: Order) -> list[str]:
    await desk.store.flush()
    rows = await desk.store.rows("SELECT tool FROM audit WHERE order_id = ? ORDER BY number", (order.order_id,))
    return [row["tool"] for row in rows]


async def test_a_rule_approves_at_once_by_the_way_that_the_operators_approval_goes(tmp_path: Path) -> None:
    async with ruled(tmp_path) as (desk, claude):
        order = await place(desk, claude, market())
        assert order.state is OrderState.FILLED
        assert order.rule == "buys"
        tail = [one for one in await desk.store.audit_tail(20) if one.order_id == order.order_id]
        assert [one.tool for one in tail][:2] == ["order.asked", "order.approved"]
        assert tail[0].detail["rule"] == "buys"
        assert tail[1].detail["by"] == "the rule buys"


async def test_the_same_key_again_is_the_same_order_that_a_rule_approved(tmp_path: Path) -> None:
    async with ruled(tmp_path) as (desk, claude):
        orders = await asyncio.gather(*(place(desk, claude, market()) for _ in range(5)))
        assert len({one.order_id for one in orders}) == 1
        (position,) = await desk.connections.need("paper").broker.positions()
        assert position.quantity == 1


async def test_what_no_rule_is_for_waits(tmp_path: Path) -> None:
    async with ruled(tmp_path) as (desk, claude):
        await place(desk, claude, market(), "key-00000001")
        order = await place(desk, claude, market(side=Side.SELL), "key-00000002")
        assert order.waits
        assert order.rule == ""


async def test_rules_approve_nothing_while_the_operator_is_away_and_what_came_meanwhile_waits_for_him(
    tmp_path: Path,
) -> None:
    async with ruled(tmp_path) as (desk, claude):
        desk.clock.pass_time(15 * MINUTE)
        order = await place(desk, claude, market())
        assert order.waits
        assert "away" in order.reason
        desk.presence.commanded()
        assert now(desk, order).waits, "his return alone approves nothing"
        sent = await desk.decisions.approve(order.order_id, order.version, None, None, "test")
        assert isinstance(sent, Order)
        assert sent.state is OrderState.FILLED


async def test_rules_go_on_without_him_where_the_settings_say_so(tmp_path: Path) -> None:
    async with ruled(tmp_path, on_operator_lost=OperatorLost.KEEP) as (desk, claude):
        desk.clock.pass_time(60 * MINUTE)
        assert (await place(desk, claude, market())).state is OrderState.FILLED


async def test_the_loss_of_the_operator_halts_where_the_settings_say_so(tmp_path: Path) -> None:
    async with ruled(tmp_path, on_operator_lost=OperatorLost.HALT) as (desk, claude):
        desk.clock.pass_time(15 * MINUTE)
        await desk.presence.look()
        assert desk.switch.state is TradingState.HALTED
        assert desk.switch.stands.reason == "operator lost"
        with pytest.raises(Refused) as refused:
            await place(desk, claude, market())
        assert refused.value.refusal.code == "HALTED"
    async with open_desk(tmp_path / "data") as desk:
        assert desk.switch.state is TradingState.HALTED


async def test_in_reduce_only_a_rule_lets_only_closing_through(tmp_path: Path) -> None:
    approval = ApprovalSettings(rules=(rule("all", Do.APPROVE, symbols=["ALFA"]),))
    async with open_desk(tmp_path / "data", approval=approval) as desk:
        claude = desk.grants.give("claude")
        desk.presence.commanded()
        await place(desk, claude, market(quantity="2"), "key-00000001")
        desk.switch.lower(TradingState.REDUCE_ONLY, "test")
        closed = await place(desk, claude, market(quantity="2", side=Side.SELL), "key-00000002")
        assert closed.state is OrderState.FILLED
        with pytest.raises(Refused) as refused:
            await place(desk, claude, market(), "key-00000003")
        assert refused.value.refusal.code == "REDUCE_ONLY"


async def test_a_halt_between_the_rule_and_the_broker_stops_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ruled(tmp_path) as (desk, claude):
        move_all = desk.book.move_all

        async def halted_meanwhile(*given: object, **named: object) -> object:
            desk.switch.lower(TradingState.HALTED, "test")
            return await move_all(*given, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(desk.book, "move_all", halted_meanwhile)
        order = await place(desk, claude, market())
        assert order.state is OrderState.REFUSED
        assert await desk.connections.need("paper").broker.orders() == ()


@pytest.mark.parametrize("allow", [False, True])
async def test_where_money_is_real_rules_approve_only_what_the_policy_allows_them(tmp_path: Path, allow: bool) -> None:
    approval = ApprovalSettings(rules=(rule("buys", Do.APPROVE, sides=["buy"]),))
    settings = ConnectionSettings(policy=PolicySettings(allow_auto=allow))
    async with open_desk(tmp_path / "data", approval=approval, settings=settings) as desk:
        desk.presence.commanded()
        paper = desk.connections.need("paper")
        real = Connection("paper", settings.model_copy(update={"mode": Mode.LIVE}), paper.broker)
        automatic = Automatic(
            desk.book, desk.decisions, desk.rulebook, desk.presence, Connections({"paper": real}), desk.clock
        )
        desk.orders.release = automatic.release
        order = await place(desk, desk.grants.give("claude"), market())
        assert order.waits is not allow
        assert (order.state is OrderState.FILLED) is allow


async def test_a_rule_that_is_switched_off_asks(tmp_path: Path) -> None:
    async with ruled(tmp_path) as (desk, claude):
        await desk.rulebook.switch("buys", False, "test")
        order = await place(desk, claude, market())
        assert order.waits
        assert "the rule buys asks" in order.reason


async def test_a_rule_that_no_more_fits_at_the_prices_of_the_sending_approves_nothing(tmp_path: Path) -> None:
    async with ruled(tmp_path) as (desk, claude):
        release = desk.orders.release

        async def later(order: Order) -> None:
            await desk.rulebook.switch("buys", False, "test")
            await release(order)

        desk.orders.release = later
        order = await place(desk, claude, market())
        assert order.waits
        assert "any more" in order.reason


async def test_a_rule_denies_and_says_which(tmp_path: Path) -> None:
    async with ruled(tmp_path, Do.DENY) as (desk, claude):
        with pytest.raises(Refused) as refused:
            await place(desk, claude, market())
        assert refused.value.refusal.code == "DENIED_BY_RULE"
        assert refused.value.refusal.details["rule"] == "buys"
        assert list(desk.book.all()) == []


async def test_orders_that_are_decided_on_together_are_approved_together(tmp_path: Path) -> None:
    async with ruled(tmp_path) as (desk, claude):
        legs = [Leg(market(), Role.LEG), Leg(market("BRVO"), Role.LEG)]
        orders = await desk.orders.place_group(desk.admitted(claude), basket(legs), "key-00000001")
        assert [one.state for one in orders] == [OrderState.FILLED, OrderState.FILLED], orders[0].reason


async def test_a_change_that_raises_risk_passes_the_rules_like_an_order(tmp_path: Path) -> None:
    async with ruled(tmp_path) as (desk, claude):
        price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.01"))
        order = await place(desk, claude, limit(price))
        assert order.state is OrderState.WORKING
        more = await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(2), None)
        assert not more.waits
        assert more.request.quantity == 2
        await desk.rulebook.switch("buys", False, "test")
        asked = await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(3), None)
        assert asked.waits
        fewer = await desk.decisions.deny(order.order_id, "", "test")
        assert isinstance(fewer, Order)
        less = await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(1), None)
        assert less.request.quantity == 1


async def test_an_order_to_confirm_waits_for_its_client_first_and_then_for_the_operator(tmp_path: Path) -> None:
    async with ruled(tmp_path, Do.CONFIRM) as (desk, claude):
        order = await place(desk, claude, market())
        assert order.state is OrderState.PENDING
        assert order.unconfirmed
        assert not order.waits
        early = await desk.decisions.approve(order.order_id, order.version, None, None, "test")
        assert isinstance(early, Refusal)
        assert early.code == "ALREADY_DECIDED"
        confirmed = await desk.orders.confirm(desk.admitted(claude), order.order_id)
        assert confirmed.waits
        assert confirmed.version == order.version + 1
        assert await desk.orders.confirm(desk.admitted(claude), order.order_id) == confirmed
        sent = await desk.decisions.approve(order.order_id, confirmed.version, None, None, "test")
        assert isinstance(sent, Order)
        assert sent.state is OrderState.FILLED
        assert "order.confirmed" in await events(desk, order)


async def test_an_order_that_nobody_confirms_in_time_expires(tmp_path: Path) -> None:
    async with ruled(tmp_path, Do.CONFIRM) as (desk, claude):
        order = await place(desk, claude, market())
        desk.clock.pass_time(119)
        await desk.decisions.expire_due()
        assert now(desk, order).unconfirmed
        desk.clock.pass_time(1)
        with pytest.raises(Refused) as late:
            await desk.orders.confirm(desk.admitted(claude), order.order_id)
        assert late.value.refusal.code == "NOT_CONFIRMED"
        await desk.decisions.expire_due()
        assert now(desk, order).state is OrderState.EXPIRED


async def test_a_group_is_confirmed_by_any_of_its_orders(tmp_path: Path) -> None:
    async with ruled(tmp_path, Do.CONFIRM) as (desk, claude):
        legs = [Leg(market(), Role.LEG), Leg(market("BRVO"), Role.LEG)]
        first, second = await desk.orders.place_group(desk.admitted(claude), basket(legs), "key-00000001")
        await desk.orders.confirm(desk.admitted(claude), second.order_id)
        assert now(desk, first).waits


@pytest.mark.parametrize("end", ["kill", "deny", "withdraw"])
async def test_an_unconfirmed_order_can_be_ended_by_everybody_who_may(tmp_path: Path, end: str) -> None:
    async with ruled(tmp_path, Do.CONFIRM) as (desk, claude):
        order = await place(desk, claude, market())
        if end == "kill":
            assert await desk.decisions.void_waiting("KILL_SWITCH", "test") == 1
        elif end == "deny":
            await desk.decisions.deny(order.order_id, "no", "test")
        else:
            await desk.orders.cancel(desk.admitted(claude), order.order_id)
        ended = await desk.orders.confirm(desk.admitted(claude), order.order_id)
        assert ended.state in {OrderState.REFUSED, OrderState.CANCELLED}
        assert not ended.waits


async def test_unconfirmed_orders_count_against_the_limit(tmp_path: Path) -> None:
    async with ruled(tmp_path, Do.CONFIRM, max_pending_per_client=2) as (desk, claude):
        for number in range(2):
            await place(desk, claude, market(), f"key-0000000{number}")
        with pytest.raises(Refused) as refused:
            await place(desk, claude, market(), "key-00000009")
        assert refused.value.refusal.code == "PENDING_LIMIT"


async def test_an_order_that_a_rule_was_about_to_approve_when_the_host_died_waits_for_the_operator(
    tmp_path: Path,
) -> None:
    clock = HandClock()
    settings = ApprovalSettings(rules=(rule("buys", Do.APPROVE, sides=["buy"]),))
    async with open_desk(tmp_path / "data", clock=clock, approval=settings) as desk:
        desk.presence.commanded()
        claude = desk.grants.give("claude")

        async def died(order: Order) -> None:
            """Never get to it."""

        desk.orders.release = died
        order = await place(desk, claude, market())
        grants = desk.grants
    async with open_desk(tmp_path / "data", clock=clock, grants=grants, approval=settings) as desk:
        desk.presence.commanded()
        assert now(desk, order).waits
        again = await place(desk, claude, market())
        assert again.waits, "asking again is no new order"
