"""A cockpit at a gateway of TWS under all the messages that it may send, while lines break, for minutes.

    python -m tests.ibkr.soak                 twenty minutes
    python -m tests.ibkr.soak --seconds 120

Clients of a whole cockpit in a process of its own read and trade without a pause, and every few seconds something goes
wrong at the gateway. Ends with 1 where memory grew by more than a twentieth after a fifth of the time, a task is left
over, a call isn't answered, an order isn't what the gateway says or was sent twice, more messages came in any sliding
second than the budget has, or too little was done for all that to mean anything.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from cockpit.brokers.ibkr.budget import MOST
from tests.gateway import FakeGateway, faults
from tests.gateway.session import Session
from tests.gateway.wire import In, placed_order
from tests.gateway.world import move
from tests.ibkr import truth
from tests.ibkr.cockpits import CLIENT_ID, message_of, settings_of

MOST_GROWTH: Final = 0.05
PER_ORDER: Final = 48 * 1024
"""Bytes that an order may take: the day's orders are kept, here and by ib_async."""
MOST_MESSAGES: Final = MOST
LEAST_MESSAGES: Final = 15.0
"""A second, on average, breaks and restarts counted in."""
LEAST_DONE: Final = 0.2
"""Share of the calls that did what was asked: the others ask for what isn't there, or come while the line is broken."""
LEAST_ORDERS: Final = 0.3
"""Sent in a second."""
LEAST_PEAK: Final = 30
"""Messages in the busiest second: what reads and orders may fill. Cancels alone go beyond (test_panic)."""
_READERS: Final = 40
_TRADERS: Final = 2
_AT_ONCE: Final = 35
"""Orders whose cancels leave together."""
_ANSWERED_WITHIN: Final = 30.0
_FAULT_EVERY: Final = 12.0
_STRETCHES: Final = 5
_SETTLED_WITHIN: Final = 30.0
_RESOLVED_WITHIN: Final = 60.0
_LATER: Final = frozenset({"BROKER_NOT_READY", "BUSY", "RATE_LIMITED"})
"""Answers after which a client waits a moment."""
_LAZY: Final = Counter({"idle streams of quotes": 1})
"""Tasks that run for ever once they are needed."""
_ROOMY: Final = """
max_daily_orders = 100000
max_daily_notional = 1000000000
connection_daily_orders = 100000
connection_daily_notional = 1000000000
max_rejects = 1000
max_open_orders_per_symbol = 200
"""
_SYMBOLS: Final = ("ALFA", "BRVO", "CHRL", "ECHO", "GOLF")


@dataclass
class Load:
    """What clients ask of one cockpit, and what came back."""

    http: aiohttp.ClientSession
    url: str
    key: str
    chance: random.Random
    pausing: asyncio.Event = field(default_factory=asyncio.Event)
    answered: Counter[str] = field(default_factory=Counter)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool; raises where no answer comes in time, or one that nobody planned."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json, text/event-stream"}
        async with asyncio.timeout(_ANSWERED_WITHIN), self.http.post(self.url, json=body, headers=headers) as answer:
            said = await message_of(answer)
        result = said["result"]["structuredContent"] if "result" in said else said["error"].get("data", said["error"])
        code = str(result.get("code", "done")) if "order_id" not in result else "done"
        if code == "INTERNAL":
            raise RuntimeError(f"{tool} {arguments}: {said}")
        self.answered[code] += 1
        if code in _LATER:
            await asyncio.sleep(0.1)
        return result

    async def read(self) -> None:
        """Read for ever: instruments that nobody knows cost a message each, whatever is remembered."""
        while True:
            await self.pausing.wait()
            match self.chance.randrange(8):
                case 0:
                    await self.call("get_quote", symbol=self.chance.choice(_SYMBOLS))
                case 1:
                    await self.call("get_positions")
                case 2:
                    await self.call("get_bars", symbol=self.chance.choice(_SYMBOLS), interval="1h", count=5)
                case 3:
                    await self.call("get_depth", symbol=self.chance.choice(_SYMBOLS))
                case _:
                    await self.call("get_instrument", symbol=f"N{next(self.numbers)}")

    async def trade(self) -> None:
        """Buy and sell a little, let some rest, change and cancel that."""
        while True:
            await self.pausing.wait()
            number = next(self.numbers)
            symbol, buys = self.chance.choice(_SYMBOLS), number % 2 == 0
            quote = await self.call("get_quote", symbol=symbol)
            at = quote.get("ask" if buys else "bid")
            if at is None:
                await asyncio.sleep(0.2)
                continue
            rests = number % 3 == 0
            price = f"{float(at) * (0.99 if buys else 1.01):.2f}" if rests else at
            order = await self.call(
                "place_order", symbol=symbol, side="buy" if buys else "sell", quantity=1 + number % 5,
                order_type="limit", limit_price=price, time_in_force="gtc", idempotency_key=f"the-order-{number:08}",
            )  # fmt: skip
            if rests and order.get("state") == "working":
                if number % 2:
                    await self.call("modify_order", order_id=order["order_id"], quantity=7)
                await asyncio.sleep(0.1)
                await self.call("cancel_order", order_id=order["order_id"])
            await asyncio.sleep(1)

    async def withdraw(self) -> None:
        """Let many orders rest, and cancel all that rests at once, whatever broke meanwhile."""
        while True:
            await self.pausing.wait()
            await asyncio.gather(*(self._rest(number) for number in range(_AT_ONCE)))
            for _ in range(3):
                await self.call("cancel_all_orders")
                await asyncio.sleep(5)

    async def _rest(self, number: int) -> dict[str, Any]:
        quote = await self.call("get_quote", symbol="ALFA")
        if quote.get("bid") is None:
            return {}
        return await self.call(
            "place_order", symbol="ALFA", side="buy", quantity=1 + number % 7, order_type="limit",
            limit_price=f"{float(quote['bid']) * (0.985 - number / 5000):.2f}", time_in_force="gtc",
            idempotency_key=f"resting-order-{next(self.numbers):08}",
        )  # fmt: skip


class Troubles:
    """What goes wrong at the gateway, one after the other."""

    def __init__(self, gateway: FakeGateway, chance: random.Random) -> None:
        self._gateway = gateway
        self._chance = chance
        self.happened: Counter[str] = Counter()
        self._all: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("cut", self._cut),
            ("1100 and 1102", lambda: self._lost(data_lost=False)),
            ("1100 and 1101", lambda: self._lost(data_lost=True)),
            ("restart", self._restart),
            ("hang", self._hang),
            ("order lost", lambda: self._once("newOrder", faults.drop_before_accept)),
            ("order without answer", lambda: self._once("newOrder", faults.drop_after_accept)),
            ("change without answer", lambda: self._once("modifyOrder", faults.drop_after_accept)),
            ("cancel without answer", lambda: self._once("cancelOrder", faults.drop_after_accept)),
            ("half a frame", lambda: self._once("newOrder", faults.half_frame)),
            ("10349", lambda: self._once("newOrder", faults.accept_and_say(10349))),
            ("201", lambda: self._once("newOrder", faults.reject(201))),
        )

    async def go_on(self) -> None:
        """Make trouble for ever."""
        for name, happens in itertools.cycle(self._all):
            await asyncio.sleep(_FAULT_EVERY * self._chance.uniform(0.7, 1.3))
            self.happened[name] += 1
            await happens()

    def clear(self) -> None:
        """Let nothing more go wrong."""
        self._gateway.wake()
        self._gateway.awake.set()
        for name in ("newOrder", "modifyOrder", "cancelOrder"):
            self._gateway.never(name)
        if not self._gateway.linked:
            self._gateway.restored()

    async def _once(self, name: str, fault: Any) -> None:
        self._gateway.once(name, fault)

    async def _cut(self) -> None:
        self._gateway.cut()

    async def _lost(self, *, data_lost: bool) -> None:
        self._gateway.lost()
        await asyncio.sleep(1)
        self._gateway.restored(data_lost=data_lost)

    async def _restart(self) -> None:
        await self._gateway.restart(ids_back=self._chance.randrange(4))

    async def _hang(self) -> None:
        self._gateway.hang()
        await asyncio.sleep(2)
        self._gateway.wake()


class Counting(FakeGateway):
    """A gateway that counts what places or changes an order, by orderRef, quantity and limit."""

    def __init__(self) -> None:
        super().__init__(open_always=True)
        self.sent: Counter[tuple[str, str, str]] = Counter()

    def counted(self, session: Session, fields: list[str]) -> bool:
        """Count one message as it arrives."""
        if fields[0] == str(In.placeOrder.value):
            terms = placed_order(fields)
            if terms["whatIf"] != "1":
                self.sent[terms["orderRef"], terms["totalQuantity"], terms["lmtPrice"]] += 1
        return super().counted(session, fields)


class Guest:
    """The cockpit's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self) -> Any:
        """Return its next line."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_ANSWERED_WITHIN):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the cockpit is gone")
        return json.loads(line)

    async def asked(self, what: str) -> Any:
        """Ask for what it holds, or what it knows."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n".encode())
        return await self.says()


async def soak(seconds: float, seed: int = 1) -> int:
    """Run the soak and say what came of it; 1 where something is not as it must be."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as root:
        async with Counting() as gateway:
            folder = Path(root) / "data"
            folder.with_name("settings.toml").write_text(settings_of(gateway.port, policy=_ROOMY))
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.ibkr.soaked", str(folder),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**26,
            )  # fmt: skip
            try:
                return await _soaked(Guest(process), gateway, seconds, chance)
            finally:
                if process.returncode is None:
                    process.terminate()
                await process.wait()


async def _soaked(guest: Guest, gateway: Counting, seconds: float, chance: random.Random) -> int:
    ready = await guest.says()
    troubles = Troubles(gateway, chance)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        load = Load(http, ready["url"], ready["key"], chance)
        first = await guest.asked("held")
        moving = asyncio.create_task(move(gateway.world, every=0.5))
        troubling = asyncio.create_task(troubles.go_on())
        working = [asyncio.create_task(load.read()) for _ in range(_READERS)]
        working += [asyncio.create_task(load.trade()) for _ in range(_TRADERS)]
        working.append(asyncio.create_task(load.withdraw()))
        resident: list[int] = []
        orders: list[int] = []
        began, received = time.monotonic(), gateway.received()
        try:
            for stretch in range(_STRETCHES):
                load.pausing.set()
                ends = began + seconds * (stretch + 1) / _STRETCHES
                done, _ = await asyncio.wait(
                    working, timeout=max(0.0, ends - time.monotonic()), return_when=asyncio.FIRST_EXCEPTION
                )
                for one in done:
                    one.result()
                if stretch == _STRETCHES - 1:
                    troubling.cancel()
                    troubles.clear()
                load.pausing.clear()
                held = await guest.asked("held")
                resident.append(held["rss"])
                orders.append(len({reference for reference, _, _ in gateway.sent}))
                print(
                    f"{time.monotonic() - began:5.0f} s: {held['rss'] / 2**20:.1f} MiB, {len(held['tasks'])} tasks,"
                    f" {gateway.received()} messages, {load.answered.total()} calls, {orders[-1]} orders",
                    flush=True,
                )
            took = time.monotonic() - began
        finally:
            for one in (moving, troubling, *working):
                one.cancel()
            problems = await asyncio.gather(moving, troubling, *working, return_exceptions=True)
    for problem in problems:
        if isinstance(problem, Exception):
            raise problem
    wrong = await _wrong(guest, gateway)
    left = await _left(guest, Counter(first["tasks"]) | _LAZY)
    kept = (orders[-1] - orders[0]) * PER_ORDER
    growth = (resident[-1] - kept) / resident[0] - 1
    peak, rate = gateway.most_in_a_second(CLIENT_ID), (gateway.received() - received) / took
    print(
        f"{took:.0f} s, {rate:.1f} messages a second, at most {peak} in any; memory grew by {growth:.1%} after the first"
    )
    print(f"calls: {dict(load.answered.most_common(8))}; troubles: {dict(troubles.happened)}")
    if peak > MOST_MESSAGES or gateway.most_in_a_second() > gateway.messages_per_second:
        wrong.append(f"{peak} messages in a second, {gateway.most_in_a_second()} of all clients")
    done = load.answered["done"] / max(1, load.answered.total())
    filled = sum(1 for one in gateway.book.orders.values() if one.filled)
    if (
        rate < LEAST_MESSAGES
        or done < LEAST_DONE
        or orders[-1] < LEAST_ORDERS * took
        or filled < orders[-1] / 10
        or peak < LEAST_PEAK
    ):
        wrong.append(f"too little: {rate:.1f} messages a second, {done:.0%} done, {orders[-1]} orders, {filled} filled")
    if growth > MOST_GROWTH:
        wrong.append("memory grew")
    if left:
        wrong.append(f"tasks left over: {dict(left)}")
    if gateway.bad:
        wrong.append(f"{gateway.bad} messages could not be read")
    for one in wrong:
        print(f"FAILED {one}")
    return 1 if wrong else 0


async def _left(guest: Guest, before: Counter[str]) -> Counter[str]:
    """Return the tasks that are there still, once what had begun had the time to end."""
    ends = time.monotonic() + _SETTLED_WITHIN
    while True:
        held = await guest.asked("held")
        left = Counter(held["tasks"]) - before
        if not left or time.monotonic() > ends:
            return left
        await asyncio.sleep(1)


async def _wrong(guest: Guest, gateway: Counting) -> list[str]:
    """Return what of the orders isn't true, once the cockpit had the time to find out."""
    found = [f"sent {times} times: {what}" for what, times in gateway.sent.items() if times > 1]
    ends = time.monotonic() + _RESOLVED_WITHIN
    while True:
        known = await guest.asked("orders")
        untrue = list(_untrue(gateway, known["orders"]))
        if not untrue or time.monotonic() > ends:
            return found + untrue
        await asyncio.sleep(2)


def _untrue(gateway: FakeGateway, orders: list[list[str]]) -> Any:
    theirs = {one.terms.get("orderRef", ""): one for one in gateway.book.orders.values()}
    for reference, order_id, state, filled in orders:
        other = theirs.pop(reference, None)
        if other is None:
            if state not in {"pending", "rejected", "refused", "expired", "cancelled"} or filled != "0":
                yield f"{order_id} is {state}, and the gateway has nothing"
        elif (state, filled) != (truth.state_of(other), f"{other.filled.normalize():f}"):
            yield f"{order_id} is {state} with {filled}, and the gateway says {truth.state_of(other)} with {other.filled}"
    yield from (f"{one} is not known" for one in theirs if one.startswith("ck:"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(soak(asked.seconds, asked.seed)))
