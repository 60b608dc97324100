from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from cockpit.model.latches import LatchKind
from cockpit.settings.policy import ClientPolicySettings
from tests.desk.desks import open_desk
from tests.tools.test_catalogue import tools_of


async def test_a_session_tells_its_own_limits_and_what_is_left_of_the_day(tmp_path: Path) -> None:
    clients = {"claude": ClientPolicySettings.model_validate({"max_daily_orders": 2, "denied_symbols": ["ECHO"]})}
    async with open_desk(tmp_path, clients=clients) as desk:
        claude, tools = desk.grants.give("claude"), tools_of(desk)
        terms = {"symbol": "ALFA", "side": "buy", "quantity": "1", "order_type": "market"}
        for number in range(2):
            placed = await tools.call(claude, "place_order", {**terms, "idempotency_key": f"key-0000000{number}"})
            assert placed.refusal is None
        session = (await tools.call(claude, "get_session", {})).structured
        assert session is not None
        today = {row["name"]: row for row in session["today"]}
        assert today["max_daily_orders"] == {"name": "max_daily_orders", "limit": "2", "used": "2", "left": "0"}
        assert Decimal(today["max_daily_notional"]["used"]) > 0
        assert session["limits"]["denied_symbols"] == ["ECHO"]
        assert session["limits"]["asset_classes"] == ["crypto", "etf", "stock"]
        assert session["held_by"] == []
        risk = (await tools.call(claude, "check_risk", terms)).structured
        assert risk is not None
        assert [check["code"] for check in risk["checks"] if not check["ok"]] == ["DAILY_ORDER_COUNT"]


async def test_a_held_client_sees_what_holds_it(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        claude, tools = desk.grants.give("claude"), tools_of(desk)
        desk.oversight.latches.trip(LatchKind.REJECT_RATE, "claude", "5 orders rejected")
        session = (await tools.call(claude, "get_session", {})).structured
        assert session is not None
        assert session["held_by"] == ["reject_rate:claude"]
