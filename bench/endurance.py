"""Whether a cockpit that answers calls for hours grows, leaves tasks behind, or forgets one of them in its audit.

    python -m bench.endurance                      a hundred thousand calls
    python -m bench.endurance --calls 1000000

The whole cockpit, with its paper broker and disk, in a process of its own; calls of both eras, good and bad ones, over
16 connections. What its memory holds once a tenth of the calls are over is what the rest is compared with. Ends with 1
where memory grew by more than a twentieth, a task or request is left over, or the audit doesn't hold each call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench.load import LEGACY, MODERN
from cockpit.app.wiring import running
from cockpit.model.clock import SystemClock
from cockpit.operator.act import Command, Done
from cockpit.settings.load import load
from cockpit.settings.where import Given
from server.listener import bind, port_of

MOST_GROWTH: Final = 0.05
_CONNECTIONS: Final = 16
_STRETCHES: Final = 10
_SETTLED_SECONDS: Final = 2.0
"""After the last call: what ends a connection and writes the audit is done by then."""
_ENVIRONMENT: Final = {"COCKPIT_BUDGET__CALLS_PER_SECOND": "100000", "COCKPIT_BUDGET__BURST": "1000000"}
_CALLS: Final = (
    ("get_quote", {"symbol": "ALFA"}, b'"isError":false'),
    ("get_session", {}, b'"isError":false'),
    ("get_quotes", {"symbols": ["ALFA", "BRVO"]}, b'"isError":false'),
    ("get_quote", {"symbol": "NOBODY"}, b"INSTRUMENT_UNRESOLVED"),
    ("get_quote", {"nothing": 1}, b"BAD_ARGUMENTS"),
    ("no_such_tool", {}, b"UNKNOWN_TOOL"),
    ("get_positions", {}, b"SCOPE_MISSING"),
)
"""Name, arguments, and what its answer must hold."""


async def _serve(folder: Path) -> None:
    """Be the cockpit: tell of port and key, then at each line what it holds, and at the end what the audit has."""
    settings = load(Given(data_dir=folder, port=0, ignore_file=True), _ENVIRONMENT)
    taken = bind("127.0.0.1", 0)
    async with running(settings, taken, SystemClock(), asyncio.Event()) as opened:
        made = await opened.face.run(
            Command("key.create", {"name": "bench", "scope": "read:market", "connection": "paper"})
        )
        assert isinstance(made, Done), made
        assert isinstance(made.data, dict)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        print(json.dumps({"port": port_of(taken), "key": made.data["key"]}), flush=True)
        while (await reader.readline()).strip():
            tasks = sorted(task.get_name().rstrip("0123456789") for task in asyncio.all_tasks())
            print(json.dumps({"rss": _resident(), "tasks": tasks}), flush=True)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class _Client(asyncio.Protocol):
    """One connection that asks for one thing after the other, and wants each answer to be what it must be."""

    def __init__(self, requests: Iterator[tuple[bytes, bytes]]) -> None:
        self._requests = requests
        self._heard = b""
        self._wanted = b""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, found, body = self._heard.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.lower().index(b"content-length: ") + 16
        if len(body) < int(head[at : at + 9].split(b"\r", 1)[0]):
            return
        if self._wanted not in body:
            self._end(RuntimeError(f"{self._wanted!r} is not in {self._heard!r}"))
            return
        self._heard = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(RuntimeError("the connection was lost"))

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._end(None)
            return
        sent, self._wanted = request
        self._transport.write(sent)

    def _end(self, problem: Exception | None) -> None:
        if not self.over.done():
            if problem is None:
                self.over.set_result(None)
            else:
                self.over.set_exception(problem)
        self._transport.close()


def _requests(port: int, key: str, first: int, count: int) -> Iterator[tuple[bytes, bytes]]:
    templates = [
        _template(port, key, name, arguments, era) for name, arguments, _ in _CALLS for era in (MODERN, LEGACY)
    ]
    wanted = [want for *_, want in _CALLS for _ in range(2)]
    for number in range(first, first + count):
        which = number % len(templates)
        before, after = templates[which]
        yield before + b"%09d" % (100_000_000 + number) + after, wanted[which]


def _template(port: int, key: str, name: str, arguments: dict[str, Any], era: str) -> tuple[bytes, bytes]:
    params: dict[str, Any] = {"name": name, "arguments": arguments}
    headers = {
        "Host": f"127.0.0.1:{port}",
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": era,
    }
    if era == MODERN:
        headers |= {"Mcp-Method": "tools/call", "Mcp-Name": name}
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        }
    begin, end = b'{"jsonrpc":"2.0","id":', f',"method":"tools/call","params":{json.dumps(params)}}}'.encode()
    headers["Content-Length"] = str(len(begin) + 9 + len(end))
    head = "POST /mcp HTTP/1.1\r\n" + "".join(f"{header}: {value}\r\n" for header, value in headers.items())
    return head.encode() + b"\r\n" + begin, end


async def _stretch(port: int, key: str, first: int, count: int) -> None:
    requests = _requests(port, key, first, count)
    loop = asyncio.get_running_loop()
    clients = [await loop.create_connection(lambda: _Client(requests), "127.0.0.1", port) for _ in range(_CONNECTIONS)]
    await asyncio.gather(*(client.over for _, client in clients))


async def _in_audit(folder: Path) -> int:
    """Count the calls in the audit of a cockpit that has ended, along the whole chain, which must be good."""
    from cockpit.store.database import Store

    async with Store(folder, SystemClock()) as store:
        rows = await store.rows("SELECT count(*) FROM audit WHERE kind = 'call'")
        verdict = await store.audit_verify()
    if not verdict.ok:
        raise SystemExit(f"the audit's chain is broken at {verdict.first_bad}")
    return rows[0][0]


async def _run(calls: int) -> int:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "data"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.endurance", "--serve", str(folder),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            ready = json.loads(await process.stdout.readline())

            async def held() -> dict[str, Any]:
                assert process.stdin is not None
                assert process.stdout is not None
                await asyncio.sleep(_SETTLED_SECONDS)
                process.stdin.write(b"held\n")
                return json.loads(await process.stdout.readline())

            last = await held()
            tasks = last["tasks"]
            share, resident, began = calls // _STRETCHES, [], time.monotonic()
            for turn in range(_STRETCHES):
                await _stretch(ready["port"], ready["key"], turn * share, share)
                last = await held()
                resident.append(last["rss"])
                print(f"{(turn + 1) * share:>9} calls: {last['rss'] / 2**20:.1f} MiB, {len(last['tasks'])} tasks")
            took = time.monotonic() - began - _STRETCHES * _SETTLED_SECONDS
            process.stdin.close()
            await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        kept = await _in_audit(folder)
    sent, growth = share * _STRETCHES, resident[-1] / resident[0] - 1
    left = [task for task in last["tasks"] if task not in tasks]
    print(
        f"{sent} calls in {took:.0f} s: memory grew by {growth:.1%} after the first {share};"
        f" {len(last['tasks']) - len(tasks)} tasks left over; {kept} calls in the audit"
    )
    if left:
        print(f"left over: {left}")
    return int(growth > MOST_GROWTH or len(last["tasks"]) > len(tasks) or kept != sent)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--calls", type=int, default=100_000)
    asked = parser.parse_args()
    sys.exit(asyncio.run(_serve(asked.serve)) if asked.serve else asyncio.run(_run(asked.calls)))
