"""Clients that others wrote, as they are published: each signs in by itself, lists the tools and calls one."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests import node
from tests.e2e.hosts import Host, environment, host
from tests.outsiders.browsers import Browser

PATIENCE = 60
READS = ("--scope", "read:market", "--scope", "read:account")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Inspector:
    """The command line of the MCP Inspector."""

    def __init__(self, packages: Path, folder: Path, running: Host, browser: Browser) -> None:
        self._script = packages / "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
        self._callback = f"http://127.0.0.1:{_free_port()}/oauth/callback"
        self._url = running.url
        before = {**environment(), **node.environment(), "MCP_AUTO_OPEN_ENABLED": "true"}
        self._environment = browser.environment({**before, "MCP_STORAGE_DIR": str(folder), "HOME": str(folder)})

    async def __call__(self, *arguments: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            node.NODE, self._script, "--cli", self._url, "--transport", "http", "--format", "json",
            "--callback-url", self._callback, *arguments, env=self._environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, (out + err).decode()
        return json.loads(out)


@pytest.mark.e2e
async def test_the_inspector_signs_in_by_itself_lists_tools_and_calls_one_in_both_eras(
    packages: Path, tmp_path: Path
) -> None:
    browser = Browser(tmp_path / "browser")
    async with host(tmp_path / "data") as running:
        inspector = Inspector(packages, tmp_path / "home", running, browser)

        async def signed_in(*arguments: str) -> Any:
            # It keeps tokens in the keyring of a desktop; there is none here, so each run signs in.
            running_it = asyncio.create_task(inspector(*arguments))
            await browser.approve(running, *READS, "--as", "Inspector")
            said = await running_it
            return said.get("result", said)

        listed = await signed_in("--method", "tools/list")
        assert "get_quote" in {tool["name"] for tool in listed["tools"]}
        called = ("--method", "tools/call", "--tool-name", "get_quote", "--tool-arg", "symbol=ALFA")
        for era in ("legacy", "modern"):
            answer = await signed_in("--protocol-era", era, *called)
            assert answer["structuredContent"]["symbol"] == "ALFA"
        clients = await running.ask("clients")
        assert {(client["name"], client["via"], client["host"]) for client in clients} == {
            ("Inspector", "oauth", "127.0.0.1")
        }


@pytest.mark.e2e
async def test_mcp_remote_signs_in_for_a_client_that_only_knows_programs(packages: Path, tmp_path: Path) -> None:
    browser = Browser(tmp_path / "browser")
    async with host(tmp_path / "data") as running:
        env = browser.environment({**environment(), **node.environment(), "HOME": str(tmp_path)})
        parameters = StdioServerParameters(
            command=str(node.NODE),
            args=[str(packages / "mcp-remote/dist/proxy.js"), running.url, str(_free_port())],
            env={**env, "MCP_REMOTE_CONFIG_DIR": str(tmp_path / "remote")},
        )
        approving = asyncio.create_task(browser.approve(running, *READS))
        with (tmp_path / "remote.log").open("w") as log:
            async with (
                asyncio.timeout(PATIENCE),
                Client(stdio_client(parameters, errlog=log), mode="legacy") as client,
            ):
                assert "get_quote" in {tool.name for tool in (await client.list_tools()).tools}
                quote = await client.call_tool("get_quote", {"symbol": "ALFA"})
        await approving
        assert isinstance(quote.structured_content, dict)
        assert quote.structured_content["symbol"] == "ALFA"
