"""Names in limits and rules as people write them, against the names of Interactive Brokers' contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway import FakeGateway
from tests.ibkr.cockpits import Within, settings_of, within

DENIES = 'denied_symbols = ["RHEIN:IBIS", "ALFA:NASDAQ", "TWIN", "IB:265002", "NONESUCH:IBIS"]'
ALLOWS = 'allowed_symbols = ["RHEIN:IBIS", "DUAL:NYSE", "ALFA", "TWIN"]'
NEVER = """
[[approval.rules]]
name = "never"
do = "deny"
when = { symbols = ["RHEIN:IBIS"] }
"""


async def refused_of(cockpit: Within, key: str, code: str, *symbols: str) -> set[str]:
    """Return which of the symbols a check refuses."""
    found: set[str] = set()
    for symbol in symbols:
        order = {"symbol": symbol, "side": "buy", "quantity": 1, "order_type": "market"}
        answer = await cockpit.call(key, "check_risk", **order)
        (check,) = [one for one in answer["checks"] if one["code"] == code]
        if not check["ok"]:
            found.add(symbol)
    return found


@pytest.fixture
async def gateway():
    async with FakeGateway(open_always=True) as opened:
        yield opened


async def test_what_is_denied_is_refused_by_whichever_name_it_is_listed_and_asked_for(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port, policy=DENIES)) as cockpit:
        key = await cockpit.key()
        denied = {"RHEIN:IBIS", "RHEIN:IBIS/EUR", "ALFA", "ALFA:NASDAQ", "TWIN:NASDAQ", "TWIN:PINK", "BRVO"}
        assert await refused_of(cockpit, key, "SYMBOL_RESTRICTED", *sorted(denied), "DUAL:NYSE", "DUAL") == denied
        await cockpit.until(lambda: any("NONESUCH:IBIS." in one for one in cockpit.notices()))


async def test_what_is_allowed_may_be_traded_by_whichever_name_it_is_listed(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port, policy=ALLOWS)) as cockpit:
        key = await cockpit.key()
        asked = ("RHEIN:IBIS", "DUAL:NYSE", "DUAL", "ALFA", "BRVO", "TWIN:NASDAQ", "DUAL:IBIS/EUR")
        refused = await refused_of(cockpit, key, "SYMBOL_NOT_ALLOWED", *asked)
        assert refused == {"BRVO", "TWIN:NASDAQ", "DUAL:IBIS/EUR"}


async def test_a_rule_is_for_the_contract_that_its_symbol_names(tmp_path: Path, gateway: FakeGateway) -> None:
    async with within(tmp_path / "data", settings_of(gateway.port) + NEVER) as cockpit:
        key = await cockpit.key("other")
        market = {"order_type": "market", "limit_price": None, "time_in_force": "day", "quantity": 1}
        refused = await cockpit.place(key, symbol="RHEIN:IBIS", **market)
        assert refused.get("code") == "DENIED_BY_RULE", refused
        assert (await cockpit.place(key, "the-second-order", **market))["state"] == "pending"
