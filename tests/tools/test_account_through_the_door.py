"""Account tools, alerts, notes and messages over HTTP with the SDK's own client, at a cockpit whose watches run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from cockpit.model.events import Event, Notice
from tests.server.whole import Client as Here
from tests.server.whole import done, whole

SCOPES = "read:market read:account read:research read:audit write:alerts"
ALL = {"CONNECTIONS__PAPER__TOOLSETS": '["all"]'}
CALLS: dict[str, dict[str, Any]] = {
    "list_accounts": {},
    "get_account": {},
    "get_holdings": {},
    "get_pnl": {},
    "add_note": {"text": "First\nthoughts.", "symbol": "alfa"},
    "get_journal": {"symbol": "ALFA"},
    "list_alerts": {},
    "notify_operator": {"text": "Look at ALFA."},
    "export_audit": {"limit": 5},
}


@asynccontextmanager
async def sdk_client(here: Here, mode: str = "auto") -> AsyncIterator[Client]:
    key = (await done(here.cockpit, "key.create", name="bot", scope=SCOPES))["key"]
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30) as http,
        Client(streamable_http_client(f"{here.origin}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


def is_alert(event: Event) -> bool:
    return isinstance(event, Notice) and event.text.startswith("Alert of bot: ALFA bid is ")


async def told(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, (tool, answer.structured_content)
    assert answer.structured_content is not None
    return answer.structured_content


async def test_every_account_tool_answers_the_sdks_client_in_both_eras(tmp_path: Path) -> None:
    for mode in ("auto", "legacy"):
        async with whole(tmp_path / mode, **ALL) as here, sdk_client(here, mode) as client:
            assert set(CALLS) <= {tool.name for tool in (await client.list_tools()).tools}
            for name, arguments in CALLS.items():
                await told(client, name, **arguments)
            words = [notice for notice in here.cockpit.face.snapshot().notices if notice.client]
            assert [(one.client, one.text) for one in words] == [("bot", "bot says “Look at ALFA.”")]


async def test_an_alert_fires_by_itself_and_stays_fired_over_a_restart(tmp_path: Path) -> None:
    async with whole(tmp_path, **ALL) as here, sdk_client(here) as client:
        fired = asyncio.Event()
        noticed = here.cockpit.face.subscribe(wake=lambda event: fired.set() if is_alert(event) else None)
        made = await told(client, "create_alert", symbol="ALFA", watched="bid", direction="above", price="0.01")
        await asyncio.wait_for(fired.wait(), 20)
        noticed.close()
        (row,) = (await told(client, "list_alerts"))["alerts"]
        assert row["state"] == "fired"
        found = await done(here.cockpit, "audit.search", tool="alert.fired")
        assert [record["client"] for record in found] == ["bot"]
    async with whole(tmp_path, **ALL) as here:
        await done(here.cockpit, "key.revoke", name="bot")
        async with sdk_client(here) as client:
            (row,) = (await told(client, "list_alerts"))["alerts"]
            assert (row["alert_id"], row["state"]) == (made["alert_id"], "fired")
            await told(client, "delete_alert", alert_id=row["alert_id"])
