"""A whole cockpit in this process, with an operator's face and a client that calls over HTTP with a key."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from cockpit.app.wiring import BrokerMaker, Cockpit, running
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.model.clock import Clock, SystemClock
from cockpit.model.trading import Mode
from cockpit.operator.act import Answer, Command, Done
from cockpit.operator.desk_face import OperatorFace
from cockpit.operator.rooms import Examination, nothing_wrong
from cockpit.operator.wire import decode_answer, encode_answer
from cockpit.settings.load import load
from cockpit.settings.where import Given

SCOPES = "read:market read:account read:orders preview:orders write:orders"


@dataclass
class House:
    """A cockpit that runs, seen by its operator."""

    cockpit: Cockpit
    http: aiohttp.ClientSession

    @property
    def face(self) -> OperatorFace:
        return self.cockpit.face

    async def act(self, act: str, /, **arguments: str) -> Answer:
        """Carry out an act as the command line does."""
        return await self.face.run(Command(act, arguments, by="socket"))

    async def done(self, act: str, /, **arguments: str) -> Any:
        """Carry out an act that must succeed; what ``--json`` prints, after its way through the socket."""
        _, answer = decode_answer(encode_answer(await self.act(act, **arguments), "1"))
        assert isinstance(answer, Done), answer
        return answer.data

    async def key(self, name: str = "script", connection: str = "paper") -> str:
        """Make a key that may trade."""
        return (await self.done("key.create", name=name, scope=SCOPES, connection=connection))["key"]

    async def call(self, key: str, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool; what it answers, a refusal too."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        async with self.http.post(
            self.cockpit.url, json=body, headers={"Authorization": f"Bearer {key}", "Accept": "application/json"}
        ) as answer:
            return (await answer.json())["result"]["structuredContent"]

    async def order(self, key: str, number: int = 1, **terms: object) -> dict[str, Any]:
        """Place a small market order."""
        asked = {"symbol": "ALFA", "side": "buy", "quantity": 1, "order_type": "market", **terms}
        return await self.call(key, "place_order", idempotency_key=f"order-number-{number}", **asked)


@asynccontextmanager
async def open_house(
    folder: Path,
    toml: str = "",
    *,
    live: str = "",
    clock: Clock | None = None,
    brokers: BrokerMaker = PaperBroker,
    examined: Examination = nothing_wrong,
) -> AsyncIterator[House]:
    """Start a cockpit on the settings and a free port; ``live`` names a connection whose settings say real money."""
    (folder / "cockpit.toml").write_text(toml)
    settings = load(Given(config=folder / "cockpit.toml", data_dir=folder / "data"), {})
    if live:
        real = settings.connections[live].model_copy(update={"mode": Mode.LIVE})
        settings = settings.model_copy(update={"connections": {**settings.connections, live: real}})
    taken = socket.create_server(("127.0.0.1", 0))
    async with (
        running(settings, taken, clock or SystemClock(), asyncio.Event(), brokers, examined=examined) as cockpit,
        aiohttp.ClientSession() as http,
    ):
        yield House(cockpit, http)
