"""Rules at work, seen from outside: they fill a small order while the operator is there, and not once he isn't."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.e2e.hosts import Outsider, call, host

SETTINGS = """
[approval]
presence_minutes = 0.2

[[approval.rules]]
name = "small"
do = "approve"
when = { clients = ["claude"], max_notional = 5000 }
"""
WRITES = ("--scope", "read:orders", "--scope", "write:orders")


async def test_a_rule_fills_a_small_order_without_a_key_press_until_the_operator_is_lost(tmp_path: Path) -> None:
    async with host(tmp_path / "data", settings=SETTINGS) as running:
        claude = Outsider(running.url)

        async def trade() -> None:
            async with claude.session("legacy") as client:

                async def order(key: str) -> dict[str, object]:
                    placed, failed = await call(
                        client, "place_order", symbol="ALFA", side="buy", quantity=1, order_type="market",
                        idempotency_key=key,
                    )  # fmt: skip
                    assert not failed, placed
                    return placed

                await running.ask("rules", "on", "small", "--yes")
                filled = await order("while-he-is-there")
                assert filled["state"] == "filled"
                assert (await running.ask("pending"))["orders"] == []
                async with asyncio.timeout(60):
                    while (await running.ask("status"))["present"]:  # looking keeps nobody there
                        pass
                waits = await order("after-he-has-gone")
                assert waits["state"] == "pending"
                (pending,) = (await running.ask("pending"))["orders"]
                assert "away" in pending["why"]
                approved = await running.ask("approve-order", str(waits["order_id"]), "--yes")
                assert approved["state"] == "filled"

        trading = asyncio.create_task(trade())
        code = await asyncio.wait_for(claude.code, 20)
        await running.ask("approve", code, "--as", "claude", *WRITES, "--yes")
        await asyncio.wait_for(trading, 150)
        audit = await running.ask("audit", "search", "--tool", "order.approved")
        assert [one["detail"]["by"] for one in audit] == ["the rule small", "socket"]
