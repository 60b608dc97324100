"""A client without a browser: it sends an API key, and prints prices and positions.

    cockpit key create --name bot --scope read:market --scope read:account --for 30d
    COCKPIT_KEY=ck_... python examples/with_a_key.py http://127.0.0.1:8722/mcp ALFA BRVO

The key is read from the environment, so that it stands in no file and no history of a shell.
"""

from __future__ import annotations

import asyncio
import os
import sys

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client


async def main(url: str, symbols: list[str]) -> None:
    headers = {"Authorization": f"Bearer {os.environ['COCKPIT_KEY']}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        for symbol in symbols:
            print((await client.call_tool("get_quote", {"symbol": symbol})).structured_content)
        print((await client.call_tool("get_positions", {})).structured_content)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:] or ["ALFA"]))
