"""A cockpit in this process, and programs that start `cockpit stdio` against it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from cockpit.app.wiring import Cockpit
from tests.app import opened

ON = "[stdio]\nenabled = true\n"
PATIENCE = 30.0


@asynccontextmanager
async def cockpit(folder: Path, settings: str = ON) -> AsyncIterator[Cockpit]:
    """Open a cockpit whose settings file says that; local clients may come in unless it says otherwise."""
    config = folder.parent / "cockpit.toml"
    config.write_text(settings)
    async with opened.cockpit(folder, config) as running:
        yield running


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("COCKPIT_")}


def arguments(folder: Path) -> list[str]:
    return ["-m", "cockpit", "--data-dir", str(folder), "stdio"]


@asynccontextmanager
async def sdk_client(folder: Path, mode: str, **more: Any) -> AsyncIterator[Client]:
    """The SDK's own client, which starts the command as a real one does."""
    parameters = StdioServerParameters(command=sys.executable, args=arguments(folder), env=environment())
    async with Client(stdio_client(parameters), mode=mode, **more) as client:
        yield client


@dataclass
class Program:
    """A program that talks to the command line by line."""

    process: asyncio.subprocess.Process

    async def send(self, *messages: object) -> None:
        assert self.process.stdin is not None
        for message in messages:
            line = message if isinstance(message, bytes) else json.dumps(message).encode()
            self.process.stdin.write(line + b"\n")
        await self.process.stdin.drain()

    async def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
        assert line.endswith(b"\n"), line
        return json.loads(line)

    async def ask(self, request_id: int, method: str, **params: object) -> dict[str, Any]:
        await self.send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        return await self.read()

    async def end(self) -> tuple[int, bytes, bytes]:
        """End its input; the exit code, and what is left of output and errors."""
        out, err = await asyncio.wait_for(self.process.communicate(b""), PATIENCE)
        assert self.process.returncode is not None
        return self.process.returncode, out, err


@asynccontextmanager
async def program(folder: Path) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments(folder), env=environment(), limit=2**20,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
