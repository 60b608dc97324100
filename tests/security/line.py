"""One connection on which requests are sent byte for byte, which no HTTP client would do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

Heard = tuple[int, dict[str, str], bytes]
"""Status, headers by their names in lower case, body."""


class Line:
    """One connection that is kept open as long as the host keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> Heard:
        """Send a request; where the host has closed the line meanwhile, on a new one. A new one must be answered."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        sent = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body
        was_open = self._open is not None
        try:
            return await self._answer(sent, method)
        except (asyncio.IncompleteReadError, ConnectionError):
            await self.hang_up()
            if not was_open:
                raise
            return await self._answer(sent, method)

    async def _answer(self, sent: bytes, method: str) -> Heard:
        if self._open is None:
            self._open = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._open
        writer.write(sent)
        async with asyncio.timeout(60):
            head = b"HTTP/1.1 100"
            while head.startswith(b"HTTP/1.1 100"):
                head = await reader.readuntil(b"\r\n\r\n")
            first, *rest = head.decode("latin-1").strip().split("\r\n")
            told = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
            status, length = int(first.split()[1]), int(told.get("content-length", 0))
            if method == "HEAD" or status in {204, 304}:
                answer = b""
            elif told.get("transfer-encoding", "").lower() == "chunked":
                answer = await _chunks(reader)
            else:
                answer = await reader.readexactly(length)
        if told.get("connection", "").lower() == "close":
            await self.hang_up()
        return status, told, answer

    async def hang_up(self) -> None:
        if self._open is not None:
            self._open[1].close()
        self._open = None


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body
