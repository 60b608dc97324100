"""Orders that rest at TWS, which takes nothing off the account's buying power for them."""

from __future__ import annotations

from pathlib import Path

from tests.gateway import FakeGateway
from tests.ibkr.cockpits import settings_of, within

POLICY = "\n".join(
    ("max_notional = 10_000_000", "max_quantity = 100_000", "max_position = 1_000_000", "max_gross = 100",
     "max_net = 100", "max_concentration = 100", "max_volume_share = 1", "max_risk_per_trade = 1",
     "max_daily_notional = 1_000_000_000", "connection_daily_notional = 1_000_000_000")
)  # fmt: skip


async def test_what_rests_and_the_next_order_together_stay_within_the_buying_power(tmp_path: Path) -> None:
    async with (
        FakeGateway(open_always=True) as gateway,
        within(tmp_path / "data", settings_of(gateway.port, policy=POLICY)) as cockpit,
    ):
        key = await cockpit.key()
        power = (await cockpit.call(key, "get_balances"))["buying_power"]
        first = await cockpit.place(key, "the-first-order", quantity=7500, limit_price="400")
        assert first["state"] == "working", first
        assert (await cockpit.call(key, "get_balances"))["buying_power"] == power == "4000000.00"
        second = await cockpit.place(key, "the-second-order", quantity=7500, limit_price="400")
        assert second.get("code") == "BUYING_POWER", second
        await cockpit.call(key, "cancel_order", order_id=first["order_id"])
        await cockpit.until(lambda: all(one.state == "cancelled" for one in cockpit.known().values()))
        assert (await cockpit.place(key, "the-third-order", quantity=7500, limit_price="400"))["state"] == "working"
