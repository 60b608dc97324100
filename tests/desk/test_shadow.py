"""Where the orders of a client with a shadow go, and that everything else of it stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.desk.gate import Admitted, Rule, Served
from cockpit.desk.shadow import OrderGrants, Shadows
from cockpit.model.identity import Caller, Scope
from cockpit.model.orders import Order, OrderState
from cockpit.model.refusals import Refusal
from cockpit.model.trading import Mode
from cockpit.settings.model import ConnectionSettings
from cockpit.store.writes import StoreUnavailable
from tests.desk.desks import Desk, market, open_desk, place


async def test_what_the_operator_says_stays(desk: Desk) -> None:
    shadows = Shadows({}, desk.store, desk.clock)
    assert await shadows.set("claude", "paper", "test") is None
    assert shadows.of("Claude") == "paper"
    again = Shadows({}, desk.store, desk.clock)
    await again.load()
    assert again.of("Claude") == "paper"
    assert again.of("other") == ""
    assert await again.set("claude", "", "test") is None
    assert again.of("claude") == ""


async def test_a_shadow_of_the_settings_is_never_lifted_at_run_time(desk: Desk) -> None:
    before = Shadows({}, desk.store, desk.clock)
    await before.set("claude", "", "test")
    # What was said before the file said otherwise doesn't hold against it.
    shadows = Shadows({"Claude": "paper"}, desk.store, desk.clock)
    await shadows.load()
    assert shadows.of("claude") == "paper"
    refused = await shadows.set("claude", "", "test")
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.details["shadow"]) == ("SHADOW_IN_FILE", "paper")
    assert await shadows.set("claude", "ghost", "test") is None
    assert shadows.of("claude") == "ghost"
    assert isinstance(await shadows.set("claude", "", "test"), Refusal)
    assert shadows.of("claude") == "ghost"


async def test_a_shadow_falls_at_once_and_lifts_only_once_that_is_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadows = Shadows({}, desk.store, desk.clock)

    async def fail(*_: object) -> None:
        raise StoreUnavailable("full")

    monkeypatch.setattr(desk.store, "commit", fail)
    assert isinstance(await shadows.set("claude", "paper", "test"), Refusal)
    assert shadows.of("claude") == "paper"
    assert isinstance(await shadows.set("claude", "", "test"), Refusal)
    assert shadows.of("claude") == "paper"


async def test_the_order_path_sees_authorities_where_their_orders_go(desk: Desk, claude: Caller) -> None:
    shadows = Shadows({"claude": "other"}, desk.store, desk.clock)
    grants = OrderGrants(desk.grants, shadows)
    seen = grants.live(claude.grant.grant_id)
    assert seen is not None
    assert seen.connection == "other"
    del desk.grants.grants[claude.grant.grant_id]
    assert grants.live(claude.grant.grant_id) is None


async def admitted(desk: Desk, caller: Caller, scope: Scope | None) -> Admitted | Refusal:
    """What a tool of that scope gets to see."""
    seen: list[Admitted] = []

    async def tool(one: Admitted) -> Served[None]:
        seen.append(one)
        return Served(None)

    answer = await desk.gate.run(caller, Rule("tool", scope), "tool", {}, tool)
    return answer if isinstance(answer, Refusal) else seen[0]


async def test_order_tools_go_to_the_shadow_and_reading_stays(tmp_path: Path) -> None:
    more = {"ghost": ConnectionSettings()}
    async with open_desk(tmp_path / "data", more=more, shadow={"claude": "ghost"}) as desk:
        claude, other = desk.grants.give("claude"), desk.grants.give("other")
        for scope in (Scope.WRITE_ORDERS, Scope.READ_ORDERS, Scope.PREVIEW_ORDERS):
            one = await admitted(desk, claude, scope)
            assert isinstance(one, Admitted)
            assert (one.connection.name, one.shadow_of) == ("ghost", "paper")
        for scope in (Scope.READ_MARKET, Scope.READ_ACCOUNT, None):
            one = await admitted(desk, claude, scope)
            assert isinstance(one, Admitted)
            assert (one.connection.name, one.shadow_of, one.shadow) == ("paper", "", "ghost")
        one = await admitted(desk, other, Scope.WRITE_ORDERS)
        assert isinstance(one, Admitted)
        assert (one.connection.name, one.shadow) == ("paper", "")


@pytest.mark.parametrize("shadow", ["gone", "real"])
async def test_a_shadow_that_is_no_paper_connection_refuses_orders_and_still_lets_read(
    tmp_path: Path, shadow: str
) -> None:
    more = {"real": ConnectionSettings().model_copy(update={"mode": Mode.LIVE})}
    async with open_desk(tmp_path / "data", more=more, shadow={"claude": shadow}) as desk:
        claude = desk.grants.give("claude")
        refused = await admitted(desk, claude, Scope.WRITE_ORDERS)
        assert isinstance(refused, Refusal)
        assert refused.code == "CONNECTION_UNKNOWN"
        assert isinstance(await admitted(desk, claude, Scope.READ_MARKET), Admitted)


async def test_an_order_of_a_shadowed_client_fills_on_paper_and_not_on_its_own_account(tmp_path: Path) -> None:
    more = {"ghost": ConnectionSettings()}
    async with open_desk(tmp_path / "data", more=more, shadow={"claude": "ghost"}) as desk:
        order = await place(desk, desk.grants.give("claude"), market())
        assert (order.connection, order.shadow_of) == ("ghost", "paper")
        sent = await desk.decisions.approve(order.order_id, None, None, None, "test")
        assert isinstance(sent, Order)
        assert sent.state is OrderState.FILLED
        assert await desk.connections.need("paper").broker.orders() == ()


async def test_an_order_asked_for_before_the_shadow_changed_is_never_sent(tmp_path: Path) -> None:
    more = {"ghost": ConnectionSettings()}
    async with open_desk(tmp_path / "data", more=more) as desk:
        claude = desk.grants.give("claude")
        real = await place(desk, claude, market(), "key-00000001")
        await desk.shadows.set("claude", "ghost", "test")
        ghost = await place(desk, claude, market(), "key-00000002")
        refused = await desk.decisions.approve(real.order_id, None, None, None, "test")
        assert isinstance(refused, Order)
        assert refused.state is OrderState.REFUSED
        await desk.shadows.set("claude", "", "test")
        refused = await desk.decisions.approve(ghost.order_id, None, None, None, "test")
        assert isinstance(refused, Order)
        assert refused.state is OrderState.REFUSED
        for connection in desk.connections:
            assert await connection.broker.orders() == ()
