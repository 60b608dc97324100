from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from mcp.client.auth import OAuthFlowError

from cockpit.cli.demo_client.__main__ import DENIED, ENDED, why
from cockpit.cli.demo_client.endings import Consent, Ended
from cockpit.cli.demo_client.report import MAX_FIELD, StdoutReport
from cockpit.cli.demo_client.session import SCOPES, ToolResult, with_scopes
from cockpit.cli.demo_client.trader import MOST_OPEN, Pace, Trader
from tests.cli.test_demo_browser import Heard

FAST = Pace(look=0, begin=0, propose=0, patience=0)
ALFA = {"symbol": "ALFA", "kind": "stock", "lot": "10"}


class Market:
    """A session whose tools answer from a table; orders end when they are told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refusals: dict[str, str] = {}
        self.may_trade = True
        self.enough = asyncio.Event()
        self.placed = 0
        self.ends = asyncio.Event()
        self.waits = 0
        self.most_waits = 0

    async def tools(self) -> frozenset[str]:
        await asyncio.sleep(0)
        return frozenset({"get_quote", "place_order"} if self.may_trade else {"get_quote"})

    async def call(self, tool: str, **arguments: object) -> ToolResult:
        await asyncio.sleep(0)
        self.calls.append((tool, arguments))
        if len(self.calls) > 60:
            self.enough.set()
        if tool in self.refusals:
            return ToolResult({"code": self.refusals[tool], "message": "no."}, refused=True)
        if tool == "search_instruments":
            return ToolResult({"instruments": [ALFA]}, refused=False)
        if tool == "get_quote":
            return ToolResult({"bid": "9", "ask": "10"}, refused=False)
        if tool == "place_order":
            self.placed += 1
            return ToolResult({"order_id": f"o-{self.placed}", "state": "pending", "says": "Waits."}, refused=False)
        if tool == "wait_for_order":
            self.waits += 1
            self.most_waits = max(self.most_waits, self.waits)
            await self.ends.wait()
            self.waits -= 1
            return ToolResult({"state": "filled", "says": "Filled."}, refused=False)
        return ToolResult({}, refused=False)


async def trade(market: Market, heard: Heard) -> None:
    task = asyncio.create_task(Trader(market, heard, FAST).run())
    await asyncio.wait({task, asyncio.create_task(market.enough.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled() and task.exception() is not None:
        raise task.exception() or AssertionError


async def test_it_looks_at_prices_bars_and_positions_and_proposes_orders() -> None:
    market = Market()
    market.ends.set()
    await trade(market, Heard())
    assert {"get_session", "get_quote", "get_bars", "get_positions", "place_order"} <= {
        name for name, _ in market.calls
    }


async def test_never_more_than_two_of_its_orders_are_open() -> None:
    market = Market()
    await trade(market, Heard())
    assert market.most_waits == MOST_OPEN
    assert market.placed == MOST_OPEN


async def test_the_first_order_is_filled_once_it_is_approved_and_later_ones_are_limits_at_the_touch() -> None:
    market = Market()
    market.ends.set()
    await trade(market, Heard())
    first, *others = (arguments for name, arguments in market.calls if name == "place_order")
    assert (first["order_type"], "limit_price" in first) == ("market", False)
    limits = [order for order in others if order["order_type"] == "limit"]
    assert limits
    assert all(order["limit_price"] == ("10" if order["side"] == "buy" else "9") for order in limits)


async def test_orders_are_whole_lots_each_with_a_new_key() -> None:
    market = Market()
    market.ends.set()
    await trade(market, Heard())
    orders = [arguments for name, arguments in market.calls if name == "place_order"]
    assert all(int(order["quantity"]) % 10 == 0 for order in orders)
    assert len({order["idempotency_key"] for order in orders}) == len(orders)


async def test_without_the_right_to_trade_it_only_looks() -> None:
    market = Market()
    market.may_trade = False
    await trade(market, Heard())
    assert market.placed == 0


async def test_a_refused_order_is_reported_and_the_next_one_tried() -> None:
    market, heard = Market(), Heard()
    market.refusals["place_order"] = "PENDING_LIMIT"
    await trade(market, heard)
    assert [event for event, text in heard.events if "PENDING_LIMIT" in text].count("refused") > 1


@pytest.mark.parametrize("code", ["KILL_SWITCH", "GRANT_ENDED"])
async def test_the_end_of_the_authority_ends_the_trading(code: str) -> None:
    market = Market()
    market.refusals["get_quote"] = code
    with pytest.raises(BaseExceptionGroup) as caught:
        await trade(market, Heard())
    assert why(caught.value)[0] == "ended"


def test_why_a_connection_ended_is_found_in_any_depth() -> None:
    buried = RuntimeError("transport")
    buried.__cause__ = Consent("the operator said no")
    assert why(ExceptionGroup("a", [ExceptionGroup("b", [buried])])) == ("denied", "the operator said no", DENIED)
    assert why(ExceptionGroup("a", [OSError("refused"), Ended("over")])) == ("ended", "over", ENDED)
    assert why(ExceptionGroup("a", [OAuthFlowError("Registration failed: 503")]))[0] == "turned_away"
    assert why(ExceptionGroup("a", [OSError("refused")]))[0] == "failed"


def test_every_line_on_stdout_is_bounded_json(capsys: pytest.CaptureFixture[str]) -> None:
    report = StdoutReport()
    report.code("BCDFGH")
    report.event("refused", "x" * 5000 + "\x1b\n")
    code, event = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert code == {"code": "BCDFGH"}
    assert event["event"] == "refused"
    assert len(event["text"]) == MAX_FIELD


def test_it_asks_for_its_own_scopes_alone() -> None:
    url = with_scopes("http://127.0.0.1/authorize?client_id=a&scope=write%3Aalerts&state=s", SCOPES)
    assert "write%3Aalerts" not in url
    assert "write%3Aorders" in url
    assert "state=s" in url
