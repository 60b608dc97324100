"""Connections on which a test writes every byte itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass


@dataclass
class Raw:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, text: str | bytes) -> None:
        self.writer.write(text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode("latin-1"))

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read one whole answer that has a length."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(first.split()[1]), headers, body

    async def rest(self) -> bytes:
        """Read until the host closes."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


@contextlib.asynccontextmanager
async def raw(port: int, source: str = "127.0.0.1", buffer: int | None = None) -> AsyncIterator[Raw]:
    """Open a connection from an address of this computer; with ``buffer``, one that takes in little."""
    line = socket.socket()
    if buffer is not None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what a test sends apart arrives apart, and at once
    line.bind((source, 0))
    line.setblocking(False)
    await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=line, limit=1024 if buffer else 2**16)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def until(seen: Callable[[], bool]) -> None:
    """Let the loop go on until something is so."""
    async with asyncio.timeout(10):
        while not seen():
            await asyncio.sleep(0)
