"""Market and option tools over HTTP with the SDK's own client, which checks every answer against its schema."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.server.whole import done, whole
from tools.catalogue import TOOLS

NEAREST = {"underlying": "ALFA", "expiry_offset": 2}
CALLS = {
    "get_quotes": {"symbols": ["ALFA", "NOPE"]},
    "get_depth": {"symbol": "ALFA"},
    "get_instrument": {"symbol": "GOLF"},
    "list_instruments": {"limit": 3},
    "get_fx_rate": {"base": "EUR", "counter": "USD"},
    "get_expiries": {"underlying": "ALFA"},
    "get_option_chain": {**NEAREST, "strikes": 3},
    "resolve_option": {**NEAREST, "right": "call", "moneyness": "atm"},
    "get_synthetic_future": NEAREST,
    "run_scanner": {"scan": "most_active"},
    "place_option_order": {
        **NEAREST, "right": "call", "moneyness": "atm", "side": "buy", "quantity": 1, "order_type": "market",
        "idempotency_key": "key-door-1",
    },
    "place_option_strategy": {
        **NEAREST, "strategy": "bull_call_spread", "strikes": ["atm", "otm1"], "quantity": 1,
        "idempotency_key": "key-door-2",
    },
}  # fmt: skip
SCOPES = "read:market read:research read:orders write:orders"


@asynccontextmanager
async def sdk_client(tmp_path: Path) -> AsyncIterator[Client]:
    """The SDK's client with a key, at a cockpit that offers everything."""
    kinds = json.dumps(["stock", "etf", "crypto", "option"])
    settings = {"TOOLSETS": '["all"]', "POLICY__ASSET_CLASSES": kinds}
    named = {f"CONNECTIONS__PAPER__{name}": value for name, value in settings.items()}
    async with whole(tmp_path, **named) as here:
        key = (await done(here.cockpit, "key.create", name="bot", scope=SCOPES))["key"]
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30) as http,
            Client(streamable_http_client(f"{here.origin}/mcp", http_client=http), mode="auto") as opened,
        ):
            yield opened


async def test_every_tool_for_markets_and_options_answers_the_sdks_client(tmp_path: Path) -> None:
    async with sdk_client(tmp_path) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert set(CALLS) <= listed
        for name, arguments in CALLS.items():
            answer = await client.call_tool(name, arguments)
            assert not answer.is_error, (name, answer.structured_content)
            assert answer.structured_content
        chain = await client.call_tool("get_option_chain", CALLS["get_option_chain"])
        assert chain.structured_content is not None
        symbol = chain.structured_content["chain"][0]["put"]["symbol"]
        greeks = await client.call_tool("get_option_greeks", {"symbol": symbol})
        assert not greeks.is_error


async def test_what_the_broker_lacks_is_an_error_of_the_tool_for_the_sdks_client(tmp_path: Path) -> None:
    async with sdk_client(tmp_path) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        for name in ("list_news", "get_fundamentals"):
            assert name in TOOLS
            assert name not in listed
            answer = await client.call_tool(name, {"symbol": "ALFA"})
            assert answer.is_error
            assert answer.structured_content is not None
            assert answer.structured_content["code"] == "CAPABILITY_UNAVAILABLE"
