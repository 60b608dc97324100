"""A whole cockpit whose connection is an account at a gateway of TWS: in this process, or in one of its own."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import shutil
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import aiohttp

from cockpit.app.process import run
from cockpit.app.wiring import BrokerMaker, Cockpit, running
from cockpit.brokers.ibkr.broker import IbkrBroker
from cockpit.cli.socket_client import ask
from cockpit.model.clock import Clock
from cockpit.model.events import Event
from cockpit.model.identity import Scope, scope_text
from cockpit.model.orders import Order
from cockpit.operator.act import Command, Done
from cockpit.settings.load import load
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.where import CONFIG_VARIABLE, SOCKET_NAME, Given
from cockpit.store.database import Store
from server.listener import bind
from tests.e2e.hosts import environment
from tests.outside.desks import WallClock

CONNECTION: Final = "ibkr"
TRUSTED: Final = "trusted"
"""The client whose orders a rule approves."""
CLIENT_ID: Final = 17

_LIMITED: Final = ("register", "authorize", "wait", "token", "revoke", "metadata", "bad_tokens", "sign_in")
_ROOMY: Final = "[server.limits]\n" + "".join(
    f"{what}_{whom} = 1_000_000\n" for what in _LIMITED for whom in ("each", "all")
)
_SETTINGS: Final = f"""
[server]
port = 0
max_calls_in_flight = 400

[budget]
calls_per_second = 100_000
burst = 1_000_000
orders_per_minute = 10_000
order_burst = 1000

[approval]
on_operator_lost = "keep"
max_pending = 200
max_pending_per_client = 200

[[approval.rules]]
name = "{TRUSTED}"
do = "approve"
when = {{ clients = ["{TRUSTED}"] }}

{_ROOMY}
"""
_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.ibkr.cockpits"])


def settings_of(port: int, *, client_id: int = CLIENT_ID, line: str = "", policy: str = "") -> str:
    """Return the settings of a cockpit at a gateway; ``line`` and ``policy`` add to the connection's own blocks."""
    return f"""{_SETTINGS}
[connections.{CONNECTION}]
broker = "ibkr"
toolsets = ["all"]

[connections.{CONNECTION}.policy]
max_quote_age_seconds = 3600
{policy}

[connections.{CONNECTION}.ibkr]
port = {port}
client_id = {client_id}
hours_of = "ALFA"
connect_seconds = 3
request_seconds = 1.5
{line}
"""


def settings_of_another() -> str:
    """Return the settings of a cockpit with another broker, which the test puts in the paper broker's place."""
    return f"""{_SETTINGS}
[connections.{CONNECTION}]
broker = "paper"
toolsets = ["all"]

[connections.{CONNECTION}.policy]
max_quote_age_seconds = 3600
"""


class Running(ABC):
    """A cockpit that serves, from the side of its operator and its clients."""

    def __init__(self, folder: Path, url: str, http: aiohttp.ClientSession) -> None:
        self.folder = folder
        self.url = url
        self._http = http

    @abstractmethod
    async def do(self, act: str, /, **arguments: str) -> Any:
        """Do an act of the operator."""

    async def key(self, name: str = TRUSTED) -> str:
        """Let a client in that may do everything."""
        made = await self.do("key.create", name=name, connection=CONNECTION, scope=scope_text(frozenset(Scope)))
        return made["key"]

    async def call(self, key: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool; the object that it answers with, a refusal's too."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        headers = {"Authorization": f"Bearer {key}", "Accept": "application/json, text/event-stream"}
        async with self._http.post(self.url, json=body, headers=headers) as answer:
            said = await message_of(answer)
            assert answer.status == 200, said
            if "result" in said:
                return said["result"]["structuredContent"]
            return said["error"].get("data") or said["error"]

    async def place(self, key: str, idempotency_key: str = "the-only-order", **changed: Any) -> dict[str, Any]:
        """Place an order to buy 5 ALFA that rests."""
        order = {"symbol": "ALFA", "side": "buy", "quantity": 5, "order_type": "limit", "limit_price": "400",
                 "time_in_force": "gtc", "idempotency_key": idempotency_key}  # fmt: skip
        wanted = {name: value for name, value in (order | changed).items() if value is not None}
        return await self.call(key, "place_order", **wanted)


async def message_of(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """Return the message in an answer: of one that took its time the last event."""
    said = await answer.read()
    if answer.content_type == "text/event-stream":
        said = said.rstrip().rpartition(b"data: ")[2]
    return json.loads(said)


class Within(Running):
    """A cockpit in this process."""

    def __init__(self, folder: Path, cockpit: Cockpit, http: aiohttp.ClientSession, broker: Any) -> None:
        super().__init__(folder, cockpit.url, http)
        self.cockpit = cockpit
        self.broker = broker
        self._happened = asyncio.Event()
        self._heard = cockpit.face.subscribe(wake=self._hear)

    async def do(self, act: str, /, **arguments: str) -> Any:
        answer = await self.cockpit.face.run(Command(act, arguments))
        assert isinstance(answer, Done), answer
        return answer.data

    def notices(self) -> list[str]:
        """Return what the operator was told, since the start."""
        return [notice.text for notice in self.cockpit.face.snapshot().notices]

    async def until(self, holds: Callable[[], object], seconds: float = 5.0) -> None:
        """Wait until something holds, looking after each event."""
        async with asyncio.timeout(seconds):
            while not holds():
                self._happened.clear()
                await self._happened.wait()

    def known(self) -> dict[str, Order]:
        """Return all orders that it knows, by reference."""
        return {order.reference: order for order in self.cockpit.face._rooms.book.all()}

    def photographed(self) -> Path:
        """Return a copy of its folder: what a death at this instant leaves on the disk."""
        copy = self.folder.with_name(f"{self.folder.name}-left")
        shutil.copytree(self.folder, copy, ignore=shutil.ignore_patterns("*.sock"))
        return copy

    def _hear(self, _: Event) -> None:
        self._heard.events.clear()
        self._happened.set()


def quick(name: str, settings: ConnectionSettings, store: Store, clock: Clock) -> IbkrBroker:
    """Build the real broker, which connects anew at once."""
    return IbkrBroker(name, settings, store, clock, backoff=lambda failed: 0.02)


@asynccontextmanager
async def within(
    folder: Path, settings: str, *, clock: Clock | None = None, brokers: BrokerMaker = quick
) -> AsyncIterator[Within]:
    """Run a cockpit in this process until the end of the block."""
    config = folder.parent / f"{folder.name}.toml"
    config.write_text(settings)
    made: list[Any] = []

    def make(name: str, section: ConnectionSettings, store: Store, clock: Clock) -> Any:
        made.append(brokers(name, section, store, clock))
        return made[-1]

    async with AsyncExitStack() as stack:
        taken = bind("127.0.0.1", 0)
        stack.callback(taken.close)
        read = load(Given(data_dir=folder, port=0, config=config), {})
        cockpit = await stack.enter_async_context(running(read, taken, clock or WallClock(), asyncio.Event(), make))
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        yield Within(folder, cockpit, http, made[0])


class Apart(Running):
    """A cockpit in a process of its own."""

    def __init__(self, folder: Path, process: BaseProcess, url: str, http: aiohttp.ClientSession) -> None:
        super().__init__(folder, url, http)
        self.process = process

    async def do(self, act: str, /, **arguments: str) -> Any:
        answer = await asyncio.to_thread(ask, self.folder / SOCKET_NAME, Command(act, arguments, "socket"))
        assert isinstance(answer, Done), answer
        return answer.data

    def kill(self) -> None:
        """End it without any farewell."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)

    async def died(self) -> int | None:
        """Wait for its end."""
        await asyncio.to_thread(self.process.join, 10)
        return self.process.exitcode


@asynccontextmanager
async def apart(folder: Path, settings: str) -> AsyncIterator[Apart]:
    """Run a cockpit in a process of its own until the end of the block, or until it dies."""
    config = folder.parent / "cockpit.toml"
    config.write_text(settings)
    environ = {**environment(), CONFIG_VARIABLE: str(config), "COCKPIT_DATA_DIR": str(folder)}
    log = folder.parent / "stderr.log"
    reading, writing = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=_serve_apart, args=(environ, writing, str(log)))
    process.start()
    writing.close()
    try:
        line = await asyncio.wait_for(asyncio.to_thread(os.read, reading.fileno(), 1000), 30)
        assert line.startswith(b"ready "), log.read_text()
        async with aiohttp.ClientSession() as http:
            yield Apart(folder, process, line.decode().removeprefix("ready ").strip(), http)
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        reading.close()


def _serve_apart(environ: Mapping[str, str], out: Connection, log: str) -> None:
    with Path(log).open("ab") as errors:
        os.dup2(out.fileno(), 1)
        os.dup2(errors.fileno(), 2)
    sys.exit(run(load(environ=environ), screen=False, demo=False, brokers=quick))
