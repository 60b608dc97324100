"""The names of the tools and what each takes: a name is stable once it has shipped."""

from __future__ import annotations

from cockpit.model.identity import WRITE_SCOPES, Scope
from tools.catalogue import TOOLS
from tools.registry import Toolset

NAMES: dict[Scope | None, set[str]] = {
    None: {
        "get_session",
    },
    Scope.READ_MARKET: {
        "get_quote", "get_quotes", "get_depth", "get_bars", "search_instruments", "get_instrument",
        "list_instruments", "get_expiries", "get_option_chain", "get_option_greeks", "resolve_option",
        "get_synthetic_future", "get_clock", "get_calendar", "get_fx_rate",
    },
    Scope.READ_RESEARCH: {
        "list_news", "get_news_article", "get_fundamentals", "run_scanner", "list_alerts",
    },
    Scope.READ_ACCOUNT: {
        "list_accounts", "get_account", "get_balances", "get_positions", "get_portfolio", "get_holdings", "get_pnl",
        "get_portfolio_history", "list_transfers", "estimate_margin",
    },
    Scope.READ_ORDERS: {
        "list_orders", "get_order", "list_executions", "wait_for_order",
    },
    Scope.PREVIEW_ORDERS: {
        "check_risk", "preview_order", "preview_bracket",
    },
    Scope.WRITE_ORDERS: {
        "place_order", "confirm_order", "place_bracket", "place_oco", "place_basket", "place_split",
        "place_target_position", "place_option_order", "place_option_strategy", "modify_order", "cancel_order",
        "cancel_all_orders", "close_position", "close_all_positions",
    },
    Scope.WRITE_ALERTS: {
        "create_alert", "delete_alert", "notify_operator", "add_note",
    },
    Scope.READ_AUDIT: {
        "get_journal", "tail_audit", "export_audit",
    },
}  # fmt: skip

NEVER = (
    "approve",
    "deny",
    "scope",
    "grant",
    "limits_set",
    "set_limit",
    "live",
    "kill",
    "resume",
    "halt",
    "totp",
    "transfer_money",
)
"""What no tool may do, under any name."""


def test_there_is_every_tool_and_no_other_each_under_its_scope() -> None:
    found: dict[Scope | None, set[str]] = {}
    for name, tool in TOOLS.items():
        assert tool.rule.name == name
        found.setdefault(tool.rule.scope, set()).add(name)
    assert found == NAMES


def test_the_core_is_small_enough_to_choose_from() -> None:
    assert sum(tool.toolset is Toolset.CORE for tool in TOOLS.values()) <= 25


def test_no_tool_does_what_is_the_operators() -> None:
    assert not [name for name in TOOLS for word in NEVER if word in name]


def test_what_writes_is_durable_before_it_is_answered_and_says_that_it_writes() -> None:
    for name, tool in TOOLS.items():
        writes = tool.rule.scope in WRITE_SCOPES
        assert (tool.rule.writes or tool.rule.is_order) is writes, name
        assert tool.hints.read_only is not writes, name
