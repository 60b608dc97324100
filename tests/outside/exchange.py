"""A broker in a process of its own: the paper engine behind a socket, with a journal of what it was asked and faults.

    python -m tests.outside.exchange      prints its port and serves until its standard input ends

Its state lives in this process alone, so a cockpit that is killed leaves it as it is. Prices stand still until told.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from cockpit.brokers.paper import statement
from cockpit.brokers.paper.book import State, Touch
from cockpit.brokers.paper.engine import apply
from cockpit.brokers.paper.events import Cancel, PaperEvent, Quoted, Replace, Submit, SubmitLinked
from cockpit.brokers.paper.rules import paper_rules
from cockpit.model.orders import (
    BrokerFact,
    BrokerOrder,
    Linkage,
    OrderRef,
    OrderRequest,
    OrderState,
    Rejected,
    ReplaceRefused,
)
from cockpit.model.quotes import DataType, Quote
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import Safe
from tests.outside.wire import Line, prepare, read, read_value, write, write_fact, write_value

SOURCE: Final = "outside"
PRICES: Final = {"ALFA": Decimal(100), "BRVO": Decimal(50)}
_HALF_SPREAD: Final = Decimal("0.1")
_SIZE: Final = Decimal(1_000_000)
_TRADES: Final = frozenset({"submit", "submit_linked", "replace", "cancel"})
_NO: Final = Safe("the exchange says no")


@dataclass
class Fault:
    """What goes wrong the next ``left`` times that ``on`` is asked."""

    on: str
    how: str
    left: int
    seconds: float


class Exchange:
    """One account, and everybody who is connected to it."""

    def __init__(self) -> None:
        self._rules = paper_rules()
        self._adapters: set[asyncio.StreamWriter] = set()
        self._late: set[asyncio.Task[None]] = set()
        self._age = 0
        self._asking: set[asyncio.Task[None]] = set()
        self.reset()

    def reset(self) -> None:
        """Begin anew: an account without orders, a journal without requests, nothing that goes wrong."""
        self._age += 1
        for writer in self._adapters:
            writer.close()
        self._adapters.clear()
        self._state = State.opened(Decimal(1_000_000))
        self._refused: dict[OrderRef, BrokerOrder] = {}
        self._hidden: set[OrderRef] = set()
        self._journal: list[Line] = []
        self._faults: list[Fault] = []
        self._numbers: dict[OrderRef, int] = {}
        self._up = True
        self._state = apply(self._rules, self._state, Quoted(_now(), tuple(map(_touch, PRICES.items())))).state

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends. The first line says who it is."""
        try:
            hello = await read(reader)
            is_adapter = hello is not None and hello["do"] == "hello"
            if hello is None or (is_adapter and not self._up):
                return
            if is_adapter:
                self._adapters.add(writer)
                write(writer, {"id": hello["id"], "value": "SIM-outside"})
            else:
                write(writer, self._told(hello))
            age = self._age
            while (line := await read(reader)) is not None:
                if not is_adapter:
                    await self._wait_if_told(line)
                    write(writer, self._told(line))
                elif age == self._age:
                    # What is slow holds nothing else up.
                    task = asyncio.create_task(self._asked(line, writer))
                    self._asking.add(task)
                    task.add_done_callback(self._asking.discard)
        finally:
            self._adapters.discard(writer)
            writer.close()

    async def _wait_if_told(self, line: Line) -> None:
        """Let what was asked before a command that must see it come to its end."""
        if line["do"] == "settle":
            for _ in range(10):
                await asyncio.sleep(0.001)
                while self._asking:
                    await asyncio.sleep(0.001)

    def _told(self, line: Line) -> Line:
        """Do what a test commands."""
        match line["do"]:
            case "reset":
                self.reset()
            case "fault":
                self._faults.append(Fault(line["on"], line["how"], line["times"], line["seconds"]))
            case "heal":
                self._faults.clear()
            case "quote":
                self._quote(line["symbol"], Decimal(line["price"]))
            case "restart":
                self._restart()
            case "down":
                self._restart()
                self._up = False
            case "up":
                self._up = True
            case "link":
                for writer in self._adapters:
                    write(writer, {"link": line["link"]})
            case "hide":
                self._hidden.add(OrderRef(line["reference"]))
            case "foreign":
                request = read_value(OrderRequest, line["request"])
                facts, _ = self._take(Submit(_now(), OrderRef(line["reference"]), request))
                if line["told"]:
                    self._push(facts)
            case "journal":
                return {"value": self._journal}
            case "books":
                return {"value": [write_value(order) for order in self._orders(everything=True)]}
        return {"value": None}

    async def _asked(self, line: Line, writer: asyncio.StreamWriter) -> None:
        do = line["do"]
        fault = self._fault(do)
        how = "" if fault is None else fault.how
        entry = {**line, "how": how, "taken": False}
        if do in _TRADES:
            self._journal.append(entry)
        if how == "drop_before":
            writer.close()
            return
        if how == "silent":
            return
        if fault is not None and how == "slow":
            age = self._age
            await asyncio.sleep(fault.seconds)
            if age != self._age:
                return
        if do not in _TRADES:
            value = self._read(line)
            if fault is not None and how == "stale":
                await asyncio.sleep(fault.seconds)
            write(writer, {"id": line["id"], "value": value})
            return
        facts, refusal = self._trade(line, rejects=how == "reject")
        entry["taken"] = True
        if how == "drop_after":
            writer.close()
        elif how == "restart":
            self._restart()
        if how in {"drop_after", "restart", "silent_after"}:
            return
        if how == "facts_first":
            self._push(facts)
            facts = ()
        if refusal is None:
            write(writer, {"id": line["id"], "value": [self._number(one) for one in references(line)]})
        else:
            write(writer, {"id": line["id"], "refused": refusal.code, "message": refusal.message})
        match how:
            case "duplicate":
                self._push([*facts, *facts])
            case "reorder":
                self._push(list(reversed(facts)))
            case "late" if fault is not None:
                task = asyncio.create_task(self._push_late(facts, fault.seconds))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
            case _:
                self._push(facts)

    def _fault(self, do: str) -> Fault | None:
        for fault in self._faults:
            if fault.on == do and fault.left > 0:
                fault.left -= 1
                return fault
        return None

    def _trade(self, line: Line, *, rejects: bool) -> tuple[Sequence[BrokerFact], Refusal | None]:
        if line["do"] == "submit_linked":
            return self._submit_linked(line, rejects=rejects)
        now, reference = _now(), OrderRef(line["reference"])
        if line["do"] == "cancel":
            return ((), refuse("ORDER_UNKNOWN")) if rejects else self._take(Cancel(now, reference))
        request = read_value(OrderRequest, line["request"])
        if line["do"] == "replace":
            if rejects:
                return [ReplaceRefused(reference, now, _NO)], None
            return self._take(Replace(now, reference, request))
        if rejects:
            return [self._reject(reference, request)], None
        return self._take(Submit(now, reference, request))

    def _submit_linked(self, line: Line, *, rejects: bool) -> tuple[Sequence[BrokerFact], Refusal | None]:
        legs = [(OrderRef(reference), read_value(OrderRequest, request)) for reference, request in line["legs"]]
        if rejects:
            return [self._reject(reference, request) for reference, request in legs], None
        return self._take(SubmitLinked(_now(), Linkage(line["linkage"]), tuple(legs)))

    def _reject(self, reference: OrderRef, request: OrderRequest) -> Rejected:
        self._refused[reference] = BrokerOrder(reference, request, OrderState.REJECTED, (), _NO)
        return Rejected(reference, _now(), _NO)

    def _take(self, event: PaperEvent) -> tuple[Sequence[BrokerFact], Refusal | None]:
        step = apply(self._rules, self._state, event)
        self._state = step.state
        return step.facts, step.refusal

    def _read(self, line: Line) -> object:
        now = _now()
        match line["do"]:
            case "orders":
                return [{**write_value(one), "number": self._number(one.reference)} for one in self._orders()]
            case "positions":
                held = statement.positions(self._state, self._rules.terms, now, SOURCE)
                return [write_value(one) for one in held]
            case "balances":
                return write_value(statement.balances(self._state, self._rules.terms, "SIM-outside", now, SOURCE))
            case "quote":
                shown = self._state.shown.get(line["symbol"])
                if shown is None:
                    return None
                touch = shown.touch
                return write_value(
                    Quote(
                        symbol=touch.symbol,
                        bid=touch.bid,
                        ask=touch.ask,
                        bid_size=touch.bid_size,
                        ask_size=touch.ask_size,
                        last=touch.mid,
                        as_of=now,
                        source=SOURCE,
                        data_type=DataType.SIMULATED,
                    )
                )
        return None

    def _orders(self, *, everything: bool = False) -> list[BrokerOrder]:
        orders = [order.told() for book in (self._state.ended, self._state.open) for order in book.values()]
        return [one for one in (*self._refused.values(), *orders) if everything or one.reference not in self._hidden]

    def _quote(self, symbol: str, price: Decimal) -> None:
        facts, _ = self._take(Quoted(_now(), (_touch((symbol, price)),)))
        self._push(facts)

    def _number(self, reference: OrderRef) -> int:
        """Return the broker's own number of an order. They begin anew at 1 after a restart, whatever had them."""
        return self._numbers.setdefault(reference, len(self._numbers) + 1)

    def _restart(self) -> None:
        self._numbers = {}
        for task in self._late:
            task.cancel()
        for writer in self._adapters:
            writer.close()

    def _push(self, facts: Sequence[BrokerFact]) -> None:
        for writer in self._adapters:
            for fact in facts:
                write(writer, {"fact": write_fact(fact)})

    async def _push_late(self, facts: Sequence[BrokerFact], seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._push(facts)


def references(line: Line) -> list[OrderRef]:
    """Return the orders that a request to trade is about."""
    return [OrderRef(leg[0]) for leg in line["legs"]] if "legs" in line else [OrderRef(line["reference"])]


def _touch(quote: tuple[str, Decimal]) -> Touch:
    symbol, price = quote
    return Touch(symbol, price - _HALF_SPREAD, price + _HALF_SPREAD, _SIZE, _SIZE, _now())


def _now() -> datetime:
    return datetime.now(UTC)


async def _main() -> None:
    prepare()
    exchange = Exchange()
    server = await asyncio.start_server(exchange.meet, "127.0.0.1", 0, limit=16 * 1024 * 1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        exchange.reset()
        os._exit(0)  # whoever is still connected is not waited for


if __name__ == "__main__":
    asyncio.run(_main())
