"""What thousands of sessions that nobody uses hold, and how soon hundreds of streams have ended with their grant.

    python -m bench.sessions

The host runs in a process of its own: our transport and door, one fake tool. After the first sessions have expired as
many begin again: what the host's memory grows by then was not given back.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from pathlib import Path

import aiohttp

from bench.load import LEGACY
from bench.transport_alone import GRANT, hosted
from server.transport.transport import Limits

_IDLE_SECONDS = 3.0
_AT_ONCE = 16
_HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": LEGACY,
        "capabilities": {"roots": {"listChanged": True}, "sampling": {}, "elicitation": {}},
        "clientInfo": {"name": "bench", "title": "Bench", "version": "1"},
    },
}


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


async def _serve(sessions: int) -> None:
    """Be the host: tell of the port, then of sessions when asked, and of the end of streams."""
    limits = Limits(max_sessions=sessions, session_idle_seconds=_IDLE_SECONDS)
    async with hosted(0, limits, most_open=10_000) as (port, transport):
        print(port, flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := (await reader.readline()).strip():
            if line == b"end":
                transport.grant_ended(GRANT.grant_id)
            print(transport.sessions, flush=True)


class _Host:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def ask(self, word: str) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(word.encode() + b"\n")
        return await self.line()

    async def line(self) -> int:
        assert self.process.stdout is not None
        return int(await self.process.stdout.readline())


async def _begin(http: aiohttp.ClientSession, url: str, count: int) -> list[str]:
    ids: list[str] = []

    async def some(share: int) -> None:
        for _ in range(share):
            async with http.post(url, json=_HELLO) as answer:
                ids.append(answer.headers["Mcp-Session-Id"])

    await asyncio.gather(*(some(count // _AT_ONCE) for _ in range(_AT_ONCE)))
    return ids


async def _streams(host: _Host, http: aiohttp.ClientSession, url: str, count: int) -> float:
    ids = await _begin(http, url, count)
    async with contextlib.AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(
                http.get(url, headers={"Mcp-Session-Id": one, "Accept": "text/event-stream"})
            )
            for one in ids
        ]
        ends = [asyncio.ensure_future(stream.read()) for stream in streams]
        await asyncio.sleep(0.1)
        began = time.perf_counter()
        told = asyncio.ensure_future(host.ask("end"))
        await asyncio.gather(*ends)
        took = time.perf_counter() - began
        await told
    return took


async def _measure(sessions: int, streams: int, rounds: int) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.sessions", "--serve", str(sessions),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    host = _Host(process)
    try:
        url = f"http://127.0.0.1:{await host.line()}/mcp"
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, headers={"Authorization": "Bearer any"}) as http:
            await _begin(http, url, 500)
            while await host.ask("sessions"):
                await asyncio.sleep(0.2)
            before = _resident(process.pid)
            for turn in ("first", "second"):
                began = time.perf_counter()
                await _begin(http, url, sessions)
                took = time.perf_counter() - began
                held, resident = await host.ask("sessions"), _resident(process.pid)
                print(
                    f"{turn} {sessions} sessions in {took:.1f} s, {held} kept: resident memory grew by"
                    f" {(resident - before) / 1024:.0f} KiB, {(resident - before) / sessions:.0f} bytes of each"
                )
                while await host.ask("sessions"):
                    await asyncio.sleep(0.2)
            found = sorted([await _streams(host, http, url, streams) for _ in range(rounds)])
            print(
                f"{streams} streams of an ended grant: closed after {found[len(found) // 2] * 1000:.0f} ms"
                f" ({found[0] * 1000:.0f} to {found[-1] * 1000:.0f})"
            )
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--streams", type=int, default=208)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    asyncio.run(_serve(asked.serve) if asked.serve else _measure(asked.sessions, asked.streams, asked.rounds))
