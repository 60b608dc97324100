"""A whole cockpit in this process, its operator's acts, and a call from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from cockpit.app.wiring import Cockpit, running
from cockpit.model.clock import SystemClock
from cockpit.operator.act import Answer, Command, Done
from cockpit.settings.load import load
from cockpit.settings.where import Given
from server.listener import bind


@asynccontextmanager
async def cockpit(folder: Path, config: Path | None = None) -> AsyncIterator[Cockpit]:
    settings = load(Given(data_dir=folder, port=0, config=config, ignore_file=config is None), {})
    taken = bind("127.0.0.1", 0)
    try:
        async with running(settings, taken, SystemClock(), asyncio.Event()) as opened:
            yield opened
    finally:
        taken.close()


async def act(opened: Cockpit, act_name: str, /, **arguments: str) -> Answer:
    return await opened.face.run(Command(act_name, arguments))


async def done(opened: Cockpit, act_name: str, /, **arguments: str) -> Any:
    answer = await act(opened, act_name, **arguments)
    assert isinstance(answer, Done), answer
    return answer.data


async def call(opened: Cockpit, key: str, tool: str, **arguments: Any) -> int:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as outside, outside.post(opened.url, json=body) as answer:
        return answer.status
