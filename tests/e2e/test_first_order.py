"""The whole way: a real AI client is let in by its code, reads, orders, and is filled only after approval."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.hosts import Outsider, call, host, run_command, start

WRITES = ("--scope", "read:market", "--scope", "read:account", "--scope", "read:orders", "--scope", "preview:orders",
          "--scope", "write:orders", "--scope", "read:audit")  # fmt: skip


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_an_order_is_filled_only_after_the_operator_approved_it(tmp_path: Path, era: str) -> None:
    async with host(tmp_path / "data") as running:
        claude = Outsider(running.url)

        async def trade() -> None:
            async with claude.session(era) as client:
                listed = {tool.name for tool in (await client.list_tools()).tools}
                assert {"get_session", "place_order", "wait_for_order", "tail_audit"} <= listed
                quote, _ = await call(client, "get_quote", symbol="ALFA")
                assert quote["data_type"] == "simulated"
                assert float(quote["bid"]) < float(quote["ask"])
                preview, _ = await call(
                    client, "preview_order", symbol="ALFA", side="buy", quantity=2, order_type="market"
                )
                assert preview["ok"], preview
                order, failed = await call(
                    client, "place_order", preview_id=preview["preview_id"], idempotency_key="first-order-1"
                )
                assert not failed
                assert order["state"] == "pending"
                assert order["filled"] == "0"
                positions, _ = await call(client, "get_positions")
                assert positions["positions"] == []
                waiting = asyncio.create_task(
                    call(client, "wait_for_order", order_id=order["order_id"], wait_seconds=30)
                )
                pending = await running.ask("pending")
                assert [one["order_id"] for one in pending["orders"]] == [order["order_id"]]
                assert not waiting.done()
                approved = await running.ask("approve-order", order["order_id"], "--version", "1", "--yes")
                assert approved["state"] == "filled"
                filled, _ = await waiting
                assert (filled["state"], filled["filled"]) == ("filled", "2")
                (held,) = (await call(client, "get_positions"))[0]["positions"]
                assert (held["symbol"], held["quantity"]) == ("ALFA", "2")
                bad, failed = await call(client, "get_quote", symbol="ALFA", nonsense=1)
                assert failed
                assert bad["code"] == "BAD_ARGUMENTS"
                own, _ = await call(client, "tail_audit", count=5)
                assert own["calls"][-1]["code"] == "BAD_ARGUMENTS"

        trading = asyncio.create_task(trade())
        code = await asyncio.wait_for(claude.code, 20)
        assert code not in str(await running.ask("pending"))
        wrong = "B" * 6 if code != "B" * 6 else "C" * 6
        assert (await running.run("approve", wrong, "--yes"))[0] == 1
        granted = await running.ask("approve", code, "--as", "claude", *WRITES, "--yes")
        assert granted["connection"] == "paper"
        await asyncio.wait_for(trading, 60)
        (row,) = await running.ask("clients")
        assert row["name"] == "claude"
        assert "write:orders" in row["scopes"]


async def test_approving_without_scopes_grants_reading_alone(tmp_path: Path) -> None:
    async with host(tmp_path / "data") as running:
        claude = Outsider(running.url)

        async def look() -> None:
            async with claude.session("legacy") as client:
                assert "place_order" not in {tool.name for tool in (await client.list_tools()).tools}

        looking = asyncio.create_task(look())
        code = await asyncio.wait_for(claude.code, 20)
        granted = await running.ask("approve", code.lower(), "--yes")
        assert "write:orders" not in granted["scopes"]
        await asyncio.wait_for(looking, 30)


async def test_everything_decided_survives_a_kill_of_the_process(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    running = await start(folder)
    claude = Outsider(running.url)
    seen: dict[str, Any] = {}

    async def trade() -> None:
        async with claude.session("legacy") as client:
            for number, symbol in enumerate(("ALFA", "BRVO")):
                order, _ = await call(
                    client, "place_order", symbol=symbol, side="buy", quantity=1, order_type="market",
                    idempotency_key=f"order-number-{number}",
                )  # fmt: skip
                if number == 0:
                    await running.ask("approve-order", order["order_id"], "--yes")
            seen["orders"] = (await call(client, "list_orders"))[0]["orders"]
            seen["cash"] = (await call(client, "get_balances"))[0]["cash"]
            await running.kill()

    trading = asyncio.create_task(trade())
    await running.ask("approve", await asyncio.wait_for(claude.code, 20), "--as", "claude", *WRITES, "--yes")
    await asyncio.gather(trading, return_exceptions=True)
    assert "cash" in seen, trading.exception()
    port = int(running.origin.rpartition(":")[2])
    again = await start(folder, port=port)
    try:
        assert again.url == running.url
        assert (await again.ask("status"))["state"] == "RUNNING"
        async with claude.session("legacy") as client:
            orders = (await call(client, "list_orders"))[0]["orders"]
            waiting, filled = seen["orders"]
            assert orders[1] == filled
            marked = {"version": waiting["version"] + 1, "reason": "The host restarted while it waited."}
            assert {**orders[0], "changed_at": ""} == {**waiting, **marked, "changed_at": ""}
            assert [one["state"] for one in orders] == ["pending", "filled"]
            assert (await call(client, "get_balances"))[0]["cash"] == seen["cash"]
            same, _ = await call(
                client, "place_order", symbol="ALFA", side="buy", quantity=1, order_type="market",
                idempotency_key="order-number-0",
            )  # fmt: skip
            assert same["order_id"] == orders[1]["order_id"]
        assert (await again.ask("audit", "verify"))["ok"]
    finally:
        assert await again.stop() == 0


async def test_a_kill_ends_every_authority_at_once_and_for_good(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with host(folder) as running:
        key = (await running.ask("key", "create", "--name", "script", "--scope", "read:market", "--yes"))["key"]
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as script:
            ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                   "params": {"name": "get_quote", "arguments": {"symbol": "ALFA"}}}  # fmt: skip
            assert (await script.post(running.url, json=ask)).status == 200
            killed = await running.ask("kill")
            assert killed["state"] == "KILLED"
            assert (await script.post(running.url, json=ask)).status == 401
            assert (await script.get(f"{running.origin}/healthz")).status == 200
            await running.kill()
    async with host(folder) as running:
        assert (await running.ask("status"))["state"] == "KILLED"
        headers = {"Authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(headers=headers) as script:
            assert (await script.post(running.url, json=ask)).status == 401
            assert (await running.run("resume"))[0] == 1, "resume needs its word or --yes"
            assert (await running.ask("resume", "--yes"))["state"] == "RUNNING"
            assert (await script.post(running.url, json=ask)).status == 401
            await running.ask("key", "enable", "script", "--yes")
            assert (await script.post(running.url, json=ask)).status == 200


async def test_a_flipped_byte_in_the_audit_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with host(folder) as running:
        await running.ask("halt")
        assert await running.stop() == 0
    assert (await run_command(folder, "audit", "verify"))[0] == 0
    with sqlite3.connect(folder / "cockpit.db") as database:
        (number,) = database.execute("SELECT max(number) FROM audit WHERE tool = 'halt'").fetchone()
        database.execute("UPDATE audit SET outcome = 'HALTEE' WHERE number = ?", (number,))
    database.close()
    code, out, err = await run_command(folder, "audit", "verify")
    assert code == 1
    assert str(number) in out + err


async def test_a_second_process_a_taken_port_and_an_open_folder_are_refused_plainly(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with host(folder) as running:
        port = running.origin.rpartition(":")[2]
        code, _, err = await run_command(folder, "--port", "0", "serve")
        assert code == 1
        assert "Traceback" not in err
        code, _, err = await run_command(tmp_path / "other", "--port", port, "serve")
        assert code == 1
        assert port in err
        assert "Traceback" not in err
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    code, _, err = await run_command(tmp_path / "open", "--port", "0", "serve")
    assert code == 1
    assert "Traceback" not in err
    broken = tmp_path / "broken"
    broken.mkdir(mode=0o700)
    (broken / "cockpit.db").write_bytes(b"this is no database" * 100)
    (broken / "cockpit.db").chmod(0o600)
    code, _, err = await run_command(broken, "--port", "0", "serve")
    assert code == 1
    assert "Traceback" not in err


async def test_stopping_with_streams_open_takes_less_than_three_seconds(tmp_path: Path) -> None:
    async with host(tmp_path / "data") as running:
        key = (await running.ask("key", "create", "--name", "s", "--scope", "read:orders", "--yes"))["key"]
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as script:
            init = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}  # fmt: skip
            answer = await script.post(running.url, json=init)
            session = {"Mcp-Session-Id": answer.headers["Mcp-Session-Id"]}
            stream = await script.get(running.url, headers={**session, "Accept": "text/event-stream"})
            assert stream.status == 200
            loop = asyncio.get_running_loop()
            began = loop.time()
            assert await running.stop() == 0
            assert loop.time() - began < 3
