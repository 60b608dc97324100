"""A thousand calls a second, orders that come and expire, keys all along: each decision is about what was on the screen."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.terminals import Tmux, ask

pytestmark = pytest.mark.e2e

SECONDS = 10.0
ROUNDS = 8
"""A loaded machine needs more of them until enough has been decided."""
_SETTINGS = """
[budget]
calls_per_second = 1000
burst = 10000
orders_per_minute = 10000
order_burst = 1000
[connections.paper]
broker = 'paper'
[connections.paper.policy]
approval_seconds = 5
max_open_orders = 500
max_daily_orders = 100000
connection_daily_orders = 100000
"""
_UNDER_CURSOR = re.compile(r"o-…([0-9A-Z]{6}) v(\d+)")
_QUEUED = re.compile(r"^(.)◷ ORDER .*? BUY (\d+) BRVO", re.MULTILINE)
_MOVED_LATELY = 1.0
"""Seconds within which keys that were sent after a move may still wait to be read, on a machine that has no time."""
_ASKED = re.compile(r"APPROVE +buy (\d+) BRVO")


@dataclass
class Hands:
    """Keys that were sent, and what the screen showed just before each."""

    denied: set[str] = field(default_factory=set)
    """Short ids under the cursor when d was sent."""
    moved_to: set[str] = field(default_factory=set)
    """Quantities beside the cursor at a move just before d: the row that it led to came after the look."""
    approved: set[str] = field(default_factory=set)
    """Quantities in the question when y was sent; each order has one of its own."""
    sent: int = 0


def beside_cursor(screen: str) -> list[str]:
    """Return the quantities of the rows that one or two moves lead to."""
    rows = [(mark, quantity) for mark, quantity in _QUEUED.findall(screen)]
    at = next((place for place, (mark, _) in enumerate(rows) if mark == "▸"), 0)
    return [quantity for _, quantity in rows[max(0, at - 2) : at + 3]]


@dataclass(frozen=True)
class Decided:
    """What became of orders, by the audit."""

    denied: frozenset[str]
    approved: frozenset[str]
    expired: int

    @classmethod
    async def of(cls, folder: Path) -> Decided:
        records = await ask(folder, "audit", "search", "--kind", "order", "--count", "1000")
        by_screen = [one for one in records if one["detail"].get("by") == "screen"]
        return cls(
            frozenset(one["order_id"] for one in by_screen if one["tool"] == "order.denied"),
            frozenset(one["order_id"] for one in by_screen if one["tool"] == "order.approved"),
            sum(one["tool"] == "order.wait_expired" for one in records),
        )


class Trader:
    """A client that keeps asking for orders, each of another quantity."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url
        self._asked = 0
        self.placed: dict[str, str] = {}
        """Quantity by id."""

    async def place(self) -> None:
        """Ask for one; where too many wait already, its quantity is the next one's."""
        self._asked += 1
        number = len(self.placed) + 1
        said = {"symbol": "BRVO", "side": "buy", "quantity": number, "order_type": "market"}
        params = {"name": "place_order", "arguments": {**said, "idempotency_key": f"order-number-{self._asked}"}}
        body = {"jsonrpc": "2.0", "id": self._asked, "method": "tools/call", "params": params}
        async with self._session.post(self._url, json=body) as answer:
            placed: dict[str, Any] = (await answer.json(content_type=None))["result"]["structuredContent"]
        if "order_id" in placed:
            self.placed[placed["order_id"]] = str(number)

    async def go_on(self) -> None:
        """Come in bursts, with pauses in which the queue runs empty."""
        dice = random.Random(7)
        while True:
            for _ in range(dice.randint(1, 4)):
                await self.place()
                await asyncio.sleep(dice.choice((0.02, 0.1, 0.3)))
            await asyncio.sleep(dice.choice((0.2, 0.5, 2.5)))


@pytest.fixture
async def tmux(require_tmux: str, tmp_path: Path) -> AsyncIterator[Tmux]:
    made = Tmux(require_tmux, tmp_path, 80, 24)
    yield made
    made.end()


@contextlib.asynccontextmanager
async def trading(folder: Path) -> AsyncIterator[Trader]:
    url = (await ask(folder, "status"))["url"]
    scopes = [word for scope in ("read:market", "read:orders", "write:orders") for word in ("--scope", scope)]
    key = (await ask(folder, "key", "create", "--name", "trader", *scopes, "--yes"))["key"]
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        trader = Trader(session, url)
        work = asyncio.create_task(trader.go_on())
        try:
            yield trader
            assert not work.done(), work.exception()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


class Operator:
    """Looks, and presses keys; what the screen showed just before each key that decides is kept."""

    def __init__(self, tmux: Tmux) -> None:
        self._tmux = tmux
        self.hands = Hands()
        self._dice = random.Random(11)
        self._beside: dict[str, float] = {}

    async def press(self, key: str) -> str:
        """Look, press, and return what was on the screen."""
        screen = await asyncio.to_thread(self._tmux.screen)
        under, asked = _UNDER_CURSOR.search(screen), _ASKED.search(screen)
        if key in "jkgG":
            self._beside |= dict.fromkeys(beside_cursor(screen), time.monotonic())
        if key == "d":
            self.hands.denied |= {under[1]} if under is not None else set()
            lately = time.monotonic() - _MOVED_LATELY
            self.hands.moved_to |= {quantity for quantity, at in self._beside.items() if at > lately}
        if key == "y" and asked is not None:
            self.hands.approved.add(asked[1])
        await asyncio.to_thread(self._tmux.keys, key)
        self.hands.sent += 1
        return screen

    async def work(self, seconds: float) -> None:
        """Deny, approve and move, now calmly, now as fast as tmux takes keys."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            match self._dice.choice(
                ("deny", "deny fast", "approve", "approve", "approve fast", "move", "move", "wait")
            ):
                case "deny":
                    await self.press("d")
                case "deny fast":
                    for key in self._dice.choice(("dd", "jd", "kd", "Gjd")):
                        await self.press(key)
                case "approve":
                    if _UNDER_CURSOR.search(await self.press("a")):
                        await asyncio.sleep(0.7)
                        await self.press("y")
                        await self.press("Escape")
                case "approve fast":
                    for key in ("a", "y", "Escape"):
                        await self.press(key)
                case "move":
                    await self.press(self._dice.choice("jkg"))
                case _:
                    await asyncio.sleep(self._dice.choice((0.1, 0.6)))


async def test_with_a_thousand_calls_a_second_every_decision_is_about_the_order_on_the_screen(
    tmux: Tmux, tmp_path: Path
) -> None:
    (tmp_path / "cockpit.toml").write_text(_SETTINGS)
    folder = tmp_path / "data"
    command = (sys.executable, "-m", "tests.e2e.loud", "--config", str(tmp_path / "cockpit.toml"))
    tmux.start(*command, "--data-dir", str(folder), "--port", "0")
    await tmux.wait("RUNNING", "loud-3", seconds=30)
    operator = Operator(tmux)
    hands = operator.hands
    async with trading(folder) as trader:
        await tmux.wait("ORDER")
        for _ in range(ROUNDS):
            await operator.work(SECONDS)
            decided = await Decided.of(folder)
            if len(decided.denied) >= 3 and len(decided.approved) >= 2 and decided.expired:
                break
    decided = await Decided.of(folder)
    words = f"{len(decided.denied)} denied, {len(decided.approved)} approved, {decided.expired} expired"
    print(f"{hands.sent} keys, {len(trader.placed)} orders: {words}")
    unseen = {trader.placed[one] for one in decided.denied if one[-6:] not in hands.denied}
    assert unseen <= hands.moved_to
    assert len(unseen) <= len(decided.denied) / 2, "most were denied as they stood on the screen at the look"
    assert {trader.placed[order_id] for order_id in decided.approved} <= hands.approved
    assert len(decided.denied) >= 3, words
    assert len(decided.approved) >= 2, words
    assert decided.expired, words
    assert (await ask(folder, "audit", "verify"))["ok"]
