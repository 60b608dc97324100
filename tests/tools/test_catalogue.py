"""The catalogue as clients see it."""

from __future__ import annotations

from dataclasses import replace

import jsonschema
import pytest

from cockpit.model.identity import Caller, Scope
from server.tool_host import DeskTools
from tests.desk.desks import Desk
from tests.tools.conftest import Ask
from tools.catalogue import TOOLS

EXPECTED = {
    "get_session", "get_quote", "get_bars", "search_instruments", "get_clock", "get_balances", "get_positions",
    "list_orders", "get_order", "check_risk", "preview_order", "place_order", "wait_for_order", "modify_order",
    "cancel_order", "tail_audit",
}  # fmt: skip


def test_every_tool_says_what_it_is(tools: DeskTools, claude: Caller) -> None:
    listed = {tool.name: tool for tool in tools.listed(claude)}
    assert set(listed) == EXPECTED
    for tool in listed.values():
        assert tool.title
        assert tool.description
        assert len(tool.description) > 40
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema is not None
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (TOOLS[tool.name].rule.scope is not Scope.WRITE_ORDERS)


def test_tools_beyond_the_scopes_are_not_listed(tools: DeskTools, desk: Desk, claude: Caller) -> None:
    grant = replace(claude.grant, scopes=frozenset({Scope.READ_MARKET}))
    desk.grants.grants[grant.grant_id] = grant
    assert [tool.name for tool in tools.listed(claude)] == [
        "get_quote", "get_bars", "search_instruments", "get_clock", "get_session",
    ]  # fmt: skip
    desk.grants.grants.clear()
    assert [tool.name for tool in tools.listed(claude)] == ["get_session"]


async def test_every_answer_fits_its_own_schema(tools: DeskTools, claude: Caller, ask: Ask) -> None:
    terms = {"symbol": "ALFA", "side": "buy", "quantity": "2", "order_type": "market"}
    placed = await ask("place_order", idempotency_key="schema-key-1", **terms)
    order = {"order_id": placed.structured["order_id"]}
    answers = {
        "get_session": await ask("get_session"),
        "get_quote": await ask("get_quote", symbol="alfa"),
        "get_bars": await ask("get_bars", symbol="ALFA", interval="5m", count=10),
        "search_instruments": await ask("search_instruments", text="a"),
        "get_clock": await ask("get_clock"),
        "get_balances": await ask("get_balances"),
        "get_positions": await ask("get_positions"),
        "check_risk": await ask("check_risk", **terms),
        "preview_order": await ask("preview_order", **terms),
        "place_order": placed,
        "list_orders": await ask("list_orders"),
        "get_order": await ask("get_order", **order),
        "wait_for_order": await ask("wait_for_order", wait_seconds=0, **order),
        "modify_order": await ask("modify_order", quantity="1", **order),
        "cancel_order": await ask("cancel_order", **order),
        "tail_audit": await ask("tail_audit"),
    }
    assert set(answers) == EXPECTED
    schemas = {tool.name: tool.output_schema for tool in tools.listed(claude)}
    for name, answer in answers.items():
        assert answer.refusal is None, (name, answer.structured)
        schema = schemas[name]
        assert schema is not None
        jsonschema.validate(dict(answer.structured), schema)


@pytest.mark.parametrize(
    ("tool", "arguments", "names"),
    [
        ("get_quote", {}, "symbol"),
        ("get_quote", {"symbol": "ALFA", "extra": 1}, "extra"),
        ("get_quote", {"symbol": 5}, "symbol"),
        ("get_quote", {"symbol": "A" * 33}, "symbol"),
        ("get_bars", {"symbol": "ALFA", "interval": "7m"}, "interval"),
        ("get_bars", {"symbol": "ALFA", "count": 1001}, "count"),
        ("get_bars", {"symbol": "ALFA", "end": "2026-01-01T00:00:00"}, "end"),
        ("check_risk", {"symbol": "ALFA", "side": "long", "quantity": 1, "order_type": "market"}, "side"),
        ("check_risk", {"symbol": "ALFA", "side": "buy", "quantity": True, "order_type": "market"}, "quantity"),
        ("check_risk", {"symbol": "ALFA", "side": "buy", "quantity": "NaN", "order_type": "market"}, "quantity"),
        ("check_risk", {"symbol": "ALFA", "side": "buy", "quantity": "1e999", "order_type": "market"}, "quantity"),
        ("check_risk", {"symbol": "ALFA", "side": "buy", "quantity": -1, "order_type": "market"}, "quantity"),
        ("check_risk", {"symbol": "ALFA", "side": "buy", "quantity": 1, "order_type": "limit"}, "arguments"),
        (
            "place_order",
            {"symbol": "ALFA", "side": "buy", "quantity": 1, "order_type": "market"},
            "idempotency_key",
        ),
        ("place_order", {"idempotency_key": "short"}, "idempotency_key"),
        ("place_order", {"idempotency_key": "long-enough-1"}, "arguments"),
        ("get_order", {"order_id": "o-1'; DROP TABLE orders"}, "order_id"),
        ("wait_for_order", {"order_id": "o-" + "A" * 26, "wait_seconds": 46}, "wait_seconds"),
    ],
)
async def test_bad_arguments_are_named(ask: Ask, tool: str, arguments: dict[str, object], names: str) -> None:
    answer = await ask(tool, **arguments)
    assert answer.refusal is not None
    assert answer.refusal.code == "BAD_ARGUMENTS"
    assert names in answer.refusal.details


async def test_hostile_argument_names_are_made_safe(ask: Ask) -> None:
    answer = await ask("get_quote", **{"symbol": "ALFA", "\x1b]52;c;x\x07": 1})
    assert "\x1b" not in str(answer.structured)


async def test_a_number_means_the_same_as_its_text(ask: Ask) -> None:
    terms = {"symbol": "ALFA", "side": "BUY", "order_type": "Limit"}
    as_text = await ask("check_risk", quantity="2", limit_price="460.10", **terms)
    as_number = await ask("check_risk", quantity=2.0, limit_price=460.1, **terms)
    assert as_text.structured == as_number.structured


async def test_symbols_are_resolved_and_never_guessed(ask: Ask) -> None:
    answer = await ask("get_quote", symbol="ALF")
    assert answer.refusal is not None
    assert answer.refusal.code == "INSTRUMENT_UNRESOLVED"
    assert "ALFA" in answer.refusal.details["candidates"]


async def test_another_account_is_refused(ask: Ask) -> None:
    answer = await ask("get_balances", account="U1234567")
    assert answer.refusal is not None
    assert answer.refusal.code == "ACCOUNT_NOT_ALLOWED"


async def test_an_order_is_told_with_every_check_and_a_plain_sentence(ask: Ask) -> None:
    answer = await ask(
        "place_order", idempotency_key="sentence-1", symbol="ALFA", side="buy", quantity=1, order_type="market"
    )
    assert answer.structured["state"] == "pending"
    assert "Nothing was sent" in answer.structured["says"]
    assert answer.structured["expires_at"]
    assert all(check["ok"] for check in answer.structured["checks"])


async def test_own_calls_are_shown_and_other_clients_are_not(desk: Desk, tools: DeskTools, ask: Ask) -> None:
    cursor = desk.grants.give("cursor")
    await tools.call(cursor, "get_quote", {"symbol": "BRVO"})
    await ask("get_quote", symbol="ALFA")
    answer = await ask("tail_audit")
    assert [row["symbol"] for row in answer.structured["calls"]] == ["ALFA"]
