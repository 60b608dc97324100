"""The page about Interactive Brokers: what it says to try without an account works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

from cockpit.app.brokers import broker_of
from tests.gateway import FakeGateway
from tests.operator.houses import open_house

PAGE = Path(__file__).parents[2] / "docs/brokers/interactive-brokers.md"
PORT = "port = 4002"


async def test_what_can_be_tried_without_an_account_works_as_the_page_says(tmp_path: Path) -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Trying it without an account")[2]
    (block,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    assert block.count(PORT) == 1
    async with FakeGateway(open_always=True) as gateway:
        settings = block.replace(PORT, f"port = {gateway.port}")
        async with open_house(tmp_path, settings, brokers=broker_of) as house:
            scopes = "read:market read:account read:orders write:orders"
            key = (await house.done("key.create", name="s", scope=scopes, connection="ib"))["key"]
            for symbol in ("ALFA", "BRVO", "RHEIN:IBIS", "EUR.USD"):
                quote = await house.call(key, "get_quote", symbol=symbol)
                assert (quote["data_type"], quote["bid"] is not None) == ("live", True)
            assert "ALFA" in str((await house.call(key, "get_clock"))["note"])
            order = await house.call(
                key, "place_order", symbol="ALFA", side="buy", quantity="1", order_type="limit", limit_price="412",
                idempotency_key="the-order-0001",
            )  # fmt: skip
            assert order["state"] == "pending"
