"""Accounts, holdings and profit and loss, as clients are told them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.model.accounts import Position
from cockpit.model.orders import OrderId
from cockpit.settings.model import BudgetSettings, ConnectionSettings
from tests.desk.desks import NOON, Desk, open_desk
from tests.tools.conftest import Ask, tools_of

_EVERYTHING = ConnectionSettings.model_validate(
    {"toolsets": ("all",), "policy": {"max_position": "100000", "max_quantity": "1000"}}
)


async def trade(desk: Desk, ask: Ask, symbol: str, side: str, quantity: int, key: str) -> None:
    """Place an order as the client, and approve it as the operator."""
    placed = await ask(
        "place_order", symbol=symbol, side=side, quantity=quantity, order_type="market", idempotency_key=key
    )
    if placed.structured.get("state") == "pending":
        await desk.decisions.approve(OrderId(placed.structured["order_id"]), None, None, None, "test")
    desk.clock.pass_time(60)


async def test_the_caller_is_shown_the_account_of_its_connection_alone(tmp_path: Path) -> None:
    more = {"other": ConnectionSettings()}
    async with open_desk(tmp_path, settings=_EVERYTHING, more=more) as desk:
        claude, tools = desk.grants.give("claude"), tools_of(desk)
        told = (await tools.call(claude, "list_accounts", {})).structured
        theirs = desk.connections.need("other").broker.status().account
        (mine,) = told["accounts"]
        assert mine["connection"] == "paper"
        assert mine["account"] != theirs
        refused = (await tools.call(claude, "get_account", {"account": theirs})).refusal
        assert refused is not None
        assert refused.code == "ACCOUNT_NOT_ALLOWED"
        account = (await tools.call(claude, "get_account", {"account": mine["account"]})).structured
        assert account["may_trade"]
        assert account["simulated"]
        assert account["currency"] == "USD"


async def test_holdings_are_what_is_owned_and_not_what_is_short(desk: Desk, ask: Ask) -> None:
    await trade(desk, ask, "ALFA", "buy", 3, "holdings-1")
    await trade(desk, ask, "BRVO", "sell", 2, "holdings-2")
    positions = (await ask("get_positions")).structured["positions"]
    assert {row["symbol"] for row in positions} == {"ALFA", "BRVO"}
    told = (await ask("get_holdings")).structured
    (row,) = told["holdings"]
    assert (row["symbol"], row["quantity"], row["settled"], row["share_percent"]) == ("ALFA", "3", "3", "100.00")
    assert told["left_out"] == 1
    assert told["market_value"] == row["market_value"]
    assert "settles at once" in told["says"]


_PRICES = st.decimals(min_value="0.0001", max_value="99999", places=6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(_PRICES, _PRICES, st.integers(1, 999)), min_size=1, max_size=4))
async def test_holdings_add_up_to_the_cent(held: Sequence[tuple[Decimal, Decimal, int]]) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        async with open_desk(Path(folder), settings=_EVERYTHING) as desk:
            symbols = ("ALFA", "BRVO", "CHRL", "ECHO")

            async def positions() -> list[Position]:
                return [
                    Position(symbol, Decimal(many), paid, mark, mark * many, (mark - paid) * many, "USD", NOON, "fake")
                    for symbol, (paid, mark, many) in zip(symbols, held, strict=False)
                ]

            patch.setattr(desk.connections.need("paper").broker, "positions", positions)
            told = (await tools_of(desk).call(desk.grants.give("claude"), "get_holdings", {})).structured
            for row in told["holdings"]:
                assert Decimal(row["cost"]) + Decimal(row["unrealised"]) == Decimal(row["market_value"])
            values = [Decimal(row["market_value"]) for row in told["holdings"]]
            assert (len(values), sum(values, Decimal(0))) == (len(held), Decimal(told["market_value"]))


async def test_what_has_no_exchange_rate_leaves_its_sums_unknown(
    desk: Desk, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def positions() -> list[Position]:
        one, ten = Decimal(1), Decimal(10)
        held = (("ALFA", "USD"), ("BRVO", "XTS"))
        return [Position(symbol, one, ten, ten, ten, one, unit, NOON, "fake") for symbol, unit in held]

    monkeypatch.setattr(desk.connections.need("paper").broker, "positions", positions)
    exposure = (await ask("get_portfolio")).structured["exposure"]
    assert set(exposure.values()) == {None}
    owned = (await ask("get_holdings")).structured
    assert (owned["market_value"], owned["currency"]) == (None, "USD")
    assert [(row["market_value"], row["share_percent"]) for row in owned["holdings"]] == [("10.00", None)] * 2
    profit = (await ask("get_pnl")).structured
    assert profit["unplaced"] is None
    assert [(row["unrealised"], row["currency"]) for row in profit["by_position"]] == [("1", "USD"), ("1", "XTS")]


_TRADES = st.lists(
    st.tuples(st.sampled_from(["ALFA", "BRVO", "CHRL"]), st.sampled_from(["buy", "sell"]), st.integers(1, 9)),
    max_size=6,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_TRADES)
async def test_profit_and_loss_agree_with_the_portfolio(trades: Sequence[tuple[str, str, int]]) -> None:
    with TemporaryDirectory() as folder:
        async with open_desk(Path(folder), settings=_EVERYTHING, budget=BudgetSettings(order_burst=1000)) as desk:
            claude, tools = desk.grants.give("claude"), tools_of(desk)

            async def ask(tool: str, **arguments: Any) -> Any:
                return await tools.call(claude, tool, arguments)

            start = (await ask("get_pnl")).structured["today"]["equity_at_start"]
            for number, (symbol, side, quantity) in enumerate(trades):
                await trade(desk, ask, symbol, side, quantity, f"pnl-number-{number}")
            told = (await ask("get_pnl")).structured
            whole = (await ask("get_portfolio")).structured
            rows = {row["symbol"]: Decimal(row["unrealised"]) for row in told["by_position"]}
            assert sum(rows.values(), Decimal(0)) == Decimal(told["unrealised"])
            assert told["unplaced"] == "0"
            assert Decimal(told["total"]) == Decimal(told["realised"]) + Decimal(told["unrealised"])
            assert Decimal(told["net"]) == Decimal(told["total"]) - Decimal(told["fees"])
            assert Decimal(told["today"]["equity"]) == Decimal(start) + Decimal(told["net"])
            assert told["today"]["change"] == told["net"]
            assert set(rows) == {row["symbol"] for row in whole["positions"]}
            for name in ("realised", "unrealised", "fees"):
                assert Decimal(whole[name]) == round(Decimal(told[name]), 2)


async def test_the_day_begins_with_the_equity_of_the_day_before(desk: Desk, ask: Ask) -> None:
    await trade(desk, ask, "ALFA", "buy", 5, "day-before-1")
    before = (await ask("get_pnl")).structured["today"]
    desk.clock.pass_time(86_400)
    after = (await ask("get_pnl")).structured["today"]
    assert after["day"] > before["day"]
    assert after["equity_at_start"] == before["equity"]
    assert Decimal(after["change"]) == Decimal(after["equity"]) - Decimal(before["equity"])


async def test_all_own_records_are_exported_page_by_page_and_nobody_elses(desk: Desk, ask: Ask) -> None:
    tools, cursor = tools_of(desk), desk.grants.give("cursor")
    for number in range(7):
        await ask("get_quote", symbol="ALFA")
        await tools.call(cursor, "get_quote", {"symbol": "BRVO", "secret": f"of cursor {number}"})
    after, numbers, lines = 0, list[int](), list[dict[str, Any]]()
    while True:
        page = (await ask("export_audit", after=after, limit=3)).structured
        here = [json.loads(line) for line in page["lines"].splitlines()]
        assert len(here) == page["records"] <= 3
        lines += here
        numbers += [line["number"] for line in here]
        after = page["next_after"]
        if after is None or len(lines) > 30:
            break
    assert numbers == sorted(set(numbers))
    quotes = [line for line in lines if line["tool"] == "get_quote"]
    assert [line["symbol"] for line in quotes] == ["ALFA"] * 7
    assert quotes[0]["detail"]["arguments"] == {"symbol": "ALFA"}
    assert "cursor" not in json.dumps(lines)


@pytest.mark.parametrize("after", [2**63 - 1, 2**63 - 2, 10**9])
async def test_nothing_comes_after_the_last_record(ask: Ask, after: int) -> None:
    page = await ask("export_audit", after=after)
    assert page.refusal is None
    assert (page.structured["records"], page.structured["next_after"]) == (0, None)


async def test_a_page_of_the_export_is_bounded_in_bytes_too(ask: Ask) -> None:
    for _ in range(60):
        await ask("search_instruments", text="x", padding="p" * 4000)
    page = (await ask("export_audit", limit=1000)).structured
    assert 0 < len(page["lines"]) <= 200_000
    assert page["next_after"] is not None
    rest = (await ask("export_audit", limit=1000, after=page["next_after"])).structured
    assert rest["records"] >= 60 - page["records"]
