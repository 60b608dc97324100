"""Where the orders of a client with a shadow go, and that everything else of it stays."""

from __future__ import annotations

import pytest

from cockpit.desk.shadow import OrderGrants, Shadows
from cockpit.model.identity import Caller
from cockpit.model.refusals import Refusal
from cockpit.store.writes import StoreUnavailable
from tests.desk.desks import Desk


async def test_what_the_operator_says_wins_over_the_settings_and_stays(desk: Desk) -> None:
    shadows = Shadows({"Claude": "paper"}, desk.store, desk.clock)
    assert shadows.of("claude") == "paper"
    assert await shadows.set("claude", "", "test") is None
    again = Shadows({"Claude": "paper"}, desk.store, desk.clock)
    await again.load()
    assert again.of("Claude") == ""
    assert again.of("other") == ""


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
