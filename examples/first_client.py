"""A whole client in one file: it is let in by the operator, looks at a price, proposes an order, and waits for the answer.

    python examples/first_client.py http://127.0.0.1:8722/mcp
    python examples/first_client.py URL --symbol ALFA --quantity 1

A browser opens with six letters: type them in the cockpit, and tick write:orders if this may propose an order.
Nothing is kept: each start asks to be let in anew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import uuid
import webbrowser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

ENDED = {"filled", "cancelled", "rejected", "refused", "expired", "unknown"}


class InMemory:
    """Where the SDK keeps the registration and the tokens; a real client keeps them where only it can read them."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Callback:
    """A small server on this computer, to which the browser comes back once the operator has decided."""

    def __init__(self) -> None:
        self.came_back: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.address = ""

    async def __aenter__(self) -> Callback:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/callback"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readline()).split(b" ")[1].decode()
        if path.startswith("/callback") and not self.came_back.done():
            self.came_back.set_result(path)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nYou can close this page.\n"
        )
        writer.close()

    async def open(self, address: str) -> None:
        """Show the page with the six letters."""
        print(f"Open this page if none opened, and type its letters in the cockpit:\n{address}", flush=True)
        await asyncio.to_thread(webbrowser.open, address)

    async def answer(self) -> AuthorizationCodeResult:
        """Wait for the operator."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(await self.came_back).query).items()}
        if "code" not in query:
            raise SystemExit(f"Not let in: {query.get('error_description') or query.get('error')}")
        return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))


async def call(client: Client, tool: str, **arguments: object) -> dict[str, Any]:
    """Call a tool, and print what it answers; an error says by its code what is wrong and who can mend it."""
    result = await client.call_tool(tool, arguments, read_timeout_seconds=60)
    assert isinstance(result.structured_content, dict)
    said: dict[str, Any] = result.structured_content
    print(f"{tool}: {json.dumps(said)}", flush=True)
    if result.is_error:
        raise SystemExit(f"{said['code']}: {said['message']} ({said['who_can_fix']} can fix it)")
    return said


async def trade(client: Client, symbol: str, quantity: str) -> None:
    """Look, preview, place, and wait: an order is pending until the operator has decided."""
    tools = {tool.name for tool in (await client.list_tools()).tools}
    print(f"May use {len(tools)} tools: {', '.join(sorted(tools))}", flush=True)
    await call(client, "get_session")
    await call(client, "get_quote", symbol=symbol)
    if "place_order" not in tools:
        print("The operator granted no write:orders, so nothing is placed.")
        return
    terms = {"symbol": symbol, "side": "buy", "quantity": quantity, "order_type": "market"}
    preview = await call(client, "preview_order", **terms)
    order = await call(
        client, "place_order", preview_id=preview["preview_id"], idempotency_key=f"example-{uuid.uuid4()}"
    )
    while order["state"] not in ENDED:
        order = await call(
            client, "wait_for_order", order_id=order["order_id"], wait_seconds=45, seen_state=order["state"]
        )


async def main() -> None:
    asked = argparse.ArgumentParser(description="Be let in by the operator, and propose one order.")
    asked.add_argument("url", help="what `cockpit status` calls url")
    asked.add_argument("--symbol", default="ALFA")
    asked.add_argument("--quantity", default="1")
    given = asked.parse_args()
    async with Callback() as callback:
        about = OAuthClientMetadata(
            client_name="First client",
            redirect_uris=[AnyUrl(callback.address)],
            token_endpoint_auth_method="none",  # noqa: S106 - a method, no secret
        )
        signs_in = OAuthClientProvider(given.url, about, InMemory(), callback.open, callback.answer)
        async with (
            httpx2.AsyncClient(auth=signs_in, timeout=60) as http,
            Client(streamable_http_client(given.url, http_client=http)) as client,
        ):
            await trade(client, given.symbol, given.quantity)


if __name__ == "__main__":
    asyncio.run(main())
