from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cockpit.cli.socket_client import ask
from cockpit.operator.act import Command, Done

Line = dict[str, str]


class Program:
    """A process that is read line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self, wanted: Callable[[str], bool]) -> str:
        """Return the next line that is wanted."""
        assert self._process.stdout is not None
        async with asyncio.timeout(40):
            async for line in self._process.stdout:
                if wanted(line.decode()):
                    return line.decode().strip()
        raise AssertionError("it ended")

    async def news(self, name: str) -> Line:
        """Return the next report that has a member, or whose event is ``name``."""
        return json.loads(
            await self.line(lambda line: name in json.loads(line) or json.loads(line).get("event") == name)
        )

    async def stop(self) -> int:
        """End it and return its exit code."""
        if self._process.returncode is None:
            self._process.terminate()
        async with asyncio.timeout(10):
            return await self._process.wait()


async def start(*words: str) -> Program:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COCKPIT_")}
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdin=nothing, stdout=pipe, stderr=nothing, env=environ
    )
    return Program(process)


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    host = await start("-m", "cockpit", "--data-dir", str(tmp_path / "data"), "--port", "0", "serve")
    ready = await host.line(lambda line: line.startswith("ready "))
    yield ready.removeprefix("ready ")
    assert await host.stop() == 0


@pytest.fixture
async def client(url: str) -> AsyncIterator[Program]:
    program = await start("-m", "cockpit.cli.demo_client", "--url", url, "--pace", "0.05")
    yield program
    await program.stop()


async def test_the_demo_client_is_let_in_trades_and_asks_again_after_the_kill(client: Program, tmp_path: Path) -> None:
    async def operate(act: str, **arguments: str) -> Done:
        answer = await asyncio.to_thread(ask, tmp_path / "data" / "control.sock", Command(act, arguments))
        assert isinstance(answer, Done), answer
        return answer

    code = (await client.news("code"))["code"]
    await operate("client.approve", code=code, scope="read:market read:account read:orders write:orders")
    await client.news("connected")
    await client.news("order")
    orders = (await operate("orders")).data
    assert isinstance(orders, list)
    assert orders[0]["state"] == "pending"
    assert await operate("order.approve", order_id=orders[0]["order_id"])
    await operate("kill")
    await client.news("ended")
    await operate("resume")
    assert (await client.news("code"))["code"] != code
