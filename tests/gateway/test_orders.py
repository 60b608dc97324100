"""Orders of the real client at the gateway, from their first status to their end."""

from __future__ import annotations

from decimal import Decimal

from tests.gateway import FakeGateway
from tests.gateway.clients import connected, order, status, stock


async def test_an_order_at_the_market_is_told_presubmitted_first_and_then_filled() -> None:
    async with FakeGateway() as g, connected(g) as ib:
        g.world.set("ALFA", "100", "100.02")
        trade = ib.placeOrder(stock(g), order("BUY", 10, orderRef="ck:one"))
        await status(trade, "Filled")
        assert [entry.status for entry in trade.log if not entry.message][:2] == ["PendingSubmit", "PreSubmitted"]
        assert trade.fills[0].execution.price == 100.02
        assert g.book.order("ck:one").average == Decimal("100.02")
        assert g.book.holdings.quantity("DU1234567", g.world.one("ALFA")) == 10
