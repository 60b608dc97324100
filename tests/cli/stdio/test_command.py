"""``cockpit stdio`` as a real process, with the SDK's own client and with a program that misbehaves."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from cockpit.cli.stdio.command import CALL_SECONDS, LONGEST_CALL_SECONDS, call_seconds
from cockpit.cli.stdio.streams import MOST_BYTES
from cockpit.model.identity import Scope, Via
from cockpit.model.refusals import Refusal
from cockpit.settings.server import ServerSettings
from cockpit.settings.where import Given
from server import own_user
from tests.app.opened import act, done
from tests.cli.stdio.programs import ON, PATIENCE, Program, cockpit, program, sdk_client

ERAS = ["legacy", "2026-07-28"]
HELLO: dict[str, Any] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "tester", "version": "1"},
}


LISTS = ("tools", "prompts", "resources")


async def heard(one: Program, method: str) -> dict[str, Any]:
    """Read until that is said."""
    while (said := await one.read()).get("method") != method:
        assert "error" not in said
    return said


async def answer(one: Program, request_id: int, method: str, **params: object) -> dict[str, Any]:
    """Ask, and read until the answer."""
    said = await one.ask(request_id, method, **params)
    while said.get("id") != request_id:
        said = await one.read()
    return said


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.mark.parametrize("mode", [*ERAS, "auto"])
async def test_the_sdk_client_lists_and_calls_tools_by_standard_input_and_output(folder: Path, mode: str) -> None:
    async with cockpit(folder) as opened, sdk_client(folder, mode) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert "get_quote" in listed
        assert "place_order" not in listed
        quote = await client.call_tool("get_quote", {"symbol": "ALFA"})
        assert isinstance(quote.structured_content, dict)
        assert quote.structured_content["symbol"] == "ALFA"
        (view,) = opened.face.snapshot().clients
        assert (view.client, view.via, view.host) == ("local", Via.KEY, "stdio")
        calls = await done(opened, "audit.search", client="local", tool="get_quote")
        assert [one["outcome"] for one in calls] == ["ok"]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_scope_that_is_taken_away_is_gone_at_the_next_call(folder: Path, mode: str) -> None:
    async with cockpit(folder) as opened, sdk_client(folder, mode) as client:
        assert not (await client.call_tool("get_quote", {"symbol": "ALFA"})).is_error
        await done(opened, "client.scopes", client="local", drop=Scope.READ_MARKET)
        refused = await client.call_tool("get_quote", {"symbol": "ALFA"})
        assert refused.is_error
        assert isinstance(refused.structured_content, dict)
        assert refused.structured_content["code"] == "SCOPE_MISSING"
        assert "get_quote" not in {tool.name for tool in (await client.list_tools()).tools}


@pytest.mark.parametrize("mode", ERAS)
async def test_a_kill_ends_it_at_once_and_enabling_lets_the_same_program_go_on(folder: Path, mode: str) -> None:
    async with cockpit(folder) as opened, sdk_client(folder, mode) as client:
        assert not (await client.call_tool("get_quote", {"symbol": "ALFA"})).is_error
        await done(opened, "kill")
        with pytest.raises(MCPError) as killed:
            await client.call_tool("get_quote", {"symbol": "BETA"})
        assert killed.value.error.data["code"] == "KILL_SWITCH"
        await done(opened, "resume")
        with pytest.raises(MCPError) as suspended:
            await client.call_tool("get_quote", {"symbol": "BETA"})
        assert suspended.value.error.data["code"] == "GRANT_ENDED"
        await done(opened, "key.enable", name="local")
        assert not (await client.call_tool("get_quote", {"symbol": "ALFA"})).is_error


async def test_without_a_cockpit_every_request_is_refused_and_the_exit_code_says_so(folder: Path) -> None:
    async with program(folder) as alone:
        said = await alone.ask(1, "initialize", **HELLO)
        assert said["id"] == 1
        assert said["error"]["data"] == {
            "code": "NO_ANSWER",
            "message": f"No cockpit runs on {folder}; start one with: cockpit",
            "retryable": True,
            "who_can_fix": "host",
            "details": {},
        }
        status, out, err = await alone.end()
    assert (status, out) == (1, b"")
    assert err.decode().splitlines() == [f"cockpit stdio: no cockpit runs on {folder}; start one with: cockpit"]


async def test_where_the_settings_do_not_want_it_it_says_what_to_set(folder: Path) -> None:
    async with cockpit(folder, ""), program(folder) as one:
        said = await one.ask(1, "initialize", **HELLO)
        assert said["error"]["data"]["code"] == "STDIO_OFF"
        assert "stdio.enabled" in said["error"]["message"]
        assert (await one.end())[0] == 0


async def test_a_program_outlives_the_cockpit_and_finds_the_next_one(folder: Path) -> None:
    async with program(folder) as one:
        async with cockpit(folder):
            assert "result" in await one.ask(1, "initialize", **HELLO)
            await one.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
            assert "result" in await one.ask(2, "tools/list")
        gone = await one.ask(3, "tools/list")
        assert gone["error"]["data"]["code"] == "NO_ANSWER"
        async with cockpit(folder):
            assert "result" in await one.ask(4, "tools/list")
            assert (await one.end())[0] == 0


async def test_what_is_open_when_the_cockpit_ends_is_answered(folder: Path) -> None:
    async with program(folder) as one:
        async with cockpit(folder, f'{ON}scopes = ["read:orders", "write:orders"]\n') as opened:
            await one.ask(1, "initialize", **HELLO)
            order = {
                "symbol": "ALFA",
                "side": "buy",
                "quantity": "1",
                "order_type": "market",
                "idempotency_key": "local-order-1",
            }
            placed = await one.ask(2, "tools/call", name="place_order", arguments=order)
            order_id = placed["result"]["structuredContent"]["order_id"]
            wait = {"name": "wait_for_order", "arguments": {"order_id": order_id, "wait_seconds": 45}}
            await one.send({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": wait})
            await one.ask(4, "ping")
            assert opened.face.snapshot().orders
        said = await one.read()
        assert said["id"] == 3
        assert said["result"]["structuredContent"]["code"] == "BUSY"


async def test_a_program_that_calls_a_request_off_gets_no_answer_to_it(folder: Path) -> None:
    async with cockpit(folder, f'{ON}scopes = ["read:orders", "write:orders"]\n') as opened, program(folder) as one:
        await one.ask(1, "initialize", **HELLO)
        order = {
            "symbol": "ALFA",
            "side": "buy",
            "quantity": "1",
            "order_type": "market",
            "idempotency_key": "local-order-1",
        }
        placed = await one.ask(2, "tools/call", name="place_order", arguments=order)
        wait = {"order_id": placed["result"]["structuredContent"]["order_id"], "wait_seconds": 45}
        await one.send(
            {
                "jsonrpc": "2.0",
                "id": 3,
                "method": "tools/call",
                "params": {"name": "wait_for_order", "arguments": wait},
            },
        )
        await one.ask(4, "ping")
        await one.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}})
        assert (await one.ask(5, "ping"))["id"] == 5
        status, out, _ = await one.end()
        assert (status, out) == (0, b"")
        found = await done(opened, "audit.search", tool="wait_for_order")
        assert [call["code"] for call in found] == ["CANCELLED"]


async def test_a_program_of_a_session_hears_that_its_tools_changed(folder: Path) -> None:
    async with cockpit(folder) as opened, program(folder) as one:
        await one.ask(1, "initialize", **HELLO)
        await one.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        heard = asyncio.create_task(one.read())
        while not heard.done():  # what is said before the stream stands, nobody waits for
            await done(opened, "client.scopes", client="local", drop=Scope.READ_MARKET)
            await done(opened, "client.scopes", client="local", add=Scope.READ_MARKET)
        assert heard.result()["method"] == "notifications/tools/list_changed"


async def test_a_program_of_a_session_is_not_deaf_after_the_cockpit_came_back(folder: Path) -> None:
    async with program(folder) as one:
        async with cockpit(folder):
            await one.ask(1, "initialize", **HELLO)
            await one.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
            await answer(one, 2, "resources/subscribe", uri="cockpit://quotes/ALFA")
            await heard(one, "notifications/resources/updated")
        async with cockpit(folder) as opened:
            missed = {(await heard(one, f"notifications/{name}/list_changed"))["method"] for name in LISTS}
            assert len(missed) == len(LISTS)
            for _ in range(2):  # once because something may have changed, then because it has
                said = await heard(one, "notifications/resources/updated")
                assert said["params"]["uri"] == "cockpit://quotes/ALFA"
            await done(opened, "client.scopes", client="local", drop=Scope.READ_ACCOUNT)
            await heard(one, "notifications/tools/list_changed")
            assert "result" in await answer(one, 3, "resources/unsubscribe", uri="cockpit://quotes/ALFA")


async def test_a_subscription_right_after_the_cockpit_came_back_is_made(folder: Path) -> None:
    async with program(folder) as one:
        async with cockpit(folder):
            await one.ask(1, "initialize", **HELLO)
        async with cockpit(folder):
            assert "result" in await answer(one, 2, "resources/subscribe", uri="cockpit://quotes/ALFA")


async def test_a_program_of_a_session_hears_again_once_it_is_enabled_after_a_kill(folder: Path) -> None:
    async with cockpit(folder) as opened, program(folder) as one:
        await one.ask(1, "initialize", **HELLO)
        await one.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        await answer(one, 2, "resources/subscribe", uri="cockpit://quotes/ALFA")
        await heard(one, "notifications/resources/updated")
        await done(opened, "kill")
        await done(opened, "resume")
        await done(opened, "key.enable", name="local")
        await heard(one, "notifications/tools/list_changed")


async def test_a_program_that_listens_hears_that_its_tools_changed_until_it_calls_that_off(folder: Path) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "tester", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    async with cockpit(folder) as opened, program(folder) as one:
        listening = await one.ask(1, "subscriptions/listen", _meta=meta, notifications={"toolsListChanged": True})
        assert listening["method"] == "notifications/subscriptions/acknowledged"
        await done(opened, "client.scopes", client="local", drop=Scope.READ_MARKET)
        assert (await one.read())["method"] == "notifications/tools/list_changed"
        await one.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
        said = await one.ask(2, "tools/list", _meta=meta)
        while "method" in said:  # a change may be told twice
            said = await one.read()
        assert said["id"] == 2
        status, out, _ = await one.end()
    assert (status, out) == (0, b"")


async def test_a_program_of_another_user_gets_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with cockpit(folder), program(folder) as one:
        monkeypatch.setattr(own_user.os, "getuid", lambda: os.geteuid() + 1)
        assert (await one.ask(1, "initialize", **HELLO))["error"]["message"].endswith("status 403")


async def test_lines_that_are_no_messages_are_told_so_and_the_next_is_served(folder: Path) -> None:
    async with cockpit(folder), program(folder) as one:
        await one.send(b"no json", b"[1]", b"", b'"' + b"x" * MOST_BYTES + b'"')
        assert [(await one.read())["error"]["code"] for _ in range(3)] == [-32700, -32700, -32600]
        assert "result" in await one.ask(7, "initialize", **HELLO)
        unknown = await one.ask(8, "no/such")
        assert (unknown["id"], unknown["error"]["code"]) == (8, -32601)
        status, out, err = await one.end()
    assert (status, out, err) == (0, b"", b"")


async def test_the_end_of_the_input_lets_open_requests_be_answered(folder: Path) -> None:
    async with cockpit(folder), program(folder) as one:
        await one.send(*({"jsonrpc": "2.0", "id": number, "method": "tools/list"} for number in range(20)))
        status, out, _ = await one.end()
    assert status == 0
    assert len(out.splitlines()) == 20


async def test_a_signal_ends_it_cleanly(folder: Path) -> None:
    async with cockpit(folder), program(folder) as one:
        await one.ask(1, "initialize", **HELLO)
        one.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(one.process.wait(), PATIENCE) == 0


async def test_a_program_that_reads_nothing_does_not_keep_it_from_ending(folder: Path) -> None:
    async with cockpit(folder), program(folder) as one:
        await one.ask(1, "initialize", **HELLO)
        # More than the pipe and this side's buffer hold, and nobody reads it.
        await one.send(*({"jsonrpc": "2.0", "id": number, "method": "tools/list"} for number in range(2, 90)))
        one.process.send_signal(signal.SIGTERM)
        while not _has_ended(one.process.pid):
            await asyncio.sleep(0.01)
        assert (await one.end())[0] == 0


async def test_the_socket_is_for_its_owner_alone_and_goes_with_the_cockpit(folder: Path) -> None:
    async with cockpit(folder):
        assert stat.S_IMODE((folder / "mcp.sock").stat().st_mode) == 0o600
    assert not (folder / "mcp.sock").exists()


async def test_what_was_revoked_stays_so_over_a_restart_until_it_has_another_name(folder: Path) -> None:
    async with cockpit(folder) as opened:
        await done(opened, "client.revoke", client="local")
    async with cockpit(folder) as opened, program(folder) as one:
        assert opened.face.snapshot().clients == ()
        assert (await one.ask(1, "initialize", **HELLO))["error"]["data"]["code"] == "STDIO_OFF"
    async with cockpit(folder, f'{ON}name = "other"\n') as opened:
        assert [view.client for view in opened.face.snapshot().clients] == ["other"]


async def test_the_operators_word_and_the_files_changes_both_outlast_a_restart(folder: Path) -> None:
    async with cockpit(folder) as opened:
        await done(opened, "client.scopes", client="local", drop=Scope.READ_ACCOUNT)
    changed = f'{ON}scopes = ["read:account", "read:orders", "read:audit"]\n'
    async with cockpit(folder, changed) as opened:
        (view,) = opened.face.snapshot().clients
        assert set(view.scopes) == {Scope.READ_ORDERS, Scope.READ_AUDIT}
    async with cockpit(folder, "") as opened:
        assert opened.face.snapshot().clients == ()


async def test_a_key_of_its_name_cannot_be_made(folder: Path) -> None:
    async with cockpit(folder) as opened:
        taken = await act(opened, "key.create", name="local", scope="read:market")
        assert isinstance(taken, Refusal)
        assert taken.code == "NAME_TAKEN"


def test_it_waits_as_long_as_the_settings_let_a_call_take(tmp_path: Path) -> None:
    field = ServerSettings.model_fields["call_seconds"]
    assert field.default == CALL_SECONDS
    assert LONGEST_CALL_SECONDS in {getattr(bound, "le", None) for bound in field.metadata}
    file = tmp_path / "some.toml"
    file.write_text("[server]\ncall_seconds = 12.5\n")
    given = Given(config=file)
    assert call_seconds(given, {}) == 12.5
    assert call_seconds(given, {"COCKPIT_SERVER__CALL_SECONDS": "7"}) == 7
    assert call_seconds(given, {"COCKPIT_SERVER__CALL_SECONDS": "nan"}) == CALL_SECONDS
    file.write_text("server = ")
    assert call_seconds(given, {}) == CALL_SECONDS


def _has_ended(pid: int) -> bool:
    """Whether a process has ended, though nobody has read what it wrote."""
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"
