"""Sends the same call again and again over N connections and measures: with wrk where it is installed, else by itself."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

MODERN = "2026-07-28"
LEGACY = "2025-11-25"

_LUA = """
local n = %d
local headers = { %s }
request = function()
  n = n + 1
  return wrk.format("POST", "%s", headers, [==[%s]==] .. n .. [==[%s]==])
end
local bad = 0
response = function(status, _, body)
  if status ~= 200 or not string.find(body, "structuredContent", 1, true) or not string.find(body, '"isError":false', 1, true) then
    bad = bad + 1
    if bad == 1 then print("BAD", status, body) end
  end
end
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load."""

    name: str
    url: str
    token: str = ""
    pid: int = 0
    """Of its process; nought where that is none of ours."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    rps: float
    p50_ms: float
    p99_ms: float
    calls: int


def measure(target: Target, era: str, symbol: str, connections: int, seconds: float) -> Measured:
    """Run the load in a process of its own; raises RuntimeError where an answer isn't a good result."""
    headers, before, after = _call(target, era, symbol)
    if wrk := shutil.which("wrk"):
        return _with_wrk(wrk, target, headers, before, after, connections, seconds)
    spec = json.dumps([target.url, headers, before, after, connections, seconds])
    done = subprocess.run([sys.executable, __file__], input=spec, capture_output=True, text=True, check=True)
    return Measured(*json.loads(done.stdout))


def _call(target: Target, era: str, symbol: str) -> tuple[dict[str, str], str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if target.token:
        headers["Authorization"] = f"Bearer {target.token}"
    headers["MCP-Protocol-Version"] = era
    params: dict[str, object] = {"name": "get_quote", "arguments": {"symbol": symbol}}
    if era == MODERN:
        headers |= {"Mcp-Method": "tools/call", "Mcp-Name": "get_quote"}
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        }
    else:
        headers["Mcp-Session-Id"] = _begin_session(target, dict(headers))
    after = ',"method":"tools/call","params":' + json.dumps(params, separators=(",", ":")) + "}"
    return headers, '{"jsonrpc":"2.0","id":', after


def _begin_session(target: Target, headers: dict[str, str]) -> str:
    hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}
    with urlopen(Request(target.url, json.dumps(body).encode(), headers)) as answer:
        session = answer.headers["Mcp-Session-Id"]
        answer.read()
    headers["Mcp-Session-Id"] = session
    body = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    with urlopen(Request(target.url, json.dumps(body).encode(), headers)) as answer:
        answer.read()
    return session


def _with_wrk(
    wrk: str, target: Target, headers: dict[str, str], before: str, after: str, connections: int, seconds: float
) -> Measured:
    parts = urlsplit(target.url)
    table = ", ".join(f'["{name}"]="{value}"' for name, value in headers.items())
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "call.lua"
        script.write_text(_LUA % (time.monotonic_ns() % 10**9, table, parts.path, before, after))
        command = [wrk, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}", "--latency", "-s", str(script)]
        out = subprocess.run([*command, f"http://{parts.netloc}"], capture_output=True, text=True, check=True).stdout
    if "BAD" in out or "Non-2xx" in out or "Socket errors" in out:
        raise RuntimeError(f"{target.name}: {out}")
    rps = re.search(r"Requests/sec:\s+([\d.]+)", out)
    p50 = re.search(r"50%\s+([\d.]+)(us|ms|s)", out)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    calls = re.search(r"(\d+) requests in", out)
    if rps is None or p50 is None or p99 is None or calls is None:
        raise RuntimeError(out)
    return Measured(float(rps[1]), _ms(p50), _ms(p99), int(calls[1]))


def _ms(found: re.Match[str]) -> float:
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]]


async def _by_hand(
    url: str, headers: dict[str, str], before: str, after: str, connections: int, seconds: float
) -> Measured:
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in headers.items()
    )
    took: list[float] = []
    end = time.perf_counter() + seconds
    numbers = iter(range(time.monotonic_ns() % 10**9, 10**12))

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while (began := time.perf_counter()) < end:
            body = f"{before}{next(numbers)}{after}".encode()
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            if b"structuredContent" not in await _answer(reader):
                raise RuntimeError("no result")
            took.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(connections)))
    spent = time.perf_counter() - began
    took.sort()
    return Measured(len(took) / spent, took[len(took) // 2] * 1000, took[int(len(took) * 0.99)] * 1000, len(took))


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if found := re.search(rb"content-length: (\d+)", head):
        return await reader.readexactly(int(found[1]))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body


if __name__ == "__main__":
    measured = asyncio.run(_by_hand(*json.load(sys.stdin)))
    print(json.dumps([measured.rps, measured.p50_ms, measured.p99_ms, measured.calls]))
