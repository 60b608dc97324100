"""The adapter of the broker outside: connects, reconnects, gives up in time, and passes on what is pushed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from cockpit.brokers.base import BrokerStatus, BrokerUnavailable, Capabilities, Estimate, FactSink, LinkSink
from cockpit.brokers.paper.instruments import LISTINGS, search
from cockpit.model.accounts import Balances, Position
from cockpit.model.instruments import Instrument
from cockpit.model.orders import BrokerOrder, Execution, Linkage, OrderRef, OrderRequest, OrderType, TimeInForce
from cockpit.model.quotes import Bars, DataType, Interval, MarketClock, Quote
from cockpit.model.refusals import Refused, refuse
from cockpit.model.trading import Link, Mode
from tests.outside.exchange import SOURCE
from tests.outside.wire import Line, dial, read, read_fact, read_value, write, write_value

Point = Callable[[str], None]
"""Told the step that a request has reached: where tests kill the process."""


def _nothing(step: str) -> None:
    pass


class OutsideBroker:
    """One account at the broker outside.

    What can't have left is Refused; what may have left and wasn't answered is BrokerUnavailable. Nothing is sent
    twice, and nothing waits for a line that is down.
    """

    can = Capabilities(
        frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP}),
        frozenset(TimeInForce),
        frozenset({Linkage.BRACKET, Linkage.OCO}),
        short_selling=True,
    )

    def __init__(
        self,
        port: int,
        *,
        patience: float = 2.0,
        backoff: tuple[float, float] = (0.01, 0.2),
        books_complete: bool = False,
        at: Point = _nothing,
    ) -> None:
        self.books_complete = books_complete
        self._port = port
        self._patience = patience
        self._backoff = backoff
        self._at = at
        self._sink: FactSink = lambda fact: None
        self._tell_link: LinkSink = lambda link, note: None
        self._link = Link.DOWN
        self._since = datetime.now(UTC)
        self._note = "not connected yet"
        self._answers: dict[int, asyncio.Future[Line]] = {}
        self._asked = 0
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._tasks.add(asyncio.create_task(self._stay_connected(), name="line to the broker outside"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await self._ready.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def listen(self, sink: FactSink) -> None:
        self._sink = sink

    def on_link(self, sink: LinkSink) -> None:
        self._tell_link = sink

    def status(self) -> BrokerStatus:
        return BrokerStatus("outside", "SIM-outside", Mode.PAPER, self._link, None, self._note, self._since)

    async def connected(self) -> None:
        """Wait until the line is up."""
        await self._ready.wait()

    async def find(self, symbol: str) -> Sequence[Instrument]:
        listing = LISTINGS.get(symbol)
        return () if listing is None else (listing.instrument,)

    async def search(self, text: str, limit: int) -> Sequence[Instrument]:
        return search(text, limit)

    async def quote(self, instrument: Instrument) -> Quote | None:
        value = await self._ask("quote", symbol=instrument.symbol)
        return None if value is None else read_value(Quote, value)

    async def bars(self, instrument: Instrument, interval: Interval, count: int, end: datetime | None) -> Bars:
        return Bars(instrument.symbol, interval, (), SOURCE, DataType.SIMULATED)

    async def clock(self) -> MarketClock:
        return MarketClock(datetime.now(UTC), True, None, None, SOURCE, "")

    async def balances(self) -> Balances:
        return read_value(Balances, await self._ask("balances"))

    async def positions(self) -> Sequence[Position]:
        return [read_value(Position, one) for one in await self._ask("positions")]

    async def estimate(self, request: OrderRequest) -> Estimate | None:
        return None

    async def submit(self, reference: OrderRef, request: OrderRequest) -> None:
        await self._ask("submit", reference=reference, request=write_value(request))

    async def submit_linked(self, linkage: Linkage, legs: Sequence[tuple[OrderRef, OrderRequest]]) -> None:
        told = [(reference, write_value(request)) for reference, request in legs]
        await self._ask("submit_linked", linkage=linkage, legs=told)

    async def replace(self, reference: OrderRef, request: OrderRequest) -> None:
        await self._ask("replace", reference=reference, request=write_value(request))

    async def cancel(self, reference: OrderRef) -> None:
        await self._ask("cancel", reference=reference)

    async def orders(self) -> Sequence[BrokerOrder]:
        # The exchange's own numbers are left aside: they begin anew at each of its restarts.
        shown = await self._ask("orders")
        return [read_value(BrokerOrder, {k: v for k, v in one.items() if k != "number"}) for one in shown]

    async def executions(self, since: datetime) -> Sequence[Execution]:
        return [one for order in await self.orders() for one in order.executions if one.at >= since]

    async def history(self, since: datetime, count: int) -> Sequence[tuple[datetime, Decimal]]:
        return ()

    async def _ask(self, do: str, **what: object) -> Any:
        writer = self._writer
        if writer is None or writer.is_closing():
            raise Refused(refuse("BROKER_NOT_READY", "The line was down; nothing was sent."))
        self._asked += 1
        number = self._asked
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._at(f"{do}.before")
        write(writer, {"id": number, "do": do, **what})
        try:
            async with asyncio.timeout(self._patience):
                await writer.drain()
                self._at(f"{do}.sent")
                said = await answer
        except (TimeoutError, ConnectionError) as error:
            raise BrokerUnavailable(f"no answer to {do}") from error
        finally:
            self._answers.pop(number, None)
        self._at(f"{do}.answered")
        if "refused" in said:
            raise Refused(refuse(said["refused"], said["message"]))
        return said["value"]

    async def _stay_connected(self) -> None:
        pause = self._backoff[0]
        while True:
            self._move(Link.CONNECTING, "connecting")
            with contextlib.suppress(OSError):
                reader, writer = await dial(self._port)
                write(writer, {"id": 0, "do": "hello"})
                if await read(reader) is not None:
                    self._writer, pause = writer, self._backoff[0]
                    self._move(Link.READY, "")
                    self._ready.set()
                    await self._take_in(reader)
                    self._ready.clear()
                writer.close()
            self._writer = None
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("the line broke"))
            self._move(Link.DOWN, "the line broke")
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._backoff[1])

    async def _take_in(self, reader: asyncio.StreamReader) -> None:
        while (line := await read(reader)) is not None:
            if "fact" in line:
                self._sink(read_fact(line["fact"]))
            elif "link" in line:
                self._move(Link(line["link"]), "the broker says so")
            elif (answer := self._answers.get(line["id"])) is not None and not answer.done():
                answer.set_result(line)

    def _move(self, link: Link, note: str) -> None:
        if link is not self._link:
            self._link, self._note, self._since = link, note, datetime.now(UTC)
            self._tell_link(link, note)
