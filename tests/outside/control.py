"""The test's hand on the broker outside: starts its process, breaks it, and reads what it was asked."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cockpit.model.orders import BrokerOrder, OrderRef, OrderRequest
from tests.outside.wire import Line, dial, read, read_value, write, write_value


class Outside:
    """One broker outside, from the side that its clients don't see."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.port = port
        self._reader = reader
        self._writer = writer

    async def reset(self) -> None:
        await self._do("reset")

    async def fault(self, on: str, how: str, *, times: int = 1, seconds: float = 0.05) -> None:
        await self._do("fault", on=on, how=how, times=times, seconds=seconds)

    async def heal(self) -> None:
        await self._do("heal")

    async def settle(self) -> None:
        """Wait until everything that was asked so far is done."""
        await self._do("settle")

    async def quote(self, symbol: str, price: str) -> None:
        await self._do("quote", symbol=symbol, price=price)

    async def restart(self) -> None:
        await self._do("restart")

    async def down(self) -> None:
        await self._do("down")

    async def up(self) -> None:
        await self._do("up")

    async def link(self, link: str) -> None:
        await self._do("link", link=link)

    async def hide(self, reference: OrderRef) -> None:
        """Leave an order out of the books that the cockpit gets."""
        await self._do("hide", reference=reference)

    async def foreign(self, reference: str, request: OrderRequest, *, told: bool = False) -> None:
        """Have somebody else place an order in the account."""
        await self._do("foreign", reference=reference, request=write_value(request), told=told)

    async def journal(self, do: str = "") -> list[Line]:
        """Return every request that came, taken or not."""
        return [line for line in await self._do("journal") if do in {"", line["do"]}]

    async def books(self) -> dict[OrderRef, BrokerOrder]:
        """Return the truth."""
        return {one.reference: one for one in (read_value(BrokerOrder, line) for line in await self._do("books"))}

    async def _do(self, do: str, **what: object) -> Any:
        write(self._writer, {"do": do, **what})
        answer = await read(self._reader)
        assert answer is not None, "the broker outside is gone"
        return answer["value"]


@asynccontextmanager
async def exchange_process() -> AsyncIterator[int]:
    """Run the broker outside in a process of its own; yields its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.outside.exchange",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def controlled(port: int) -> AsyncIterator[Outside]:
    """Command the broker outside at that port."""
    reader, writer = await dial(port)
    try:
        yield Outside(port, reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    """Run a broker outside and command it."""
    async with exchange_process() as port, controlled(port) as opened:
        yield opened
