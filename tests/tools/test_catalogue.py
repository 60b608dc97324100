"""The catalogue as clients see it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from cockpit.model.identity import WRITE_SCOPES, Caller, Scope
from cockpit.model.orders import OrderId, OrderType
from cockpit.model.text import safe
from cockpit.settings.model import ConnectionSettings
from server.tool_host import DeskTools
from tests.desk.desks import Desk, open_desk
from tests.tools.conftest import Ask, is_harmless, tools_of
from tools.catalogue import TOOLS
from tools.registry import Toolset

CORE = {
    "get_session", "get_quote", "get_bars", "search_instruments", "get_clock", "get_balances", "get_positions",
    "list_orders", "get_order", "check_risk", "preview_order", "place_order", "wait_for_order", "modify_order",
    "cancel_order", "tail_audit", "close_position", "cancel_all_orders", "preview_bracket", "place_bracket",
    "list_executions", "get_portfolio", "confirm_order", "get_quotes", "notify_operator",
}  # fmt: skip
ORDERS = {
    "place_oco", "place_basket", "place_split", "place_target_position", "close_all_positions",
    "estimate_margin", "get_portfolio_history", "get_calendar", "get_instrument", "list_instruments", "get_depth",
    "get_fx_rate", "list_accounts", "get_account", "get_holdings", "get_pnl", "export_audit",
}  # fmt: skip
OPTIONS = {
    "get_expiries", "get_option_chain", "get_option_greeks", "resolve_option", "get_synthetic_future",
    "place_option_order", "place_option_strategy",
}  # fmt: skip
RESEARCH = {"run_scanner", "list_alerts", "create_alert", "delete_alert", "get_journal", "add_note"}
EXPECTED = CORE | ORDERS | OPTIONS | RESEARCH
LACKING = {"list_news", "get_news_article", "get_fundamentals", "list_transfers"}
"""Tools of which the paper broker has nothing to tell."""
TERMS = {"symbol": "ALFA", "side": "buy", "quantity": "2", "order_type": "market"}
BRACKET = {**TERMS, "take_profit_price": "370", "stop_loss_price": "350"}
NEAREST = {"underlying": "ALFA", "expiry_offset": 0}
OCO = {
    "symbol": "ALFA",
    "quantity": 2,
    "first": {"side": "sell", "order_type": "limit", "limit_price": "365"},
    "second": {"side": "sell", "order_type": "stop", "stop_price": "350"},
}


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
        assert tool.annotations.read_only_hint is (TOOLS[tool.name].rule.scope not in WRITE_SCOPES)


def test_tools_beyond_the_scopes_are_not_listed(tools: DeskTools, desk: Desk, claude: Caller) -> None:
    grant = replace(claude.grant, scopes=frozenset({Scope.READ_MARKET}))
    desk.grants.grants[grant.grant_id] = grant
    assert {tool.name for tool in tools.listed(claude)} == {
        "get_calendar", "get_quote", "get_quotes", "get_bars", "search_instruments", "get_instrument",
        "list_instruments", "get_depth", "get_fx_rate", "get_expiries", "get_option_chain", "get_option_greeks",
        "resolve_option", "get_synthetic_future", "get_clock", "get_session",
    }  # fmt: skip
    desk.grants.grants.clear()
    assert [tool.name for tool in tools.listed(claude)] == ["get_session"]


async def test_a_client_is_shown_the_core_and_what_the_settings_add(tmp_path: Path) -> None:
    sets = (
        (("core",), CORE), ((), CORE), (("orders",), CORE | ORDERS), (("options",), CORE | OPTIONS),
        (("research",), CORE | RESEARCH), (("all",), EXPECTED),
    )  # fmt: skip
    for number, (chosen, shown) in enumerate(sets):
        settings = ConnectionSettings.model_validate({"toolsets": chosen})
        async with open_desk(tmp_path / str(number), settings=settings) as desk:
            claude, tools = desk.grants.give("claude"), tools_of(desk)
            assert {tool.name for tool in tools.listed(claude)} == shown
            answer = await tools.call(claude, "get_calendar", {})
            assert (answer.refusal is None) is ("get_calendar" in shown)
            if answer.refusal is not None:
                assert (answer.refusal.code, answer.refusal.who_can_fix) == ("TOOL_NOT_CHOSEN", "operator")
    assert len(CORE) <= 25


async def test_a_tool_that_is_not_chosen_is_refused_for_that_before_its_scope(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        reader, tools = desk.grants.give("reader", frozenset({Scope.READ_MARKET})), tools_of(desk)
        for unchosen, tool in TOOLS.items():
            answer = await tools.call(reader, unchosen, {})
            code = "" if answer.refusal is None else answer.refusal.code
            assert (code == "TOOL_NOT_CHOSEN") == (tool.toolset is not Toolset.CORE), unchosen


async def test_orders_that_go_to_a_shadow_have_the_tools_of_their_own_connection(tmp_path: Path) -> None:
    own, paper = ConnectionSettings(toolsets=("orders",)), ConnectionSettings()
    async with open_desk(tmp_path, settings=own, more={"shade": paper}, shadow={"claude": "shade"}) as desk:
        claude, tools = desk.grants.give("claude"), tools_of(desk)
        assert "place_split" in {one.name for one in tools.listed(claude)}
        split = {**TERMS, "idempotency_key": "shadow-key-1", "quantity": 4, "part_quantity": 2}
        answer = await tools.call(claude, "place_split", split)
        assert answer.refusal is None
        assert answer.structured["orders"][0]["shadow"]


async def test_tools_that_the_broker_lacks_are_not_listed_and_say_so_when_called(
    desk: Desk, tools: DeskTools, claude: Caller, ask: Ask
) -> None:
    broker = desk.connections.need("paper").broker
    broker.can = replace(broker.can, linkages=frozenset(), order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}))
    listed = {tool.name for tool in tools.listed(claude)}
    assert EXPECTED - listed == {"preview_bracket", "place_bracket", "place_oco"}
    bracket = await ask("place_bracket", idempotency_key="lacking-1", **BRACKET)
    assert bracket.refusal is not None
    assert bracket.refusal.code == "CAPABILITY_UNAVAILABLE"
    stop = {**TERMS, "order_type": "stop", "stop_price": "500"}
    order = await ask("place_order", idempotency_key="lacking-2", **stop)
    assert order.refusal is not None
    assert order.refusal.code == "CAPABILITY_UNAVAILABLE"
    assert not list(desk.book.all())


async def test_every_answer_fits_its_own_schema(desk: Desk, tools: DeskTools, claude: Caller, ask: Ask) -> None:
    terms = {"symbol": "ALFA", "side": "buy", "quantity": "2", "order_type": "market"}
    bought = await ask("place_order", idempotency_key="schema-key-0", **terms)
    await desk.decisions.approve(OrderId(bought.structured["order_id"]), None, None, None, "test")
    closing = await ask("close_position", idempotency_key="schema-key-2", symbol="ALFA")
    await ask("cancel_order", order_id=closing.structured["order_id"])
    targeted = await ask("place_target_position", idempotency_key="schema-key-3", symbol="ALFA", target_quantity=-1)
    await ask("cancel_order", order_id=targeted.structured["order_id"])
    closed = await ask("close_all_positions", idempotency_key="schema-key-4")
    await ask("cancel_order", order_id=closed.structured["orders"][0]["order_id"])
    basket = [TERMS, {**TERMS, "symbol": "BRVO", "quantity": 1}]
    desk.clock.pass_time(60)
    placed = await ask("place_order", idempotency_key="schema-key-1", **terms)
    order = {"order_id": placed.structured["order_id"]}
    desk.clock.pass_time(60)
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
        "close_position": closing,
        "place_target_position": targeted,
        "close_all_positions": closed,
        "preview_bracket": await ask("preview_bracket", **BRACKET),
        "place_bracket": await ask("place_bracket", idempotency_key="schema-key-5", **BRACKET),
        "place_oco": await ask("place_oco", idempotency_key="schema-key-6", **OCO),
        "place_basket": await ask("place_basket", idempotency_key="schema-key-7", orders=basket),
        "place_split": await ask("place_split", idempotency_key="schema-key-8", part_quantity=1, **terms),
        "confirm_order": await ask("confirm_order", **order),
        "cancel_all_orders": await ask("cancel_all_orders"),
        "list_executions": await ask("list_executions"),
        "estimate_margin": await ask("estimate_margin", **terms),
        "get_portfolio": await ask("get_portfolio"),
        "get_portfolio_history": await ask("get_portfolio_history"),
        "get_calendar": await ask("get_calendar", exchange="xlon", first="2026-12-20", days=30),
        "tail_audit": await ask("tail_audit"),
        "get_quotes": await ask("get_quotes", symbols=["ALFA", "NOPE"]),
        "get_instrument": await ask("get_instrument", symbol="GOLF"),
        "list_instruments": await ask("list_instruments", kind="Stock", limit=2),
        "get_depth": await ask("get_depth", symbol="ALFA"),
        "get_fx_rate": await ask("get_fx_rate", base="eur", counter="usd"),
        "get_expiries": await ask("get_expiries", underlying="ALFA"),
        "get_option_chain": await ask("get_option_chain", strikes=3, **NEAREST),
        "get_option_greeks": await ask("get_option_greeks", symbol="ALFA260306C00360000", price=5),
        "resolve_option": await ask("resolve_option", **NEAREST, right="Call", moneyness="ATM"),
        "get_synthetic_future": await ask("get_synthetic_future", **NEAREST),
        "place_option_order": await ask(
            "place_option_order", idempotency_key="schema-key-9", **NEAREST, right="call", moneyness="atm",
            side="buy", quantity=1, order_type="market",
        ),
        "place_option_strategy": await ask(
            "place_option_strategy", idempotency_key="schema-key-10", **NEAREST, strategy="straddle", strikes=["atm"],
            quantity=1,
        ),
        "run_scanner": await ask("run_scanner", scan="top_gainers", limit=3),
        "list_accounts": await ask("list_accounts"),
        "get_account": await ask("get_account"),
        "get_holdings": await ask("get_holdings"),
        "get_pnl": await ask("get_pnl"),
        "export_audit": await ask("export_audit"),
        "create_alert": (alert := await ask("create_alert", symbol="ALFA", direction="above", price=900)),
        "list_alerts": await ask("list_alerts"),
        "delete_alert": await ask("delete_alert", alert_id=alert.structured["alert_id"]),
        "add_note": await ask("add_note", text="A thought.", symbol="ALFA"),
        "get_journal": await ask("get_journal"),
        "notify_operator": await ask("notify_operator", text="Look at ALFA."),
    }  # fmt: skip
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
        ("check_risk", {**TERMS, "order_type": "stop"}, "arguments"),
        ("check_risk", {**TERMS, "stop_price": 5}, "arguments"),
        ("check_risk", {**TERMS, "order_type": "trailing_stop"}, "arguments"),
        (
            "check_risk",
            {**TERMS, "order_type": "trailing_stop", "trail_amount": 1, "trail_percent": 1},
            "arguments",
        ),
        ("modify_order", {"order_id": "o-" + "A" * 26}, "arguments"),
        ("place_bracket", {"idempotency_key": "long-enough-1"}, "arguments"),
        ("place_bracket", {**BRACKET, "idempotency_key": "long-enough-1", "preview_id": "v-1"}, "arguments"),
        ("preview_bracket", {**BRACKET, "order_type": "trailing_stop"}, "arguments"),
        ("place_oco", {**OCO, "idempotency_key": "long-enough-1", "first": {"side": "sell"}}, "first.order_type"),
        ("place_basket", {"idempotency_key": "long-enough-1", "orders": [TERMS]}, "orders"),
        ("place_basket", {"idempotency_key": "long-enough-1", "orders": [TERMS] * 11}, "orders"),
        ("place_basket", {"idempotency_key": "long-enough-1", "orders": [TERMS, {"side": "buy"}]}, "orders.1.symbol"),
        ("place_split", {**TERMS, "idempotency_key": "long-enough-1"}, "part_quantity"),
        ("place_target_position", {"idempotency_key": "long-enough-1", "symbol": "ALFA"}, "target_quantity"),
        ("close_position", {"idempotency_key": "long-enough-1", "symbol": "ALFA", "quantity": 0}, "quantity"),
        ("close_position", {"idempotency_key": "long-enough-1", "symbol": "ALFA", "order_type": "limit"}, "arguments"),
        ("close_all_positions", {"idempotency_key": "long-enough-1", "order_type": "stop"}, "order_type"),
        ("get_calendar", {"exchange": "X"}, "exchange"),
        ("get_calendar", {"first": "tomorrow"}, "first"),
        ("get_calendar", {"days": 367}, "days"),
        ("get_portfolio_history", {"days": 0}, "days"),
        ("list_executions", {"limit": 501}, "limit"),
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
    assert is_harmless(answer.structured)


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


def test_the_name_of_each_tool_may_be_shown_as_it_is():
    assert all(safe(name, 64) == name == tool.rule.name for name, tool in TOOLS.items())
