"""Trading for a time, in the whole cockpit: what happens to orders that wait when the time is over."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from cockpit.model.events import GrantChanged
from tests.security.site import Site, open_site


async def waiting_order(site: Site, seconds: int) -> tuple[str, Any]:
    """A client that may trade for a while, and its order that waits."""
    _, tokens = await site.connect()
    await site.done("client.scopes", client="Tester", add="write:orders read:orders", **{"for": f"{seconds}s"})
    order = (await site.place(tokens.access)).json["result"]["structuredContent"]
    assert order["state"] == "pending"
    return tokens.access, order["order_id"]


async def test_an_order_that_waits_when_the_time_is_over_is_never_sent_though_it_is_approved(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        _, order_id = await waiting_order(site, 30)
        site.clock.go(30)
        order = await site.done("order.approve", order_id=order_id)
        assert (order["state"], order["reason"].split(":")[0]) == ("refused", "SCOPE_MISSING")
        assert site.brokers["paper"].sent == []


async def test_an_order_that_waits_within_the_time_is_sent_when_it_is_approved(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        _, order_id = await waiting_order(site, 30)
        site.clock.go(1)
        await site.done("order.approve", order_id=order_id)
        assert len(site.brokers["paper"].sent) == 1


async def test_the_end_of_the_time_voids_what_waits_and_hides_the_tools_again(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        access, _ = await waiting_order(site, 30)
        assert "place_order" in await site.tools(access)
        site.clock.go(30)
        assert "place_order" not in await site.tools(access), "at that second"
        await site.authority.sweep()
        assert [type(event) for event in site.events].count(GrantChanged) == 3, "made, widened, and narrowed by itself"
        while site.cockpit.face.snapshot().pending_orders:
            await asyncio.sleep(0)
        (order,) = await site.done("orders")
        assert order["state"] == "refused"
        assert "has not granted the scope" in order["reason"]
        assert (await site.place(access)).status == 403
