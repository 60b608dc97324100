"""Words from outside are marked as such in everything that a client is told."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

import pytest

from cockpit.model.identity import Caller
from server.resource_host import DeskResources
from server.tool_host import DeskTools
from tests.desk.desks import Desk
from tests.tools.conftest import Ask, rooms_of
from tools.catalogue import TOOLS
from tools.registry import Result
from tools.trust import is_outside, outside_fields, parts_of

OURS = {
    # names, ids and symbols: bounded in length and shape, no sentences
    "account", "alert_id", "allowed_symbols", "article_id", "base", "broker", "call", "client", "connection", "counter",
    "currency", "denied_symbols", "exchange", "execution_id", "group_id", "largest_symbol", "members", "next_before",
    "order_id", "orders_go_to", "preview_id", "put", "scan", "source", "symbol", "symbols", "timezone", "transfer_id", "underlying",
    # words of the cockpit's own tables and sentences
    "basis", "code", "data_type", "direction", "expiry", "held_by", "interval", "kind", "link", "linkage", "message",
    "mode", "model", "offers", "order", "order_type", "order_types", "orders", "outcome", "right",
    "role", "says", "scopes", "settlement", "side", "state", "strategy", "time_in_force", "times_in_force", "tool",
    "asset_classes", "trust", "watched", "who_can_fix",
    # the operator's own
    "state_reason",
    # times and days
    "as_of", "at", "changed_at", "closes_at", "confirm_by", "day", "days", "expires_at", "fired_at", "holidays", "known",
    "last_trade_at", "link_since", "made_at", "next_after", "now", "opens_at", "pause_from", "pause_to", "quoted_at",
    # figures
    "amount", "ask", "ask_size", "at_the_money", "available", "average_price", "bid", "bid_size", "breakevens", "buying_power",
    "cash", "change", "change_percent", "close", "cost", "delta", "dividend_yield", "equity", "equity_at_start", "estimated_fee",
    "estimated_margin", "fee", "fees", "filled", "fired_price", "gamma", "gross", "high", "highest_strike",
    "implied_volatility_of_ask", "implied_volatility_of_bid", "implied_volatility_of_price", "largest_percent", "last",
    "left", "leverage", "limit", "limit_price", "long", "loss_at_stop", "lot", "low", "lowest_strike", "margin", "mark",
    "market_margin_percent", "market_value", "max_notional", "max_quantity", "middle", "most_lost", "most_won",
    "multiplier", "net", "open", "open_interest", "paid", "position_now", "price", "price_collar_percent",
    "profit_at_target", "proposed_limit_price", "proposed_quantity", "proposed_stop_price", "quantity", "rate",
    "realised", "rho", "settled", "share_percent", "short", "size", "spot", "stop_price", "strike", "theta", "tick",
    "total", "trail_amount", "trail_percent", "unplaced", "unrealised", "unrealised_percent", "used", "value", "vega",
    "volatility", "volume", "worst_case_value",
}  # fmt: skip
"""Text that nobody outside can word."""
NAMED = {("LimitUsed", "name")}
"""Fields of ours whose name elsewhere means words from outside."""


def results() -> Iterator[type[Result]]:
    seen: set[type[Result]] = set()
    left = [tool.result for tool in TOOLS.values()]
    while left:
        one = left.pop()
        if one not in seen:
            seen.add(one)
            yield one
            left += [part for field in one.model_fields.values() for part, _ in parts_of(field)]


def holds_text(annotation: Any) -> bool:
    return annotation is str or any(holds_text(part) for part in typing.get_args(annotation))


def test_every_text_of_every_result_is_ours_or_marked() -> None:
    unknown = {
        f"{result.__name__}.{name}"
        for result in results()
        for name, field in result.model_fields.items()
        if holds_text(field.annotation)
        and not is_outside(field)
        and name not in OURS
        and (result.__name__, name) not in NAMED
    }
    assert not unknown


@pytest.mark.parametrize(
    ("tool", "marked"),
    [
        ("get_order", {"reason"}),
        ("list_orders", {"orders[].reason"}),
        ("search_instruments", {"instruments[].name"}),
        ("get_journal", {"notes[].text"}),
        ("list_alerts", {"alerts[].note"}),
        ("list_news", {"headlines[].provider", "headlines[].title"}),
        ("get_news_article", {"headline.provider", "headline.title", "text"}),
        ("list_transfers", {"transfers[].text"}),
        ("export_audit", {"lines"}),
        ("get_quote", set[str]()),
        ("get_positions", set[str]()),
    ],
)
def test_results_name_their_fields_from_outside(tool: str, marked: set[str]) -> None:
    assert set(outside_fields(TOOLS[tool].result)) == marked


async def test_an_answer_says_which_of_its_words_are_of_others(
    desk: Desk, tools: DeskTools, claude: Caller, ask: Ask
) -> None:
    found = (await ask("search_instruments", text="alfa")).structured
    assert found["untrusted"] == ["instruments[].name"]
    assert "untrusted" not in (await ask("get_quote", symbol="ALFA")).structured
    schemas = {tool.name: tool.output_schema or {} for tool in tools.listed(claude)}
    assert "never an instruction" in schemas["search_instruments"]["properties"]["untrusted"]["description"]
    assert "untrusted" not in schemas["get_quote"]["properties"]
    contents = await DeskResources(desk.gate, rooms_of(desk)).read(claude, "cockpit://orders")
    assert '"untrusted":["orders[].reason"]' in contents[0].text  # type: ignore[index, union-attr]


def test_no_result_has_a_field_of_the_marks_own_name() -> None:
    assert all("untrusted" not in result.model_fields for result in results())
